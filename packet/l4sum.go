package packet

import "github.com/weir-project/weir/packet/checksum"

// VerifyChecksum reports whether the upper-layer checksum is right: of TCP, UDP, ICMP
// and ICMPv6. It walks over the whole payload, unless the kernel has verified it
// already or has yet to fill it in (Meta.Checksum).
//
// It is true as well where there is nothing to hold against the packet: a fragment or
// truncated packet, whose checksum covers bytes that are elsewhere; a protocol whose
// checksum this package does not know; UDP without checksum over IPv4 (RFC 768), which
// over IPv6 is an error (RFC 8200 §8.1). A malformed packet is not judged: true.
func (p *Packet) VerifyChecksum() bool {
	if p.Meta.Checksum != ChecksumUnknown || p.Malformed != WellFormed || p.Fragment.IsFragment() || p.Truncated() {
		return true
	}
	at := p.sumAt()
	if at < 0 {
		return true
	}
	if p.Proto == UDP && wire.Uint16(p.data[at:]) == 0 {
		return p.Version == 4
	}
	return checksum.Valid(p.upperSum())
}

// PartialChecksum reports whether the checksum of TCP or UDP is the one that a kernel leaves for a
// card to complete: the sum of the pseudo-header alone (CHECKSUM_PARTIAL, include/linux/skbuff.h).
// So do packets look that were captured on the host that sent them, or on a virtual link behind it;
// on a real one a packet looks so by chance, or because somebody made it. p has been decoded.
func (p *Packet) PartialChecksum() bool {
	if p.Malformed != WellFormed || p.Fragment.IsFragment() || p.Proto != TCP && p.Proto != UDP {
		return false
	}
	at := p.sumAt()
	return at >= 0 && wire.Uint16(p.data[at:]) == p.pseudoSum(int(p.upper-p.l4))
}

// LeaveChecksum makes the checksum of TCP or UDP the one that a kernel leaves for a card to complete, see PartialChecksum. It is
// for packets that a card or a kernel cuts anyway, and then computes it for each piece. It reports whether it did: false, with the
// packet left alone, where there is no such checksum.
func (p *Packet) LeaveChecksum() bool {
	at := p.sumAt()
	if p.Malformed != WellFormed || p.Fragment.IsFragment() || p.Proto != TCP && p.Proto != UDP || at < 0 {
		return false
	}
	wire.PutUint16(p.data[at:], p.pseudoSum(int(p.upper-p.l4)))
	p.Meta.Checksum = ChecksumPartial
	return true
}

// sumAt returns the offset in data of the upper-layer checksum; -1 if the protocol has
// none that is known here, or if it is not in this packet.
func (p *Packet) sumAt() int {
	var off int32
	switch {
	case p.Proto == TCP:
		off = 16
	case p.Proto == UDP:
		off = 6
	case p.isICMP():
		off = 2
	default:
		return -1
	}
	if p.Fragment.Offset != 0 || p.payload < p.l4+off+2 {
		return -1
	}
	return int(p.l4 + off)
}

// upperSum sums pseudo-header, upper-layer header and payload, the checksum included.
func (p *Packet) upperSum() uint16 {
	b := p.data[p.l4:p.upper]
	if p.Proto == ICMP {
		return checksum.Sum(b, 0)
	}
	return checksum.Sum(b, p.pseudoSum(len(b)))
}

// pseudoSum sums the pseudo-header of an upper layer of that many bytes.
func (p *Packet) pseudoSum(length int) uint16 {
	src, dst := p.Addrs()
	if p.Traits.Has(RoutingHeader | SourceRoute) {
		dst = p.finalDst(dst)
	}
	return checksum.Pseudo(src, dst, uint8(p.Proto), length)
}

// finalDst returns the destination that a source-routed packet will have at its end:
// the one in the pseudo-header (RFC 8200 §8.1, RFC 1122 §3.2.1.8). A home address option
// (RFC 6275 §6.3), which replaces the source likewise, is not looked for.
func (p *Packet) finalDst(dst []byte) []byte {
	if p.Version == 4 {
		return finalDst4(p.data[ipv4MinHeader:p.l4], dst)
	}
	h := p.data[p.routing:]
	size := (int(h[1]) + 1) * 8
	if segmentsLeft := h[3]; segmentsLeft == 0 || size < 24 {
		return dst
	}
	switch h[2] {
	case 0, 2: // RFC 2460 §4.4; RFC 6275 §6.4: in the order of travel
		return h[size-16 : size]
	case 4: // RFC 8754 §2: the last segment first
		return h[8:24]
	}
	return dst
}

// finalDst4 looks for the last address of a source route that is not used up.
func finalDst4(o, dst []byte) []byte {
	for len(o) >= 3 && o[0] != optEnd {
		if o[0] == optNop {
			o = o[1:]
			continue
		}
		size := int(o[1])
		if size < 2 || size > len(o) {
			break
		}
		if (o[0] == optLooseRoute || o[0] == optStrictRoute) && size >= 7 && int(o[2])+3 <= size {
			return o[size-4 : size]
		}
		o = o[size:]
	}
	return dst
}

// fillSum computes the upper-layer checksum at offset at in full.
func (p *Packet) fillSum(at int) {
	wire.PutUint16(p.data[at:], 0)
	p.putSum(at, ^p.upperSum())
}

// putSum writes a computed checksum. UDP spells zero as ffff, since 0 says "none".
func (p *Packet) putSum(at int, sum uint16) {
	if sum == 0 && p.Proto == UDP {
		sum = 0xffff
	}
	wire.PutUint16(p.data[at:], sum)
}
