package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// socketSystems are those that divert to a socket.
var socketSystems = []struct {
	name     string
	kind     Kind
	features Features
}{
	{"openbsd-pf", PF, AllFeatures()},
	{"freebsd-pf", PF, freeBSD()},
	{"freebsd-ipfw", IPFW, freeBSD()},
}

func freeBSD() Features {
	f := AllFeatures()
	f.DivertTo = true
	return f
}

// socketCases are configurations that each of these systems can have.
var socketCases = map[string]Config{
	"router": {
		Traffic:    Forwarded,
		Management: prefixes("192.0.2.5/32", "2001:db8:0:1::/64"),
		Select: []Selection{{
			In: []string{"em1"}, Out: []string{"em0"}, Protocols: []Proto{TCP}, Ports: []PortRange{Port(80), Port(443), {8000, 8100}},
			Networks: prefixes("198.51.100.0/29", "2001:db8:0:2::/64"), Except: prefixes("198.51.100.7/32"),
		}},
	},
	"everything": {Traffic: Forwarded, Queues: Queues{Bypass: true}, Port: 7000, RuleNumber: 500, Select: []Selection{{In: []string{"vlan*"}}}},
	"host": {
		Traffic:  Local,
		Sessions: []Session{{Client: netip.MustParseAddr("192.0.2.9"), Server: netip.MustParseAddr("192.0.2.1"), ServerPort: 22}},
		Select:   []Selection{{In: []string{"em0"}, Protocols: []Proto{TCP, ICMP, ICMPv6}}, {In: []string{"em0"}, Protocols: []Proto{UDP}, Ports: []PortRange{Port(53)}, Networks: prefixes("198.51.100.0/24")}},
	},
	"host-unnamed": {Traffic: Local},
	"both": {
		Traffic: Both,
		Select:  []Selection{{In: []string{"em1", "em2"}, Protocols: []Proto{UDP}, Ports: []PortRange{Port(53)}, Except: prefixes("203.0.113.0/24")}},
	},
}

func planSocket(t *testing.T, c Config, k Kind, f Features) *Ruleset {
	t.Helper()
	c.Backend = k
	rs, err := Plan(c, f)
	if err != nil {
		t.Fatalf("%s: %v", k, err)
	}
	return rs
}

func TestDiversionTextIsGolden(t *testing.T) {
	for name, c := range socketCases {
		for _, system := range socketSystems {
			rs := planSocket(t, c, system.kind, system.features)
			got, err := rs.Text(Auto)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range rs.Notes {
				got += "# Note: " + n + "\n"
			}
			golden(t, name+"."+system.name+".txt", got+"# "+rs.DivertAddress()+"\n")
		}
	}
}

func TestDivertAddress(t *testing.T) {
	rs, err := Plan(Config{Traffic: Forwarded, Queues: Queues{First: 2, Last: 5}}, AllFeatures())
	if err != nil || rs.DivertAddress() != "nfqueue:2-5" {
		t.Errorf("%q, %v", rs.DivertAddress(), err)
	}
}

