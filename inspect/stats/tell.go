package stats

import (
	"net/netip"
	"unsafe"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
)

// InspectIdle implements inspect.IdleInspector.
func (s *Inspector) InspectIdle(cx *inspect.Context, last bool) {
	if !s.hasTold && !last {
		s.told, s.hasTold = cx.Now, true
		return
	}
	if !last && cx.Now-s.told < s.set.interval {
		return
	}
	s.told = cx.Now
	s.tellTraffic(cx)
	s.tellApps(cx)
	s.tellFlows(cx)
	s.tellVerdicts(cx)
	s.tellTalkers(cx)
}

func (s *Inspector) begin(name string) *event.Event {
	s.event = event.Event{Kind: event.KindStats, Severity: event.Info, Name: name}
	return &s.event
}

// addTo adds the counts under the name, unless they are all zero.
func (c *counts) addTo(e *event.Event, names *[3]string) {
	if *c == (counts{}) {
		return
	}
	e.Num(names[0], int64(c.packets))
	e.Num(names[1], int64(c.bytes))
	e.Num(names[2], int64(c.flows))
}

func (s *Inspector) tellTraffic(cx *inspect.Context) {
	e := s.begin("traffic")
	s.total.addTo(e, &totalKeys)
	for i := range s.version {
		s.version[i].addTo(e, &versionKeys[i])
	}
	for i := range s.protos {
		s.protos[i].addTo(e, &protoKeys[i])
	}
	cx.Emit(e)
}

// tellApps tells of as many protocols as an event holds, in the order of the engine.
func (s *Inspector) tellApps(cx *inspect.Context) {
	e := s.begin("apps")
	for i := range s.apps {
		if len(e.Pairs())+3 <= event.MaxPairs {
			s.apps[i].addTo(e, &s.set.appKeys[i])
		}
	}
	cx.Emit(e)
}

func (s *Inspector) tellFlows(cx *inspect.Context) {
	e := s.begin("flows")
	for i, n := range s.sights {
		e.Num(flow.Sight(i).String(), int64(n))
	}
	for i, n := range s.ends {
		e.Num(flow.End(i).String(), int64(n))
	}
	cx.Emit(e)
}

// tellVerdicts gives each reason one event.
func (s *Inspector) tellVerdicts(cx *inspect.Context) {
	for i := range s.reasons {
		r := &s.reasons[i]
		if r.packets == 0 {
			continue
		}
		e := s.begin("verdict")
		e.Verdict, e.Reason = r.verdict.String(), string(r.why)
		if i == maxReasons-1 {
			e.Verdict = ""
		}
		e.Num("packets", int64(r.packets))
		e.Num("bytes", int64(r.bytes))
		cx.Emit(e)
	}
}

// tellTalkers tells who sent most since the last time; the count is bytes, too high by at most the error of the last of them.
func (s *Inspector) tellTalkers(cx *inspect.Context) {
	top := s.talkers.top(s.top[:0:s.set.top])
	if len(top) == 0 {
		return
	}
	e := s.begin("top-talkers")
	text := s.text[:0]
	var most uint64
	for i := range top {
		from := len(text)
		text = netip.AddrFrom16(top[i].key).Unmap().AppendTo(text)
		e.Num(borrow(text[from:]), int64(top[i].count))
		most = max(most, top[i].err)
	}
	e.Num("error", int64(most))
	cx.Emit(e)
	s.talkers.reset()
}

// borrow returns b as a string until b changes; events borrow theirs until Emit returns.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func keys(name string) [3]string {
	return [3]string{name + ".packets", name + ".bytes", name + ".flows"}
}

var (
	totalKeys   = keys("total")
	versionKeys = [2][3]string{keys("ipv4"), keys("ipv6")}
	protoKeys   = func() (k [protocols][3]string) {
		for i, name := range protoNames {
			k[i] = keys(name)
		}
		return k
	}()
)
