package stream

import (
	"encoding/binary"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// Action is what is to be done with a segment.
type Action uint8

const (
	Leave   Action = iota // goes on, once what it brought is decided: Ready, then Depart
	Wait                  // a segment before it is missing
	Discard               // must not reach the receiver
	Absorb                // not needed. It disappears, and nothing is wrong
)

// An Arrival is what a segment turns out to be.
type Arrival struct {
	Action    Action
	Why       packet.Reason // of Discard and Absorb
	Fresh     bool          // there are bytes that nobody has read: Unread
	End       bool          // the sender has sent its FIN, and all before it has come
	Gap       bool          // the receiver would ask for what is missing before it: Duplicate
	BackGap   bool          // the same, of the other direction
	Lost      bool          // memory is exhausted: bytes that were unread are so for good
	Moved     bool          // the other direction's receiver has said where it is: what was read is of another place, or skipped
	Torn      bool          // a receiver has what cannot be: the connection cannot go on
	Differs   bool          // bytes were sent again that differ from those released, which go instead
	Expires   bool          // it is to expire on its way; where nothing is dropped it is taken all the same
	Restarted bool          // both ends have begun anew: whoever reads begins anew as well
}

func discard(why packet.Reason) Arrival { return Arrival{Action: Discard, Why: why} }

// absorb is of a segment whose bytes wait here in another.
var absorb = Arrival{Action: Absorb, Why: "tcp-already-waiting"}

// A segment is a TCP segment as it arrived, read once.
type segment struct {
	h        packet.TCPHeader
	flags    packet.TCPFlags
	seq, end seqnum.Value // received: of the payload, [seq, end)
	payload  []byte
}

func readSegment(p *packet.Packet) segment {
	s := segment{h: p.TCP(), flags: p.TCPFlags, payload: p.Payload()}
	s.seq = s.h.Seq()
	if s.has(packet.SYN) {
		s.seq = s.seq.Add(1)
	}
	s.end = s.seq.Add(seqnum.Size(len(s.payload)))
	return s
}

func (s *segment) has(f packet.TCPFlags) bool { return s.flags&f == f }

// badFlags are those that no endpoint sends; receivers differ in what they do about them.
func badFlags(f packet.TCPFlags) bool {
	const syn, fin, rst, ack = packet.SYN, packet.FIN, packet.RST, packet.ACK
	switch {
	case f&(syn|rst|ack) == 0: // null, xmas, data without ACK
		return true
	case f&syn != 0 && f&(fin|rst) != 0, f&(rst|fin) == rst|fin:
		return true
	}
	return false
}

// Resume takes a segment that waited for others before it.
func (c *Conn) Resume(p *packet.Packet, dir flow.Direction) Arrival {
	s, h := readSegment(p), &c.half[dir]
	if len(s.payload) > 0 && !s.has(packet.FIN) && s.end.LessEq(h.next) {
		return absorb
	}
	return c.arriveData(dir, h, &s)
}

// Arrive takes a segment that is well formed and has a right checksum. The bytes that Unread shows
// after it lie in the packet, and stay valid until Decide.
func (c *Conn) Arrive(p *packet.Packet, dir flow.Direction) Arrival {
	s := readSegment(p)
	if badFlags(s.flags) {
		return discard("tcp-bad-flags")
	}
	if s.has(packet.URG) {
		c.clearUrgent(p)
	}
	if s.has(packet.SYN) {
		c.half[dir].arrivedWith(p.TTL(), false)
		return c.arriveSYN(p, dir, &s)
	}
	expires := c.half[dir].expires(p.TTL())
	if expires && !c.mode.Passive {
		return discard("tcp-low-ttl")
	}
	a := c.arrive(p, dir, &s)
	a.Expires = expires
	if a.Action == Leave || a.Action == Wait {
		c.half[dir].arrivedWith(p.TTL(), len(s.payload) > 0 && !expires)
	}
	return a
}

// arrive takes a segment that is no SYN.
func (c *Conn) arrive(p *packet.Packet, dir flow.Direction, s *segment) Arrival {
	if c.phase != phaseOpen {
		if a, done := c.arriveEarly(dir, s); done {
			return a
		}
	}
	h, back := &c.half[dir], &c.half[dir.Reverse()]
	if !h.seen {
		h.meet(c, s.seq)
	}
	if s.has(packet.RST) {
		return c.arriveRST(h, s)
	}
	if a, untaken := c.untaken(h, back, s); untaken {
		return a
	}
	h.finSure = h.finSure || h.finSeen && len(s.payload) == 0 && s.seq == h.fin.Add(1)
	if c.mode.Recorded && s.has(packet.ACK) {
		back.replay(p, s)
	}
	caught := back.una == back.sent
	if back.overtaken(s) && !back.m.identity() {
		return Arrival{Action: Discard, Why: "stream-torn", Torn: true}
	}
	moved := back.unsure || back.catchUp(c, s)
	if !c.acknowledge(back, s) {
		return discard("tcp-bad-ack")
	}
	if h.taken(s.seq) && h.recent(s.seq) {
		h.stamp(s.h, back)
	}
	if h.promise().open() && len(s.payload) > 0 {
		h.remind(s)
	}
	a := c.arriveData(dir, h, s)
	a.Moved = moved
	// Both when the receiver has come to the gap, and for each segment behind it, it would say so.
	a.Gap = a.Action == Wait && h.una == h.sent && !h.unsure
	a.BackGap = !caught && back.una == back.sent && back.gap()
	return a
}

// gap reports whether segments wait for one before them.
func (h *half) gap() bool {
	if h.work == nil {
		return false
	}
	n := len(h.work.wait) // in order, those that were read first
	return n > 0 && !h.work.wait[n-1].read && !h.unsure
}

// taken reports whether the receiver takes the time of a segment at seq: not of one ahead of a gap (RFC 7323 §4.3).
func (h *half) taken(seq seqnum.Value) bool {
	return h.unsure || seq.LessEq(h.next) || h.ended() && seq == h.fin.Add(1)
}

// recent reports whether a segment at seq can still be on its way: no further back than the largest window before what is acknowledged.
func (h *half) recent(seq seqnum.Value) bool {
	return h.unsure || !h.seen || h.widest == 0 || !seq.Less(h.m.toIn(h.una).Sub(h.widest).Max(h.first.Sub(1)))
}

// stamp notes the timestamps of a segment (RFC 7323 §3). An echo of what back, the other end, has not sent yet is no word of a receiver's.
func (h *half) stamp(header packet.TCPHeader, back *half) {
	opts := header.Options()
	if o, ok := opts.Find(packet.OptionTimestamps); ok {
		ts, echo, ok := o.Timestamps()
		if !ok || h.stamped && int32(ts-h.ts) < 0 {
			return
		}
		if !h.stamped || !back.stamped || int32(echo-back.ts) <= 0 {
			h.echo = echo
		}
		h.ts, h.stamped = ts, true
	}
}

// Refresh has a segment that has waited say the newest timestamp of its sender: those that leave before it
// may have a newer one than its own, and the receiver would take it for an old duplicate (RFC 7323
// §5.3).
func (c *Conn) Refresh(p *packet.Packet, dir flow.Direction) {
	h := &c.half[dir]
	if !h.stamped || c.locked || c.mode.Passive {
		return
	}
	opts := p.TCP().Options()
	o, ok := opts.Find(packet.OptionTimestamps)
	if !ok {
		return
	}
	switch ts, _, ok := o.Timestamps(); {
	case !ok:
	case int32(ts-h.ts) >= 0:
		h.stamp(p.TCP(), &c.half[dir.Reverse()])
	default:
		h.sayTime(p, o)
	}
}

// restamp has a segment without data that is ahead of a gap say the time of those before it: it leaves among them, and its receiver
// takes the time that it says.
func (c *Conn) restamp(p *packet.Packet, h *half) {
	if !h.stamped || c.locked {
		return
	}
	opts := p.TCP().Options()
	o, ok := opts.Find(packet.OptionTimestamps)
	if !ok {
		return
	}
	if ts, _, ok := o.Timestamps(); ok && int32(ts-h.ts) > 0 {
		h.sayTime(p, o)
	}
}

// sayTime has a segment with timestamps say the half's.
func (h *half) sayTime(p *packet.Packet, o packet.TCPOption) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], h.ts)
	p.OverwriteOptions(o.At+2, b[:])
}

