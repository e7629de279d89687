package engine

import (
	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// Outcomes is what becomes of packets that cannot be inspected as the policy means, each Accept or
// Drop.
type Outcomes struct {
	Malformed packet.Verdict // unreadable, or a wrong checksum
	Limit     packet.Verdict // a limit is reached: flow table, fragments, held bytes, edits
	Error     packet.Verdict // Weir itself failed on it
	Edit      packet.Verdict // an edit that an inspector asked for cannot be made
	Refuse    packet.Traits  // packets with any of these count as malformed: source routes, routing headers …
	MinTTL    uint8          // what is forwarded with fewer hops left is dropped; 0: nothing is
	Monitor   bool           // the whole policy only monitors: nothing is dropped or altered
}

// combine adds an inspector's opinion to what was decided so far, carries out its flow scope, and
// returns what is decided now. Drop and Reject are final; Accept ends only its author's interest;
// Delay stands until something final comes.
func (l *Lane) combine(d, opinion inspect.Decision) inspect.Decision {
	if opinion.Verdict == packet.Pass || d.Verdict.Final() {
		return d
	}
	if opinion.Verdict == packet.Accept {
		if opinion.Scope == inspect.ScopeFlow && l.cx.Flow != nil {
			l.cx.Flow.Interest &^= 1 << l.cx.Author
		}
		return d
	}
	if l.reading.open && opinion.Verdict.Final() {
		opinion.Scope = inspect.ScopeFlow // bytes of a stream cannot be dropped alone: they come again
	}
	if opinion.Monitor || l.cx.Monitor {
		l.counters.WouldDrop += b2u(opinion.Verdict.Final())
		if opinion.Verdict.Final() && opinion.Scope == inspect.ScopeFlow {
			l.wouldConvict(opinion)
		}
		return d
	}
	if opinion.Verdict.Final() && opinion.Scope == inspect.ScopeFlow {
		l.convict(opinion)
	}
	if opinion.Verdict == packet.Delay && d.Verdict == packet.Delay && d.Until > opinion.Until {
		return d
	}
	return opinion
}

// graver returns the decision that an anomaly leads to beside what was decided before it.
func graver(d, anomaly inspect.Decision) inspect.Decision {
	if d.Verdict.Final() || anomaly.Verdict == packet.Pass {
		return d
	}
	return anomaly
}

// convict gives the flow its final verdict.
func (l *Lane) convict(d inspect.Decision) {
	l.tellVerdict(d, false)
	if f := l.cx.Flow; f != nil {
		f.Verdict, f.Reason, f.Author = d.Verdict, d.Reason, l.cx.Author
		if d.Page != nil && f.Verdict == packet.Reject {
			l.promise(d.Page)
		}
	}
}

// wouldConvict tells, once for each inspector and flow, that a monitoring inspector would have
// convicted it.
func (l *Lane) wouldConvict(d inspect.Decision) {
	f, bit := l.cx.Flow, uint64(1)<<l.cx.Author
	if f == nil || f.Told&bit != 0 {
		return
	}
	f.Told |= bit
	l.tellVerdict(d, true)
}

// tellVerdict emits the event of a verdict that reaches over a flow.
func (l *Lane) tellVerdict(d inspect.Decision, would bool) {
	l.note = event.Event{
		Kind: event.KindDrop, Severity: event.Medium, Name: string(d.Reason), Reason: string(d.Reason),
		Verdict: d.Verdict.String(), Would: would,
	}
	l.emit(&l.cx, &l.note)
}

// decided writes the decision into the packet.
func (l *Lane) decided(p *packet.Packet, d inspect.Decision) {
	p.Verdict, p.Reason, l.until = d.Verdict, d.Reason, d.Until
	if d.Verdict == packet.Pass {
		p.Verdict = packet.Accept
	}
	p.Mark = l.inspected.Merge(p.Mark)
}

// anomaly tells those who ask of something that should not be so, counts it, and returns the
// decision: the policy's outcome, unless an inspector decides more severely.
func (l *Lane) anomaly(layer inspect.Layer, why packet.Reason, outcome packet.Verdict) inspect.Decision {
	d := inspect.Decision{}
	if outcome.Final() {
		d = inspect.Decision{Verdict: outcome, Reason: why}
	}
	l.mention(layer, why, outcome)
	if l.outcomes.Monitor {
		d = inspect.Decision{}
	}
	for i := range l.chain.Anomaly {
		v := &l.chain.Anomaly[i]
		l.call(v.Index)
		d = l.combine(d, v.I.InspectAnomaly(&l.cx, inspect.Anomaly{Layer: layer, Reason: why}))
	}
	return d
}

// mention counts something that should not be so, and tells of it unless that was told too often.
func (l *Lane) mention(layer inspect.Layer, why packet.Reason, outcome packet.Verdict) {
	if !l.counters.anomalies.tell(why, l.now) {
		l.counters.EventsMuted++
		return
	}
	l.note = event.Event{
		Kind: event.KindAnomaly, Severity: event.Low, Author: layer.String(), Name: string(why),
		Reason: string(why), Verdict: outcome.String(), Would: l.outcomes.Monitor && outcome.Final(),
	}
	l.tell(&l.note)
}

// answer tells the sender of a rejected packet: RST, or ICMP unreachable. A flow is answered once
// in each direction, so that a flood of its packets makes no flood of ours; for TCP the other side
// is told as well, so that it does not wait for a peer that is gone. A client that gets a page is answered by that.
func (l *Lane) answer(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	if r := l.replies[f]; r != nil {
		l.reply(r, p, f, dir)
		return
	}
	if f != nil {
		if f.Answered&(1<<dir) != 0 {
			return
		}
		f.Answered |= 1 << dir
	}
	l.flush() // what was decided before leaves before
	if p.Proto != packet.TCP {
		l.inject(packet.Unreachable(l.scratch.answer[:0], p), p, divert.InjectOut)
		return
	}
	back, forth := divert.InjectOut, divert.InjectOut // connection tracking makes no new entry for resets, and lets them be
	ss := l.sessions.of(f)
	if ss != nil {
		back, forth = ss.entrance(dir.Reverse()), ss.entrance(dir)
	}
	l.inject(packet.Reset(l.scratch.answer[:0], p), p, back)
	if f != nil && f.State == flow.Established {
		f.Answered |= 1 << dir.Reverse()
		if ss != nil {
			ss.conn.Renumber(p, dir)
		}
		l.inject(packet.ResetReceiver(l.scratch.answer[:0], p), p, forth)
	}
}

func (l *Lane) inject(datagram []byte, of *packet.Packet, how divert.Injection) {
	if len(datagram) == 0 {
		return
	}
	p := &l.scratch.injected
	*p = packet.Packet{}
	p.Set(datagram)
	p.Token = of.Token // by which a capture file knows the link header to answer with
	p.Meta.Captured = of.Meta.Captured
	if err := l.socket.Inject(p, how); err != nil {
		l.counters.InjectErrors++
		return
	}
	l.counters.Injected++
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
