package firewall

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

func mustAddrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// Other programs' rules, as firewalld, Docker, ufw and administrators leave them.
const othersNFT = `
table inet firewalld {
	chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; ct state established,related accept; }
}
table ip weird { chain x { counter; }; }
table inet weir2 { set s { type ipv4_addr; elements = { 192.0.2.1 }; }; }`

const othersIPTables = `*mangle
:DOCKER-X - [0:0]
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A FORWARD -j DOCKER-X
-A INPUT -j MARK --set-xmark 0x0/0x0
-A OUTPUT -j MARK --set-xmark 0x0/0x0
-A POSTROUTING -j MARK --set-xmark 0x0/0x0
COMMIT
*filter
:ufw-before-input - [0:0]
-A INPUT -j ufw-before-input
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
*raw
-A PREROUTING -p udp -m udp --dport 9 -j ACCEPT
-A OUTPUT -p udp -m udp --dport 9 -j ACCEPT
COMMIT
`

func loadOthers(t *testing.T, ns *os.File) {
	t.Helper()
	if _, err := os.Stat(commandPath("nft")); err == nil {
		sh(t, ns, "nft -f - <<'E'\n"+othersNFT+"\nE")
	}
	if _, err := os.Stat(commandPath("iptables-restore")); err == nil {
		sh(t, ns, "iptables-restore <<'E'\n"+othersIPTables+"E\nip6tables-restore <<'E'\n"+othersIPTables+"E")
	}
}

// dump is every rule in ns as the system's own tools see it.
func dump(t *testing.T, ns *os.File) string {
	t.Helper()
	out := sh(t, ns, "for c in nft; do command -v $c >/dev/null && nft --stateless list ruleset || true; done")
	out += sh(t, ns, "for c in iptables-save ip6tables-save; do ! command -v $c >/dev/null || $c | grep -v ^#; done")
	return out
}

func TestApplyTwiceOverLeftoversThenRemoveAll(t *testing.T) {
	needs(t, "nft")
	needs(t, "iptables-save")
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		loadOthers(t, ns)
		before := dump(t, ns)
		for _, name := range caseNames() {
			rs := v.plan(t, planCases[name])
			apply(t, b, rs)
			applied := dump(t, ns)
			apply(t, b, rs)
			if again := dump(t, ns); again != applied {
				t.Errorf("%s: applying twice is not the same as once", name)
			}
		}
		// The last case's rules are a leftover to a process that knows nothing of it.
		successor, err := Open(v.kind, v.f, Options{NetNS: ns})
		if err != nil {
			t.Fatal(err)
		}
		first := v.plan(t, planCases[caseNames()[0]])
		if d, err := successor.Verify(first); err != nil || len(d) == 0 {
			t.Errorf("another plan's rules pass verification: %v %v", d, err)
		}
		apply(t, successor, first)
		if err := successor.Remove(); err != nil {
			t.Fatal(err)
		}
		if after := dump(t, ns); after != before {
			t.Errorf("other rules before and after differ:\n--- before\n%s\n--- after\n%s", before, after)
		}
		if err := successor.Remove(); err != nil {
			t.Errorf("removing nothing: %v", err)
		}
		if d, err := successor.Verify(first); err != nil || len(d) == 0 {
			t.Errorf("removed rules pass verification: %v %v", d, err)
		}
	})
}

// TestRemoveOthers wants the rules of all backends gone but for those of one, and everybody else's
// rules left alone.
func TestRemoveOthers(t *testing.T) {
	needs(t, "nft")
	needs(t, "iptables-save")
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		loadOthers(t, ns)
		before, rs, o := dump(t, ns), v.plan(t, planCases["router"]), Options{NetNS: ns}
		apply(t, b, rs)
		if err := RemoveOthers(v.kind, v.f, o); err != nil {
			t.Fatal(err)
		}
		if d, err := b.Verify(rs); err != nil || len(d) > 0 {
			t.Errorf("its own rules are no others: %v %v", d, err)
		}
		other := IPTables
		if v.kind == IPTables {
			other = NFT
		}
		for _, k := range []Kind{other, Auto} {
			apply(t, b, rs)
			if err := RemoveOthers(k, v.f, o); err != nil {
				t.Fatal(err)
			}
			if after := dump(t, ns); after != before {
				t.Errorf("but for %v:\n--- before\n%s\n--- after\n%s", k, before, after)
			}
		}
	})
}

