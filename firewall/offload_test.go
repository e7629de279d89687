package firewall

import (
	"slices"
	"strings"
	"testing"
)

// Of flow tables those are told of that take over what is diverted, with the rule that would do instead.
func TestPassedBy(t *testing.T) {
	f := AllFeatures()
	all, handedBack := Offload{Table: "inet fw4", Name: "ft"}, Offload{Table: "ip x", Name: "y", Mask: DefaultMarks.Conn}
	others := Offload{Table: "ip x", Name: "z", Mask: DefaultMarks.Conn | 1}
	f.Offloads = []Offload{all, handedBack, others}
	for _, c := range []struct {
		config Config
		want   []Offload
	}{
		{Config{Traffic: Forwarded}, []Offload{all, others}},
		{Config{Traffic: Both, HandBack: true, Generation: 1}, []Offload{all, others}},
		{Config{Traffic: Local}, nil}, // flow tables take over what is forwarded
	} {
		rs, err := Plan(c.config, f)
		if err != nil {
			t.Fatal(err)
		}
		if got := rs.PassedBy(f.Offloads); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.config, got, c.want)
		}
		told := 0
		for _, n := range rs.Notes {
			if strings.Contains(n, "flow table") && strings.Contains(n, "ct mark and 0xf8000000 != 0 flow add @") {
				told++
			}
		}
		if told != len(c.want) {
			t.Errorf("%+v: %d are told of in %q", c.config, told, rs.Notes)
		}
	}
}
