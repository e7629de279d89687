package stats

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
	"github.com/weir-project/weir/packet"
)

const client, server = "192.0.2.1:40000", "198.51.100.1:80"

func lane(t testing.TB, c Config) *inspecttest.Lane {
	t.Helper()
	labels := new(inspect.LabelTable)
	if _, err := labels.Define("category=ads"); err != nil {
		t.Fatal(err)
	}
	maker, mistakes := New(c, inspect.Env{Lanes: 1, Labels: labels, Apps: []string{"dns", "http"}})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return inspecttest.New(t, labels, maker())
}

// told returns the details of the events told since the last call, by name (and reason).
func told(l *inspecttest.Lane) map[string]map[string]int64 {
	all := map[string]map[string]int64{}
	for _, e := range l.TakeEvents() {
		name := e.Name
		if e.Reason != "" {
			name += " " + e.Verdict + " " + e.Reason
		}
		m := map[string]int64{}
		for _, p := range e.Pairs() {
			if p.Num != 0 {
				m[p.Key] = p.Num
			}
		}
		all[name] = m
	}
	return all
}

func TestReadmeExamples(t *testing.T) {
	for i, c := range inspecttest.Examples[Config](t, "README.md") {
		l := lane(t, c)
		l.Outcome(inspecttest.UDP(client, server, make([]byte, 72)), inspect.Decision{})
		l.Outcome(inspecttest.UDP(server, client, make([]byte, 172)), inspect.Decision{})
		l.Outcome(inspecttest.TCP("[2001:db8::1]:1", "[2001:db8::2]:2", make([]byte, 40)), inspect.Drop(inspect.ScopePacket, "x"))
		l.Flows.Shutdown()
		flows := 0
		for _, e := range l.Events {
			if e.Kind == event.KindFlow {
				flows++
			}
		}
		if want := 2 * i; flows != want {
			t.Errorf("example %d: %d flow events, want %d", i, flows, want)
		}
		l.TakeEvents()
		l.Idle(true)
		want := map[string]map[string]int64{
			"traffic": {
				"total.packets": 3, "total.bytes": 400, "total.flows": 2, "ipv4.packets": 2, "ipv4.bytes": 300, "ipv4.flows": 1,
				"ipv6.packets": 1, "ipv6.bytes": 100, "ipv6.flows": 1, "udp.packets": 2, "udp.bytes": 300, "udp.flows": 1,
				"tcp.packets": 1, "tcp.bytes": 100, "tcp.flows": 1,
			},
			"apps":           {"unknown.packets": 3, "unknown.bytes": 400, "unknown.flows": 2},
			"flows":          {"no-payload": 2, "shutdown": 2},
			"verdict drop x": {"packets": 1, "bytes": 100},
			"top-talkers":    {"198.51.100.1": 200, "192.0.2.1": 100, "2001:db8::1": 100},
		}
		if d := cmp.Diff(want, told(l)); d != "" {
			t.Errorf("example %d:\n%s", i, d)
		}
	}
}

func TestInterval(t *testing.T) {
	l := lane(t, Config{Interval: 5 * time.Second})
	var at []int
	for s := range 16 {
		l.At(time.Duration(s) * time.Second)
		l.Idle(false)
		if len(l.TakeEvents()) > 0 {
			at = append(at, s)
		}
	}
	if d := cmp.Diff([]int{5, 10, 15}, at); d != "" {
		t.Error(d)
	}
}

func TestTalkersOfTheInterval(t *testing.T) {
	l := lane(t, Config{Top: 1})
	l.Outcome(inspecttest.UDP(client, server, make([]byte, 1000)), inspect.Decision{})
	l.Idle(true)
	told(l)
	l.Outcome(inspecttest.UDP(server, client, make([]byte, 72)), inspect.Decision{})
	l.Idle(true)
	if d := cmp.Diff(map[string]int64{"198.51.100.1": 100}, told(l)["top-talkers"]); d != "" {
		t.Error(d)
	}
}

func TestFlowEvent(t *testing.T) {
	l := lane(t, Config{Flows: true})
	l.Outcome(inspecttest.UDP(client, server, make([]byte, 72)), inspect.Decision{})
	l.Cx.Flow.App, l.Cx.Flow.Sight = 2, flow.SightReadable
	l.Cx.Flow.Labels = 1
	l.At(1500 * time.Millisecond)
	l.Outcome(inspecttest.UDP(server, client, make([]byte, 172)), inspect.Decision{})
	l.Cx.Flow.Verdict, l.Cx.Flow.Reason = packet.Reject, "url-blocked"
	l.Flows.Shutdown()
	e := &l.Events[0]
	got := fmt.Sprintf("%s %s %s %s", e.Kind, e.Name, e.Verdict, e.Reason)
	for _, p := range e.Pairs() {
		got += fmt.Sprintf(" %s=%s", p.Key, p.Text)
		if p.IsNum {
			got += fmt.Sprint(p.Num)
		}
	}
	want := "flow flow reject url-blocked end=shutdown state=established sight=readable pkts_toserver=1 pkts_toclient=1" +
		" bytes_toserver=100 bytes_toclient=200 duration_ms=1500 label=category=ads"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	l.TakeEvents()
	l.Idle(true)
	if d := cmp.Diff(map[string]int64{"unknown.packets": 1, "unknown.bytes": 100, "http.packets": 1, "http.bytes": 200, "http.flows": 1}, told(l)["apps"]); d != "" {
		t.Error(d)
	}
}