// Every way of tampering is a difference.
func TestVerifySeesTampering(t *testing.T) {
	c := planCases["router"]
	tamper := map[Kind][]string{
		NFTCompat: {
			"nft delete table inet weir",
			"nft flush chain inet weir divert",
			"nft insert rule inet weir forward return",
			"nft add rule inet weir select0 return",
			"nft add element inet weir mgmt4 '{ 198.51.100.0/25 }'",
			"nft delete element inet weir port0 '{ 443 }'",
			"nft add chain inet weir extra",
			"nft flush ruleset",
			"nft 'add table inet weir { flags dormant; }'",
			"nft add chain inet weir forward '{ policy drop; }'",
			"nft add table ip weir",
		},
		IPTables: {
			"iptables -t mangle -F",
			"iptables -t mangle -D FORWARD -j WEIR-FORWARD",
			"iptables -t mangle -I WEIR-FORWARD -j RETURN",
			"ip6tables -t mangle -F WEIR-DIVERT",
			"iptables -t mangle -A PREROUTING -j WEIR-DIVERT",
			"ip6tables -t mangle -N WEIR-EXTRA",
			"iptables -t mangle -A FORWARD -j WEIR-FORWARD",
		},
	}
	tamper[NFT] = tamper[NFTCompat]
	needs(t, "nft")
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		if v.kind != IPTables && !v.plan(t, c).Inet {
			t.Skip("n/a: the commands are for the inet table")
		}
		rs := v.plan(t, c)
		for _, command := range tamper[v.kind] {
			apply(t, b, rs)
			sh(t, ns, command)
			d, err := b.Verify(rs)
			if err != nil || len(d) == 0 {
				t.Errorf("%s: not noticed (%v)", command, err)
			}
		}
		apply(t, b, rs)
	})
}

// What nft(8) makes of the printed text is, expression for expression, what we send
// over netlink. The queue statement is compared where the kernel has it.
func TestTextIsWhatWeSend(t *testing.T) {
	needs(t, "nft")
	f := Detect(Options{})
	if !f.NFTables {
		t.Skipf("SKIPPED: %v", f.Missing)
	}
	for _, name := range caseNames() {
		for _, inet := range []bool{true, false} {
			all := AllFeatures()
			all.Inet = inet
			c := planCases[name]
			c.Backend = NFT
			rs, err := Plan(c, all)
			if err != nil {
				t.Fatal(err)
			}
			text := rs.nftText("")
			if !f.NativeQueue {
				rs, text = withoutQueue(rs, text)
			}
			ns := newNS(t)
			sh(t, ns, "nft -f - <<'E'\n"+text+"E")
			b := &nft{ns: ns}
			diffs, err := b.Verify(rs)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range diffs {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}

// withoutQueue replaces the queue statement by return in both forms.
func withoutQueue(rs *Ruleset, text string) (*Ruleset, string) {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if before, _, ok := strings.Cut(l, " queue num "); ok {
			lines[i] = before + " return"
		}
	}
	out := *rs
	out.Chains = slices.Clone(rs.Chains)
	for i := range out.Chains {
		out.Chains[i].Rules = slices.Clone(rs.Chains[i].Rules)
		for j, r := range out.Chains[i].Rules {
			if r.Action.Kind == Queue {
				out.Chains[i].Rules[j].Action = Action{Kind: Return}
			}
		}
	}
	return &out, strings.Join(lines, "\n")
}

// 4096 networks fit in one transaction, and their sets hold what they should.
func TestLargestSetInOneTransaction(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		if v.kind == IPTables {
			t.Skip("n/a: iptables has no sets; its rules come by file")
		}
		var nets []netip.Prefix
		for i := range MaxPrefixes {
			a := netip.MustParseAddr("2001:db8::").As16()
			a[4], a[5], a[7] = byte(i>>8), byte(i), byte(i%7*2)
			nets = append(nets, netip.PrefixFrom(netip.AddrFrom16(a), 64))
		}
		apply(t, b, v.plan(t, Config{Traffic: Forwarded, Select: []Selection{{Networks: nets}}}))
	})
}

func TestSetsAtTheEndsOfTheAddressSpace(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		apply(t, b, v.plan(t, Config{Traffic: Forwarded, Select: []Selection{
			{Networks: prefixes("0.0.0.0/1", "255.255.255.255/32", "::/1", "ffff::/16"), Ports: []PortRange{{0, 5}, {65000, 65535}}},
			{Networks: prefixes("0.0.0.0/0", "::/0"), Except: prefixes("192.0.2.0/25", "192.0.2.128/26", "192.0.2.192/27")},
		}}))
	})
}

func TestCountersGoOnThroughApply(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		c := loopback()
		c.Queues.Bypass = true
		apply(t, b, v.plan(t, c))
		p := newUDPPair(t, ns, "127.0.0.1:0")
		if !p.passes() {
			t.Fatal("bypass does not pass")
		}
		before, err := b.Counters()
		if err != nil || before[Queued].Packets == 0 {
			t.Fatalf("%v %v", before, err)
		}
		c.Generation++
		apply(t, b, v.plan(t, c))
		if after, err := b.Counters(); err != nil || after != before {
			t.Errorf("counters were %v, are %v (%v)", before, after, err)
		}
		if err := b.Remove(); err != nil {
			t.Fatal(err)
		}
		if zero, err := b.Counters(); err != nil || zero != (Counters{}) {
			t.Errorf("without rules: %v, %v", zero, err)
		}
	})
}

