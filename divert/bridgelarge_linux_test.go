package divert_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/divert/conform"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// withoutOffloads has the kernel cut packets and complete checksums before the interface sends.
func withoutOffloads(t *testing.T, name string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, command := range []uint32{unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_STXCSUM} {
		data := struct{ command, value uint32 }{command: command}
		request := struct { // struct ifreq
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&data)}
		copy(request.name[:unix.IFNAMSIZ-1], name)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
			t.Fatal(errno)
		}
	}
}

// sendLarge has an offload-sized frame leave an end, to be cut into pieces of that many bytes, with the checksum left to the device.
func (w *wire) sendLarge(from int, datagram []byte, segment int, tags ...[4]byte) {
	w.t.Helper()
	p := new(packet.Packet)
	p.Set(datagram)
	p.Decode()
	if !p.LeaveChecksum() {
		w.t.Fatal("no checksum to leave")
	}
	link := 14 + 4*len(tags)
	at := link + len(p.Header())
	kind := byte(1) // TCPv4
	if p.Version == 6 {
		kind = 4
	}
	h := []byte{1, kind}
	for _, n := range []int{at + len(p.TransportHeader()), segment, at, 16} {
		h = binary.NativeEndian.AppendUint16(h, uint16(n))
	}
	fd := w.socket([]string{"a0", "b0"}[from])
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		w.t.Fatal(err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 1<<20)
	if _, err := unix.Write(fd, append(h, ipFrame(from, datagram, tags...)...)); err != nil {
		w.t.Fatal(err)
	}
	unix.Close(fd)
}

