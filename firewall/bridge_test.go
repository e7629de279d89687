package firewall

import (
	"net/netip"
	"strings"
	"testing"
)

// TestBridgePlan: what a wire cannot do is refused, each with its reason; what it can do has an address, and a gate.
func TestBridgePlan(t *testing.T) {
	sound := func() Config {
		return Config{Backend: Bridge, Traffic: Forwarded, Ports: []string{"eth0", "eth1"}, Queues: Queues{First: 4, Last: 5, Bypass: true}}
	}
	rs, err := Plan(sound(), AllFeatures())
	if err != nil {
		t.Fatal(err)
	}
	if got := rs.DivertAddress(); got != "bridge:eth0,eth1/2" {
		t.Errorf("address %s", got)
	}
	text, err := rs.Text(Auto)
	if err != nil || strings.Count(text, "policy drop") != 2 || !strings.Contains(text, `device "eth1"`) || !strings.Contains(text, "flags owner") {
		t.Errorf("%v:\n%s", err, text)
	}
	if _, err := rs.Text(NFT); err == nil {
		t.Error("a bridge was printed as rules that divert")
	}
	for want, spoil := range map[string]func(*Config){
		"name both":           func(c *Config) { c.Ports = c.Ports[:1] },
		"between two":         func(c *Config) { c.Ports[1] = "eth0" },
		"whole names":         func(c *Config) { c.Ports[1] = "eth*" },
		"character that":      func(c *Config) { c.Ports[1] = "a/b" },
		"leave select out":    func(c *Config) { c.Select = []Selection{{In: []string{"eth0"}}} },
		"third interface":     func(c *Config) { c.Management = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} },
		"no traffic":          func(c *Config) { c.Traffic = Both },
		"neither before":      func(c *Config) { c.Position = AfterFilter },
		"handed back":         func(c *Config) { c.HandBack, c.Generation = true, 1 },
		"the backend is nft:": func(c *Config) { c.Backend = NFT },
	} {
		c := sound()
		spoil(&c)
		if _, err := Plan(c, AllFeatures()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	if best, err := AllFeatures().Best(); err != nil || best == Bridge {
		t.Errorf("a bridge is the best of all, %v", err)
	}
	if best, err := (Features{NFTables: true}).Best(); err == nil {
		t.Errorf("%v was chosen where only a bridge is possible", best)
	}
}
