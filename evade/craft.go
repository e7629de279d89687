package evade

import (
	"crypto/md5"
	"encoding/binary"
	"net/netip"

	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/checksum"
)

// An ip is what is particular about a datagram's header. The zero ip is an ordinary one.
type ip struct {
	ttl     uint8       // 0: 64
	id      uint32      // identification, of the IPv4 header or of a fragment
	word    uint16      // IPv4: flags and offset
	class   uint8       // traffic class
	options []byte      // IPv4: a multiple of four
	chain   []extension // IPv6
	src     netip.Addr  // instead of one's own
	edit    func(b []byte) []byte
	resum   bool // the IPv4 checksum is made after edit, too
}

// An extension is an IPv6 extension header: body is what stands behind the next header and the
// length, 6 bytes and a multiple of 8.
type extension struct {
	kind packet.Proto
	body []byte
}

// shortTTL takes a datagram past the place of inspection, and not to the receiver.
const shortTTL = 2

// datagram puts a header before upper.
func (p Path) datagram(h ip, proto packet.Proto, upper []byte) []byte {
	if h.ttl == 0 {
		h.ttl = 64
	}
	src := p.Me.Addr()
	if h.src.IsValid() {
		src = h.src
	}
	var b []byte
	if p.v4() {
		b = p.ipv4(h, src, proto, upper)
	} else {
		b = p.ipv6(h, src, proto, upper)
	}
	if h.edit != nil {
		b = h.edit(b)
		if h.resum {
			sumHeader(b)
		}
	}
	return b
}

func (p Path) ipv4(h ip, src netip.Addr, proto packet.Proto, upper []byte) []byte {
	n := 20 + len(h.options)
	b := make([]byte, 20, n+len(upper))
	b[0], b[1], b[8], b[9] = 0x40|byte(n/4), h.class, h.ttl, byte(proto)
	binary.BigEndian.PutUint16(b[2:], uint16(n+len(upper)))
	binary.BigEndian.PutUint16(b[4:], uint16(h.id))
	binary.BigEndian.PutUint16(b[6:], h.word)
	copy(b[12:], src.AsSlice())
	copy(b[16:], p.Peer.Addr().AsSlice())
	b = append(append(b, h.options...), upper...)
	sumHeader(b)
	return b
}

// sumHeader fills in the checksum of an IPv4 header.
func sumHeader(b []byte) {
	n := min(max(int(b[0]&15)*4, 20), len(b))
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], ^checksum.Sum(b[:n], 0))
}

func (p Path) ipv6(h ip, src netip.Addr, proto packet.Proto, upper []byte) []byte {
	b := make([]byte, 40)
	b[0], b[1], b[7] = 0x60|h.class>>4, h.class<<4, h.ttl
	copy(b[8:], src.AsSlice())
	copy(b[24:], p.Peer.Addr().AsSlice())
	nextAt := 6
	for _, x := range h.chain {
		b[nextAt] = byte(x.kind)
		nextAt = len(b)
		b = append(append(b, 0, byte((len(x.body)+2)/8-1)), x.body...)
	}
	b[nextAt] = byte(proto)
	b = append(b, upper...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}

// pseudo is the sum of the pseudo header for n bytes of proto.
func (p Path) pseudo(proto packet.Proto, n int) uint16 {
	b := append(p.Me.Addr().AsSlice(), p.Peer.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = binary.BigEndian.AppendUint32(b, uint32(proto))
	return checksum.Sum(b, 0)
}

// udp returns a UDP datagram without its IP header.
func (p Path) udp(payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, p.Me.Port())
	b = binary.BigEndian.AppendUint16(b, p.Peer.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	b = append(append(b, 0, 0), payload...)
	sum := ^checksum.Sum(b, p.pseudo(packet.UDP, len(b)))
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

// A segment is a TCP segment as it goes onto the wire.
type segment struct {
	seq, ack uint32
	flags    packet.TCPFlags
	window   uint16
	urgent   uint16
	offset   uint8 // data offset in words; 0: the right one
	reserved uint8
	options  []byte
	payload  []byte
	spoiled  uint16 // added to the checksum
	signed   bool
	mangle   func(tcp []byte) // last changes, before the checksum
}

// tcp returns a segment without its IP header.
func (p Path) tcp(s segment) []byte {
	opts := s.options
	if s.signed {
		opts = append([]byte{byte(packet.OptionNop), byte(packet.OptionNop), byte(packet.OptionMD5), 18}, make([]byte, 16)...)
		opts = append(opts, s.options...)
	}
	for len(opts)%4 != 0 {
		opts = append(opts[:len(opts):len(opts)], byte(packet.OptionEnd))
	}
	b := binary.BigEndian.AppendUint16(nil, p.Me.Port())
	b = binary.BigEndian.AppendUint16(b, p.Peer.Port())
	b = binary.BigEndian.AppendUint32(b, s.seq)
	b = binary.BigEndian.AppendUint32(b, s.ack)
	if s.offset == 0 {
		s.offset = uint8(5 + len(opts)/4)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(s.offset)<<12|uint16(s.reserved)<<9|uint16(s.flags))
	b = binary.BigEndian.AppendUint16(b, s.window)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, s.urgent)
	b = append(append(b, opts...), s.payload...)
	if s.signed {
		copy(b[24:40], p.signature(b, len(opts)))
	}
	if s.mangle != nil {
		s.mangle(b)
	}
	sum := ^checksum.Sum(b, p.pseudo(packet.TCP, len(b))) + s.spoiled
	binary.BigEndian.PutUint16(b[16:], sum)
	return b
}

// signature is RFC 2385 §2.0: pseudo header, header without options and checksum, data, key.
func (p Path) signature(b []byte, options int) []byte {
	h := md5.New()
	h.Write(p.Me.Addr().AsSlice())
	h.Write(p.Peer.Addr().AsSlice())
	if p.v4() {
		h.Write(binary.BigEndian.AppendUint16([]byte{0, byte(packet.TCP)}, uint16(len(b))))
	} else {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
		h.Write([]byte{0, 0, 0, byte(packet.TCP)})
	}
	h.Write(b[:20])
	h.Write(b[20+options:])
	h.Write([]byte(SignKey))
	return h.Sum(nil)
}
