package divert_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/divert/conform"
	"github.com/weir-project/weir/packet"
)

// A wire is two pairs of veth in a namespace of the test's own, a0 to a1 and b0 to b1: the bridge is between a1 and b1, and the test at a0 and b0,
// with frames of its own making. Nothing has an address, so that no kernel says anything.
type wire struct {
	t    testing.TB
	ends [2]int // packet sockets at a0 and b0
	bufs [][]byte
	next int
}

func newWire(t testing.TB) *wire {
	t.Helper()
	divert.NewNamespace(t)
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	w := &wire{t: t, bufs: make([][]byte, 1024)}
	for i := range w.bufs {
		w.bufs[i] = make([]byte, 4096)
	}
	for i, name := range []string{"a", "b"} {
		makePair(t, name+"0", name+"1")
		w.ends[i] = w.socket(name + "0")
	}
	return w
}

func makePair(t testing.TB, near, far string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = near
	v := &netlink.Veth{LinkAttrs: attrs, PeerName: far}
	if err := netlink.LinkAdd(v); err != nil {
		t.Skipf("SKIPPED: no veth: %v", err)
	}
	for _, name := range []string{near, far} {
		up(t, name)
	}
}

func up(t testing.TB, name string) {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// socket opens a packet socket that sees what the interface receives.
func (w *wire) socket(name string) int {
	w.t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		w.t.Fatal(err)
	}
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: l.Attrs().Index}),
	); err != nil {
		w.t.Fatal(err)
	}
	return fd
}

// send has a frame leave one end.
func (w *wire) send(from int, frame []byte) {
	w.t.Helper()
	if _, err := unix.Write(w.ends[from], frame); err != nil {
		w.t.Fatal(err)
	}
}

