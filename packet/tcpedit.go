package packet

// Edits of the TCP header beside sequence and acknowledgement numbers. Each keeps the checksum
// right as it goes; each is refused, with false, where SetSeq is.

// SetTCPFlags makes f the control bits. Reserved bits stay.
func (p *Packet) SetTCPFlags(f TCPFlags) bool {
	if !p.setTCP16(12, 0x1ff, uint16(f)) {
		return false
	}
	p.TCPFlags = f & 0x1ff
	return true
}

// SetWindow makes w the window, in the unit of the connection's window scale.
func (p *Packet) SetWindow(w uint16) bool { return p.setTCP16(14, 0xffff, w) }

// SetUrgent makes u the urgent pointer, whether or not URG is set.
func (p *Packet) SetUrgent(u uint16) bool { return p.setTCP16(18, 0xffff, u) }

// OverwriteOptions puts with at offset off of the options area, as TCPOption.At counts it.
func (p *Packet) OverwriteOptions(off int, with []byte) bool {
	if !p.sound() || p.TCP() == nil || off < 0 || off > int(p.payload-p.l4)-tcpMinHeader-len(with) {
		return false
	}
	p.patch(int(p.l4)+tcpMinHeader+off, with)
	return true
}

// setTCP16 changes the bits of mask in the aligned 16-bit word at offset off of the header.
func (p *Packet) setTCP16(off int, mask, v uint16) bool {
	if !p.sound() || p.TCP() == nil {
		return false
	}
	at := int(p.l4) + off
	old := wire.Uint16(p.data[at:])
	if v = old&^mask | v&mask; v != old {
		var b [2]byte
		wire.PutUint16(b[:], v)
		p.patch(at, b[:])
	}
	return true
}
