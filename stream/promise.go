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

// A promise is received bytes of which a sender was told ahead of those before them, in ranges, in order.
type promise struct {
	told   [maxPromises]span
	n      uint8
	burst  uint8        // segments to send again at once; it doubles while they arrive, as in slow start (RFC 5681 §3.1)
	held   bool         // the sender was told less than its receiver has
	mended seqnum.Value // released: what lies before was sent again
	sent   seqnum.Value // released: how much had been sent by then
	again  span         // released: to be sent again now
}

type span struct{ from, to seqnum.Value }

const (
	maxPromises = 4 // ranges; of more the last two are one, with what is between
	maxBurst    = 32
)

func (p *promise) open() bool { return p != nil && p.n > 0 }

// at returns the range of which an acknowledgement of all before in would end at bytes that were told of.
func (p *promise) at(in seqnum.Value) (r span, ok bool) {
	if p == nil {
		return r, false
	}
	for _, r := range p.told[:p.n] {
		if r.from.LessEq(in) && in.Less(r.to) {
			return r, true
		}
	}
	return r, false
}

// has reports whether there is such a range.
func (p *promise) has(in seqnum.Value) bool {
	_, ok := p.at(in)
	return ok
}

// forget gives up the ranges before in, which the receiver has.
func (p *promise) forget(in seqnum.Value) {
	n := 0
	for n < int(p.n) && p.told[n].to.LessEq(in) {
		n++
	}
	p.n = uint8(copy(p.told[:], p.told[n:p.n]))
}

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
	switch {
	case from.LessEq(h.m.toIn(h.una)): // the receiver had it before
	case !p.open():
		*p = promise{burst: 1, mended: h.una, sent: h.una, n: 1, told: [maxPromises]span{{from, to}}}
	case from == p.told[p.n-1].to, p.n == maxPromises:
		p.told[p.n-1].to = p.told[p.n-1].to.Max(to)
	case p.told[p.n-1].to.Less(from):
		p.told[p.n] = span{from, to}
		p.n++
	}
}

// tell returns which acknowledgement the sender is given if the receiver has given this one, both in received places.
func (h *half) tell(ack seqnum.Value) seqnum.Value {
	p := h.promise()
	if !p.open() {
		return ack
	}
	p.held = false
	switch r, ok := p.at(ack); {
	case ok && h.kept.from.LessEq(h.una):
		p.held = true
		return r.from.Sub(1)
	case ok: // what was not kept, only the sender can send again
		p.n = 0
	default:
		p.forget(ack)
	}
	return ack
}

// Forgive ends all promises: senders are told the truth from now on, and what they were told of they will send again.
func (c *Conn) Forgive() {
	for d := range c.half {
		if h := &c.half[d]; h.promise().open() {
			h.work.promise = promise{}
			c.dropIdle(h)
		}
	}
}

// dropIdle gives back work with nothing in it, as there is once all that was promised has come.
func (c *Conn) dropIdle(h *half) {
	if w := h.work; w != nil && !w.promise.open() && len(w.buf) == 0 && len(w.wait) == 0 && len(w.edits) == 0 {
		h.dropWork(c.pool)
	}
}

// answered is where a reset of the sender stands that answers an acknowledgement of its bytes, in received places: it names what it was told.
func (h *half) answered() seqnum.Value {
	at := h.m.toIn(h.una)
	p := h.promise()
	if r, ok := p.at(at); ok && p.held {
		return r.from.Sub(1)
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
	p.burst = min(2*p.burst, maxBurst)
	if !come { // what was sent again was lost again
		p.burst = 1
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
	switch r, ok := p.at(h.m.toIn(h.una)); {
	case !ok || !p.held || s.end != r.from:
	case h.una == h.sent:
		p.n = 0
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

// full is how many bytes of our own go into a segment: as many as fit wherever IPv6 does, if the receiver takes so many.
func (h *half) full() seqnum.Size {
	const size = minMTU - 40 - maxTCPHeader
	if h.mss == 0 {
		return size
	}
	return min(size, max(seqnum.Size(h.mss)-(maxTCPHeader-20), 64))
}

// sendAgain has released bytes from una to a place sent again, or the first of them.
func (h *half) sendAgain(to seqnum.Value) {
	p := h.promise()
	to = to.Min(h.una.Add(seqnum.Size(p.burst) * h.full()))
	p.again, p.mended, p.sent = span{h.una, to}, to, h.sent
}

// repeats reports whether bytes of a promise are to be sent again now.
func (h *half) repeats() bool {
	p := h.promise()
	return p.open() && p.again.from.Max(h.una).Less(p.again.to)
}

// repeat returns the next of them, as many as fit into a segment.
func (h *half) repeat() (from, to seqnum.Value) {
	p := h.promise()
	from = p.again.from.Max(h.una).Max(h.kept.from)
	to = p.again.to.Min(from.Add(h.full()))
	if p.again.from = to; !from.Less(to) || !h.kept.holds(from, to) {
		p.again = span{}
		return from, from
	}
	return from, to
}