// arrived returns the next frame that arrives at an end, the tag that the kernel has taken off put back; nil if none comes.
func (w *wire) arrived(at int, wait time.Duration) []byte {
	polls := []unix.PollFd{{Fd: int32(w.ends[at]), Events: unix.POLLIN}}
	if n, err := unix.Poll(polls, int(wait.Milliseconds())); err != nil || n == 0 {
		return nil
	}
	b := w.bufs[w.next]
	w.next = (w.next + 1) % len(w.bufs)
	var oob [128]byte
	n, k, _, _, err := unix.Recvmsg(w.ends[at], b, oob[:], 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.tagged(b[:n], oob[:k])
}

// tagged reads struct tpacket_auxdata.
func (w *wire) tagged(frame, oob []byte) []byte {
	const valid, tpid = 0x10, 0x40
	if len(oob) < 16+20 {
		return frame
	}
	aux := oob[16:]
	status := binary.NativeEndian.Uint32(aux)
	if status&valid == 0 {
		return frame
	}
	ether := uint16(0x8100)
	if status&tpid != 0 {
		ether = binary.NativeEndian.Uint16(aux[18:])
	}
	whole := append([]byte(nil), frame[:12]...)
	whole = binary.BigEndian.AppendUint16(whole, ether)
	whole = binary.BigEndian.AppendUint16(whole, binary.NativeEndian.Uint16(aux[16:]))
	return append(whole, frame[12:]...)
}

var (
	macA = []byte{2, 0, 0, 0, 0, 0xa}
	macB = []byte{2, 0, 0, 0, 0, 0xb}
)

// ethernet makes a frame on its way from an end to the other; tags are between the addresses and the type.
func ethernet(from int, ether uint16, payload []byte, tags ...[4]byte) []byte {
	to, source := macB, macA
	if from == 1 {
		to, source = source, to
	}
	f := append(append([]byte(nil), to...), source...)
	for _, t := range tags {
		f = append(f, t[:]...)
	}
	return append(binary.BigEndian.AppendUint16(f, ether), payload...)
}

// ipFrame is ethernet for a datagram.
func ipFrame(from int, datagram []byte, tags ...[4]byte) []byte {
	ether := uint16(0x0800)
	if datagram[0]>>4 == 6 {
		ether = 0x86dd
	}
	return ethernet(from, ether, datagram, tags...)
}

func openBridge(t testing.TB, opts ...divert.Option) *divert.Bridge {
	t.Helper()
	s, err := divert.OpenSocket("bridge:a1,b1", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*divert.Bridge)
}

// A bridgeKernel has datagrams come along a wire.
type bridgeKernel struct {
	*wire
	sent map[conform.Way]map[int][]byte // frames made, by length of the payload
}

func (k *bridgeKernel) Open(opts ...divert.Option) (divert.Socket, error) {
	return divert.OpenSocket("bridge:a1,b1", opts...)
}

func (k *bridgeKernel) Ways() []conform.Way {
	return []conform.Way{{}, {In: true}, {Inet6: true}, {In: true, Inet6: true}}
}

// Send implements conform.Kernel. Out is from a to b.
func (k *bridgeKernel) Send(w conform.Way, payload []byte) error {
	from := 0
	if w.In {
		from = 1
	}
	_, err := unix.Write(k.ends[from], k.frame(w, from, payload))
	return err
}

// frame makes one once for a content.
func (k *bridgeKernel) frame(w conform.Way, from int, payload []byte) []byte {
	if f := k.sent[w][len(payload)]; f != nil && string(f[len(f)-len(payload):]) == string(payload) {
		return f
	}
	f := ipFrame(from, udpOf(w, payload))
	if k.sent == nil {
		k.sent = map[conform.Way]map[int][]byte{}
	}
	if k.sent[w] == nil {
		k.sent[w] = map[int][]byte{}
	}
	k.sent[w][len(payload)] = f
	return f
}

func (k *bridgeKernel) Next(wait time.Duration) ([]byte, bool) {
	for end := time.Now().Add(wait); ; {
		for at := range k.ends {
			if f := k.arrived(at, 0); f != nil {
				return k.check(at, f), true
			}
		}
		if time.Now().After(end) {
			return nil, false
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func (k *bridgeKernel) check(at int, f []byte) []byte {
	var p packet.Packet
	p.Set(f[14:])
	p.Decode()
	if p.Malformed != packet.WellFormed || !p.VerifyChecksum() || string(f[:14]) != string(ipFrame(1-at, f[14:])[:14]) {
		k.t.Errorf("what has gone on is %v, checksum right: %v, link header %x", p.Malformed, p.VerifyChecksum(), f[:14])
	}
	return p.Payload()
}

func (k *bridgeKernel) Close()          {}
func (k *bridgeKernel) Allocates() bool { return true } // TestBridgeAllocatesNothing counts

// TestBridgeConforms has a bridge do all that a backend must.
func TestBridgeConforms(t *testing.T) {
	t.Run("usual", func(t *testing.T) {
		conforms(t, func(t *testing.T) conform.Kernel { return &bridgeKernel{wire: newWire(t)} })
	})
	t.Run("bound by one, read by another", func(t *testing.T) {
		conforms(t, func(t *testing.T) conform.Kernel { return &attachedKernel{bridgeKernel{wire: newWire(t)}} })
	})
	t.Run("spins", func(t *testing.T) {
		conforms(t, func(t *testing.T) conform.Kernel {
			return &optedKernel{bridgeKernel{wire: newWire(t)}, divert.WithSpin(2 * time.Millisecond)}
		})
	})
	t.Run("keeps the processor", func(t *testing.T) {
		conforms(t, func(t *testing.T) conform.Kernel {
			return &optedKernel{bridgeKernel{wire: newWire(t)}, divert.WithKeptProcessor()}
		})
	})
}

type attachedKernel struct{ bridgeKernel }

func (k *attachedKernel) Open(opts ...divert.Option) (divert.Socket, error) {
	b, err := divert.Bind("bridge:a1,b1", opts...)
	if err != nil {
		return nil, err
	}
	s, err := divert.Attach(b.Address, b.Caps, b.Files(), opts...)
	return s, errors.Join(err, b.Flow(true))
}

// An optedKernel is a bridge with one more option.
type optedKernel struct {
	bridgeKernel
	also divert.Option
}

func (k *optedKernel) Open(opts ...divert.Option) (divert.Socket, error) {
	return divert.OpenSocket("bridge:a1,b1", append(opts, k.also)...)
}

// nothing checks that nothing arrives.
func (w *wire) nothing(at int) {
	w.t.Helper()
	if f := w.arrived(at, 50*time.Millisecond); f != nil {
		w.t.Errorf("%s has arrived, and should not", fmt.Sprintf("%.80x", f))
	}
}
