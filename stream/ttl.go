package stream

import "github.com/weir-project/weir/packet"

// This file is about segments that are made to expire behind us: their sender gives them enough hops to be read here,
// and too few to arrive, and later sends in their place what the receiver is to read. Whichever comes first is
// what was shown and is released, so nothing is smuggled by that. But the receiver of an allowed transfer would
// be handed the bytes of the fake.

// patience is how many such segments are refused that no other came between: an initial window (RFC 6928) and two more.
// Who insists means it, and is believed.
const patience = 12

// expires reports whether a segment that is no SYN has so few hops left, held against what its direction has sent
// before, that it is to expire on its way.
func (h *half) expires(ttl uint8) bool {
	if !packet.Expires(ttl, h.hops) {
		return false
	}
	if h.falls++; h.falls > patience {
		h.hops, h.falls = ttl, 0
		return false
	}
	return true
}

// arrivedWith notes the hops that were left to a segment which may arrive; carries says that it brought bytes.
func (h *half) arrivedWith(ttl uint8, carries bool) {
	h.hops = max(h.hops, ttl)
	if carries {
		h.falls = 0
	}
}
