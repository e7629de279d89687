// Package qos sorts packets into classes and gives each class a DSCP, a packet mark, a policed or a shaped rate. It
// sees packets last, after verdict and edits, so it counts what really leaves.
//
// Its buckets belong to one lane: the rates of the policy are divided by the number of lanes, and a class whose flows all
// lie in one lane gets that lane's share only. Time is the lane's; there is no clock here.
package qos

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// Reasons of the decisions here.
const (
	Policed packet.Reason = "qos-policed"
	Shaped  packet.Reason = "qos-shaped" // held for its rate
	Full    packet.Reason = "qos-shaper-full"
)

// An Inspector serves one lane. It implements inspect.OutcomeInspector and inspect.IdleInspector.
type Inspector struct {
	classes  []*class
	asksApps bool        // a class has a condition on the protocol
	lane     []laneClass // by class
	event    event.Event
}

// A laneClass is what one lane knows of a class.
type laneClass struct {
	police, shape bucket
	now, told     counts
}

// counts counts what a class did. Packets and bytes are those offered to it, dropped ones included.
type counts struct{ packets, bytes, dropped, delayed int64 }

// Name implements inspect.Inspector.
func (q *Inspector) Name() string { return "qos" }

// InspectOutcome implements inspect.OutcomeInspector. The first class that fits decides; packets that are dropped
// already use up no rate.
func (q *Inspector) InspectOutcome(cx *inspect.Context, p *packet.Packet, outcome inspect.Decision) inspect.Decision {
	if outcome.Verdict.Final() {
		return inspect.Decision{}
	}
	for i, c := range q.classes {
		if c.match.fits(cx, p) {
			return q.apply(cx, p, c, &q.lane[i], outcome)
		}
	}
	if q.isOut(cx) {
		return inspect.Release()
	}
	return inspect.Decision{}
}

// isOut says whether the packet's flow is in no class and will never be in one: nobody before looks at it any more
// who could put a label on it, and its protocol is known, or no matter.
func (q *Inspector) isOut(cx *inspect.Context) bool {
	f := cx.Flow
	return f != nil && f.Interest&(1<<cx.Author-1) == 0 && (!q.asksApps || f.App != 0)
}

func (q *Inspector) apply(cx *inspect.Context, p *packet.Packet, c *class, l *laneClass, outcome inspect.Decision) inspect.Decision {
	n := len(p.Bytes())
	l.now.packets++
	l.now.bytes += int64(n)
	if c.polices && !l.police.take(c.police, cx.Now, n) {
		l.now.dropped++
		return inspect.Decision{Verdict: packet.Drop, Reason: Policed, Monitor: c.monitor}
	}
	var d inspect.Decision
	if c.shapes && outcome.Verdict != packet.Delay {
		d = l.hold(cx.Now, c, n)
		if d.Verdict.Final() {
			return d
		}
	}
	if c.monitor {
		return d
	}
	if c.setsDSCP {
		cx.SetDSCP(c.dscp)
	}
	if c.mark.Mask != 0 {
		cx.SetMark(c.mark)
	}
	return d
}

// hold delays a packet until the class has tokens for it, or drops it where that is too long from now.
func (l *laneClass) hold(now time.Duration, c *class, n int) inspect.Decision {
	wait, ok := l.shape.owe(c.shape, now, n, c.maxDelay)
	switch {
	case !ok:
		l.now.dropped++
		return inspect.Decision{Verdict: packet.Drop, Reason: Full, Monitor: c.monitor}
	case wait == 0:
		return inspect.Decision{}
	}
	l.now.delayed++
	d := inspect.DelayUntil(now+wait, Shaped)
	d.Monitor = c.monitor
	return d
}

// InspectIdle implements inspect.IdleInspector: one event for each class that did something since the last one.
func (q *Inspector) InspectIdle(cx *inspect.Context, _ bool) {
	for i, c := range q.classes {
		l := &q.lane[i]
		if l.now == l.told {
			continue
		}
		q.event = event.Event{Kind: event.KindQoS, Severity: event.Info, Name: "class", Would: c.monitor}
		if l.now.dropped > l.told.dropped {
			q.event.Severity = event.Low
		}
		q.event.Text("class", c.name)
		q.event.Num("packets", l.now.packets-l.told.packets)
		q.event.Num("bytes", l.now.bytes-l.told.bytes)
		q.event.Num("dropped", l.now.dropped-l.told.dropped)
		q.event.Num("delayed", l.now.delayed-l.told.delayed)
		l.told = l.now
		cx.Emit(&q.event)
	}
}

// A match says which packets are in a class: all of its conditions that are set must hold.
type match struct {
	protos   []packet.Proto
	ports    []portRange
	networks []network
	apps     []uint8 // as flow.Flow.App
	labels   uint64  // any of them
}

type portRange struct{ first, last uint16 }

// A network is an address prefix of either family.
type network struct {
	hi, lo, maskHi, maskLo uint64
	isV4                   bool
}

func (m *match) fits(cx *inspect.Context, p *packet.Packet) bool {
	switch {
	case m.protos != nil && !slices.Contains(m.protos, p.Proto):
	case m.ports != nil && !(p.HasPorts() && (m.hasPort(p.SrcPort) || m.hasPort(p.DstPort))):
	case m.labels != 0 && (cx.Flow == nil || cx.Flow.Labels&m.labels == 0):
	case m.apps != nil && (cx.Flow == nil || !slices.Contains(m.apps, cx.Flow.App)):
	case m.networks != nil && !m.hasAddress(p):
	default:
		return true
	}
	return false
}

func (m *match) hasPort(n uint16) bool {
	for _, r := range m.ports {
		if n >= r.first && n <= r.last {
			return true
		}
	}
	return false
}

func (m *match) hasAddress(p *packet.Packet) bool {
	if p.Version == 0 {
		return false
	}
	src, dst := p.Addrs()
	for i := range m.networks {
		if n := &m.networks[i]; n.has(src) || n.has(dst) {
			return true
		}
	}
	return false
}

func (n *network) has(addr []byte) bool {
	if len(addr) == 4 {
		return n.isV4 && uint64(binary.BigEndian.Uint32(addr))&n.maskLo == n.lo
	}
	return !n.isV4 && len(addr) == 16 &&
		binary.BigEndian.Uint64(addr)&n.maskHi == n.hi && binary.BigEndian.Uint64(addr[8:])&n.maskLo == n.lo
}
