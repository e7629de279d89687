package engine

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// The route of a packet. Each step either hands the packet on or gives it a verdict.
//
//	1 decode      what cannot be read, or whose checksum is wrong, is malformed: Outcomes.Malformed;
//	              what has fewer hops left than Outcomes.MinTTL goes no further
//	2 fragments   a piece waits for its datagram, which then takes the route in its place
//	3 flow        found or made; a full table: Outcomes.Limit
//	4 verdict     one given for the whole flow before is final
//	5 inspect     packet views; of a datagram, field and message views (view.go)
//	6 edits       of a datagram: merged, made, repaired (edit.go)
//	              a TCP segment whose bytes somebody reads takes steps 5 to 8 with its stream (stream.go)
//	7 outcome     inspectors that need the verdict: count, mark, police, shape
//	8 release     now, later (held.go), or never

// route takes one packet that the socket delivered along the way.
func (l *Lane) route(p *packet.Packet) {
	l.counters.Packets++
	l.counters.Bytes += uint64(len(p.Bytes()))
	p.Decode()
	if why := l.unreadable(p); why != "" {
		l.malformed(p, why)
		return
	}
	if l.belowFloor(p) {
		l.begin(p)
		l.outcome(p, l.anomaly(inspect.LayerDecode, "ttl-below-floor", packet.Drop))
		l.release(p)
		return
	}
	if p.Fragment.IsFragment() {
		l.fragment(p)
		return
	}
	if !l.inspect(p) {
		l.release(p)
	}
}

// unreadable returns why the packet cannot be trusted, or "".
func (l *Lane) unreadable(p *packet.Packet) packet.Reason {
	switch {
	case p.Truncated():
		return "truncated"
	case p.Malformed != packet.WellFormed:
		return p.Malformed.Reason()
	case p.Traits.Has(l.outcomes.Refuse):
		return "refused-ip-option"
	case !p.Fragment.IsFragment() && !p.VerifyChecksum():
		return packet.BadChecksum.Reason()
	}
	return ""
}

// belowFloor reports whether a packet that is forwarded has fewer hops left than the policy asks for, so that it
// cannot reach those behind us. ICMP tells of such things, and what goes to a group or to a neighbour has few hops in
// the normal course.
func (l *Lane) belowFloor(p *packet.Packet) bool {
	if p.TTL() >= l.outcomes.MinTTL || p.Meta.Hook == packet.HookInput || p.Meta.Hook == packet.HookOutput {
		return false
	}
	dst := p.DstAddr()
	return p.Proto != packet.ICMP && p.Proto != packet.ICMPv6 && !dst.IsMulticast() && !dst.IsLinkLocalUnicast()
}

// malformed gives a packet that cannot be read the policy's outcome. Nothing but anomaly and
// outcome inspectors see it.
func (l *Lane) malformed(p *packet.Packet, why packet.Reason) {
	l.begin(p)
	d := l.anomaly(inspect.LayerDecode, why, l.outcomes.Malformed)
	l.outcome(p, d)
	l.release(p)
}

// begin makes p the packet that the context speaks of.
func (l *Lane) begin(p *packet.Packet) {
	cx := &l.cx
	cx.Now, cx.Wall = l.now, l.wall
	cx.Packet, cx.Flow, cx.Dir, cx.Shown = p, nil, flow.ToServer, nil
	l.edits.reset()
	l.base, l.emitted = 0, 0
}

// inspect takes a whole, well-formed datagram through steps 3 to 7 and leaves its verdict in p. gone
// says that p was answered or waits: a stream sees to that.
func (l *Lane) inspect(p *packet.Packet) (gone bool) {
	l.begin(p)
	f, dir, isNew := l.flows.Observe(p, l.now)
	if ss := l.sessions.of(f); ss != nil && ss.conn.Restarts(p, dir) {
		f, isNew = l.succeed(ss, p), true
	}
	if f == nil {
		d := l.anomaly(inspect.LayerFlow, "flow-table-full", l.outcomes.Limit)
		l.outcome(p, d)
		return false
	}
	l.cx.Flow, l.cx.Dir = f, dir
	d := inspect.Decision{}
	if isNew {
		l.adopt(f)
		d = l.flowStart(f)
	} else if f.Generation != l.chain.Generation {
		l.renew(f)
	}
	switch {
	case f.Verdict.Final():
		d = inspect.Decision{Verdict: f.Verdict, Scope: inspect.ScopeFlow, Reason: f.Reason}
	case d.Verdict.Final():
	default:
		if ss := l.session(f); ss != nil {
			if d = l.lookAt(p, f, d); !d.Verdict.Final() {
				l.stream(ss, p, d)
				return true
			}
		} else if f.Verdict.Final() {
			d = inspect.Decision{Verdict: f.Verdict, Scope: inspect.ScopeFlow, Reason: f.Reason}
		} else if f.Interest != 0 {
			if d = l.look(p, f, d); !d.Verdict.Final() {
				d = l.makeEdits(p, f, d)
			}
		}
	}
	l.outcome(p, d)
	if ss := l.sessions.of(f); ss != nil {
		l.endSession(ss)
	}
	return false
}

