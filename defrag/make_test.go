package defrag

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/weir-project/weir/packet"
)

// A shape is what test datagrams differ in.
type shape struct {
	v6         bool
	src        byte // last byte of the source address
	id         uint32
	proto      packet.Proto
	headers    int  // v4: words of options; v6: destination options headers before the fragment header
	behind     bool // v6: one destination options header behind it
	df         bool
	dscp       byte
	noChecksum bool
}

// datagram returns a whole datagram of the given shape that carries UDP, or of another protocol
// only bytes, with right lengths and checksums.
func (s shape) datagram(payload []byte) []byte {
	b := s.header()
	upper := slices.Clone(payload)
	if s.proto == packet.UDP {
		upper = append([]byte{0x80, 1, 0, 53, 0, 0, 0, 0}, payload...)
	}
	if s.v6 && s.behind {
		b[s.lastNextHeader()] = byte(packet.DestinationOptions)
		b = append(b, byte(s.proto), 0, 1, 4, 0, 0, 0, 0)
	}
	b = append(b, upper...)
	if s.proto == packet.UDP {
		binary.BigEndian.PutUint16(b[len(b)-len(upper)+4:], uint16(len(upper)))
	}
	var p packet.Packet
	p.Set(b)
	p.Rewrite(b)
	if s.noChecksum {
		p.Repair()
		b[len(b)-len(upper)+6], b[len(b)-len(upper)+7] = 0, 0
		return b
	}
	if s.proto == packet.UDP && !s.v6 {
		b[len(b)-len(upper)+6] = 1 // zero would mean that there is none
	}
	p.Repair()
	if p.Malformed != packet.WellFormed || !p.VerifyChecksum() {
		panic("test datagram: " + p.Malformed.String())
	}
	return b
}

// header returns the header in front of the fragmentable part.
func (s shape) header() []byte {
	if !s.v6 {
		b := make([]byte, 20+4*s.headers)
		b[0], b[1], b[8], b[9] = byte(0x45+s.headers), s.dscp<<2, 64, byte(s.proto)
		binary.BigEndian.PutUint16(b[4:], uint16(s.id))
		if s.df {
			b[6] = 0x40
		}
		copy(b[12:], []byte{192, 0, 2, s.src, 198, 51, 100, 1})
		for i := 20; i < len(b); i++ {
			b[i] = 1 // no operation
		}
		return b
	}
	b := make([]byte, 40)
	b[0], b[1], b[6], b[7] = 0x60|s.dscp>>2, s.dscp<<6, byte(s.proto), 64
	copy(b[8:], []byte{0x20, 1, 0x0d, 0xb8})
	copy(b[24:], b[8:24])
	b[23], b[39] = s.src, 255
	for range s.headers {
		b[s.lastNextHeaderOf(b)] = byte(packet.DestinationOptions)
		b = append(b, byte(s.proto), 0, 1, 4, 0, 0, 0, 0)
	}
	return b
}

func (s shape) lastNextHeader() int { return s.lastNextHeaderOf(s.header()) }

func (s shape) lastNextHeaderOf(b []byte) int {
	if len(b) == 40 {
		return 6
	}
	return len(b) - 8
}

func (s shape) headerLen() int { return len(s.header()) }

// piece returns the fragment [off, end) of a datagram, by the letter of RFC 791 §3.2 and RFC 8200
// §4.5. more is what its flag says.
func (s shape) piece(datagram []byte, off, end int, more bool) []byte {
	n := s.headerLen()
	b := slices.Clone(datagram[:n])
	word := uint16(off)
	if !s.v6 {
		word = word>>3 | binary.BigEndian.Uint16(b[6:])&keptFlags
		if more {
			word |= moreFragments
		}
		b = append(b, datagram[n+off:n+end]...)
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		binary.BigEndian.PutUint16(b[6:], word)
		sumHeader(b)
		return b
	}
	if more {
		word |= 1
	}
	at := s.lastNextHeader()
	b = append(b, datagram[at], 0)
	b = binary.BigEndian.AppendUint16(b, word)
	b = binary.BigEndian.AppendUint32(b, s.id)
	b[at] = byte(packet.FragmentHeader)
	b = append(b, datagram[n+off:n+end]...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}

// sumHeader fills in an IPv4 header checksum, the slow way.
func sumHeader(b []byte) {
	b[10], b[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < int(b[0]&15)*4; i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
}

// cut returns the fragments of a datagram at the given offsets of its fragmentable part.
func (s shape) cut(datagram []byte, at ...int) [][]byte {
	var pieces [][]byte
	length := len(datagram) - s.headerLen()
	off := 0
	for _, end := range append(at, length) {
		pieces = append(pieces, s.piece(datagram, off, end, end != length))
		off = end
	}
	return pieces
}

// decoded returns raw bytes as a packet from the socket: in memory that is soon used again.
func decoded(raw []byte) *packet.Packet {
	p := new(packet.Packet)
	p.Set(slices.Clone(raw))
	p.Decode()
	if p.Malformed != packet.WellFormed {
		panic("test fragment: " + p.Malformed.String())
	}
	return p
}

// scribble is what the socket does with memory that the packet's borrower no longer has.
func scribble(p *packet.Packet) {
	b := p.Bytes()
	for i := range b {
		b[i] = 0xa5
	}
}

// noise returns n bytes without meaning, the same for the same seed.
func noise(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
