package packet

const maxDatagram = 65535

// ReplacePayload makes with the packet's payload. It is Splice for the whole of it.
func (p *Packet) ReplacePayload(buf, with []byte) bool {
	return p.Splice(buf, 0, len(p.Payload()), with)
}

// Splice puts with in the place of bytes [off, end) of the payload. If that changes no
// length, it is Overwrite, and buf is not used. Otherwise the edited datagram is built
// in buf, which from then on is what Bytes returns and belongs to the packet until it
// is finished; its length fields are right at once, its checksums after Repair. A
// packet that already lies at the start of buf is edited there, so several edits can
// share one buffer; with must not overlap buf.
//
// The edited datagram ends where its payload does: trailing bytes and a UDP surplus
// area (RFC 9868), whose own checksum would no longer fit, are left behind. What the
// payload's length means to TCP's sequence numbers is package stream's affair.
//
// It returns false and changes nothing if the edit is refused as MutablePayload's is,
// [off, end) is not in the payload, buf is too small, or the datagram would be longer
// than 65535 bytes.
func (p *Packet) Splice(buf []byte, off, end int, with []byte) bool {
	old := len(p.Payload())
	if off < 0 || end < off || end > old {
		return false
	}
	if end-off == len(with) {
		return p.Overwrite(off, with)
	}
	from, upto := int(p.payload)+off, int(p.payload)+end
	size := int(p.upper) - (end - off) + len(with)
	if !p.summable() || size > maxDatagram || size > len(buf) {
		return false
	}
	// The rear first: if data is buf, the front stays where it is.
	copy(buf[from+len(with):], p.data[upto:p.upper])
	copy(buf, p.data[:from])
	copy(buf[from:], with)
	p.data = buf[:size:size]
	p.Meta.OrigLen = size
	p.Traits &^= TrailingBytes | UDPSurplus
	p.upper, p.end = int32(size), int32(size)
	p.putLengths()
	p.dirty |= dirtyBytes | dirtyHeader | dirtyUpper
	return true
}

// Rewrite makes data, which p borrows, the packet's bytes in place of those that
// arrived: a datagram that a program has edited as it liked, of any size. IP and UDP
// length fields are set to what data has; Repair will compute every checksum. Token,
// Meta, verdict and mark stay. A datagram longer than 65535 bytes is BadTotalLength.
func (p *Packet) Rewrite(data []byte) {
	p.data = data
	p.Meta.OrigLen = len(data)
	p.dirty = dirtyBytes | dirtyHeader | dirtyUpper
	p.Decode()
	if p.Version == 0 || p.Malformed == BadIHL {
		return
	}
	if len(data) > maxDatagram {
		p.spoil(BadTotalLength)
		return
	}
	p.putIPLength()
	p.Decode() // the old length may have hidden what the datagram carries
	p.putUDPLength()
	p.Decode()
}

// putLengths writes the length fields for a datagram that ends with data.
func (p *Packet) putLengths() {
	p.putIPLength()
	p.putUDPLength()
}

func (p *Packet) putIPLength() {
	switch p.Version {
	case 4:
		wire.PutUint16(p.data[2:], uint16(len(p.data)))
	case 6:
		wire.PutUint16(p.data[4:], uint16(len(p.data)-ipv6HeaderLen))
	}
}

func (p *Packet) putUDPLength() {
	size := len(p.data) - int(p.l4)
	if p.Proto == UDP && !p.Fragment.IsFragment() && size >= udpHeaderLen {
		wire.PutUint16(p.data[p.l4+4:], uint16(size))
	}
}
