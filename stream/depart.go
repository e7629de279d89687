package stream

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// Depart makes a segment carry what was released, with numbers that its receiver understands. It
// reports false if the packet must not leave: what it would say cannot be put right.
func (c *Conn) Depart(p *packet.Packet, dir flow.Direction) bool {
	if c.mode.Passive || c.phase != phaseOpen || p.TCPFlags.Has(packet.SYN) {
		return true
	}
	h, back := &c.half[dir], &c.half[dir.Reverse()]
	s := readSegment(p)
	if s.has(packet.ACK) && (!back.m.identity() || back.promise().open()) {
		c.translateBack(p, back, &s)
	}
	switch {
	case s.has(packet.RST):
		return c.departEmpty(p, h, &s)
	case len(s.payload) > 0 || s.has(packet.FIN):
		return c.departData(p, h, &s)
	}
	return c.departEmpty(p, h, &s)
}

// departEmpty gives a segment without data its place.
func (c *Conn) departEmpty(p *packet.Packet, h *half, s *segment) bool {
	seq := h.place(s.seq)
	switch {
	case h.unsure:
		seq = h.unsurePlace(s)
	case s.seq == h.next || h.ahead(s):
		seq = h.sent // bytes before it may be held
		c.restamp(p, h)
	case s.seq == h.next.Sub(1) && !s.has(packet.RST):
		seq = seq.Min(h.sent.Sub(1)) // a probe (RFC 9293 §3.8.4), also if the last byte was taken out: only what is old is answered
	}
	switch {
	case !s.has(packet.RST):
		seq = h.raise(seq)
		c.unsaved = c.unsaved || h.toldAny && h.sent.Less(h.told)
	case s.seq == h.answered():
		seq = h.una // it answers an acknowledgement, and counts only at the very place (RFC 5961 §3)
	}
	if seq == s.seq || c.locked || c.middle && h.m.identity() && s.signed() {
		return true
	}
	c.pool.Stats.Translated++
	return p.SetSeq(seq)
}

// signed reports whether a segment is authenticated (RFC 2385, RFC 5925), as one of a connection that was met in its middle may be.
func (s *segment) signed() bool {
	opts := s.h.Options()
	for o, ok := opts.Next(); ok; o, ok = opts.Next() {
		if o.Kind == packet.OptionMD5 || o.Kind == packet.OptionAO {
			return true
		}
	}
	return false
}

// ahead reports whether a segment without data stands behind bytes that have not come yet: what will
// become of them, and so its place, is not known. A receiver that was told too high a place takes no
// windows from lower ones (RFC 9293 §3.10.7.4, SND.WL1).
func (h *half) ahead(s *segment) bool {
	known := !h.loose || h.gap() || h.ackSeen && h.first.LessEq(h.una) // otherwise they may have come before our time
	return known && h.next.Less(s.seq) && !s.has(packet.RST) && !(h.finSent && s.seq == h.fin.Add(1))
}

// place is toOut, right also for places that the receiver has acknowledged, whose splices are forgotten: those
// lie before una in any case.
func (h *half) place(v seqnum.Value) seqnum.Value {
	out := h.m.toOut(v)
	if out.Less(h.una) {
		return h.una.Sub(v.Size(h.m.toIn(h.una)))
	}
	return out
}

// departData puts into a segment the released bytes that stand for what it brought, from the first
// that the receiver may lack.
func (c *Conn) departData(p *packet.Packet, h *half, s *segment) bool {
	last := s.end.Min(h.decided)
	fin := s.has(packet.FIN) && h.finSeen && s.end == h.fin && h.decided == h.fin
	if last == s.end && fin == s.has(packet.FIN) && h.asItCame(s) {
		h.sent, h.finSent = h.sent.Max(s.end), h.finSent || fin
		c.unsaved = true
		return true
	}
	to := h.m.toOutWhole(last)
	from := h.place(s.seq).Max(h.una).Min(h.sent)
	if to.Less(from) {
		to = from
	}
	if from.Less(h.kept.from) && from != to {
		if h.old == nil {
			return false // what was edited is no longer there to be sent again
		}
		from = h.place(s.seq).Max(h.una)
	}
	all, wants := to, fin
	if room := seqnum.Size(c.room(p, h, s)); from.Size(to) > room {
		to = from.Add(room)
	}
	if !h.m.identity() {
		to = h.allowed(to).Max(from)
	}
	fin = fin && to == h.m.toOutEnd(h.fin)
	h.paid(from, to)
	if (to != all || fin != wants) && h.kept.from.LessEq(to) {
		h.owe(to, all, wants)
	}
	if from == to && !fin {
		return c.nudge(p, h)
	}
	if !c.carry(p, h, s, from, int(from.Size(to))) {
		return false
	}
	if fin != s.has(packet.FIN) {
		p.SetTCPFlags(p.TCPFlags ^ packet.FIN)
	}
	h.sent = h.sent.Max(to)
	h.finSent = h.finSent || fin
	c.unsaved = true
	return true
}

