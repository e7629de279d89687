package policy

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/packet"
)

const full = `
mode: prevent
divert:
  traffic: both
  queues: 2-5
  position: before_filter
  backend: nft
  select:
    - {in: [lan0, "vlan*"], out: [wan0], protocols: [tcp, 132], ports: [80, 8000-8080], networks: [192.0.2.0/24], except: [192.0.2.9]}
    - {protocols: [icmp]}
management: [198.51.100.7, "2001:db8::/32"]
outcomes: {absent: drop, crash: drop, overload: drop, malformed: pass, limit: drop, error: drop, edit: pass}
refuse: [ip_options, routing_header]
normalise: {min_ttl: 3}
limits: {flows: 8192, when_full: refuse, fragments: 4MiB, fragment_pieces: 10, fragment_timeout: 10s, held: 8MiB, edits: 9, recognise: 2, timeouts: {tcp_opening: 5s, udp_established: 2m}}
settle: {hand_back: always}
inspect: {probe: {mode: monitor, classes: [{name: a, rate: 1}]}}
events: {eve: [{to: /var/log/e.json, rotate: {size: 1MiB, age: 1h, keep: 2}}, {to: "unixgram:/run/s"}, {to: stdout}]}
`

func TestFirewall(t *testing.T) {
	p := mustLoad(t, full)
	got := p.Firewall(firewall.AllFeatures(), 7)
	want := firewall.Config{
		Backend: firewall.NFT, Traffic: firewall.Both, Position: firewall.BeforeFilter,
		Select: []firewall.Selection{
			{
				In: []string{"lan0", "vlan*"}, Out: []string{"wan0"}, Protocols: []firewall.Proto{firewall.TCP, firewall.SCTP},
				Ports:    []firewall.PortRange{{First: 80, Last: 80}, {First: 8000, Last: 8080}},
				Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Except: []netip.Prefix{netip.MustParsePrefix("192.0.2.9/32")},
			},
			{Protocols: []firewall.Proto{firewall.ICMP}},
		},
		Queues: firewall.Queues{First: 2, Last: 5},
		Port:   firewall.DefaultPort, RuleNumber: firewall.DefaultRuleNumber,
		Management: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8::/32")},
		Marks:      firewall.DefaultMarks, HandBack: true, Generation: 7, CountUninspected: true, Inject: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestPayloadsThatMayGrow: connection tracking must not judge numbers where bodies leave decoded or answers with other records.
func TestPayloadsThatMayGrow(t *testing.T) {
	for text, want := range map[string]bool{
		"mode: prevent\ninspect: {dlp: {detectors: [{name: card, action: mask}]}}\n":                true,
		"mode: monitor\ninspect: {dlp: {detectors: [{name: card, action: mask}]}}\n":                false,
		"mode: prevent\ninspect: {dlp: {mode: monitor, detectors: [{name: card, action: mask}]}}\n": false,
		"mode: prevent\ninspect: {dlp: {detectors: [{name: card, action: drop}]}}\n":                false,
		"mode: prevent\ninspect: {dns: {answers: [{name: a.example, replace: [192.0.2.1]}]}}\n":     true,
		"mode: prevent\n": false,
	} {
		if got := mustLoad(t, text).Firewall(firewall.AllFeatures(), 1).MayGrow; got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestHandBackWhereTheKernelCan(t *testing.T) {
	without := firewall.AllFeatures()
	without.ConnMark, without.CompatConnMark = false, false
	for _, c := range []struct {
		word     string
		features firewall.Features
		want     bool
	}{
		{"auto", firewall.AllFeatures(), true}, {"auto", without, false}, {"never", firewall.AllFeatures(), false}, {"always", without, true},
	} {
		p := mustLoad(t, "divert: {backend: nft}\nsettle: {hand_back: "+c.word+"}\n")
		got := p.Firewall(c.features, 3)
		mark := SettleMark(got).Mark
		if got.HandBack != c.want || (got.Generation != 0) != c.want || (mark.Mask != 0) != c.want {
			t.Errorf("%s: hand back %v, generation %d, mark %+v", c.word, got.HandBack, got.Generation, mark)
		}
		if c.want && mark != (packet.Mark{Value: 3 << 27, Mask: 0xfd000000}) {
			t.Errorf("%s: mark %#x/%#x", c.word, mark.Value, mark.Mask)
		}
		// Who says never has no connection tracking switched on, and does with it where it is there.
		nat := c.features
		nat.NAT = true
		if got.Inject != (c.word != "never") || !p.Firewall(nat, 3).Inject {
			t.Errorf("%s: rules for segments of our own: %v", c.word, got.Inject)
		}
	}
}

// TestFirewallOfDivertSockets: auto hands nothing back where there are no marks, and port and rule number arrive.
func TestFirewallOfDivertSockets(t *testing.T) {
	for _, backend := range []firewall.Kind{firewall.IPFW, firewall.PF} {
		p := mustLoad(t, "divert: {backend: "+backend.String()+", port: 701, rule: 500, select: [{in: [em1], ports: [80]}]}\n")
		c := p.Firewall(firewall.AllFeatures(), 3)
		if c.Backend != backend || c.Port != 701 || c.RuleNumber != 500 || c.HandBack || c.Generation != 0 || SettleMark(c).Mark.Mask != 0 {
			t.Errorf("%s: %+v", backend, c)
		}
		rs, err := firewall.Plan(c, firewall.AllFeatures())
		if err != nil || rs.DivertAddress() != "divert:701" {
			t.Errorf("%s: %v", backend, err)
		}
	}
}

// TestWhatDivertSocketsHaveNot is refused, or told of, by the key, also where auto is such a firewall. With a divert socket there
// is one lane.
func TestWhatDivertSocketsHaveNot(t *testing.T) {
	const src = "divert: {queues: 0-3, select: [{in: [em1]}]}\n"
	for _, c := range []struct {
		name, more string
		wrong      string
		warning    string
	}{
		{"nothing", "settle: {hand_back: auto}\n", "", ""},
		{"marks", "inspect: {qos: {classes: [{name: a, dscp: ef}, {name: b, mark: '0x1/0x1'}]}}\n", "2:64: inspect.qos.classes[1].mark: with pf a packet goes back without a mark; leave it out, or write dscp", ""},
		{"hand back", "settle: {hand_back: always}\n", "2:21: settle.hand_back: pf has no connection marks, and hands no flow back; write auto or never", ""},
		{"overload", "outcomes: {overload: pass}\n", "", "2:22: outcomes.overload: with pf, packets are dropped while the socket's buffer is full: a divert socket does not fail open"},
	} {
		for _, here := range []firewall.Kind{firewall.PF, firewall.Auto} {
			wrong, warning, flows := c.wrong, c.warning, Default().Limits.Flows
			if here == firewall.Auto { // of Linux, say
				wrong, warning, flows = "", "", flows/4
			}
			p, err := Load(testFiles(src+c.more), "etc/weir/weir.yaml", Options{Name: "weir.yaml", Backend: here})
			if got := fmt.Sprint(err); wrong != "" && got != "weir.yaml:"+wrong || wrong == "" && err != nil {
				t.Errorf("%s, %s: %s", c.name, here, got)
			}
			if err != nil {
				continue
			}
			if got := p.Limits().Flow.Flows; got != flows {
				t.Errorf("%s, %s: %d flows a lane, want %d", c.name, here, got, flows)
			}
			told := ""
			for _, w := range p.Warnings {
				if strings.Contains(w.What, "divert socket") {
					told += w.String()
				}
			}
			if want := warning; want != "" && told != "weir.yaml:"+want || want == "" && told != "" {
				t.Errorf("%s, %s: told %q", c.name, here, told)
			}
		}
	}
}

func TestOutcomesAndLimits(t *testing.T) {
	p := mustLoad(t, full)
	if got, want := p.Outcomes(), (engine.Outcomes{Malformed: packet.Accept, Limit: packet.Drop, Error: packet.Drop, Edit: packet.Accept, MinTTL: 3, Refuse: packet.IPOptions | packet.RoutingHeader}); got != want {
		t.Errorf("outcomes %+v, want %+v", got, want)
	}
	if p.Crash() != packet.Drop || p.FailOpen() {
		t.Errorf("crash %v, fail-open %v", p.Crash(), p.FailOpen())
	}
	l := p.Limits()
	if l.Flow.Flows != 2048 || !l.Flow.RefuseNew || l.Fragments.Bytes != 1<<20 || l.Fragments.Pieces != 10 || l.HeldBytes != 2<<20 || l.Edits != 9 || l.Tries != 2 {
		t.Errorf("a lane of four gets %+v", l)
	}
	if l.Flow.TCP != [3]time.Duration{5 * time.Second, time.Hour, 10 * time.Second} || l.Flow.UDP != [2]time.Duration{30 * time.Second, 2 * time.Minute} {
		t.Errorf("timeouts %v %v", l.Flow.TCP, l.Flow.UDP)
	}
}

// TestDefaultsAreSafe spells out what a policy that says nothing does when things go wrong.
func TestDefaultsAreSafe(t *testing.T) {
	for mode, failOpen := range map[string]bool{"monitor": true, "prevent": false} {
		p := mustLoad(t, "mode: "+mode+"\n")
		want := engine.Outcomes{Malformed: packet.Drop, Limit: packet.Accept, Error: packet.Accept, Edit: packet.Drop, Refuse: packet.SourceRoute | packet.RoutingType0 | packet.UnknownExtension, Monitor: mode == "monitor"}
		if got := p.Outcomes(); got != want {
			t.Errorf("%s: %+v, want %+v", mode, got, want)
		}
		if p.FailOpen() != failOpen || p.Crash() != packet.Accept || !p.Firewall(firewall.AllFeatures(), 1).Queues.Bypass {
			t.Errorf("%s: fail-open %v, crash %v", mode, p.FailOpen(), p.Crash())
		}
	}
}

func TestEvents(t *testing.T) {
	got := mustLoad(t, full).Events()
	if len(got) != 3 || got[0].File.Path != "/var/log/e.json" || got[0].File.MaxBytes != 1<<20 || got[0].File.MaxAge != time.Hour || got[0].File.Keep != 2 ||
		got[1].Kind != "unixgram" || got[1].Path != "/run/s" || got[2].Kind != "stdout" {
		t.Errorf("%+v", got)
	}
	for i := range got {
		if got[i].Kind == "file" {
			got[i].File.Path = filepath.Join(t.TempDir(), "e.json")
		}
		out, err := got[i].Open(io.Discard)
		if err != nil {
			t.Errorf("%s: %v", got[i].Name, err)
			continue
		}
		out.Close()
	}
	if s := mustLoad(t, "events: {eve: []}\n").Events(); len(s) != 0 {
		t.Errorf("nobody was to be told: %+v", s)
	}
	if s := mustLoad(t, "events: {eve: [{to: /x}]}\n").Events(); s[0].File.Keep != 7 || s[0].File.MaxBytes != 100<<20 {
		t.Errorf("an item without rotate: %+v", s[0])
	}
}

func TestChainIsFreshForEachLane(t *testing.T) {
	p := mustLoad(t, full)
	a, err := p.Chain(4)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Chain(4)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Entries) != 1 || !a.Entries[0].Monitor || a.Generation != 4 || a.Entries[0].Inspector == b.Entries[0].Inspector {
		t.Errorf("%+v and %+v", a.Entries, b.Entries)
	}
	if !p.Monitors() || p.Lanes() != 4 || !slices.Equal(p.Inspectors(), []string{"probe"}) {
		t.Errorf("monitors %v, %d lanes, %v", p.Monitors(), p.Lanes(), p.Inspectors())
	}
}

func TestLoadFileOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "weir.yaml")
	if err := os.WriteFile(name, []byte(InitText(Host{})), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFile(name, Options{}); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(name, []byte("mod: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFile(name, Options{}); err == nil || !strings.HasPrefix(err.Error(), name+":1:1: ") {
		t.Errorf("got %v", err)
	}
}

// TestBoundsAreReadable reads every tag of bounds, and wants the defaults to lie within.
func TestBoundsAreReadable(t *testing.T) {
	seen := 0
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for _, f := range fieldsOf(v.Type()) {
			x := v.FieldByIndex(f.index)
			if x.Kind() == reflect.Struct {
				walk(x)
			}
			if f.within != (bounds{}) {
				seen++
				if low, high := f.within.of(f.kind); low >= high || number(x) < low || number(x) > high {
					t.Errorf("%s: %d is not within %d to %d", f.name, number(x), low, high)
				}
			}
		}
	}
	walk(reflect.ValueOf(Default()))
	walk(reflect.ValueOf(EVE{Rotate: defaultRotate()}))
	if seen < 15 {
		t.Errorf("only %d bounds", seen)
	}
}

func TestExamplesLoadWithoutWarnings(t *testing.T) {
	for name, src := range goodPolicies(t) {
		if p := mustLoad(t, string(src)); strings.HasPrefix(name, "examples/") && len(p.Warnings) > 0 {
			t.Errorf("%s: %v", name, p.Warnings)
		}
	}
}

// TestBridgePolicy: a policy of a bridge names two interfaces, and nothing that a wire has not.
func TestBridgePolicy(t *testing.T) {
	const src = "divert: {backend: bridge, bridge: [eth0, eth1], queues: 0-3}\n"
	for more, want := range map[string]string{
		"":                              "",
		"outcomes: {absent: pass}\n":    "",
		"settle: {hand_back: always}\n": "bridge has no connection marks",
		"management: [192.0.2.0/24]\n":  "third interface",
		"inspect: {qos: {classes: [{name: b, mark: '0x1/0x1'}]}}\n": "with bridge a packet goes back without a mark",
	} {
		p, err := Load(testFiles(src+more), "etc/weir/weir.yaml", Options{Name: "weir.yaml"})
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) || want == "" && err != nil {
			t.Errorf("%q: %v, want %q", more, err, want)
		}
		if err != nil {
			continue
		}
		c := p.Firewall(firewall.AllFeatures(), 1)
		rs, err := firewall.Plan(c, firewall.AllFeatures())
		if err != nil || c.HandBack || rs.DivertAddress() != "bridge:eth0,eth1/4" || p.Lanes() != 4 {
			t.Errorf("%q: %v, hand back %v, %d lanes", more, err, c.HandBack, p.Lanes())
		}
	}
	for src, want := range map[string]string{
		"divert: {backend: bridge}\n":                                               "name both",
		"divert: {bridge: [eth0, eth1]}\n":                                          "write backend bridge",
		"divert: {backend: bridge, bridge: [eth0, eth1], select: [{in: [eth0]}]}\n": "leave select out",
		"divert: {backend: bridge, bridge: [eth0, eth*]}\n":                         "whole names",
	} {
		if _, err := Load(testFiles(src), "etc/weir/weir.yaml", Options{Name: "weir.yaml"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}