// look shows the packet to those who still look at its flow, and returns what they decide together.
func (l *Lane) look(p *packet.Packet, f *flow.Flow, d inspect.Decision) inspect.Decision {
	d = l.lookAt(p, f, d)
	if d.Verdict.Final() || f.Interest == 0 {
		return d
	}
	if f.Key.Proto == packet.TCP && f.Interest&l.chain.Reads == 0 {
		return d // a segment is no message, and nobody reads the stream any more
	}
	if unit := p.Payload(); len(unit) > 0 {
		d = l.lookInside(unit, f, d)
	}
	return d
}

// lookAt shows the packet as it is.
func (l *Lane) lookAt(p *packet.Packet, f *flow.Flow, d inspect.Decision) inspect.Decision {
	cx := &l.cx
	for i := range l.chain.Packet {
		v := &l.chain.Packet[i]
		if f.Interest&v.Bit == 0 {
			continue
		}
		l.call(v.Index)
		d = l.combine(d, v.I.InspectPacket(cx, p))
	}
	return d
}

// call makes the inspector at index the one that the context speaks for.
func (l *Lane) call(index uint8) {
	l.cx.Author = index
	l.cx.Monitor = l.chain.Entries[index].Monitor || l.outcomes.Monitor
}

// outcome shows the packet, its verdict known and its edits made, to the inspectors that ask for
// that, and leaves the final decision in p.
func (l *Lane) outcome(p *packet.Packet, d inspect.Decision) {
	cx := &l.cx
	l.edits.closed = true
	for i := range l.chain.Outcome {
		v := &l.chain.Outcome[i]
		if cx.Flow != nil && cx.Flow.Interest&v.Bit == 0 {
			continue
		}
		l.call(v.Index)
		opinion := v.I.InspectOutcome(cx, p, d)
		if !d.Verdict.Final() {
			d = l.combine(d, opinion)
		}
	}
	if f := cx.Flow; f != nil && f.Interest == 0 && f.Session == 0 && !f.Verdict.Final() {
		l.settled(p, f, d.Verdict)
	}
	l.decided(p, d)
}

// settled hands the flow back to the kernel, where the policy has a mark for that, and nothing of the
// flow waits here that what follows could overtake.
func (l *Lane) settled(p *packet.Packet, f *flow.Flow, verdict packet.Verdict) {
	if !f.Settled {
		f.Settled = true
		l.counters.Settled++
	}
	if l.settle.Mark.Mask != 0 && f.HeldFirst == 0 && verdict != packet.Delay {
		p.Mark = p.Mark.Merge(l.settle.Mark)
	}
}

// flowStart tells flow inspectors of a new flow.
func (l *Lane) flowStart(f *flow.Flow) inspect.Decision {
	d := inspect.Decision{}
	for i := range l.chain.Flow {
		v := &l.chain.Flow[i]
		l.call(v.Index)
		d = l.combine(d, v.I.FlowStart(&l.cx))
	}
	return d
}

// flowEnded shows for the last time what somebody holds of a flow, tells flow inspectors that it is over, and releases what is
// held of it. It is the flow table's callback, and may come in the middle of another packet's way.
func (l *Lane) flowEnded(f *flow.Flow, why flow.End) {
	saved := l.cx
	if f.Generation != l.chain.Generation {
		l.renew(f)
	}
	if !f.Verdict.Final() {
		l.lastLook(f, flow.ToServer)
		l.lastLook(f, flow.ToClient)
	}
	l.cx.Now, l.cx.Wall = l.now, l.wall
	l.cx.Packet, l.cx.Flow, l.cx.Dir, l.cx.Shown = nil, f, flow.ToServer, nil
	for i := range l.chain.Flow {
		l.endFlow(&l.chain.Flow[i], why)
	}
	l.cx = saved
	if ss := l.sessions.of(f); ss != nil {
		l.closeSession(ss)
	}
	delete(l.replies, f)
	l.talks.close(f)
	l.releaseFlow(f)
}

// endFlow tells one inspector. A flow's end must be finished whatever an inspector does.
func (l *Lane) endFlow(v *inspect.View[inspect.FlowInspector], why flow.End) {
	defer l.guard()
	l.call(v.Index)
	v.I.FlowEnd(&l.cx, why)
}

// tellIdle calls the inspectors that report from time to time.
func (l *Lane) tellIdle(last bool) {
	l.cx.Now, l.cx.Wall = l.now, l.wall
	l.cx.Packet, l.cx.Flow, l.cx.Shown = nil, nil, nil
	for i := range l.chain.Idle {
		l.idleOne(&l.chain.Idle[i], last)
	}
}

func (l *Lane) idleOne(v *inspect.View[inspect.IdleInspector], last bool) {
	defer l.guard()
	l.call(v.Index)
	v.I.InspectIdle(&l.cx, last)
}