func TestSocketsRefuse(t *testing.T) {
	unreferenced, groups := AllFeatures(), AllFeatures()
	unreferenced.Anchor = false
	groups.Ifaces = []string{"all", "em0", "vlan"}
	sel := func(k Kind, s Selection) Config {
		return Config{Backend: k, Traffic: Forwarded, Select: []Selection{s}}
	}
	in := func(names ...string) Config { return sel(PF, Selection{In: names}) }
	far := make([]PortRange, MaxRules+1)
	for i := range far {
		far[i] = Port(uint16(2*i + 1))
	}
	for want, tc := range map[string]struct {
		c Config
		f Features
	}{
		"inside interfaces by name":        {Config{Backend: PF, Traffic: Forwarded}, AllFeatures()},
		`add the line anchor "weir"`:       {in("em1"), unreferenced},
		"ifconfig em1 group inside":        {in("em1", "em2"), AllFeatures()},
		"name ports, or use ipfw":          {in("em1", "em2"), freeBSD()},
		"no patterns":                      {in("em1*"), AllFeatures()},
		"knows no group em here":           {in("em*"), groups},
		"word of the rules' language":      {in("any"), AllFeatures()},
		"letters first":                    {in("1em"), AllFeatures()},
		"not of sctp":                      {sel(PF, Selection{In: []string{"em1"}, Protocols: []Proto{SCTP}, Ports: []PortRange{Port(1)}}), AllFeatures()},
		"no ports of dccp":                 {sel(IPFW, Selection{Protocols: []Proto{DCCP}, Ports: []PortRange{Port(1)}}), AllFeatures()},
		"no connection marks":              {Config{Backend: IPFW, Traffic: Local, HandBack: true, Generation: 1}, AllFeatures()},
		"needs hand-back":                  {Config{Backend: IPFW, Traffic: Local, OwnUIDs: []uint32{1}}, AllFeatures()},
		"leave the position":               {Config{Backend: IPFW, Traffic: Local, Position: BeforeFilter}, AllFeatures()},
		"choose 2 to 65533":                {Config{Backend: IPFW, Traffic: Local, RuleNumber: 65534}, AllFeatures()},
		"the limit is 256":                 {sel(PF, Selection{In: []string{"em1"}, Ports: far}), AllFeatures()},
		"the limit is 4096":                {sel(IPFW, Selection{Networks: prefixes("2001:db8::/32"), Except: scattered(60)}), AllFeatures()},
		"nothing is left to divert":        {sel(PF, Selection{In: []string{"em1"}, Protocols: []Proto{ICMPv6}}), freeBSD()},
		"this system cannot divert with p": {Config{Backend: PF, Traffic: Local}, Features{}},
	} {
		if rs, err := Plan(tc.c, tc.f); err == nil || !strings.Contains(err.Error(), want) || rs != nil {
			t.Errorf("want an error with %q and no ruleset, got %v, %v", want, err, rs != nil)
		}
	}
}

// scattered are hosts that leave many networks between them.
func scattered(n int) []netip.Prefix {
	var out []netip.Prefix
	for i := range n {
		out = append(out, netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x::1/128", i*997)))
	}
	return out
}

// No interface name gets anything into a rule but itself.
func TestNamesStayNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.RuneFrom([]rune("em0*.-_ \t\n\"'(){}[]<>,;!#$?/|&~=%@^\\")), 1, 6, -1).Draw(t, "name")
		for _, k := range []Kind{PF, IPFW} {
			rs, err := Plan(Config{Backend: k, Traffic: Forwarded, Select: []Selection{{In: []string{name}}}}, AllFeatures())
			if err != nil {
				continue
			}
			text, _ := rs.Text(Auto)
			clean, _ := Plan(Config{Backend: k, Traffic: Forwarded, Select: []Selection{{In: []string{"em0"}}}}, AllFeatures())
			want, _ := clean.Text(Auto)
			if k == PF {
				name = pfName(name)
			}
			if text != strings.ReplaceAll(want, "em0", name) || strings.ContainsAny(name, " \t\n\"'(){}[]<>,;!#$?/|&~=%@^\\") {
				t.Fatalf("%q broke out:\n%s", name, text)
			}
		}
	})
}

// What is left covers an address iff the networks do and the holes do not.
func TestSubtractLeavesTheRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []netip.Prefix {
			var ps []netip.Prefix
			for range rapid.IntRange(0, 8).Draw(t, name) {
				base := []netip.Addr{netip.MustParseAddr("192.0.2.0"), netip.MustParseAddr("2001:db8::")}[rapid.IntRange(0, 1).Draw(t, "family")]
				b := base.AsSlice()
				b[len(b)-1] = rapid.Byte().Draw(t, "last")
				a, _ := netip.AddrFromSlice(b)
				ps = append(ps, netip.PrefixFrom(a, a.BitLen()-rapid.IntRange(0, 8).Draw(t, "host bits")))
			}
			return ps
		}
		in, holes := draw("networks"), draw("holes")
		out := subtract(in, holes)
		for last := range 256 {
			for _, a := range []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(last)}), netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", last))} {
				has := func(ps []netip.Prefix) bool {
					return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a) })
				}
				if has(out) != (has(in) && !has(holes)) {
					t.Fatalf("%v: %v minus %v became %v", a, in, holes, out)
				}
			}
		}
	})
}

// Many small holes in a large network end in an error, soon.
func TestSubtractManyHoles(t *testing.T) {
	if n := len(subtract(prefixes("2001:db8::/32"), scattered(60))); n <= MaxPrefixes {
		t.Errorf("%d networks are left: too few for the test of the limit", n)
	}
}
