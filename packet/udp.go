package packet

const udpHeaderLen = 8

// UDPHeader is a view of a UDP header (RFC 768) of 8 bytes. Read-only.
type UDPHeader []byte

// UDP returns the UDP header; nil unless the packet holds a whole one.
func (p *Packet) UDP() UDPHeader {
	if p.Proto != UDP || p.payload-p.l4 < udpHeaderLen {
		return nil
	}
	return UDPHeader(p.data[p.l4 : p.l4+udpHeaderLen])
}

// Length returns the bytes of header and payload, as the header claims.
func (h UDPHeader) Length() uint16 { return wire.Uint16(h[4:]) }

// Checksum returns the checksum; 0 says that the sender made none.
func (h UDPHeader) Checksum() uint16 { return wire.Uint16(h[6:]) }

// decodeUDP holds the length field against the bytes. A length of 0 means a jumbogram
// (RFC 2675 §4), and only an offload packet can be one here; some receivers read it as
// "all the rest" in any IPv6 packet, so it is named malformed rather than guessed at.
func (p *Packet) decodeUDP(h []byte) {
	p.readPorts(h)
	if len(h) < udpHeaderLen {
		p.spoil(ShortHeader)
		return
	}
	p.payload += udpHeaderLen
	length := int(wire.Uint16(h[4:]))
	switch {
	case length == len(h):
	case length == 0 && p.Meta.GSO && len(h) > 65535:
	case length < udpHeaderLen || length > len(h):
		p.spoil(BadUDPLength)
	default:
		p.Traits |= UDPSurplus
		p.upper = p.l4 + int32(length)
	}
}
