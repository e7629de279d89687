package policy

import (
	"path/filepath"
	"testing"
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