// A transaction that the kernel refuses leaves the former rules.
func TestFailedApplyChangesNothing(t *testing.T) {
	f := Detect(Options{})
	if !f.NFTables {
		t.Skipf("SKIPPED: %v", f.Missing)
	}
	ns := newNS(t)
	v := variant{kind: NFTCompat, f: f}
	if !f.CompatQueue {
		v.kind = NFT
	}
	b, err := Open(v.kind, f, Options{NetNS: ns})
	if err != nil {
		t.Fatal(err)
	}
	good := v.plan(t, loopback())
	apply(t, b, good)
	bad := v.plan(t, planCases["router"])
	bad.Chains[0].Rules[0].Action = Action{Kind: Jump, Target: "nowhere"}
	if err := b.Apply(bad); err == nil {
		t.Fatal("a jump to nowhere was applied")
	}
	verify(t, b, good)
}

func TestDetectLeavesNothingBehind(t *testing.T) {
	ns := newNS(t)
	needs(t, "nft")
	f := Detect(Options{NetNS: ns})
	if k, err := f.Best(); err != nil {
		t.Fatal(err)
	} else {
		t.Logf("best backend: %s; missing: %s", k, strings.Join(f.Missing, "; "))
	}
	if got := sh(t, ns, "nft list ruleset"); got != "" {
		t.Errorf("Detect left rules:\n%s", got)
	}
}

// A flow table is told of when a rule feeds it, and with what: only what Weir has handed back, behind Weir's chains, does no harm.
func TestOffloads(t *testing.T) {
	ns := newNS(t)
	needs(t, "nft")
	made := sh(t, ns, "nft 'table inet fw4 { flowtable ft { hook ingress priority 0; devices = { lo }; }; }' 2>&1 && echo made || true")
	if !strings.Contains(made, "made") {
		if os.Getenv("WEIR_TEST_QEMU") != "" {
			t.Fatal(made)
		}
		t.Skipf("make qemu: this kernel has no flow tables: %s", strings.TrimSpace(made))
	}
	if got := Offloads(Options{NetNS: ns}); got != nil {
		t.Errorf("that nothing feeds: %v", got)
	}
	const base = "type filter hook forward priority "
	for _, c := range []struct {
		chain, rule string
		mask        uint32
	}{
		{base + "0;", "flow add @ft", 0},
		{base + "70;", "ct state established flow add @ft", 0},
		{base + "70;", OffloadRule(DefaultMarks, "ft"), DefaultMarks.Conn},
		{base + "70;", "ct state established meta l4proto tcp " + OffloadRule(DefaultMarks, "ft"), DefaultMarks.Conn},
		{base + "70;", "ct mark and 0xf8000000 == 0x08000000 flow add @ft", 0x08000000},
		{base + "70;", "ct mark and 0xf8000000 == 0 flow add @ft", 0},
		{base + "70;", "ct mark and 0xff000000 != 0 flow add @ft", 0xff000000},
		{base + "70;", "ct mark != 0 flow add @ft", 0},
		{base + "70;", OffloadRule(DefaultMarks, "ft") + "; flow add @ft", 0},
		{base + "60;", OffloadRule(DefaultMarks, "ft"), 0},
		{"", OffloadRule(DefaultMarks, "ft"), 0},
	} {
		sh(t, ns, fmt.Sprintf("nft 'table inet fw4 { chain c { %s %s; }; }'", c.chain, c.rule))
		want := []Offload{{Table: "inet fw4", Name: "ft", Mask: c.mask}}
		if got := Offloads(Options{NetNS: ns}); !slices.Equal(got, want) {
			t.Errorf("%s %s: %v, want %v", c.chain, c.rule, got, want)
		}
		sh(t, ns, "nft delete chain inet fw4 c")
	}
}

// The dump knows every expression that we send: none is lost in parsing.
func TestDumpLosesNoExpression(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		n, ok := b.(*nft)
		if !ok {
			t.Skip("n/a: nftables only")
		}
		rs := v.plan(t, planCases["host-with-session"])
		apply(t, b, rs)
		c, err := n.conn()
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseLasting()
		for _, tb := range rs.tables() {
			for _, ch := range rs.Chains {
				rules, err := c.GetRules(&nftables.Table{Name: TableName, Family: nftFamilies[tb]}, &nftables.Chain{Name: ch.Name})
				if err != nil {
					t.Fatal(err)
				}
				var got, want []expr.Any
				for _, r := range rules {
					got = append(got, r.Exprs...)
				}
				for _, r := range ch.Rules {
					if tb.holds(r.Match.Family) {
						want = append(want, n.dialect.exprs(r, tb)...)
					}
				}
				if len(got) != len(want) {
					t.Errorf("chain %s: %d expressions came back of %d", ch.Name, len(got), len(want))
				}
			}
		}
	})
}

// loopback diverts all of a namespace's own loopback traffic.
func loopback() Config {
	return Config{
		Traffic: Local, HandBack: true, Generation: 5, CountUninspected: true,
		Select: []Selection{{In: []string{"lo"}}},
	}
}
