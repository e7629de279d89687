package packet

// CopyFrom makes p a copy of src, with its bytes in buf, which must have room for them and belongs to p from then
// on: for a packet that outlives the socket's memory.
func (p *Packet) CopyFrom(src *Packet, buf []byte) {
	*p = *src
	n := copy(buf[:len(src.data)], src.data)
	p.data = buf[:n:n]
}
