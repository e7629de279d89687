package quic

// Frames that Initial packets can have (RFC 9000 §12.4).
const (
	framePadding = 0x00
	framePing    = 0x01
	frameACK     = 0x02
	frameACKECN  = 0x03
	frameCrypto  = 0x06
	frameClose   = 0x1c
)

// frames goes through a payload from one CRYPTO frame to the next.
type frames struct{ cursor }

// next returns where the bytes of the next CRYPTO frame belong; ok is false at the end, or where the payload is not as it
// may be, which cursor.failed says.
func (f *frames) next() (off int, b []byte, ok bool) {
	for f.at < len(f.b) && !f.failed {
		switch f.byte() {
		case framePadding, framePing:
		case frameACK:
			f.ack(0)
		case frameACKECN:
			f.ack(3)
		case frameCrypto:
			off = f.varint()
			b = f.take(f.varint())
			return off, b, !f.failed
		case frameClose:
			f.skipVarint() // error
			f.skipVarint() // frame
			f.take(f.varint())
		default:
			f.failed = true
		}
	}
	return 0, nil, false
}

// ack passes over an acknowledgement with so many counts behind it (RFC 9000 §19.3).
func (f *frames) ack(counts int) {
	f.skipVarint() // largest
	f.skipVarint() // delay
	ranges := f.varint()
	f.skipVarint()
	for i := 0; i < 2*ranges+counts && !f.failed; i++ {
		f.skipVarint()
	}
}
