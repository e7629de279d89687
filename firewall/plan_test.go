package firewall

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txt from what Plan makes now")

func prefixes(ps ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(ps))
	for i, p := range ps {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// planCases are configurations by name; the golden files, the comparison with nft and
// the tests in the kernel all use them.
var planCases = map[string]Config{
	"everything-forwarded": {Traffic: Forwarded},
	"everything-local":     {Traffic: Local, Inject: true, Queues: Queues{First: 7, Last: 7, Bypass: true}},
	"router": {
		Traffic: Forwarded, HandBack: true, Generation: 3, CountUninspected: true, Inject: true, MayGrow: true,
		Queues:     Queues{First: 0, Last: 3},
		Management: prefixes("192.0.2.5/32", "2001:db8:0:1::/64"),
		Select: []Selection{{
			In: []string{"lan0"}, Out: []string{"wan*"}, Ports: []PortRange{Port(80), Port(443), {8000, 8100}},
			Networks: prefixes("198.51.100.0/24", "2001:db8:0:2::/64"), Except: prefixes("198.51.100.7/32"),
		}},
	},
	"host-with-session": {
		Traffic: Local, Position: BeforeFilter, HandBack: true, Generation: 31, OwnUIDs: []uint32{990},
		Sessions: []Session{
			{Client: netip.MustParseAddr("192.0.2.9"), Server: netip.MustParseAddr("192.0.2.1"), ServerPort: 22},
			{Client: netip.MustParseAddr("2001:db8::9"), Server: netip.MustParseAddr("2001:db8::1"), ServerPort: 2222},
		},
		Select: []Selection{{In: []string{"eth0"}, Protocols: []Proto{TCP, ICMP, ICMPv6, 99}}},
	},
	"ports-without-conntrack": {
		Traffic: Both, Queues: Queues{First: 1, Last: 2, Bypass: true}, CountUninspected: true,
		Select: []Selection{{Ports: []PortRange{Port(53)}}, {Protocols: []Proto{SCTP}, Except: prefixes("192.0.2.0/24")}},
	},
	"other-marks": {
		Traffic: Forwarded, HandBack: true, Generation: 2, CountUninspected: true, Inject: true,
		Marks: Marks{Injected: Bits{0x10, 0x30}, Pending: 0x40, Translated: 0x80, Settle: 0x3, Conn: 0x300},
	},
}

func caseNames() []string {
	var names []string
	for name := range planCases {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestPlanTextIsGolden(t *testing.T) {
	for _, name := range caseNames() {
		for _, k := range []Kind{NFT, IPTables} {
			c := planCases[name]
			c.Backend = k
			rs, err := Plan(c, AllFeatures())
			if err != nil {
				t.Fatalf("%s, %s: %v", name, k, err)
			}
			got, err := rs.Text(Auto)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+"."+k.String()+".txt", got)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; -update rewrites):\n%s", name, d)
	}
}

func TestPlanRefuses(t *testing.T) {
	old := AllFeatures()
	old.NativeQueue, old.ConnMark, old.CompatConnMark = false, false, false
	ok := func(change func(*Config)) Config {
		c := Config{Traffic: Forwarded}
		change(&c)
		return c
	}
	sel := func(s Selection) Config { return Config{Traffic: Forwarded, Select: []Selection{s}} }
	many := make([]netip.Prefix, MaxPrefixes+1)
	for i := range many {
		many[i] = netip.MustParsePrefix("192.0.2.0/24")
	}
	var names []string
	for i := range 20 {
		names = append(names, "if"+string(rune('a'+i)))
	}
	for want, tc := range map[string]struct {
		c Config
		f Features
	}{
		"nothing to divert":                {Config{}, AllFeatures()},
		"nothing here can divert":          {Config{Traffic: Forwarded}, Features{Missing: []string{"no queue"}}},
		"this system cannot divert with":   {ok(func(c *Config) { c.Backend = NFT }), old},
		"the last is before the first":     {ok(func(c *Config) { c.Queues = Queues{First: 2, Last: 1} }), AllFeatures()},
		"would skip the rest":              {ok(func(c *Config) { c.Backend, c.Position = IPTables, AfterFilter }), AllFeatures()},
		"has no conntrack marks":           {ok(func(c *Config) { c.HandBack, c.Generation = true, 1 }), old},
		"generation 0":                     {ok(func(c *Config) { c.HandBack = true }), AllFeatures()},
		"generation 32: the mark field":    {ok(func(c *Config) { c.HandBack, c.Generation = true, 32 }), AllFeatures()},
		"needs hand-back":                  {ok(func(c *Config) { c.OwnUIDs = []uint32{1} }), AllFeatures()},
		"exempts everything":               {ok(func(c *Config) { c.Management = prefixes("::/0") }), AllFeatures()},
		"is not complete":                  {ok(func(c *Config) { c.Sessions = []Session{{}} }), AllFeatures()},
		"the packet mark fields overlap":   {ok(func(c *Config) { c.Marks = DefaultMarks; c.Marks.Pending = 0x80000000 }), AllFeatures()},
		"translated 0x3000000":             {ok(func(c *Config) { c.Marks = DefaultMarks; c.Marks.Translated = 0x03000000 }), AllFeatures()},
		"translated packets has no bit":    {ok(func(c *Config) { c.Marks = DefaultMarks; c.Marks.Translated = 0 }), AllFeatures()},
		"must each be one unbroken run":    {ok(func(c *Config) { c.Marks = DefaultMarks; c.Marks.Conn = 0xf1000000 }), AllFeatures()},
		"must be equally wide":             {ok(func(c *Config) { c.Marks = DefaultMarks; c.Marks.Conn = 0xf0000000 }), AllFeatures()},
		"needs at least one bit set":       {ok(func(c *Config) { c.Marks = DefaultMarks; c.Marks.Injected.Value = 0 }), AllFeatures()},
		"never forwards":                   {sel(Selection{In: []string{"lo"}}), AllFeatures()},
		"longer than 15 bytes":             {sel(Selection{In: []string{"abcdefghijklmnop"}}), AllFeatures()},
		"a character that names cannot":    {sel(Selection{Out: []string{"a\" accept"}}), AllFeatures()},
		"selection 1: ports 9-3":           {sel(Selection{Ports: []PortRange{{9, 3}}}), AllFeatures()},
		"protocol icmp has no ports":       {sel(Selection{Ports: []PortRange{Port(1)}, Protocols: []Proto{ICMP}}), AllFeatures()},
		"protocol 0":                       {sel(Selection{Protocols: []Proto{0}}), AllFeatures()},
		"nothing is left to divert":        {sel(Selection{Networks: prefixes("192.0.2.128/25"), Except: prefixes("192.0.2.0/24")}), AllFeatures()},
		"the limit is 4096":                {sel(Selection{Networks: many}), AllFeatures()},
		"the limit is 256: name fewer int": {sel(Selection{In: names, Out: names}), AllFeatures()},
	} {
		rs, err := Plan(tc.c, tc.f)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
		if rs != nil {
			t.Errorf("%q: a ruleset came with the error", want)
		}
	}
}

func TestPlanNamesEveryMistakeAtOnce(t *testing.T) {
	_, err := Plan(Config{Queues: Queues{First: 3, Last: 1}, Management: prefixes("0.0.0.0/0")}, AllFeatures())
	for _, want := range []string{"nothing to divert", "before the first", "exempts everything"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

// No rule may touch a bit of a mark that Marks does not name.
func TestPlanTouchesOnlyItsOwnBits(t *testing.T) {
	for _, name := range caseNames() {
		c := planCases[name]
		rs, err := Plan(c, AllFeatures())
		if err != nil {
			t.Fatal(err)
		}
		marks := c.Marks
		if marks == (Marks{}) {
			marks = DefaultMarks
		}
		for _, ch := range rs.Chains {
			for _, r := range ch.Rules {
				a := r.Action
				if a.Kind == SetMark && a.Bits.Mask&^(marks.Pending|marks.Translated|marks.Settle) != 0 ||
					a.Kind == SetConnMark && a.Bits.Mask&^marks.Conn != 0 || a.Bits.Value&^a.Bits.Mask != 0 {
					t.Errorf("%s: chain %s changes foreign bits: %+v", name, ch.Name, a)
				}
			}
		}
	}
}

func TestPlanDropsIPv6WhereThereIsNone(t *testing.T) {
	f := AllFeatures()
	f.IPv6, f.Inet = false, false
	rs, err := Plan(planCases["router"], f)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []Kind{NFT, IPTables} {
		text, _ := rs.Text(k)
		if strings.Contains(text, "ip6") || strings.Contains(text, "2001:db8") {
			t.Errorf("%s text mentions IPv6:\n%s", k, text)
		}
	}
}

func TestPlanOrdersExemptionsBeforeTheQueue(t *testing.T) {
	for _, name := range caseNames() {
		rs, err := Plan(planCases[name], AllFeatures())
		if err != nil {
			t.Fatal(err)
		}
		for _, ch := range rs.Chains {
			if !diverts(ch.Name) {
				continue
			}
			selecting := false
			for _, r := range ch.Rules {
				switch r.Action.Kind {
				case Jump, Goto:
					selecting = true
				case Return:
					if selecting {
						t.Errorf("%s: chain %s exempts (%s) behind a rule that may divert", name, ch.Name, r.Counter)
					}
				}
			}
			if !selecting {
				t.Errorf("%s: chain %s diverts nothing", name, ch.Name)
			}
		}
	}
}

// Where the kernel lacks what it takes, injection is no reason to refuse a plan, and the plan says what follows.
func TestPlanWithoutUntracking(t *testing.T) {
	for _, k := range []Kind{NFT, NFTCompat, IPTables} {
		f := AllFeatures()
		f.Untrack, f.IPTablesUntrack = k == IPTables, k != IPTables
		c := planCases["router"]
		c.Backend = k
		rs, err := Plan(c, f)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := rs.Text(k)
		if rs.Translated != 0 || strings.Contains(text, "notrack") || strings.Contains(text, "dir") {
			t.Errorf("%s: rules that the kernel lacks:\n%s", k, text)
		}
		if !strings.Contains(strings.Join(rs.Notes, " "), "wrong port") {
			t.Errorf("%s: notes %q do not tell", k, rs.Notes)
		}
		c.Inject = false
		if rs, err = Plan(c, AllFeatures()); err != nil || rs.Translated != 0 || len(rs.Notes) > 1 {
			t.Errorf("%s: nobody asked for it: %#x, %q, %v", k, rs.Translated, rs.Notes, err)
		}
	}
}

func TestMayGrowAsksForLiberalConntrack(t *testing.T) {
	c := Config{Traffic: Forwarded, MayGrow: true}
	rs, err := Plan(c, AllFeatures())
	if err != nil || len(rs.Sysctls) != 1 || rs.Sysctls[0].Value != "1" {
		t.Errorf("sysctls %v, %v", rs.Sysctls, err)
	}
	f := AllFeatures()
	f.TCPLiberal = false
	if rs, err := Plan(c, f); err != nil || len(rs.Sysctls) != 0 {
		t.Errorf("without conntrack: sysctls %v, %v", rs.Sysctls, err)
	}
}
