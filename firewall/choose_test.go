package firewall

import (
	"strings"
	"testing"
)

// TestChoose: what is printed is what would be applied, and why; on no system is there nothing to print.
func TestChoose(t *testing.T) {
	compat := AllFeatures()
	compat.NativeQueue = false
	compat.Missing = []string{"nf_tables has no queue statement (CONFIG_NFT_QUEUE) (ENOENT)"}
	old := Features{IPTables: "v1", IP6Tables: "v1", IPv6: true, Missing: []string{"nf_tables does not answer: no rules over netlink"}}
	nothing := Features{Missing: []string{"nf_tables does not answer: EPERM", "iptables-restore cannot be used (EPERM)"}}
	for _, c := range []struct {
		name string
		want Kind
		f    Features
		kind Kind
		why  []string
		all  bool // planned for a system that has everything
	}{
		{"native", Auto, AllFeatures(), NFT, []string{"the best that works here"}, false},
		{"compat", Auto, compat, NFTCompat, []string{"the best that works here; not nft: ", "CONFIG_NFT_QUEUE"}, false},
		{"iptables", Auto, old, IPTables, []string{"not nft: nf_tables does not answer", "not nft-compat: nf_tables does not answer"}, false},
		{"nothing", Auto, nothing, NFT, []string{"nothing that works was found here", "EPERM"}, true},
		{"another that works", IPTables, compat, IPTables, []string{"as asked for; it works here"}, false},
		{"another that does not", NFT, compat, NFT, []string{"does not work here", "CONFIG_NFT_QUEUE", "Here nft-compat would work."}, true},
		{"unknown why", NFTCompat, Features{}, NFTCompat, []string{"the reason is not known", "Here nothing would work."}, true},
		{"iptables of none", IPTables, nothing, IPTables, []string{"iptables-restore cannot be used"}, true},
	} {
		got := Choose(c.want, c.f)
		if got.Kind != c.kind {
			t.Errorf("%s: %s, want %s", c.name, got.Kind, c.kind)
		}
		for _, w := range c.why {
			if !strings.Contains(got.Why, w) {
				t.Errorf("%s: %q does not say %q", c.name, got.Why, w)
			}
		}
		if all := got.Features.IPTables == "assumed" && !c.f.Has(c.kind); all != c.all {
			t.Errorf("%s: planned for everything: %v, want %v", c.name, all, c.all)
		}
		if _, err := Plan(Config{Backend: got.Kind, Traffic: Forwarded}, got.Features); err != nil {
			t.Errorf("%s: the choice cannot be planned: %v", c.name, err)
		}
	}
}

// TestCompatTextIsNoNative: the text of compat rules must not look like what nft -f could read.
func TestCompatTextIsNoNative(t *testing.T) {
	rs, err := Plan(Config{Backend: NFTCompat, Traffic: Forwarded}, AllFeatures())
	if err != nil {
		t.Fatal(err)
	}
	text, err := rs.Text(Auto)
	if err != nil || !strings.Contains(text, `xt target "NFQUEUE" # queue num 0`) {
		t.Errorf("%v\n%s", err, text)
	}
}
