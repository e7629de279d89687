package stream

import (
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// This file is about segments that the receiver does not take although they lie in its window. What they bring
// must not be released in the place of what it takes.

// untaken says what becomes of a segment of h, if the receiver, whose data is back, would not take it: nothing of it is lost by
// Absorb.
func (c *Conn) untaken(h, back *half, s *segment) (a Arrival, untaken bool) {
	if c.mode.Passive {
		return Arrival{}, false
	}
	signed := false
	opts := s.h.Options()
	for o, ok := opts.Next(); ok; o, ok = opts.Next() {
		switch o.Kind {
		case packet.OptionTimestamps:
			if ts, _, ok := o.Timestamps(); ok && back.tooOld(ts) {
				if h.outdated(s, back) {
					return Arrival{Action: Absorb, Why: "tcp-old-duplicate"}, true
				}
				return discard("tcp-old-timestamp"), true
			}
		case packet.OptionMD5, packet.OptionAO:
			signed = true
			if !c.locked && !c.middle {
				return discard("tcp-unexpected-signature"), true
			}
		}
	}
	if c.signed && !signed { // RFC 2385 §2.0, RFC 5925 §7.2
		return discard("tcp-missing-signature"), true
	}
	if s.has(packet.ACK) && !c.mode.Recorded && back.longAcknowledged(s.h.Ack()) {
		return discard("tcp-bad-ack"), true
	}
	return Arrival{}, false
}

// outdated reports whether a segment with an old timestamp brings nothing that its receiver, whose data is back, does not have. Segments overtake
// each other on any path of several processors, and an acknowledgement that comes after one that was sent later, or what was sent
// again meanwhile, is nobody's doing.
func (h *half) outdated(s *segment, back *half) bool {
	switch {
	case s.has(packet.ACK) && back.seen && back.una.Less(s.h.Ack()):
		return false // more than what was acknowledged later
	case len(s.payload) == 0 && !s.has(packet.FIN):
		return true
	}
	return h.ackSeen && s.end.LessEq(h.m.toIn(h.una)) && (!s.has(packet.FIN) || h.finAcked)
}

// tooOld reports whether a timestamp is older than the one that the receiver says to have (RFC 7323 §5.2). It is not
// held against what has been seen here: that may have been a fake.
func (h *half) tooOld(ts uint32) bool { return h.stamped && int32(h.echo-ts) > 1 }

// longAcknowledged reports whether a segment acknowledges less than any on its way can (RFC 5961 §5.2): the largest
// window before what is acknowledged, but nothing before the beginning.
func (h *half) longAcknowledged(ack seqnum.Value) bool {
	if h.widest == 0 || h.loose || !h.seen {
		return false
	}
	from := h.una.Sub(h.widest)
	if from.Less(h.first) {
		from = h.first
	}
	return ack.Less(from)
}
