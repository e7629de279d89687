package stream

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// This file keeps what Duplicate promises. A sender that was told that bytes have come, ahead of a gap, does not send them again, though
// it is for their receiver to have them. If they are lost behind us, we send them; and until the receiver has them all, its sender
// is not told that it has some: an acknowledgement that ends where bytes begin that were told of would have it take back all that it was
// told (RFC 2018 §8), and send it again at the pace of a new connection.

// A promise is the received bytes [from, to) of which a sender was told ahead of those before them. It is empty if from is to.
type promise struct {
	from, to seqnum.Value
	mended   seqnum.Value // released: what lies before was sent again
	sent     seqnum.Value // released: how much had been sent by then
	held     bool         // the sender was told less than its receiver has
	burst    uint8        // segments to send again at once; it doubles while they arrive, as in slow start (RFC 5681 §3.1)
}

const maxBurst = 64

func (p *promise) open() bool { return p != nil && p.from.Less(p.to) }

// has reports whether an acknowledgement of all before in would end where bytes were told of.
func (p *promise) has(in seqnum.Value) bool { return p.open() && p.from.LessEq(in) && in.Less(p.to) }

// promise returns what was promised of a direction; nil if nothing was.
func (h *half) promise() *promise {
	if h.work == nil {
		return nil
	}
	return &h.work.promise
}

// promised notes that a segment is released of which the sender was told while it waited. Between it and one before it there was a gap,
// which is closed by now.
func (h *half) promised(from, to seqnum.Value) {
	p := h.promise() // it waits, so there is work
	if !p.open() {
		*p = promise{from: from, to: to, mended: h.una, sent: h.una, burst: 1}
		return
	}
	p.to = p.to.Max(to)
}

// tell returns which acknowledgement the sender is given if the receiver has given this one, both in received places.
func (h *half) tell(ack seqnum.Value) seqnum.Value {
	p := h.promise()
	switch {
	case !p.open():
	case p.has(ack) && h.kept.from.LessEq(h.una): // what was not kept, only the sender can send again
		p.held = true
		return p.from.Sub(1)
	case p.to.LessEq(ack), p.has(ack):
		p.to = p.from
	}
	return ack
}

// answered is where a reset of the sender stands that answers an acknowledgement of its bytes, in received places: it names what it was told.
func (h *half) answered() seqnum.Value {
	at := h.m.toIn(h.una)
	if p := h.promise(); p.has(at) && p.held {
		return p.from.Sub(1)
	}
	return at
}

// mend has those bytes sent again of which the sender was told, and which the receiver of segment s lacks: it has others behind them, or
// what was sent again before has come.
func (c *Conn) mend(h *half, s *segment) {
	p := h.promise()
	if !p.has(h.m.toIn(h.una)) || h.unsure || c.locked {
		return
	}
	next, last := h.behind(s)
	come := p.mended.LessEq(h.una)
	switch {
	case last != h.una && (come || p.sent.Less(last)): // else what was sent again is still on its way
	case last == h.una && come && h.una != h.sent && p.mended == h.una && p.sent != p.mended:
	default:
		return
	}
	if come {
		p.burst = min(2*p.burst, maxBurst)
	}
	h.sendAgain(next)
}

// behind returns where the first bytes begin that the receiver of s has behind some that it lacks, and where the last end: una if there are none.
func (h *half) behind(s *segment) (next, last seqnum.Value) {
	next, last = h.sent, h.una
	opts := s.h.Options()
	o, ok := opts.Find(packet.OptionSACK)
	if !ok {
		return next, last
	}
	for i := range o.SACKBlocks() {
		left, right := o.SACKBlock(i)
		if h.una.Less(left) && right.LessEq(h.sent) {
			next, last = next.Min(left), last.Max(right)
		}
	}
	return next, last
}

// remind has them sent again when the sender asks for what it was not told: its timer has run out. If the receiver has all that is decided, the
// sender is told the truth: it may be for more from it that the decision waits.
func (h *half) remind(s *segment) {
	p := h.promise()
	switch {
	case !p.has(h.m.toIn(h.una)) || !p.held || s.end != p.from:
	case h.una == h.sent:
		p.to = p.from
	default:
		p.burst = 1
		h.sendAgain(h.sent)
	}
}

// Promised reports whether the receiver of a direction has yet to acknowledge bytes of which their sender was told that they have come, and
// from which place on.
func (c *Conn) Promised(dir flow.Direction) (place seqnum.Value, ok bool) {
	h := &c.half[dir]
	return h.una, h.promise().has(h.m.toIn(h.una)) && h.una != h.sent && !h.unsure && !c.locked
}

// Remind has the first of those bytes sent again: see Owes.
func (c *Conn) Remind(dir flow.Direction) {
	h := &c.half[dir]
	if p := h.promise(); p.open() && h.una != h.sent {
		p.burst = 1
		h.sendAgain(h.sent)
	}
}

// full is how many bytes the receiver takes in a segment, or what every host does (RFC 9293 §3.7.1).
func (h *half) full() seqnum.Size {
	if h.mss == 0 {
		return 536
	}
	return seqnum.Size(h.mss)
}

// sendAgain has released bytes from una to a place sent again, or the first of them.
func (h *half) sendAgain(to seqnum.Value) {
	p := h.promise()
	to = to.Min(h.una.Add(seqnum.Size(p.burst) * h.full()))
	h.owe(h.una, to, false)
	p.mended, p.sent = to, h.sent
}
