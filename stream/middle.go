package stream

import (
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// This file is about directions that are met in their middle, by a lane that begins or follows on another that died: bytes may be
// on their way, or with their receiver, that were never seen here (docs/adr/0013).
//
//	loose    it was met in its middle; all of the others are only of such
//	unsure   a lane that follows another releases nothing until the receiver has said where it is
//	guessed  it has not, for too long: from the first byte that waited on, all was released
//	adrift   so what was released need not follow on what the receiver has
//	unplaced nor may lengths change, for it is known or to be feared that it does not
//	rewinds  bytes before the beginning have come: it was begun anew there, and keeps what was released until it has come past
//	         fixed

// meet takes in the first segment of a direction of a connection that was met in its middle.
func (h *half) meet(c *Conn, seq seqnum.Value) {
	h.seen = true
	switch {
	case !c.mode.Successor:
		h.begin(seq)
	case !h.known:
		h.begin(seq)
		h.unsure = true
	}
}

// maxBare is how many segments without data are kept back while the receiver has yet to say where it is: bytes before them may be
// missing, and become fewer. It is asked meanwhile, and what they say is said again.
const maxBare = 3

// overtaken reports whether the receiver of a direction that was met in its middle acknowledges bytes that were never
// released here.
func (h *half) overtaken(s *segment) bool {
	ack := s.h.Ack()
	return h.loose && h.seen && s.has(packet.ACK) && h.sent.Less(ack) && !(h.finSent && ack == h.sent.Add(1))
}

// catchUp moves a direction that was met in its middle to where its receiver is: it may hold, ahead
// of a gap, bytes that came before our time, and acknowledges them once the gap is filled. It
// reports whether it moved: forward, or back over bytes that are held here.
func (h *half) catchUp(c *Conn, s *segment) bool {
	if !h.overtaken(s) {
		return false
	}
	ack := s.h.Ack()
	h.view = nil
	if w := h.work; w != nil {
		w.edits, w.bytes = w.edits[:0], w.bytes[:0]
		for i := range w.wait {
			w.wait[i].read = w.wait[i].read && w.wait[i].end.LessEq(ack)
		}
	}
	c.keepUnread(h, ack)
	for r := range h.read { // also back: what somebody held comes once more
		h.read[r], h.shown[r], h.spared[r] = ack, ack, ack
	}
	h.next, h.decided = ack, ack
	h.edited, h.sent = ack, ack
	h.owed, h.owedTo, h.owedFin = ack, ack, false
	h.dropMasks(c.pool) // of what is acknowledged, or comes once more
	h.kept.clear(c.pool)
	h.kept.from = ack
	h.keepTo(s.aheadOf(ack))
	return true
}

// aheadOf returns up to where the sender of a segment has bytes ahead of what it acknowledges (RFC 2018).
func (s *segment) aheadOf(ack seqnum.Value) seqnum.Value {
	opts := s.h.Options()
	if o, ok := opts.Find(packet.OptionSACK); ok {
		for i := range o.SACKBlocks() {
			_, right := o.SACKBlock(i)
			ack = ack.Max(right)
		}
	}
	return ack
}

// keepTo has lengths stay as they are up to a place, for the receiver has bytes from before our time up to there.
func (h *half) keepTo(to seqnum.Value) {
	if h.next.Less(to) {
		h.fixed, h.rewinds = to, 1
	}
}

// maxRewinds is how often a direction is begun anew before it has come to where it was: each time what was released is copied.
const maxRewinds = 16

// rewind begins a direction that was met in its middle once more, at a place before: the receiver has
// yet to get bytes that came before our time.
func (c *Conn) rewind(h *half, to seqnum.Value) {
	una, fixed := h.una, h.decided
	if h.rewinds > 0 {
		fixed = fixed.Max(h.fixed)
	}
	if w := h.work; w != nil {
		c.pool.dropWindow(w.buf)
		w.buf, w.edits, w.bytes = nil, w.edits[:0], w.bytes[:0]
		for i := range w.wait {
			w.wait[i].read = false
		}
	}
	prior := h.prior(c.pool)
	h.m.clear(c.pool)
	h.dropMasks(c.pool)
	h.dropOld(c.pool)
	h.view = nil
	h.begin(to)
	if prior.size > 0 {
		h.old = &remains{in: to, end: prior.end(), prior: prior}
	}
	h.fixed = fixed
	h.rewinds++
	if h.ackSeen {
		h.una = una // perhaps before to: more is missing
	}
}

// showAgain has fresh bytes, up to end, be read with the values that were released at their places the first time, for so they
// are released again (commit). It reports whether they came with others.
func (c *Conn) showAgain(h *half, fresh []byte, end seqnum.Value) (differs bool) {
	from, to, ok := h.priorIn(h.next, end)
	if !ok {
		return false
	}
	if w := h.needWork(c.pool); len(w.buf) == 0 {
		if !c.pool.extend(w, fresh) {
			h.dropOld(c.pool) // what is shown is what is released
			return false
		}
		h.view = w.buf
	}
	b := h.view[h.from.Size(from):h.from.Size(to)]
	if h.old.prior.equal(from, b) {
		return false
	}
	c.pool.Stats.Overlaps++
	h.old.prior.read(b, from)
	return true
}

// prior takes the released copy away, with the prior one behind it.
func (h *half) prior(p *Pool) kept {
	k := h.kept
	h.kept = kept{}
	if h.old == nil || h.old.prior.size == 0 {
		return k
	}
	old := &h.old.prior
	switch {
	case old.end().LessEq(k.end()): // there is more of the former
	case k.end().Less(old.from): // a hole between
		k.clear(p)
		k, *old = *old, kept{}
	default:
		n := min(int(k.end().Size(old.end())), max(p.limits.Flight-int(k.size), 0))
		old.walk(k.end(), n, func(piece []byte) bool { return k.append(p, piece) })
	}
	return k
}

// again has what is released once more be what was released at the same places the first time, from the released place from
// on: the receiver may have that.
func (h *half) again(from seqnum.Value) {
	from, to, ok := h.priorIn(from, h.kept.end())
	if !ok {
		return
	}
	prior := &h.old.prior
	at := from
	h.kept.walk(from, int(from.Size(to)), func(piece []byte) bool {
		prior.read(piece, at)
		at = at.Add(seqnum.Size(len(piece)))
		return true
	})
	h.edited = h.edited.Max(to) // its length is the same: both spaces are one up to here
}

// priorIn returns which places of [from, to) were released before the direction was begun anew. ok is false if none were.
func (h *half) priorIn(from, to seqnum.Value) (seqnum.Value, seqnum.Value, bool) {
	if h.rewinds == 0 || h.old == nil || h.old.prior.size == 0 {
		return from, to, false
	}
	prior := &h.old.prior
	from, to = from.Max(prior.from), to.Min(prior.end())
	return from, to, from.Less(to)
}

// adrift reports whether bytes were released that the receiver may not have come to: it may lack some before them, of which
// nothing was seen.
func (h *half) adrift() bool {
	return h.rewinds > 0 || h.guessed && !(h.ackSeen && h.first.LessEq(h.una))
}

// unplaced reports whether the receiver of a direction that was met in its middle is known, or must be feared, to
// lack bytes from before that: what is shifted now would not fit to them once they are sent again.
func (h *half) unplaced() bool {
	return h.loose && (h.ackSeen && h.una.Less(h.first) || h.guessed && !h.ackSeen)
}

// toldBefore reports whether the sender may have been told of room up to end by somebody before us: the acknowledgement that told
// it is over, older ones may come, and no other until it sends. Then that is what it was told.
func (h *half) toldBefore(s *segment) bool {
	switch {
	case h.old == nil || h.m.toIn(h.sent).Add(0xffff<<h.scale).Less(s.end):
		return false
	case h.next.Less(s.seq): // it waits, and may be a fake; what fills the gap says how much room there was
		return true
	}
	if h.offered = h.offered.Max(s.end); h.m.identity() {
		h.edge = h.edge.Max(s.end)
	}
	return true
}

// inferScale takes from how far a sender goes what scale of windows it must have been told (RFC 7323 §2.3), at least, where
// the handshake was not seen.
func (h *half) inferScale(end seqnum.Value) {
	if h.edgeKnown || h.wnd == 0 || !h.ackSeen {
		return
	}
	from := h.m.toIn(h.una)
	for h.scale < maxScale && h.m.toIn(h.edge).Add(1).Less(end) && from.Add(seqnum.Size(h.wnd)<<h.scale+1).Less(end) {
		h.scale++
		h.edge = h.edge.Max(h.una.Add(seqnum.Size(h.wnd) << h.scale))
	}
}

const maxScale = 14 // RFC 7323 §2.3

// unsurePlace is the place of a segment without data while its receiver has yet to say where it is: the first that is known of,
// for bytes from there on may be on their way. A receiver that has them answers, and so says where it is.
func (h *half) unsurePlace(s *segment) seqnum.Value {
	seq := s.seq
	if !s.has(packet.RST) && seq != h.first.Add(1) { // else it was met with a keepalive (RFC 9293 §3.8.4), and no byte need have come
		seq = seq.Min(h.first)
	}
	if h.work != nil && len(h.work.wait) > 0 {
		seq = seq.Min(h.work.wait[0].seq)
	}
	return seq
}

// raise returns the number with which a segment without data leaves that stands at seq. The receiver of a direction that was met in
// its middle may have seen one with a higher number than that place has now, after edits, and it takes no windows from lower ones
// (RFC 9293 §3.10.7.4, SND.WL1).
func (h *half) raise(seq seqnum.Value) seqnum.Value {
	switch {
	case !h.loose:
	case !h.toldAny || h.told.Less(seq):
		h.told, h.toldAny = seq, true
	case h.ackSeen && h.sent.LessEq(seq) && h.told.LessEq(h.allowed(h.told)):
		return h.told
	}
	return seq
}
