package divert

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/checksum"
)

// numbered gives an IPv4 datagram another identification.
func numbered(b []byte, id int) []byte {
	if b[0]>>4 == 4 {
		binary.BigEndian.PutUint16(b[4:], uint16(id))
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], ^checksum.Sum(b[:20], 0))
	}
	return b
}

// tunnels put a datagram into one, the n-th of its sender.
var tunnels = map[string]func(inner []byte, n int) []byte{
	"VXLAN over IPv4": func(inner []byte, n int) []byte {
		b := numbered(craft.UDP("203.0.113.1:4789", "203.0.113.2:4789", vxlan(inner)), n)
		b[26], b[27] = 0, 0 // no checksum, as is usual
		return b
	},
	"VXLAN with a checksum": func(inner []byte, n int) []byte {
		return numbered(craft.UDP("203.0.113.1:4789", "203.0.113.2:4789", vxlan(inner)), n)
	},
	"VXLAN over IPv6": func(inner []byte, n int) []byte {
		return craft.UDP("[2001:db8:5::1]:4789", "[2001:db8:5::2]:4789", vxlan(inner))
	},
	"GRE with a key": func(inner []byte, n int) []byte {
		return numbered(outside(47, append([]byte{0x20, 0, 8, 0, 0, 0, 0, 7}, inner...)), n)
	},
	"IP in IP": func(inner []byte, n int) []byte {
		return numbered(outside(map[byte]uint8{4: 4, 6: 41}[inner[0]>>4], inner), n)
	},
}

func vxlan(inner []byte) []byte {
	ether := map[byte][]byte{4: {8, 0}, 6: {0x86, 0xdd}}[inner[0]>>4]
	return append(append(append([]byte{8, 0, 0, 0, 0, 0, 5, 0}, make([]byte, 12)...), ether...), inner...)
}

func outside(proto uint8, upper []byte) []byte {
	return craft.IP(netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2"), proto, upper)
}

// TestTunnelsAreCut into what their sender would have made of them, piece by piece, byte for byte.
func TestTunnelsAreCut(t *testing.T) {
	link := append(make([]byte, 12), 8, 0)
	for name, tunnel := range tunnels {
		for _, ends := range [][2]string{{"192.0.2.1:1", "192.0.2.2:2"}, {"[2001:db8::1]:1", "[2001:db8::2]:2"}} {
			for _, size := range []int{1, 999, 1000, 1001, 5500, 60000} {
				t.Run(fmt.Sprint(name, ends[0], size), func(t *testing.T) {
					const segment = 1000
					payload := bytes.Repeat([]byte("0123456789abcdefg"), size/17+1)[:size]
					all := packet.FIN | packet.PSH | packet.ACK | packet.CWR
					make1 := func(flags packet.TCPFlags, from, to, n int) []byte {
						seg := craft.Segment{Flags: flags, Seq: 0xfffff000 + uint32(from), Ack: 7, Window: 9, Options: []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}}
						return append(link[:14:14], tunnel(numbered(craft.TCP(ends[0], ends[1], seg, payload[from:to]), n), n)...)
					}
					frame := make1(all, 0, size, 0)
					v := described(frame, size+32, segment, ends[0][0] == '[')
					cut, ok := parseTunnelled(frame, 14, v)
					if !ok || cut.pieces() != (size+segment-1)/segment {
						t.Fatalf("%v, %+v", ok, cut)
					}
					room := make([]byte, 0, largeFrame)
					for n := range cut.pieces() {
						flags := all
						if n > 0 {
							flags &^= packet.CWR
						}
						if n < cut.pieces()-1 {
							flags &^= packet.FIN | packet.PSH
						}
						want := make1(flags, n*segment, min((n+1)*segment, size), n)
						if got := cut.piece(room, n); !bytes.Equal(got, want) {
							t.Fatalf("piece %d is\n%.120x, want\n%.120x", n, got, want)
						}
					}
				})
			}
		}
	}
}

// described is the vnet of a frame whose last bytes are a TCP segment.
func described(frame []byte, segmentLen, size int, v6 bool) vnet {
	v := vnet(make([]byte, vnetLen))
	if v[0], v[1] = vnetNeedsChecksum, gsoTCPv4; v6 {
		v[1] = gsoTCPv6
	}
	binary.NativeEndian.PutUint16(v[4:], uint16(size))
	binary.NativeEndian.PutUint16(v[6:], uint16(len(frame)-segmentLen))
	return v
}

// TestWhatIsNotCut: a segment in no tunnel, or in two, a tunnel whose header counts or sums up its packets, and more pieces than there may be.
func TestWhatIsNotCut(t *testing.T) {
	inner := craft.TCP("192.0.2.1:1", "192.0.2.2:2", craft.Segment{Flags: packet.ACK}, make([]byte, 3000))
	for name, c := range map[string]struct {
		datagram []byte
		segment  int
	}{
		"no tunnel":         {inner, 1000},
		"GRE with a sum":    {outside(47, append([]byte{0x80, 0, 8, 0, 0, 0, 0, 0}, inner...)), 1000},
		"GRE with a number": {outside(47, append([]byte{0x10, 0, 8, 0, 0, 0, 0, 0}, inner...)), 1000},
		"ESP":               {outside(50, inner), 1000},
		"two tunnels":       {outside(4, outside(4, inner)), 1000},
		"a tunnel in VXLAN": {tunnels["VXLAN over IPv4"](outside(4, inner), 0), 1000},
		"tiny pieces":       {outside(4, inner), 2},
		"no pieces":         {outside(4, inner), 0},
		"cut off":           {outside(4, inner)[:2000], 1000},
	} {
		frame := append(make([]byte, 14), c.datagram...)
		if cut, ok := parseTunnelled(frame, 14, described(frame, min(3020, len(c.datagram)-40), c.segment, false)); ok {
			t.Errorf("%s: %+v", name, cut)
		}
	}
}

// FuzzTunnelled: whatever a frame says, its pieces are no longer than itself, and have its payload between them.
func FuzzTunnelled(f *testing.F) {
	inner := craft.TCP("192.0.2.1:1", "192.0.2.2:2", craft.Segment{Flags: packet.ACK}, make([]byte, 300))
	for _, tunnel := range tunnels {
		frame := append(make([]byte, 14), tunnel(inner, 0)...)
		f.Add(frame, []byte(described(frame, 320, 100, false)))
	}
	room := make([]byte, 0, largeFrame)
	f.Fuzz(func(t *testing.T, frame, v []byte) {
		if len(frame) < 14 || len(frame) > largeFrame-vnetLen || len(v) < vnetLen {
			return
		}
		cut, ok := parseTunnelled(frame, 14, v)
		if !ok {
			return
		}
		var all []byte
		for n := range cut.pieces() {
			b := cut.piece(room, n)
			if len(b) > len(frame) {
				t.Fatalf("piece %d of %d bytes, of a frame of %d", n, len(b), len(frame))
			}
			all = append(all, b[cut.payload:]...)
		}
		if !bytes.Equal(all, frame[cut.payload:]) {
			t.Fatal("the pieces are not the whole")
		}
	})
}
