package flow

import (
	"encoding/binary"
	"net/netip"

	"github.com/weir-project/weir/packet"
)

// A message is what a test packet says, in the words of the twin.
type message struct {
	src, dst netip.AddrPort // ICMP echo: the port is the identifier, in both
	proto    packet.Proto
	flags    packet.TCPFlags
	seq      uint32
	reply    bool // ICMP echo reply
	size     int  // bytes of payload
}

func (m message) v6() bool { return m.src.Addr().Is6() }

func (m message) reversed() message {
	m.src, m.dst, m.reply = m.dst, m.src, !m.reply
	return m
}

func (m message) with(flags packet.TCPFlags) message {
	m.flags = flags
	return m
}

// at is the message with a sequence number.
func (m message) at(seq uint32) message {
	m.seq = seq
	return m
}

func tcp(src, dst string) message {
	return message{src: netip.MustParseAddrPort(src), dst: netip.MustParseAddrPort(dst), proto: packet.TCP}
}

func udp(src, dst string) message {
	return message{src: netip.MustParseAddrPort(src), dst: netip.MustParseAddrPort(dst), proto: packet.UDP}
}

// packet returns the message as a decoded datagram with lengths and checksums in order.
func (m message) packet() *packet.Packet {
	var b []byte
	if m.v6() {
		b = make([]byte, 40)
		b[0], b[6], b[7] = 0x60, byte(m.proto), 64
	} else {
		b = make([]byte, 20)
		b[0], b[8], b[9] = 0x45, 64, byte(m.proto)
	}
	src, dst := m.src.Addr().AsSlice(), m.dst.Addr().AsSlice()
	at := map[bool]int{false: 12, true: 8}[m.v6()]
	copy(b[at:], src)
	copy(b[at+len(src):], dst)
	b = append(b, m.upper()...)
	p := new(packet.Packet)
	p.Set(b)
	p.Rewrite(b)
	p.Repair()
	if p.Malformed != packet.WellFormed {
		panic("test packet: " + p.Malformed.String())
	}
	return p
}

func (m message) upper() []byte {
	var h []byte
	switch m.proto {
	case packet.TCP:
		h = make([]byte, 20)
		h[12], h[13] = 5<<4, byte(m.flags)
		binary.BigEndian.PutUint32(h[4:], m.seq)
	case packet.UDP:
		h = make([]byte, 8)
	case packet.ICMP, packet.ICMPv6:
		h = make([]byte, 8)
		h[0] = map[packet.Proto]map[bool]byte{packet.ICMP: {false: 8}, packet.ICMPv6: {false: 128, true: 129}}[m.proto][m.reply]
		binary.BigEndian.PutUint16(h[4:], m.src.Port())
		return append(h, make([]byte, m.size)...)
	default:
		return make([]byte, m.size)
	}
	binary.BigEndian.PutUint16(h, m.src.Port())
	binary.BigEndian.PutUint16(h[2:], m.dst.Port())
	return append(h, make([]byte, m.size)...)
}
