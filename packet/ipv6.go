package packet

const (
	ipv6HeaderLen     = 40
	fragmentHeaderLen = 8
)

// MaxExtensionHeaders is how many IPv6 extension headers Decode walks over before it
// calls the packet TooManyExtensionHeaders.
const MaxExtensionHeaders = 8

// IPv6Header is a view of an IPv6 header (RFC 8200 §3) with its extension headers, of
// at least 40 bytes. Read-only.
type IPv6Header []byte

// IPv6 returns the IP header and its extension headers; nil unless Version is 6.
func (p *Packet) IPv6() IPv6Header {
	if p.Version != 6 {
		return nil
	}
	return IPv6Header(p.data[:p.l4])
}

// PayloadLength returns the bytes behind the 40 of the header, as it claims.
func (h IPv6Header) PayloadLength() uint16 { return wire.Uint16(h[4:]) }

// NextHeader returns the kind of what follows the 40 bytes of the header.
func (h IPv6Header) NextHeader() Proto { return Proto(h[6]) }

// FlowLabel returns the flow label, 20 bits.
func (h IPv6Header) FlowLabel() uint32 { return wire.Uint32(h) & 0xfffff }

// Extensions returns the extension headers.
func (h IPv6Header) Extensions() []byte { return h[ipv6HeaderLen:] }

func (p *Packet) decodeIPv6() {
	d := p.data
	if len(d) < ipv6HeaderLen {
		p.Malformed = ShortHeader
		return
	}
	p.Version = 6
	length, next := int(wire.Uint16(d[4:])), Proto(d[6])
	if length == 0 && p.Meta.GSO {
		length = len(d) - ipv6HeaderLen // an offload packet beyond 64 KiB
	}
	if length == 0 && next == HopByHop {
		p.Proto, p.Malformed = next, BadTotalLength // a jumbogram (RFC 2675): no divert socket carries one
		p.span(ipv6HeaderLen, ipv6HeaderLen)
		return
	}
	end := ipv6HeaderLen + length
	if end != len(d) {
		end = p.checkEnd(end)
	}
	if next.isExtension() {
		p.walkExtensions(next, end)
		return
	}
	p.decodeUpper(next, ipv6HeaderLen, end)
}

// walkExtensions follows the chain of extension headers to the upper layer. A packet
// whose chain breaks has the header that could not be read as its Proto.
func (p *Packet) walkExtensions(next Proto, end int) {
	p.Traits |= Extensions
	at, nextAt := ipv6HeaderLen, 6
	for n := 0; next.isExtension(); n++ {
		size, why := p.checkExtension(next, n, at, end)
		if why != WellFormed {
			p.spoil(why)
			p.Proto = next
			p.span(at, end)
			return
		}
		kind := next
		next = Proto(p.data[at])
		switch kind {
		case Routing:
			p.noteRouting(at)
		case HopByHop, DestinationOptions:
			p.noteOptions(at+2, at+size)
		case AH:
			p.Traits |= Authenticated
		case FragmentHeader:
			p.frag, p.fragNH = uint16(at), uint16(nextAt)
			if p.readFragmentHeader(at, end); p.Fragment.Offset != 0 {
				p.decodeUpper(next, at+size, end) // what follows is in the middle of something
				return
			}
		}
		at, nextAt = at+size, at
	}
	p.decodeUpper(next, at, end)
}

// checkExtension returns the length of the n-th extension header, which is of the
// given kind and begins at at.
func (p *Packet) checkExtension(kind Proto, n, at, end int) (size int, why Malformed) {
	if n == MaxExtensionHeaders {
		return 0, TooManyExtensionHeaders
	}
	if end-at < 8 || kind == HopByHop && n != 0 || kind == FragmentHeader && p.frag != 0 {
		return 0, BadExtensionHeader
	}
	switch size = (int(p.data[at+1]) + 1) * 8; kind {
	case FragmentHeader:
		size = fragmentHeaderLen
	case AH:
		size = (int(p.data[at+1]) + 2) * 4 // RFC 4302 §2.2; its fixed part has 12 bytes
		if size < 12 {
			return 0, BadExtensionHeader
		}
	}
	if size > end-at {
		return 0, BadExtensionHeader
	}
	return size, WellFormed
}

func (p *Packet) noteRouting(at int) {
	p.routing = uint16(at)
	p.Traits |= RoutingHeader
	switch kind, left := p.data[at+2], p.data[at+3]; {
	case kind == 0:
		p.Traits |= RoutingType0
	case left > 0 && kind != 2 && kind != 3 && kind != 4: // RFC 6275, RFC 6554, RFC 8754
		p.Traits |= UnknownExtension // RFC 8200 §4.4
	}
}

// noteOptions looks in [at, end) for options that say of themselves that who does not know them is to discard the
// packet (RFC 8200 §4.2), and that no receiver is known to know.
func (p *Packet) noteOptions(at, end int) {
	for at < end {
		kind := p.data[at]
		if kind == 0 { // Pad1
			at++
			continue
		}
		if kind >= 0x40 && !registered(kind) {
			p.Traits |= UnknownExtension
			return
		}
		if at+1 == end {
			return
		}
		at += 2 + int(p.data[at+1])
	}
}

// registered reports whether an option that asks to be discarded has a meaning (IANA, "Destination Options and
// Hop-by-Hop Options"); those of experiments (RFC 4727) have none here.
func registered(kind byte) bool {
	switch kind {
	case 0x4d, 0x63, 0x6d, 0x8a, 0x8b, 0x8c, 0xc2, 0xc9, 0xee:
		return true
	}
	return false
}

func (p *Packet) readFragmentHeader(at, end int) {
	word := wire.Uint16(p.data[at+2:])
	f := Fragment{ID: wire.Uint32(p.data[at+4:]), Offset: word &^ 7, More: word&1 != 0}
	if !f.IsFragment() {
		p.Traits |= AtomicFragment
		return
	}
	p.setFragment(f, at+fragmentHeaderLen, end)
}