// arriveEarly sees to segments before the handshake is over; done is false if it is now.
func (c *Conn) arriveEarly(dir flow.Direction, s *segment) (a Arrival, done bool) {
	switch {
	case s.has(packet.RST):
		return Arrival{}, true // for its receiver to judge; nothing was released yet
	case c.phase == phaseHalf && dir == flow.ToServer:
		if !c.establish(s.h.Ack()) {
			return discard("tcp-bad-ack"), true
		}
		return Arrival{}, false
	case c.phase == phaseHalf && len(s.payload) > 0:
		return discard("tcp-data-before-handshake"), true
	case c.phase == phaseHalf:
		return Arrival{}, true
	case c.open != nil && dir == flow.ToClient && len(s.payload) == 0:
		return Arrival{}, true // a challenge to the SYN (RFC 5961 §4)
	}
	c.pickUp(dir, s)
	return Arrival{}, false
}

// clearUrgent has urgent data read in line, as all who inspect read it: which byte is urgent, and whether
// it is part of the stream, is what receivers differ in (RFC 6093).
func (c *Conn) clearUrgent(p *packet.Packet) {
	if !c.locked && !c.mode.Passive && p.SetTCPFlags(p.TCPFlags&^packet.URG) {
		p.SetUrgent(0)
		c.pool.Stats.UrgentClear++
	}
}

