package policy

import (
	"path/filepath"
	"testing"

	"github.com/weir-project/weir/firewall"
)

func TestInitText(t *testing.T) {
	for name, h := range map[string]Host{
		"init-router.yaml": {Inside: []string{"lan0", "wlan0"}, Outside: []string{"wan0"}, Management: []string{"2001:db8::7"}, Queues: 2},
		"init-host.yaml":   {Local: true, Outside: []string{"eth0@if3"}},
		"init-bare.yaml":   {},
	} {
		text := InitText(h)
		golden(t, filepath.Join("testdata", name), []byte(text))
		p, err := loadText(t, text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(p.Warnings) > 0 || !p.Monitors() || p.Lanes() != max(1, h.Queues) {
			t.Errorf("%s: warnings %v, monitors %v, lanes %d", name, p.Warnings, p.Monitors(), p.Lanes())
		}
	}
}

// TestInitTextForDivertSockets: what weir init writes for a router and for a host can run there.
func TestInitTextForDivertSockets(t *testing.T) {
	for _, k := range []firewall.Kind{firewall.PF, firewall.IPFW} {
		for _, h := range []Host{{Inside: []string{"em1"}, Outside: []string{"em0"}}, {Local: true, Outside: []string{"em0"}}} {
			p, err := Load(testFiles(InitText(h)), "etc/weir/weir.yaml", Options{Name: "weir.yaml", Backend: k})
			if err != nil || len(p.Warnings) > 0 {
				t.Errorf("%s, %+v: %v", k, h, err)
			}
		}
	}
}
