package packet

// Fragment says which part of its datagram a packet is. It is zero for a whole
// datagram, also for one that carries a needless fragment header (RFC 6946).
type Fragment struct {
	ID     uint32 // groups the pieces of a datagram; IPv4 uses 16 bits of it
	Offset uint16 // bytes of the datagram before this piece, a multiple of 8
	More   bool   // further pieces follow
}

// IsFragment reports whether the packet is a piece of a datagram.
func (f Fragment) IsFragment() bool { return f.More || f.Offset != 0 }

// IsFirst reports whether the packet is the piece that holds the upper-layer header.
func (f Fragment) IsFirst() bool { return f.More && f.Offset == 0 }

// FragmentPayload returns the part of the datagram that a fragment carries: what
// reassembly puts at Fragment.Offset. For IPv6 it begins behind the fragment header.
// Nil unless the packet is a fragment. Read-only view.
func (p *Packet) FragmentPayload() []byte {
	if !p.Fragment.IsFragment() {
		return nil
	}
	from := p.l4
	if p.frag != 0 {
		from = int32(p.frag) + fragmentHeaderLen
	}
	return p.data[from:max(from, p.end)]
}

// FragmentHeader returns the offset in Bytes of the IPv6 fragment header and that of
// the next-header byte that names it, and whether there is such a header. Reassembly
// takes the header out and puts its own next header into that byte (RFC 8200 §4.5).
func (p *Packet) FragmentHeader() (at, nextHeaderAt int, ok bool) {
	return int(p.frag), int(p.fragNH), p.frag != 0
}

// setFragment notes the piece of which the fragmentable part is [from, end), and
// rejects pieces that no reassembly can use.
func (p *Packet) setFragment(f Fragment, from, end int) {
	p.Fragment = f
	length := end - from
	if length <= 0 || int(f.Offset)+length > 65535 || f.More && length%8 != 0 {
		p.spoil(BadFragment)
	}
}

// decodeFirst takes from the first piece what it holds of the upper-layer header. A
// piece may end anywhere: what cannot be read yet is not malformed, and length fields
// speak of a datagram that is not here.
func (p *Packet) decodeFirst() {
	h := p.data[p.l4:p.end]
	p.readPorts(h)
	switch p.Proto {
	case TCP:
		if len(h) >= 14 {
			t := TCPHeader(h)
			p.TCPFlags = t.Flags()
			p.payload += int32(min(max(t.HeaderLen(), tcpMinHeader), len(h)))
			return
		}
	case UDP, ICMP, ICMPv6:
		p.payload += int32(min(8, len(h)))
		return
	}
	if p.Proto.minHeader() != 0 {
		p.payload = p.end
	}
}
