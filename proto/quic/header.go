package quic

import "encoding/binary"

// The versions, as they stand in headers (RFC 9000 §15, RFC 9369 §3.1).
const (
	version1 = 0x00000001
	version2 = 0x6b3343cf
)

// The types of long packets as version 1 has them (RFC 9000 §17.2). Version 2 counts from another one (RFC 9369 §3.2).
const (
	initial = iota
	zeroRTT
	handshake
	retry
)

const (
	maxID     = 20     // bytes of a connection identifier
	minSealed = 4 + 16 // bytes of packet number and payload: what header protection samples lies in them (RFC 9001 §5.4.2)
)

// A header is that of one long packet.
type header struct {
	packet     []byte // from its first byte to its end; view of the datagram
	kind       uint8
	version    uint8 // 1 or 2
	dcid, scid []byte
	number     int // offset of the packet number in packet; valid iff kind is not retry
}

// A walker goes through the packets that are coalesced in a datagram.
type walker struct{ rest []byte }

// next reads the header of the next long packet. It reports false at the end, and at a packet behind which none
// can be found: a short one, one of another version, one whose lengths do not add up. Zeros between packets are overlooked.
func (w *walker) next(h *header) bool {
	b := w.rest
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	w.rest = nil
	if len(b) < 7 || b[0]&0x80 == 0 {
		return false
	}
	*h = header{kind: b[0] >> 4 & 3}
	switch binary.BigEndian.Uint32(b[1:]) {
	case version1:
		h.version = 1
	case version2:
		h.version = 2
		h.kind = (h.kind - 1) & 3
	default:
		return false
	}
	c := cursor{b: b, at: 5}
	if h.dcid, h.scid = c.take(c.byte()), c.take(c.byte()); c.failed || len(h.dcid) > maxID || len(h.scid) > maxID {
		return false
	}
	if h.kind == retry {
		h.packet = b
		return true
	}
	if h.kind == initial {
		c.take(c.varint())
	}
	size := c.varint()
	h.number = c.at
	c.take(size)
	if c.failed || size < minSealed {
		return false
	}
	h.packet, w.rest = b[:c.at], b[c.at:]
	return true
}

// A cursor reads what it is asked for, until something does not fit.
type cursor struct {
	b      []byte
	at     int
	failed bool
}

func (c *cursor) byte() int {
	if c.at >= len(c.b) {
		c.failed = true
		return 0
	}
	c.at++
	return int(c.b[c.at-1])
}

// varint reads a number (RFC 9000 §16). What does not fit into an int32 is too large for everything here, and fails.
func (c *cursor) varint() int {
	first := c.byte()
	n := first & 0x3f
	for range 1<<(first>>6) - 1 {
		if n >= 1<<23 {
			c.failed = true
			return 0
		}
		n = n<<8 | c.byte()
	}
	return n
}

// skipVarint passes over a number of any size.
func (c *cursor) skipVarint() {
	first := c.byte()
	c.take(1<<(first>>6) - 1)
}

func (c *cursor) take(n int) []byte {
	if c.failed || n > len(c.b)-c.at {
		c.failed = true
		return nil
	}
	c.at += n
	return c.b[c.at-n : c.at]
}
