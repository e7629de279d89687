package packet

import "encoding/binary"

// The byte order of the wire.
var wire = binary.BigEndian

// Decode reads the headers and fills the header fields of p, from scratch. It cannot
// fail: see Malformed. It does not verify the upper-layer checksum, which costs a walk
// over the payload: see VerifyChecksum. Tunnels are not entered: the payload of IPIP
// and IPv6InIP is a datagram for another Packet.
func (p *Packet) Decode() {
	p.Version, p.Proto, p.Malformed, p.Traits, p.TCPFlags = 0, 0, WellFormed, 0, 0
	p.Fragment, p.SrcPort, p.DstPort, p.ports = Fragment{}, 0, 0, false
	p.routing, p.frag, p.fragNH = 0, 0, 0
	p.l4, p.payload, p.upper, p.end = 0, 0, 0, 0
	if len(p.data) == 0 {
		p.Malformed = ShortHeader
		return
	}
	switch p.data[0] >> 4 {
	case 4:
		p.decodeIPv4()
	case 6:
		p.decodeIPv6()
	default:
		p.Malformed = BadVersion
	}
}

// spoil names the packet malformed, unless a reason was found before.
func (p *Packet) spoil(why Malformed) {
	if p.Malformed == WellFormed {
		p.Malformed = why
	}
}

// checkEnd returns where the datagram ends that claims to be claimed bytes long, and
// is not.
func (p *Packet) checkEnd(claimed int) int {
	switch have := len(p.data); {
	case claimed < have:
		p.Traits |= TrailingBytes
		return claimed
	case claimed <= p.Meta.OrigLen:
		p.spoil(Truncated)
		return have
	default:
		p.spoil(BadTotalLength)
		return have
	}
}

// span sets the offsets for an upper layer at [at, end) that is all payload.
func (p *Packet) span(at, end int) {
	p.l4, p.payload, p.upper, p.end = int32(at), int32(at), int32(end), int32(end)
}

// decodeUpper reads the upper-layer header of protocol proto at [at, end).
func (p *Packet) decodeUpper(proto Proto, at, end int) {
	p.Proto = proto
	p.span(at, end)
	if p.Fragment.IsFragment() {
		if p.Fragment.Offset == 0 {
			p.decodeFirst()
		}
		return
	}
	h := p.data[at:end]
	switch proto {
	case TCP:
		p.decodeTCP(h)
	case UDP:
		p.decodeUDP(h)
	default:
		p.decodeOther(h)
	}
}

// decodeOther reads what can be said of protocols without length fields of their own.
func (p *Packet) decodeOther(h []byte) {
	if p.Proto == ICMP && p.Version == 6 || p.Proto == ICMPv6 && p.Version == 4 {
		return // not defined there: no stack reads it as ICMP
	}
	p.readPorts(h)
	if len(h) < p.Proto.minHeader() {
		p.spoil(ShortHeader)
		return
	}
	switch p.Proto {
	case ICMP, ICMPv6:
		p.payload += int32(min(8, len(h)))
	case SCTP, UDPLite:
		p.payload += int32(p.Proto.minHeader())
	case NoNextHeader:
		p.payload = p.upper // RFC 8200 §4.7: bytes behind it are ignored
	case IPIP, IPv6InIP, GRE:
		p.Traits |= Tunnel
	}
}

// readPorts reads the ports of the protocols that all carry them in their first four
// bytes.
func (p *Packet) readPorts(h []byte) {
	switch p.Proto {
	case TCP, UDP, SCTP, DCCP, UDPLite:
		if len(h) >= 4 {
			p.SrcPort, p.DstPort, p.ports = wire.Uint16(h), wire.Uint16(h[2:]), true
		}
	}
}