// arriveRST lets a reset pass that its receiver may heed or challenge (RFC 5961 §3). It ends nothing
// here: whether it does there, nobody can know.
func (c *Conn) arriveRST(h *half, s *segment) Arrival {
	to := h.limit()
	if !h.edgeKnown {
		to = h.next.Add(1 << 20)
	}
	out := h.place(s.seq)
	switch {
	case s.seq == h.next:
	case s.seq == h.answered() && s.seq != h.m.toIn(h.una):
	case !s.has(packet.ACK) && !out.Less(h.first) && out.Less(h.una):
		// A host without the connection answers an acknowledgement that was long on its way, at the place that it names
		// (RFC 9293 §3.5.2). Its receiver is further, and would not heed it.
		return Arrival{Action: Absorb, Why: "tcp-reset-late"}
	case out.Less(h.una), to.Less(s.seq):
		return discard("tcp-reset-out-of-window")
	case !h.m.straight() && s.seq.Less(h.next) && s.seq != h.m.toIn(h.una) && s.seq != h.first:
		// An end resets where it has come to, or where it was told that the other is: by an acknowledgement, or by
		// a SYN-ACK. Among edits, what any other place becomes may be just where the receiver is.
		return discard("tcp-reset-inexact")
	case s.seq.Less(h.next) && h.decided != h.next:
		// It would overtake bytes that wait here. Once the receiver has those and says so, an end that is gone
		// resets again.
		return discard("tcp-reset-early")
	}
	return Arrival{}
}

// limit is the received place up to which the sender may send. For what came, it had room.
func (h *half) limit() seqnum.Value {
	edge := h.m.toIn(h.edge)
	if !h.m.identity() {
		edge = edge.Max(h.offered).Max(h.next)
	}
	return edge
}

// acknowledge takes in what a segment says about the data of the other direction. It reports false
// for an acknowledgement of what was never sent.
func (c *Conn) acknowledge(h *half, s *segment) bool {
	if !s.has(packet.ACK) {
		return false
	}
	ack := s.h.Ack()
	if h.unsure {
		h.unsure = false
		h.begin(ack)
		h.keepTo(s.aheadOf(ack))
	}
	if !h.seen { // the other direction goes another way
		if !h.known || h.first.Less(ack) { // not for one that comes late
			h.begin(ack)
		}
		h.ackSeen, h.wnd = c.mode.Successor, s.h.Window()
		h.offer(ack, seqnum.Size(h.wnd)<<h.scale)
		return true
	}
	top := h.sent
	if h.finSent {
		top = top.Add(1)
	}
	if top.Less(ack) {
		return c.mode.Passive // somebody was let pass who would not have been
	}
	if h.finSent && ack == top {
		h.finAcked, ack = true, h.sent
	}
	if h.loose && !h.ackSeen && ack.Less(h.una) {
		h.una = ack
		h.follow()
	}
	h.ackSeen = true
	if h.una.Less(ack) {
		h.una = ack
		h.follow()
		h.kept.forget(c.pool, ack)
		h.m.acked(c.pool, ack)
		h.ackedMasks(c.pool, ack)
	}
	h.wnd = s.h.Window()
	if h.edgeStale {
		h.edge = s.h.Ack() // what the sender was told stays, and is older at worst
		h.edgeKnown, h.edgeStale = true, false
	}
	h.offer(s.h.Ack(), seqnum.Size(s.h.Window())<<h.scale)
	if h.promise().open() {
		c.mend(h, s)
	}
	return true
}

// Overtaken reports whether a recorded segment acknowledges bytes of the other direction that still wait
// for a decision: they can wait no longer.
func (c *Conn) Overtaken(p *packet.Packet, dir flow.Direction) bool {
	back := &c.half[dir.Reverse()]
	return c.mode.Recorded && c.phase == phaseOpen && back.seen && p.TCPFlags.Has(packet.ACK) &&
		back.decided.Less(p.TCP().Ack()) && p.TCP().Ack().LessEq(back.next.Add(1))
}

// replay has a recorded acknowledgement be one of what was released in place of what was recorded.
func (h *half) replay(p *packet.Packet, s *segment) {
	if h.m.identity() || !h.seen {
		return
	}
	ack := s.h.Ack()
	if h.finSeen && ack == h.fin.Add(1) {
		ack = h.m.toOutEnd(h.fin).Add(1)
	} else {
		ack = h.m.toOutEnd(ack)
	}
	p.SetAck(ack)
	s.h = p.TCP()
}