// TestLetsGoAndCountsTheRest holds that stats keeps no flow from settling, and that what comes of a released flow is counted at its
// end.
func TestLetsGoAndCountsTheRest(t *testing.T) {
	l := lane(t, Config{})
	p := inspecttest.UDP(client, server, make([]byte, 72))
	l.Begin(p)
	l.Cx.Author = 1
	l.Cx.Flow.Interest = 0b11
	if d := l.Chain.Outcome[0].I.InspectOutcome(&l.Cx, p, inspect.Decision{}); d != (inspect.Decision{}) {
		t.Errorf("let go although an earlier inspector still looks: %v", d)
	}
	if d := l.Outcome(p, inspect.Decision{}); d != inspect.Release() {
		t.Errorf("holds the flow: %v", d)
	}
	l.Begin(p) // as for a released flow: observed, not shown
	l.Begin(p)
	l.Flows.Shutdown()
	l.Idle(true)
	got := told(l)["traffic"]
	if got["total.packets"] != 4 || got["udp.bytes"] != 400 || got["ipv4.packets"] != 4 {
		t.Errorf("%v", got)
	}
}

func TestReasonsAreBounded(t *testing.T) {
	l := lane(t, Config{})
	p := inspecttest.UDP(client, server, nil)
	for i := range 100 {
		for range 2 {
			l.Outcome(p, inspect.Drop(inspect.ScopePacket, packet.Reason(fmt.Sprint("reason-", i))))
		}
	}
	l.Idle(true)
	got := told(l)
	if got["verdict drop reason-0"]["packets"] != 2 || got["verdict drop reason-62"]["packets"] != 2 || got["verdict  other-reasons"]["packets"] != 2*(100-63) {
		t.Errorf("%v", got)
	}
}

func TestPacketsWithoutFlow(t *testing.T) {
	l := lane(t, Config{})
	var p packet.Packet
	p.Set([]byte{0xff})
	p.Decode()
	l.Cx.Packet, l.Cx.Flow = &p, nil
	l.Chain.Outcome[0].I.InspectOutcome(&l.Cx, &p, inspect.Drop(inspect.ScopePacket, "malformed"))
	l.Idle(true)
	if got := told(l); got["traffic"]["total.packets"] != 1 || got["verdict drop malformed"]["packets"] != 1 || got["top-talkers"] != nil {
		t.Errorf("%v", got)
	}
}

func TestMistakes(t *testing.T) {
	for yaml, path := range map[string]string{
		"interval: 1ms": "interval", "interval: 48h": "interval", "top: 21": "top", "top: -1": "top", "counters: 1": "counters",
	} {
		maker, m := New(inspecttest.Load[Config](t, yaml), inspect.Env{Lanes: 1})
		if maker != nil || len(m) != 1 || m[0].Path != path || m[0].Hint == "" {
			t.Errorf("%s: %+v", yaml, m)
		}
	}
}

func TestManyApps(t *testing.T) {
	var apps []string
	for i := range 40 {
		apps = append(apps, fmt.Sprint("app", i))
	}
	maker, _ := New(Config{}, inspect.Env{Lanes: 1, Apps: apps})
	l := inspecttest.New(t, nil, maker())
	p := inspecttest.UDP(client, server, nil)
	l.Begin(p)
	l.Cx.Flow.App = 40
	l.Outcome(p, inspect.Decision{})
	l.Idle(true)
	if d := cmp.Diff(map[string]int64{"other.packets": 1, "other.bytes": 28}, told(l)["apps"]); d != "" {
		t.Error(d)
	}
}

func TestNoAllocation(t *testing.T) {
	l := lane(t, Config{Counters: 64})
	l.Quiet = true
	var ps []*packet.Packet
	for i := range 200 {
		ps = append(ps, inspecttest.UDP(fmt.Sprintf("192.0.2.%d:1", i), server, nil))
	}
	n := 0
	if a := testing.AllocsPerRun(1000, func() {
		l.Outcome(ps[n%len(ps)], inspect.Drop(inspect.ScopePacket, "x"))
		n++
		if n%100 == 0 {
			l.Idle(true)
		}
	}); a != 0 {
		t.Errorf("%v allocations for each packet", a)
	}
}
