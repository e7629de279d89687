package packet

import (
	"bytes"
	"testing"
)

// segment returns tcp4 or tcp6 with other flags.
func segment(b []byte, flags TCPFlags) *Packet {
	p := decoded(b)
	wire.PutUint16(p.MutableTransportHeader()[12:], 9<<12|uint16(flags))
	p.Repair()
	p.Decode()
	return p
}

func TestResetNumbers(t *testing.T) {
	for _, b := range [][]byte{tcp4(t), tcp6(t)} { // seq 1000, ack 2000, 5 bytes of payload (hexadecimal)
		for _, c := range []struct {
			flags    TCPFlags
			seq, ack uint32
			want     TCPFlags
		}{
			{ACK, 0x2000, 0, RST},
			{SYN | ACK, 0x2000, 0, RST},
			{SYN, 0, 0x1006, RST | ACK},
			{SYN | FIN, 0, 0x1007, RST | ACK},
			{0, 0, 0x1005, RST | ACK},
		} {
			of := segment(b, c.flags)
			r := decoded(Reset(nil, of))
			if r.Malformed != WellFormed || !sumsRight(r.Bytes()) || r.TCPFlags != c.want ||
				uint32(r.TCP().Seq()) != c.seq || uint32(r.TCP().Ack()) != c.ack || len(r.Payload()) != 0 {
				t.Errorf("to %v: %v %v seq %#x ack %#x", c.flags, r.Malformed, r.TCPFlags, r.TCP().Seq(), r.TCP().Ack())
			}
			if r.SrcAddr() != of.DstAddr() || r.DstAddr() != of.SrcAddr() || r.SrcPort != of.DstPort || r.DstPort != of.SrcPort {
				t.Errorf("to %v: %v:%d to %v:%d", c.flags, r.SrcAddr(), r.SrcPort, r.DstAddr(), r.DstPort)
			}
		}
	}
}

func TestResetReceiverTakesTheSendersPlace(t *testing.T) {
	for _, b := range [][]byte{tcp4(t), tcp6(t)} {
		of := segment(b, PSH|ACK)
		r := decoded(ResetReceiver(nil, of))
		if !sumsRight(r.Bytes()) || r.TCPFlags != RST|ACK || r.TCP().Seq() != 0x1000 || r.TCP().Ack() != 0x2000 ||
			r.SrcAddr() != of.SrcAddr() || r.DstPort != of.DstPort {
			t.Errorf("%v seq %#x ack %#x from %v", r.TCPFlags, r.TCP().Seq(), r.TCP().Ack(), r.SrcAddr())
		}
		if out := ResetReceiver(nil, segment(b, SYN)); out != nil {
			t.Errorf("answered a SYN: %x", out)
		}
	}
}

func TestNoAnswerIsDue(t *testing.T) {
	src := func(b []byte, v ...byte) *Packet { copy(b[12:], v); return decoded(fixed(b)) }
	dst := func(b []byte, v ...byte) *Packet { copy(b[16:], v); return decoded(fixed(b)) }
	icmpError := ping4(t)
	icmpError[20] = 3
	icmp6Error := ping6(t)
	icmp6Error[40] = 1
	redirect6 := ping6(t)
	redirect6[40] = 137
	multicast6 := udp6(t)
	multicast6[24] = 0xff
	unspecified6 := udp6(t)
	copy(unspecified6[8:24], make([]byte, 16))
	for _, c := range []struct {
		name               string
		of                 *Packet
		reset, unreachable bool
	}{
		{"a good segment", decoded(tcp4(t)), true, true},
		{"a good datagram", decoded(udp6(t)), false, true},
		{"an echo request", decoded(ping6(t)), false, true},
		{"a reset", segment(tcp4(t), RST|ACK), false, true},
		{"nothing", decoded(nil), false, false},
		{"malformed", decoded(put(8, 9)(tcp4(t))), false, false},
		{"wrong checksum", decoded(put(60, 'x')(tcp4(t))), false, false},
		{"later fragment", decoded(sealed(6, 0, 1)(tcp4(t))), false, false},
		{"from multicast", src(tcp4(t), 224, 0, 0, 1), false, false},
		{"from nobody", src(tcp4(t), 0, 0, 0, 0), false, false},
		{"from broadcast", src(tcp4(t), 255, 255, 255, 255), false, false},
		{"to multicast", dst(tcp4(t), 239, 0, 0, 1), false, false},
		{"to broadcast", dst(udp4(t), 255, 255, 255, 255), false, false},
		{"to multicast, v6", decoded(fixed(multicast6)), false, false},
		{"from nobody, v6", decoded(fixed(unspecified6)), false, false},
		{"ICMP error", decoded(fixed(icmpError)), false, false},
		{"ICMPv6 error", decoded(fixed(icmp6Error)), false, false},
		{"ICMPv6 redirect", decoded(fixed(redirect6)), false, false},
	} {
		if got := Reset(nil, c.of) != nil; got != c.reset {
			t.Errorf("%s: reset %v", c.name, got)
		}
		if got := Unreachable(nil, c.of) != nil; got != c.unreachable {
			t.Errorf("%s: unreachable %v", c.name, got)
		}
	}
	first := decoded(sealed(2, 0, 60, 0x12, 0x34, 0x20, 0)(tcp4(t)[:60]))
	if Reset(nil, first) != nil || Unreachable(nil, first) == nil {
		t.Error("first fragment: want an unreachable and no reset")
	}
}