// follow keeps the beginning within the reach of comparisons (seqnum): once more than a billion bytes are
// acknowledged, what lies further back than that is as good as the beginning.
func (h *half) follow() {
	if near := h.una.Sub(1 << 30); h.first.Less(near) {
		h.first = near
	}
}

// offer notes a window that the receiver offers from the released place ack on.
func (h *half) offer(ack seqnum.Value, wnd seqnum.Size) {
	if edge := ack.Add(wnd); h.widest == 0 && !h.edgeKnown || h.edge.Less(edge) {
		h.edge = edge
	}
	h.widest = max(h.widest, wnd)
}

// arriveData sorts a segment by where its bytes stand: old, held, new, or ahead.
func (c *Conn) arriveData(dir flow.Direction, h *half, s *segment) Arrival {
	fin := s.has(packet.FIN)
	h.fresh = h.next
	back := h.loose && !h.unsure && s.seq.Less(h.first) && len(s.payload) > 0 && (!h.ackSeen || h.una.Less(h.first))
	switch {
	case !back:
	case !h.m.identity(): // what follows was shifted, and does not fit to what was before
		return Arrival{Action: Discard, Why: "stream-torn", Torn: true}
	case h.rewinds == maxRewinds:
		return discard("tcp-before-beginning")
	default:
		c.rewind(h, s.seq)
	}
	switch {
	case len(s.payload) == 0 && !fin && h.unsure && h.bare < maxBare && !c.locked && !c.mode.Passive:
		h.bare++
		return Arrival{Action: Absorb, Why: "tcp-place-unknown"}
	case len(s.payload) == 0 && !fin:
		return Arrival{}
	case h.unsure:
		return Arrival{Action: Wait}
	}
	h.inferScale(s.end)
	switch {
	case h.edgeKnown && h.limit().Add(1).Less(s.end) && !h.toldBefore(s): // one byte more may be a probe (RFC 9293 §3.8.6.1)
		return discard("tcp-out-of-window")
	case h.next.Less(s.seq):
		return Arrival{Action: Wait}
	case len(s.payload) > 0 && !fin && h.decided.LessEq(s.seq) && s.end.LessEq(h.next):
		return absorb
	}
	a := Arrival{Differs: c.differs(h, s), Restarted: back}
	if h.next.Less(s.end) {
		var differs bool
		a.Lost, differs = c.take(dir, h, s)
		a.Differs = a.Differs || differs
		a.Fresh = true
	}
	if fin {
		a.End = c.arriveFIN(h, s)
	}
	return a
}

// differs reports whether the segment's bytes that were released before are now others. They are
// corrected when it departs.
func (c *Conn) differs(h *half, s *segment) bool {
	if !s.seq.Less(h.decided) || len(s.payload) == 0 {
		return false
	}
	from := s.seq.Max(h.m.toIn(h.una))
	to := s.end.Min(h.decided)
	if !from.Less(to) || !h.m.straight() || from.Less(h.edited) {
		return false // edited: it differs in any case
	}
	out := h.m.toOut(from)
	if !h.kept.holds(out, out.Add(from.Size(to))) {
		return false
	}
	if h.kept.equal(out, s.payload[s.seq.Size(from):s.seq.Size(to)]) {
		return false
	}
	c.pool.Stats.Overlaps++
	return true
}

// take makes the segment's new bytes those to be read. If there is no memory for them beside those
// that are unread, the latter are released, and lost to whoever reads. differs says that they had other values before, which are read.
func (c *Conn) take(dir flow.Direction, h *half, s *segment) (lost, differs bool) {
	fresh := s.payload[s.seq.Size(h.next):]
	if h.finSeen && h.fin.Less(s.end) {
		// Nobody ends and goes on: the FIN was a fake that the receiver has not seen.
		h.finSeen, h.finSent, h.owedFin, h.finSure = false, false, false, false
		c.pool.Stats.Retracted++
	}
	lost = h.work != nil && len(h.work.buf) > 0 && !c.pool.extend(h.work, fresh)
	if lost {
		c.Decide(dir, true)
		h.skipTo(h.next)
		c.keepUnread(h, h.next)
	}
	if h.work != nil && len(h.work.buf) > 0 {
		h.view = h.work.buf
	} else {
		h.view, h.from = fresh, h.next
	}
	differs = c.showAgain(h, fresh, s.end)
	h.next = s.end
	return lost, differs
}

// arriveFIN reports whether all before the FIN has come.
func (c *Conn) arriveFIN(h *half, s *segment) bool {
	if s.end != h.next {
		return false // of a retransmission that went further by now
	}
	if h.finSeen && h.fin != s.end {
		c.pool.Stats.Retracted++
	}
	h.fin, h.finSeen = s.end, true
	h.finSent = h.finSent || c.mode.Passive
	return true
}
