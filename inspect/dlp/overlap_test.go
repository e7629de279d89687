package dlp

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/internal/canary"
)

// TestRulesThatDecideNothingHideNothing: what is masked is masked though another rule is for the same bytes, which does not apply here, leaves alone what
// it finds, or has not counted enough; wherever the text is cut.
func TestRulesThatDecideNothingHideNothing(t *testing.T) {
	const token, key, mail = "password=ghp_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17 ok", "token=sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc ok", "email postgres://user:p4ssw0rdQ@corp-mail.com/db ok"
	elsewhere := []string{"203.0.113.10"}
	secret, link := Detector{Name: "secret", Action: "mask"}, Detector{Name: "connection-string", Action: "mask"}
	for name, c := range map[string]struct {
		allow        []string
		first, other Detector
		text, leak   string
	}{
		"another server":     {nil, Detector{Name: "stripe-key", Action: "mask", Servers: elsewhere}, secret, key, "4eC39"},
		"another client":     {nil, Detector{Name: "github-token", Action: "drop", Clients: elsewhere}, secret, token, "zQWB"},
		"another direction":  {nil, Detector{Name: "github-token", Action: "mask", Direction: "to-client"}, secret, token, "zQWB"},
		"another field":      {nil, Detector{Name: "github-token", Action: "mask", Fields: []string{"http.uri"}}, secret, token, "zQWB"},
		"a higher score":     {nil, Detector{Name: "email", Action: "mask", Score: 100}, link, strings.TrimPrefix(mail, "email "), "p4ssw0rdQ"},
		"an address allowed": {[]string{"@corp-mail.com"}, Detector{Name: "email", Action: "mask"}, link, mail, "p4ssw0rdQ"},
		"ignored":            {nil, Detector{Name: "email", Action: "ignore"}, link, mail, "p4ssw0rdQ"},
		"told":               {nil, Detector{Name: "email"}, link, mail, "p4ssw0rdQ"},
		"monitored":          {nil, Detector{Name: "email", Action: "mask", Mode: "monitor"}, link, mail, "p4ssw0rdQ"},
		"not counted enough": {nil, Detector{Name: "github-token", Action: "mask", Count: 10}, secret, token, "zQWB"},
		"own, not enough":    {nil, Detector{Name: "own", Regex: "x ghp_zQ", Action: "mask", Count: 10}, Detector{Name: "github-token", Action: "mask"}, "x " + token[9:], "zQWB"},
	} {
		for cut := range len(c.text) {
			p, _ := passBy(t, Config{Allow: c.allow, Detectors: []Detector{c.first, c.other}}, c.text, []int{cut})
			if strings.Contains(string(p.text), c.leak) || p.late != "" {
				t.Errorf("%s: cut at %d: %q leaves, told %v, too late for %s", name, cut, p.text, p.told, p.late)
				break
			}
		}
	}
}

// TestRulesForElsewhereChangeNothing compares with a policy that is without them.
func TestRulesForElsewhereChangeNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	values, masked := canary.Values(5, 2), 0
	for range 300 {
		var here, all []Detector
		for _, k := range detect.Bundled() {
			switch r.IntN(3) {
			case 0:
				here = append(here, Detector{Name: k.Name, Action: "mask"})
				all = append(all, here[len(here)-1])
			case 1:
				all = append(all, Detector{Name: k.Name, Action: "mask", Servers: []string{"203.0.113.10"}})
			}
		}
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteString(values[r.IntN(len(values))].Line)
			b.WriteString([]string{"", " ", "=", "\n"}[r.IntN(4)])
		}
		text := b.String()
		want, _ := pass(t, text, nil, here...)
		for _, cuts := range [][]int{nil, {r.IntN(len(text))}} {
			got, _ := pass(t, text, cuts, all...)
			if string(got.text) != string(want.text) || !slices.Equal(got.told, want.told) || got.late != "" {
				t.Fatalf("%q cut at %v\nleaves as %q\nwant       %q; too late for %s", text, cuts, got.text, want.text, got.late)
			}
		}
		if string(want.text) != text {
			masked++
		}
	}
	if masked < 100 {
		t.Errorf("%d texts have something to mask", masked)
	}
}