// asItCame reports whether the segment says what was released already. That also holds where there was
// no memory for the copy to compare with, and for bytes that the receiver has.
func (h *half) asItCame(s *segment) bool {
	if !h.m.identity() || s.seq.Less(h.edited) || h.sent.Less(s.seq) {
		return false
	}
	from, to := s.seq.Max(h.una), s.end.Min(h.sent.Max(h.fresh))
	return !from.Less(to) || !h.kept.holds(from, to) || h.kept.equal(from, s.payload[s.seq.Size(from):s.seq.Size(to)])
}

// room is how many payload bytes the packet can carry. Its sender knows what the path bears, if only by what is told of
// packets that were too long for it, and we do not; so when a segment comes again, none of this direction grows any more
// beyond what any path bears. Who is told of one that we had grown beyond the path makes nothing shorter of it.
func (c *Conn) room(p *packet.Packet, h *half, s *segment) int {
	n := len(s.payload)
	if p.Meta.GSO {
		return max(n, maxDatagram-(len(p.Bytes())-n))
	}
	options := len(s.h) - 20
	if h.m.toOut(s.seq).Less(h.sent) {
		h.mss = min(h.mss, uint16(max(minMTU-(len(p.Bytes())-n-options), smallMSS)))
	}
	mss := int(h.mss)
	if mss == 0 {
		mss = smallMSS
	}
	return max(n, mss-options)
}

const (
	maxDatagram = 65535
	smallMSS    = 536 // what every host takes (RFC 9293 §3.7.1)
)

// carry makes the packet's payload the n released bytes from the given place on.
func (c *Conn) carry(p *packet.Packet, h *half, s *segment, from seqnum.Value, n int) bool {
	payload := p.Payload()
	if n != len(payload) || !h.kept.holds(from, from.Add(seqnum.Size(n))) || !h.kept.equal(from, payload) {
		if c.locked || !c.fill(p, h, s, from, n) {
			return false
		}
		c.pool.Stats.Rewritten++
	}
	if p.TCP().Seq() == from {
		return true
	}
	c.pool.Stats.Translated++
	return !c.locked && p.SetSeq(from)
}

func (c *Conn) fill(p *packet.Packet, h *half, s *segment, from seqnum.Value, n int) bool {
	if from.Less(h.kept.from) {
		b := c.pool.scratch(n)
		return h.rebuild(b, s, from) && p.ReplacePayload(c.pool.buffer(), b)
	}
	if !h.kept.holds(from, from.Add(seqnum.Size(n))) {
		return false
	}
	if n == len(p.Payload()) {
		b := p.MutablePayload()
		if b == nil {
			return false
		}
		h.kept.read(b, from)
		return true
	}
	b := c.pool.scratch(n)
	h.kept.read(b, from)
	return p.ReplacePayload(c.pool.buffer(), b)
}

// nudge makes of a segment of which nothing is left for the receiver one that has it repeat its
// acknowledgement (RFC 9293 §3.8.4): a byte that it has already. The sender waits for that.
func (c *Conn) nudge(p *packet.Packet, h *half) bool {
	if c.locked || !p.ReplacePayload(c.pool.buffer(), nudgeByte[:]) {
		return false
	}
	p.SetTCPFlags(p.TCPFlags &^ packet.FIN)
	c.pool.Stats.Nudges++
	return p.SetSeq(h.una.Sub(1))
}

var nudgeByte [1]byte

// Renumber gives a segment that will not leave the numbers that its receiver would accept it with
// now, for a reset to be made after it.
func (c *Conn) Renumber(p *packet.Packet, dir flow.Direction) {
	if c.phase != phaseOpen {
		return
	}
	h, back := &c.half[dir], &c.half[dir.Reverse()]
	p.SetSeq(h.sent)
	if p.TCPFlags.Has(packet.ACK) {
		p.SetAck(back.m.toIn(p.TCP().Ack()))
	}
}
