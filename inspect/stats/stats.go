// Package stats counts packets, bytes and flows by protocol and application, verdicts by reason, how much of the flows could
// be read, and who talks most; it tells the counts from time to time, and each flow at its end.
//
// It sees packets last, after verdict and edits, and holds no flow back: it lets go of a flow when everybody before it has,
// and adds what came after that when the flow ends. What the kernel forwards of a flow that was handed back to it is not
// counted here.
package stats

import (
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// An Inspector counts one lane. It implements inspect.OutcomeInspector, FlowInspector and IdleInspector.
type Inspector struct {
	set     *settings
	let     inspect.State[letGo]
	total   counts
	version [2]counts // 4, 6
	protos  [protocols]counts
	apps    [maxApps + 1]counts // by flow.Flow.App; the last for all beyond
	sights  [4]uint64
	ends    [5]uint64
	reasons [maxReasons]reason
	nreason int
	talkers *sketch
	told    time.Duration
	hasTold bool
	event   event.Event
	top     [maxTop]counter
	text    [maxTop * 48]byte
}

// letGo is what had come of a flow when the inspector let go of it; zero before. What comes later is added when the flow
// ends.
type letGo struct{ packets, bytes uint64 }

const (
	maxApps    = 16
	maxReasons = 64 // the last one gathers what finds no place
	maxTop     = 20
)

type counts struct{ packets, bytes, flows uint64 }

type reason struct {
	verdict        packet.Verdict
	why            packet.Reason
	packets, bytes uint64
}

// The protocols that are counted apart.
const (
	tcp = iota
	udp
	icmp
	others
	protocols
)

var protoNames = [protocols]string{"tcp", "udp", "icmp", "other"}

func protocol(p packet.Proto) int {
	switch p {
	case packet.TCP:
		return tcp
	case packet.UDP:
		return udp
	case packet.ICMP, packet.ICMPv6:
		return icmp
	}
	return others
}

// FlowState implements inspect.StateInspector.
func (s *Inspector) FlowState() []inspect.StateSlot { return []inspect.StateSlot{&s.let} }

// Name implements inspect.Inspector.
func (s *Inspector) Name() string { return "stats" }

// InspectOutcome implements inspect.OutcomeInspector.
func (s *Inspector) InspectOutcome(cx *inspect.Context, p *packet.Packet, outcome inspect.Decision) inspect.Decision {
	n := uint64(len(p.Bytes()))
	s.total.add(n)
	switch p.Version {
	case 4:
		s.version[0].add(n)
	case 6:
		s.version[1].add(n)
	}
	s.protos[protocol(p.Proto)].add(n)
	if outcome.Verdict != packet.Pass && outcome.Verdict != packet.Accept {
		s.verdict(outcome, n)
	}
	if p.Version != 0 {
		s.talkers.add(source(p), n)
	}
	f := cx.Flow
	if f == nil {
		return inspect.Decision{}
	}
	s.apps[min(f.App, maxApps)].add(n)
	if f.Interest&(1<<cx.Author-1) != 0 {
		return inspect.Decision{}
	}
	*s.let.Of(f) = sum(f)
	return inspect.Release()
}

func sum(f *flow.Flow) letGo {
	a, b := f.Count[flow.ToServer], f.Count[flow.ToClient]
	return letGo{a.Packets + b.Packets, a.Bytes + b.Bytes}
}

// addRest counts what came after the inspector let go of the flow.
func (s *Inspector) addRest(f *flow.Flow) {
	let := *s.let.Of(f)
	if let.packets == 0 {
		return
	}
	all := sum(f)
	rest := counts{packets: all.packets - let.packets, bytes: all.bytes - let.bytes}
	version := &s.version[0]
	if f.Key.Version == 6 {
		version = &s.version[1]
	}
	for _, c := range []*counts{&s.total, version, &s.protos[protocol(f.Key.Proto)], &s.apps[min(f.App, maxApps)]} {
		c.packets += rest.packets
		c.bytes += rest.bytes
	}
}

func (c *counts) add(bytes uint64) {
	c.packets++
	c.bytes += bytes
}

// verdict counts a decision by its reason.
func (s *Inspector) verdict(d inspect.Decision, n uint64) {
	i := 0
	for i < s.nreason && (s.reasons[i].verdict != d.Verdict || s.reasons[i].why != d.Reason) {
		i++
	}
	switch {
	case i < s.nreason:
	case s.nreason < maxReasons-1:
		s.reasons[i] = reason{verdict: d.Verdict, why: d.Reason}
		s.nreason++
	default:
		i = maxReasons - 1
		s.reasons[i].why = "other-reasons"
	}
	s.reasons[i].packets++
	s.reasons[i].bytes += n
}

func source(p *packet.Packet) (k key) {
	src, _ := p.Addrs()
	if len(src) == 4 {
		k[10], k[11] = 0xff, 0xff
		copy(k[12:], src)
	} else {
		copy(k[:], src)
	}
	return k
}

// FlowStart implements inspect.FlowInspector.
func (s *Inspector) FlowStart(cx *inspect.Context) inspect.Decision {
	s.total.flows++
	s.protos[protocol(cx.Flow.Key.Proto)].flows++
	if cx.Flow.Key.Version == 4 {
		s.version[0].flows++
	} else {
		s.version[1].flows++
	}
	return inspect.Decision{}
}

// FlowEnd implements inspect.FlowInspector.
func (s *Inspector) FlowEnd(cx *inspect.Context, why flow.End) {
	f := cx.Flow
	s.addRest(f)
	s.apps[min(f.App, maxApps)].flows++
	s.sights[f.Sight]++
	s.ends[why]++
	if !s.set.flows {
		return
	}
	e := &s.event
	*e = event.Event{Kind: event.KindFlow, Severity: event.Info, Name: "flow", Reason: string(f.Reason)}
	if f.Verdict != packet.Pass {
		e.Verdict = f.Verdict.String()
	}
	e.Text("end", why.String())
	e.Text("state", f.State.String())
	e.Text("sight", f.Sight.String())
	e.Num("pkts_toserver", int64(f.Count[flow.ToServer].Packets))
	e.Num("pkts_toclient", int64(f.Count[flow.ToClient].Packets))
	e.Num("bytes_toserver", int64(f.Count[flow.ToServer].Bytes))
	e.Num("bytes_toclient", int64(f.Count[flow.ToClient].Bytes))
	e.Num("duration_ms", (f.Last - f.First).Milliseconds())
	for name := range cx.Labels.Names(f.Labels) {
		e.Text("label", name)
	}
	cx.Emit(e)
}
