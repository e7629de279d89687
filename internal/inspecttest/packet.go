package inspecttest

import (
	"encoding/binary"
	"net/netip"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
)

// UDP returns a datagram from src to dst, each "address:port" of either family, decoded and with right checksums.
func UDP(src, dst string, payload []byte) *packet.Packet {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	h := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(h, s.Port())
	binary.BigEndian.PutUint16(h[2:], d.Port())
	binary.BigEndian.PutUint16(h[4:], uint16(8+len(payload)))
	return datagram(s.Addr(), d.Addr(), packet.UDP, append(h, payload...))
}

// TCP returns a segment with ACK set.
func TCP(src, dst string, payload []byte) *packet.Packet {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	h := make([]byte, 20, 20+len(payload))
	binary.BigEndian.PutUint16(h, s.Port())
	binary.BigEndian.PutUint16(h[2:], d.Port())
	h[12], h[13] = 5<<4, byte(packet.ACK)
	return datagram(s.Addr(), d.Addr(), packet.TCP, append(h, payload...))
}

// Echo returns an ICMP or ICMPv6 echo request.
func Echo(src, dst string) *packet.Packet {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	if s.Is4() {
		return datagram(s, d, packet.ICMP, []byte{8, 0, 0, 0, 0, 1, 0, 1})
	}
	return datagram(s, d, packet.ICMPv6, []byte{128, 0, 0, 0, 0, 1, 0, 1})
}

func datagram(src, dst netip.Addr, proto packet.Proto, upper []byte) *packet.Packet {
	var b []byte
	if src.Is4() {
		b = make([]byte, 12, 20+len(upper))
		b[0], b[8], b[9] = 0x45, 64, byte(proto)
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(upper)))
	} else {
		b = make([]byte, 8, 40+len(upper))
		b[0], b[6], b[7] = 0x60, byte(proto), 64
		binary.BigEndian.PutUint16(b[4:], uint16(len(upper)))
	}
	b = append(append(b, src.AsSlice()...), dst.AsSlice()...)
	p := new(packet.Packet)
	p.Set(append(b, upper...))
	p.Decode()
	p.MarkDirty()
	p.Repair()
	return p
}

// A Part is a field of a message to build: its name and its value.
type Part struct {
	ID    field.ID
	Value string
}

// Message returns a message whose unit is its parts, one after the other, each ended by a line feed, and whose
// fields are all editable.
func Message(proto string, response bool, parts ...Part) *field.Message {
	m := &field.Message{Proto: proto, Response: response, Complete: true}
	for _, p := range parts {
		m.Unit = append(append(m.Unit, p.Value...), '\n')
	}
	at := 0
	for _, p := range parts {
		end := at + len(p.Value)
		m.Add(field.Field{ID: p.ID, Value: m.Unit[at:end:end], Span: field.Span{Off: at, End: end}, Editable: true})
		at = end + 1
	}
	return m
}
