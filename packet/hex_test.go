package packet

import (
	"encoding/hex"
	"strings"
	"testing"
)

// datagram reads hex annotated field by field: what follows # in a line is comment.
func datagram(t testing.TB, annotated string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(annotated) {
		code, _, _ := strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(code), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decoded returns a fresh packet over its own copy of the bytes, decoded.
func decoded(b []byte) *Packet {
	p := new(Packet)
	p.Set(append([]byte(nil), b...))
	p.Decode()
	return p
}

// fixed returns b with the lengths and checksums that it should have.
func fixed(b []byte) []byte {
	p := new(Packet)
	p.Rewrite(append([]byte(nil), b...))
	p.Repair()
	return p.Bytes()
}

// sum16 is the obvious twin of package checksum.
func sum16(b []byte) uint16 {
	var s uint32
	for i, c := range b {
		s += uint32(c) << (8 * (1 - i%2))
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// sumsRight verifies all checksums of a whole datagram without extension headers that
// carries TCP, UDP, ICMP or ICMPv6, by the letter of the RFCs.
func sumsRight(b []byte) bool {
	if b[0]>>4 == 4 {
		ihl := int(b[0]&15) * 4
		upper := b[ihl:]
		if sum16(b[:ihl]) != 0xffff {
			return false
		}
		if Proto(b[9]) == ICMP {
			return sum16(upper) == 0xffff
		}
		pseudo := append(append([]byte{}, b[12:20]...), 0, b[9], byte(len(upper)>>8), byte(len(upper)))
		return sum16(append(pseudo, upper...)) == 0xffff
	}
	upper := b[40:]
	n := len(upper)
	pseudo := append(append([]byte{}, b[8:40]...), byte(n>>24), byte(n>>16), byte(n>>8), byte(n), 0, 0, 0, b[6])
	return sum16(append(pseudo, upper...)) == 0xffff
}

const hexTCP4 = `
	45 b8 00 3d  # version 4, IHL 5, DSCP EF, total length 61
	12 34 40 00  # ID, DF
	40 06 3b 98  # TTL 64, TCP, checksum
	c0 00 02 01  # 192.0.2.1
	c6 33 64 02  # 198.51.100.2
	cb f0 00 50  # ports 52208, 80
	00 00 10 00  # seq
	00 00 20 00  # ack
	90 18 01 f6  # data offset 9, PSH|ACK, window 502
	2e b1 00 00  # checksum, urgent
	02 04 05 b4  # MSS 1460
	01 03 03 07  # nop, window scale 7
	04 02 01 01  # SACK permitted, nop, nop
	01 01 01 00  # nop, nop, nop, end
	68 65 6c 6c 6f # "hello"
`

const hexUDP6 = `
	6b 90 12 34  # version 6, class b9 (DSCP 46, ECN 1), flow label 01234
	00 0b 11 40  # payload length 11, UDP, hop limit 64
	20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01
	20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02
	cb f0 00 35  # ports 52208, 53
	00 0b 13 db  # length 11, checksum
	61 62 63     # "abc"
`

const hexPing4 = `
	45 00 00 20  # total length 32
	00 01 00 00  # ID 1
	40 01 00 00  # TTL 64, ICMP, checksum left out
	c0 00 02 01  # 192.0.2.1
	c6 33 64 02  # 198.51.100.2
	08 00 00 00  # echo request
	be ef 00 07  # identifier, sequence
	64 61 74 61  # "data"
`

const hexPing6 = `
	60 00 00 00
	00 0c 3a 40  # payload length 12, ICMPv6
	20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01
	20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02
	80 00 00 00  # echo request
	be ef 00 07  # identifier, sequence
	64 61 74 61  # "data"
`

func tcp4(t testing.TB) []byte  { return fixed(datagram(t, hexTCP4)) }
func udp6(t testing.TB) []byte  { return fixed(datagram(t, hexUDP6)) }
func ping4(t testing.TB) []byte { return fixed(datagram(t, hexPing4)) }
func ping6(t testing.TB) []byte { return fixed(datagram(t, hexPing6)) }

// udp4 is hexUDP6's datagram over IPv4.
func udp4(t testing.TB) []byte {
	head := datagram(t, `
		45 b9 00 1f 12 34 00 00
		40 11 00 00 c0 00 02 01 c6 33 64 02`)
	return fixed(append(head, datagram(t, hexUDP6)[40:]...))
}

// tcp6 is hexTCP4's segment over IPv6.
func tcp6(t testing.TB) []byte {
	head := datagram(t, `
		60 00 00 00 00 29 06 40
		20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01
		20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02`)
	return fixed(append(head, datagram(t, hexTCP4)[20:]...))
}

// chain6 puts extension headers, each naming its successor already, before the upper
// layer of an IPv6 datagram. first is the kind of the first of them.
func chain6(whole []byte, first Proto, ext []byte) []byte {
	b := append([]byte{}, whole[:40]...)
	b[6] = byte(first)
	b = append(append(b, ext...), whole[40:]...)
	wire.PutUint16(b[4:], uint16(len(b)-40))
	return b
}