// TestLargePacketsAreCutBehindTheBridge: an offload-sized packet comes whole, goes on with what was left to the device, and is cut where the
// device cannot; so is one that was edited. Its pieces have the link header and right checksums, and their payloads make up the whole.
func TestLargePacketsAreCutBehindTheBridge(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b string
		tags [][4]byte
		size int
		to   int // the payload is edited to so many bytes; -1: not at all
	}{
		{"as it came", "192.0.2.1:1", "198.51.100.1:2", nil, 10000, -1},
		{"as it came, tagged", "192.0.2.1:1", "198.51.100.1:2", [][4]byte{vlan7}, 10000, -1},
		{"as it came, tagged, IPv6", "[2001:db8::1]:1", "[2001:db8::2]:2", [][4]byte{vlan7}, 10000, -1},
		{"the largest", "192.0.2.1:1", "198.51.100.1:2", nil, 65400, -1},
		{"the largest, tagged, IPv6", "[2001:db8::1]:1", "[2001:db8::2]:2", [][4]byte{vlan7}, 65000, -1},
		{"edited", "192.0.2.1:1", "198.51.100.1:2", nil, 10000, 10000},
		{"edited, tagged", "192.0.2.1:1", "198.51.100.1:2", [][4]byte{vlan7}, 10000, 10000},
		{"grown, tagged, IPv6", "[2001:db8::1]:1", "[2001:db8::2]:2", [][4]byte{vlan7}, 10000, 30000},
		{"grown", "192.0.2.1:1", "198.51.100.1:2", nil, 3000, 60000},
		{"shrunk to a piece", "192.0.2.1:1", "198.51.100.1:2", [][4]byte{vlan7}, 10000, 900},
		{"shrunk to nothing, IPv6", "[2001:db8::1]:1", "[2001:db8::2]:2", nil, 10000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			const segment = 1000
			w := newWire(t)
			withoutOffloads(t, "b1")
			s := openBridge(t)
			payload := bytes.Repeat([]byte("0123456789abcdef"), 5000)[:c.size]
			w.sendLarge(0, craft.TCP(c.a, c.b, craft.Segment{Flags: packet.ACK, Seq: 100}, payload), segment, c.tags...)
			p := recv(t, s, 1)[0]
			if !p.Meta.GSO || p.Meta.Checksum != packet.ChecksumPartial || !bytes.Equal(p.Payload(), payload) {
				t.Fatalf("%+v, %d bytes of payload", p.Meta, len(p.Payload()))
			}
			if c.to >= 0 {
				payload = bytes.Repeat([]byte("edited"), 11000)[:c.to]
				if !p.ReplacePayload(make([]byte, 65535), payload) {
					t.Fatal("cannot be edited")
				}
			}
			finish(t, s, packet.Accept, p)
			if got := w.pieces(1, len(payload), segment, c.tags); !bytes.Equal(got, payload) {
				t.Errorf("%d bytes have arrived, and are not the %d that were sent", len(got), len(payload))
			}
			if st := s.Stats(); st.VerdictErrors+st.Truncated+st.Dropped > 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// pieces receives TCP segments until their payloads have size bytes, and returns these.
func (w *wire) pieces(at, size, segment int, tags [][4]byte) (all []byte) {
	w.t.Helper()
	for first := true; first || len(all) < size; first = false {
		f := w.arrived(at, 5*time.Second)
		link := 14 + 4*len(tags)
		if len(f) < link {
			w.t.Fatalf("%d of %d bytes have arrived", len(all), size)
		}
		p := new(packet.Packet)
		p.Set(f[link:])
		p.Decode()
		if want := ipFrame(1-at, f[link:], tags...)[:link]; !bytes.Equal(f[:link], want) {
			w.t.Fatalf("link header %x, want %x", f[:link], want)
		}
		if p.Malformed != packet.WellFormed || !p.VerifyChecksum() || len(p.Payload()) > segment || int(p.TCP().Seq()) != 100+len(all) {
			w.t.Fatalf("a piece is %v, checksum right: %v, %d bytes at %d", p.Malformed, p.VerifyChecksum(), len(p.Payload()), p.TCP().Seq())
		}
		all = append(all, p.Payload()...)
	}
	w.nothing(at)
	return all
}

// TestLargePacketsOfTheDead: a reader dies with a frame that did not fit its slot, read and not given back. The next one does not take another
// frame for it.
func TestLargePacketsOfTheDead(t *testing.T) {
	w := newWire(t)
	b, err := divert.Bind("bridge:a1,b1")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	first, err := divert.Attach(b.Address, b.Caps, b.Files())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Flow(true); err != nil {
		t.Fatal(err)
	}
	large := func(n byte) []byte {
		return craft.TCP("192.0.2.1:1", "198.51.100.1:2", craft.Segment{}, bytes.Repeat([]byte{n}, 5000))
	}
	for n := range byte(4) {
		w.sendLarge(0, large(n), 1000)
	}
	if n, err := first.Recv(somePackets(2), time.Second); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	next, err := divert.Attach(b.Address, b.Caps, b.Files())
	if err != nil {
		t.Fatal(err)
	}
	for n, p := range recv(t, next, 4) {
		if p.Truncated() != (n < 2) {
			t.Errorf("packet %d: truncated %v, %d bytes", n, p.Truncated(), len(p.Bytes()))
		}
		if n >= 2 && !bytes.Equal(p.Payload(), bytes.Repeat([]byte{byte(n)}, 5000)) {
			t.Errorf("packet %d has the bytes of another", n)
		}
		finish(t, next, packet.Drop, p)
	}
	w.sendLarge(0, large(9), 1000)
	if p := recv(t, next, 1)[0]; p.Truncated() || p.Payload()[0] != 9 {
		t.Errorf("behind it: truncated %v", p.Truncated())
	}
}

// TestTruncatedPacketsDoNotGoOn: what had no room beside the ring arrives as a beginning, which can be dropped, and not accepted.
func TestTruncatedPacketsDoNotGoOn(t *testing.T) {
	w := newWire(t)
	s := openBridge(t, divert.WithRecvBuffer(1))
	for range 200 {
		w.sendLarge(0, craft.TCP("192.0.2.1:1", "198.51.100.1:2", craft.Segment{}, make([]byte, 60000)), 1000)
	}
	truncated, got := 0, 0
	for ps := somePackets(64); ; {
		n, err := s.Recv(ps, 50*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		for _, p := range ps[:n] {
			if got++; p.Truncated() {
				truncated++
			}
		}
		finish(t, s, packet.Accept, ps[:n]...)
	}
	st := s.Stats()
	if truncated == 0 || truncated == got || int(st.Truncated) != truncated || int(st.VerdictErrors) != truncated || int(st.Accepted) != got-truncated {
		t.Errorf("%d of %d were truncated, stats %+v", truncated, got, st)
	}
	w.send(1, ipFrame(1, udpOf(conform.Way{}, []byte("behind"))))
	finish(t, s, packet.Accept, recv(t, s, 1)...)
	w.want(0, ipFrame(1, udpOf(conform.Way{}, []byte("behind"))))
}
