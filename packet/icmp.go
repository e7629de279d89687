package packet

// ICMPHeader is a view of an ICMP or ICMPv6 header (RFC 792, RFC 4443 §2.1) of at least
// 4 bytes, 8 unless the message is of a kind that has less. Read-only.
type ICMPHeader []byte

// ICMP returns the header of an ICMP or ICMPv6 message; nil unless the packet holds one.
func (p *Packet) ICMP() ICMPHeader {
	if !p.isICMP() || p.payload-p.l4 < 4 {
		return nil
	}
	return ICMPHeader(p.data[p.l4:p.payload])
}

// isICMP reports whether the packet is of the ICMP that belongs to its IP version.
func (p *Packet) isICMP() bool {
	return p.Proto == ICMP && p.Version == 4 || p.Proto == ICMPv6 && p.Version == 6
}

// Type returns the message type.
func (h ICMPHeader) Type() uint8 { return h[0] }

// Code returns the message code.
func (h ICMPHeader) Code() uint8 { return h[1] }

// Checksum returns the checksum.
func (h ICMPHeader) Checksum() uint16 { return wire.Uint16(h[2:]) }

// EchoID returns the identifier of an echo request or reply, and whether the packet is
// one: what tells two pings between the same hosts apart.
func (p *Packet) EchoID() (id uint16, ok bool) {
	if p.Proto != ICMP && p.Proto != ICMPv6 {
		return 0, false
	}
	h := p.ICMP()
	if len(h) < 8 {
		return 0, false
	}
	const reply4, request4, request6, reply6 = 0, 8, 128, 129
	switch t := h.Type(); {
	case p.Version == 4 && (t == reply4 || t == request4):
	case p.Version == 6 && (t == request6 || t == reply6):
	default:
		return 0, false
	}
	return wire.Uint16(h[4:]), true
}

// isICMPError reports whether the packet is an ICMP error message or redirect, to which
// no ICMP error may be sent (RFC 1122 §3.2.2, RFC 4443 §2.4 e). A message too short to
// tell counts as one.
func (p *Packet) isICMPError() bool {
	if !p.isICMP() {
		return false
	}
	h := p.ICMP()
	if h == nil {
		return true
	}
	if p.Version == 6 {
		return h.Type() < 128 || h.Type() == 137
	}
	switch h.Type() {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}
