package sim

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/weir-project/weir/packet/checksum"
)

// The flags of a TCP header.
const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
	urg
)

// A segment is a TCP segment as an endpoint means it, or reads it.
type segment struct {
	seq, ack uint32
	flags    uint8
	wnd      uint16
	urgent   uint16
	ttl      uint8
	spoiled  bool // it leaves with a wrong checksum

	mss      uint16 // 0: the option is absent
	scale    int8   // -1: absent
	sackOK   bool
	stamped  bool
	ts, echo uint32
	sacks    [4][2]uint32
	blocks   int

	payload []byte
}

func (s *segment) has(f uint8) bool { return s.flags&f != 0 }

// length is the place that the segment takes in the sequence space.
func (s *segment) length() int {
	n := len(s.payload)
	if s.has(syn) {
		n++
	}
	if s.has(fin) {
		n++
	}
	return n
}

// A path is the two addresses of a connection.
type path struct {
	addr [2]netip.Addr
	port [2]uint16
	sum  uint16 // of the two addresses
}

func newPath(v6 bool, client, server netip.AddrPort) path {
	p := path{addr: [2]netip.Addr{client.Addr(), server.Addr()}, port: [2]uint16{client.Port(), server.Port()}}
	for _, a := range p.addr {
		p.sum = checksum.Sum(a.AsSlice(), p.sum)
	}
	return p
}

var paths = [2]path{
	newPath(false, netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("198.51.100.1:8080")),
	newPath(true, netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::2]:8080")),
}

func (p *path) v4() bool { return p.addr[0].Is4() }

// headers is how many bytes IP and TCP take before options.
func (p *path) headers() int {
	if p.v4() {
		return 40
	}
	return 60
}

// pseudo is the sum of the pseudo header for n bytes of TCP.
func (p *path) pseudo(n int) uint16 {
	var b [4]byte
	b[1] = 6
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	return checksum.Sum(b[:], p.sum)
}

// encode appends the datagram of a segment that end who sends.
func (p *path) encode(b []byte, s *segment, who int) []byte {
	var opts [60]byte
	o := s.options(opts[:0])
	upper := 20 + len(o) + len(s.payload)
	b = p.header(b, s.ttl, who, upper)
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, p.port[who])
	b = binary.BigEndian.AppendUint16(b, p.port[1-who])
	b = binary.BigEndian.AppendUint32(b, s.seq)
	b = binary.BigEndian.AppendUint32(b, s.ack)
	b = append(b, byte((20+len(o))/4<<4), s.flags)
	b = binary.BigEndian.AppendUint16(b, s.wnd)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, s.urgent)
	b = append(b, o...)
	b = append(b, s.payload...)
	p.seal(b[at:])
	if s.spoiled {
		b[at+16] ^= 0x55
	}
	return b
}

// seal fills in the checksum of a TCP segment.
func (p *path) seal(tcp []byte) {
	tcp[16], tcp[17] = 0, 0
	binary.BigEndian.PutUint16(tcp[16:], ^checksum.Sum(tcp, p.pseudo(len(tcp))))
}

func (p *path) header(b []byte, ttl uint8, who, upper int) []byte {
	at := len(b)
	if !p.v4() {
		b = append(b, 0x60, 0, 0, 0, byte(upper>>8), byte(upper), 6, ttl)
		src, dst := p.addr[who].As16(), p.addr[1-who].As16()
		return append(append(b, src[:]...), dst[:]...)
	}
	n := 20 + upper
	b = append(b, 0x45, 0, byte(n>>8), byte(n), 0, 0, 0x40, 0, ttl, 6, 0, 0)
	src, dst := p.addr[who].As4(), p.addr[1-who].As4()
	b = append(append(b, src[:]...), dst[:]...)
	binary.BigEndian.PutUint16(b[at+10:], ^checksum.Sum(b[at:at+20], 0))
	return b
}

func (s *segment) options(o []byte) []byte {
	if s.mss > 0 {
		o = append(o, 2, 4, byte(s.mss>>8), byte(s.mss))
	}
	if s.scale >= 0 && s.has(syn) {
		o = append(o, 1, 3, 3, byte(s.scale))
	}
	if s.sackOK {
		o = append(o, 1, 1, 4, 2)
	}
	if s.stamped {
		o = append(o, 1, 1, 8, 10)
		o = binary.BigEndian.AppendUint32(o, s.ts)
		o = binary.BigEndian.AppendUint32(o, s.echo)
	}
	if s.blocks > 0 {
		o = append(o, 1, 1, 5, byte(2+8*s.blocks))
		for _, k := range s.sacks[:s.blocks] {
			o = binary.BigEndian.AppendUint32(o, k[0])
			o = binary.BigEndian.AppendUint32(o, k[1])
		}
	}
	return o
}

// sender tells which end a datagram of this path comes from.
func (p *path) sender(b []byte) int {
	at := 20
	if !p.v4() {
		at = 40
	}
	if len(b) >= at+2 && binary.BigEndian.Uint16(b[at:]) == p.port[1] {
		return 1
	}
	return 0
}

// decode reads a datagram with all the care of an endpoint. The payload is a view of b.
func (p *path) decode(b []byte, s *segment) error {
	*s = segment{scale: -1}
	at := p.headers() - 20
	if len(b) < at+20 {
		return fmt.Errorf("%d bytes are no TCP segment", len(b))
	}
	length := int(binary.BigEndian.Uint16(b[4:])) + 40
	if p.v4() {
		length = int(binary.BigEndian.Uint16(b[2:]))
		if checksum.Sum(b[:20], 0) != 0xffff || b[0] != 0x45 {
			return fmt.Errorf("wrong IPv4 header % x", b[:20])
		}
		s.ttl = b[8]
	} else {
		s.ttl = b[7]
	}
	if length != len(b) {
		return fmt.Errorf("the length says %d of %d bytes", length, len(b))
	}
	t := b[at:]
	if checksum.Sum(t, p.pseudo(len(t))) != 0xffff {
		return fmt.Errorf("wrong checksum")
	}
	head := int(t[12]>>4) * 4
	if head < 20 || head > len(t) {
		return fmt.Errorf("wrong data offset %d", head)
	}
	s.seq, s.ack = binary.BigEndian.Uint32(t[4:]), binary.BigEndian.Uint32(t[8:])
	s.flags, s.wnd, s.urgent = t[13], binary.BigEndian.Uint16(t[14:]), binary.BigEndian.Uint16(t[18:])
	s.payload = t[head:]
	return s.readOptions(t[20:head])
}

func (s *segment) readOptions(o []byte) error {
	for len(o) > 0 && o[0] != 0 {
		if o[0] == 1 {
			o = o[1:]
			continue
		}
		if len(o) < 2 || int(o[1]) < 2 || int(o[1]) > len(o) {
			return fmt.Errorf("broken options % x", o)
		}
		v := o[2:o[1]]
		switch {
		case o[0] == 2 && len(v) == 2:
			s.mss = binary.BigEndian.Uint16(v)
		case o[0] == 3 && len(v) == 1:
			s.scale = int8(v[0])
		case o[0] == 4:
			s.sackOK = true
		case o[0] == 8 && len(v) == 8:
			s.stamped, s.ts, s.echo = true, binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])
		case o[0] == 5:
			if len(v)%8 != 0 || len(v) > 32 || len(v) == 0 {
				return fmt.Errorf("SACK of %d bytes", len(v))
			}
			for ; len(v) > 0; v = v[8:] {
				s.sacks[s.blocks] = [2]uint32{binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])}
				s.blocks++
			}
		}
		o = o[o[1]:]
	}
	return nil
}
