// Package craft builds the datagrams that tests, simulators and examples send: small, valid, and
// with every checksum right. It shares nothing with package packet but the sum, so that one can be
// held against the other.
package craft

import (
	"encoding/binary"
	"net/netip"

	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/checksum"
)

// UDP returns a UDP datagram between addresses like "192.0.2.1:53" or "[2001:db8::1]:53", of one
// family. It panics if they cannot be parsed.
func UDP(src, dst string, payload []byte) []byte {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	h := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(h, s.Port())
	binary.BigEndian.PutUint16(h[2:], d.Port())
	binary.BigEndian.PutUint16(h[4:], uint16(8+len(payload)))
	upper := append(h, payload...)
	sum := upperSum(s.Addr(), d.Addr(), 17, upper)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(upper[6:], sum)
	return IP(s.Addr(), d.Addr(), 17, upper)
}

// A Segment is what is particular about a TCP segment. The zero Segment has no flags and a window
// of 65,535.
type Segment struct {
	Flags    packet.TCPFlags
	Seq, Ack uint32
	Window   uint16
	Options  []byte // padded with zeros to a multiple of four
}

// TCP returns a TCP segment between addresses as those of UDP.
func TCP(src, dst string, seg Segment, payload []byte) []byte {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	header := 20 + (len(seg.Options)+3)&^3
	upper := make([]byte, header+len(payload))
	binary.BigEndian.PutUint16(upper, s.Port())
	binary.BigEndian.PutUint16(upper[2:], d.Port())
	binary.BigEndian.PutUint32(upper[4:], seg.Seq)
	binary.BigEndian.PutUint32(upper[8:], seg.Ack)
	binary.BigEndian.PutUint16(upper[12:], uint16(header/4)<<12|uint16(seg.Flags))
	if seg.Window == 0 {
		seg.Window = 65535
	}
	binary.BigEndian.PutUint16(upper[14:], seg.Window)
	copy(upper[20:], seg.Options)
	copy(upper[header:], payload)
	binary.BigEndian.PutUint16(upper[16:], upperSum(s.Addr(), d.Addr(), 6, upper))
	return IP(s.Addr(), d.Addr(), 6, upper)
}

// IP puts an IP header of the addresses' family, with 64 hops left, before upper.
func IP(src, dst netip.Addr, proto uint8, upper []byte) []byte {
	if src.Is4() {
		h := make([]byte, 20, 20+len(upper))
		h[0], h[8], h[9] = 0x45, 64, proto
		binary.BigEndian.PutUint16(h[2:], uint16(20+len(upper)))
		copy(h[12:], src.AsSlice())
		copy(h[16:], dst.AsSlice())
		binary.BigEndian.PutUint16(h[10:], ^checksum.Sum(h, 0))
		return append(h, upper...)
	}
	h := make([]byte, 40, 40+len(upper))
	h[0], h[6], h[7] = 0x60, proto, 64
	binary.BigEndian.PutUint16(h[4:], uint16(len(upper)))
	copy(h[8:], src.AsSlice())
	copy(h[24:], dst.AsSlice())
	return append(h, upper...)
}

// Fragments cuts a datagram without options or extension headers into fragments whose payloads have
// size bytes, a multiple of 8; the last may have fewer.
func Fragments(datagram []byte, id uint32, size int) [][]byte {
	v4 := datagram[0]>>4 == 4
	header := 40
	if v4 {
		header = 20
	}
	body := datagram[header:]
	var out [][]byte
	for off := 0; off < len(body); off += size {
		end := min(off+size, len(body))
		more := uint16(0)
		if end < len(body) {
			more = 1
		}
		if v4 {
			out = append(out, fragment4(datagram[:header], body[off:end], id, off, more))
		} else {
			out = append(out, fragment6(datagram[:header], body[off:end], id, off, more))
		}
	}
	return out
}

func fragment4(header, body []byte, id uint32, off int, more uint16) []byte {
	f := append(append([]byte{}, header...), body...)
	binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
	binary.BigEndian.PutUint16(f[4:], uint16(id))
	binary.BigEndian.PutUint16(f[6:], more<<13|uint16(off/8))
	binary.BigEndian.PutUint16(f[10:], 0)
	binary.BigEndian.PutUint16(f[10:], ^checksum.Sum(f[:20], 0))
	return f
}

func fragment6(header, body []byte, id uint32, off int, more uint16) []byte {
	f := append([]byte{}, header...)
	f = append(f, header[6], 0)
	f = binary.BigEndian.AppendUint16(f, uint16(off)|more)
	f = binary.BigEndian.AppendUint32(f, id)
	f = append(f, body...)
	f[6] = 44
	binary.BigEndian.PutUint16(f[4:], uint16(len(f)-40))
	return f
}

// upperSum is the checksum of an upper-layer header and payload whose own checksum field is zero.
func upperSum(src, dst netip.Addr, proto uint8, upper []byte) uint16 {
	var pseudo []byte
	pseudo = append(pseudo, src.AsSlice()...)
	pseudo = append(pseudo, dst.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(upper)))
	pseudo = append(pseudo, 0, 0, 0, proto)
	return ^checksum.Sum(upper, checksum.Sum(pseudo, 0))
}