func TestUnreachableQuotesWithinLimits(t *testing.T) {
	for _, c := range []struct {
		b           []byte
		limit       int
		kind, code  byte
		quoteBefore int
	}{
		{udp4(t), 576, 3, 13, 28},
		{udp6(t), 1280, 1, 1, 48},
	} {
		for _, extra := range []int{0, 400, 600, 1300, 9000} {
			of := decoded(fixed(append(append([]byte{}, c.b...), make([]byte, extra)...)))
			prefix := []byte("before")
			out := Unreachable(prefix, of)
			if !bytes.HasPrefix(out, prefix) {
				t.Fatal("did not append")
			}
			r := decoded(out[len(prefix):])
			h := r.ICMP()
			if r.Malformed != WellFormed || !sumsRight(r.Bytes()) || h.Type() != c.kind || h.Code() != c.code {
				t.Fatalf("%v: type %d code %d", r.Malformed, h.Type(), h.Code())
			}
			want := of.Bytes()[:min(len(of.Bytes()), c.limit-c.quoteBefore)]
			if !bytes.Equal(r.Payload(), want) || len(r.Bytes()) > c.limit {
				t.Errorf("%d more bytes: quotes %d, want %d", extra, len(r.Payload()), len(want))
			}
			if r.SrcAddr() != of.DstAddr() || r.DstAddr() != of.SrcAddr() || Unreachable(nil, r) != nil {
				t.Errorf("%v to %v", r.SrcAddr(), r.DstAddr())
			}
		}
	}
}

// TestTooLong is as Unreachable, but for what it says.
func TestTooLong(t *testing.T) {
	for _, c := range []struct {
		b          []byte
		kind, code byte
	}{
		{udp4(t), 3, 4},
		{udp6(t), 2, 0},
	} {
		of := decoded(fixed(append(append([]byte{}, c.b...), make([]byte, 1300)...)))
		r, other := decoded(TooLong(nil, of, 1280)), decoded(Unreachable(nil, of))
		h := r.ICMP()
		if r.Malformed != WellFormed || !sumsRight(r.Bytes()) || h.Type() != c.kind || h.Code() != c.code {
			t.Errorf("%v: type %d code %d", r.Malformed, h.Type(), h.Code())
		}
		if rest := [4]byte(h[4:]); rest != [4]byte{0, 0, 1280 >> 8, 1280 & 0xff} {
			t.Errorf("it says % x", rest)
		}
		if !bytes.Equal(r.Payload(), other.Payload()) || r.SrcAddr() != other.SrcAddr() || r.DstAddr() != other.DstAddr() {
			t.Error("it quotes otherwise")
		}
	}
	if err := decoded(Unreachable(nil, decoded(udp6(t)))); TooLong(nil, err, 1280) != nil {
		t.Error("an error about an error")
	}
}
