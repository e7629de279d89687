package divert_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/divert/conform"
	"github.com/weir-project/weir/packet"
)

// A tap is the other end of an interface tap0, as a virtual machine has it: the frames that are written to it come in there.
type tap struct {
	t  *testing.T
	fd int
}

func newTap(t *testing.T) tap {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("SKIPPED: no tap: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	var request [40]byte // struct ifreq
	copy(request[:], "tap0")
	binary.NativeEndian.PutUint16(request[16:], unix.IFF_TAP|unix.IFF_NO_PI|unix.IFF_VNET_HDR)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&request[0]))); errno != 0 {
		t.Skipf("SKIPPED: no tap: %v", errno)
	}
	up(t, "tap0")
	return tap{t, fd}
}

func (p tap) write(vnet [10]byte, frame []byte) {
	p.t.Helper()
	if _, err := unix.Write(p.fd, append(vnet[:], frame...)); err != nil {
		p.t.Fatal(err)
	}
}

// writeUndescribed has a frame come in for which virtio_net_hdr_from_skb has no words: UDP fragmentation offload.
func (p tap) writeUndescribed() {
	p.t.Helper()
	vnet := [10]byte{0: 1, 1: 3} // VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_UDP
	for at, n := range map[int]uint16{2: 14 + 28, 4: 1480, 6: 14 + 20, 8: 6} {
		binary.NativeEndian.PutUint16(vnet[at:], n)
	}
	p.write(vnet, ipFrame(0, udpOf(conform.Way{}, make([]byte, 4000))))
}

// newTapWire is a wire from a tap to the pair b0, b1, whose bridge is tap0,b1.
func newTapWire(t *testing.T) (*wire, tap) {
	t.Helper()
	divert.NewNamespace(t)
	w := &wire{t: t, bufs: make([][]byte, 64)}
	for i := range w.bufs {
		w.bufs[i] = make([]byte, 1<<16)
	}
	p := newTap(t)
	makePair(t, "b0", "b1")
	w.ends[1] = w.socket("b0")
	return w, p
}

// passAll accepts packets until the socket fails or is closed, and returns the error.
func passAll(s divert.Socket) <-chan error {
	end := make(chan error, 1)
	go func() {
		ps := somePackets(64)
		for {
			n, err := s.Recv(ps, -1)
			for _, p := range ps[:n] {
				p.Verdict = packet.Accept
			}
			if err != nil {
				end <- err
				return
			}
			_ = s.Finish(ps[:n])
		}
	}()
	return end
}

// brings reports whether a datagram with this text arrives at b0; others are passed over.
func (w *wire) brings(text string, wait time.Duration) bool {
	for end := time.Now().Add(wait); time.Now().Before(end); {
		if f := w.arrived(1, 20*time.Millisecond); f != nil && strings.HasSuffix(string(f), text) {
			return true
		}
	}
	return false
}

// TestAStuckRingIsMadeAnew: a frame that the kernel cannot describe is lost, and so are those behind it for a moment, and then frames cross
// as before; once more too. Where the first one behind it crosses at once the kernel's rings do not get stuck (those of Debian's 6.12), and none is made anew.
func TestAStuckRingIsMadeAnew(t *testing.T) {
	w, p := newTapWire(t)
	s, err := divert.OpenSocket("bridge:tap0,b1")
	if err != nil {
		t.Fatal(err)
	}
	end := passAll(s)
	for round := range uint64(2) {
		p.write([10]byte{}, ipFrame(0, udpOf(conform.Way{}, []byte("before"))))
		if !w.brings("before", 5*time.Second) {
			t.Fatalf("round %d: nothing crosses", round)
		}
		p.writeUndescribed()
		tries, crosses := uint64(0), false
		for ; tries < 100 && !crosses; tries++ {
			p.write([10]byte{}, ipFrame(0, udpOf(conform.Way{}, []byte("behind"))))
			crosses = w.brings("behind", 50*time.Millisecond)
		}
		renewed := round + 1
		if tries == 1 {
			renewed = 0
		}
		if st := s.Stats(); !crosses || st.RingsRenewed != renewed || st.KernelDropped == 0 {
			t.Fatalf("round %d: crosses %v after %d tries, %+v", round, crosses, tries, st)
		}
	}
	s.Close()
	if err := <-end; err != divert.ErrClosed {
		t.Error(err)
	}
}

// TestAStuckLaneIsAnError: to make a ring anew would move the lane behind the others at one port alone. Where the first one behind it crosses at once the
// kernel's rings do not get stuck.
func TestAStuckLaneIsAnError(t *testing.T) {
	w, p := newTapWire(t)
	var ends [2]<-chan error
	for i := range ends {
		s, err := divert.OpenSocket([]string{"bridge:tap0,b1/1of2", "bridge:tap0,b1/2of2"}[i])
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ends[i] = passAll(s)
	}
	p.writeUndescribed()
	for n := range 100 {
		p.write([10]byte{}, ipFrame(0, udpOf(conform.Way{}, []byte("behind"))))
		select {
		case err := <-ends[0]:
			checkStuck(t, err)
			return
		case err := <-ends[1]:
			checkStuck(t, err)
			return
		default:
		}
		if w.brings("behind", 20*time.Millisecond) {
			if n > 0 {
				t.Error("a lane that was stuck goes on, and nobody was told")
			}
			t.Log("the rings of this kernel do not get stuck")
			return
		}
	}
	t.Error("nobody says that a lane is stuck")
}

func checkStuck(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "the ring of tap0 is stuck") {
		t.Error(err)
	}
}

// TestABusyRingIsNotMadeAnew: one that is full because nobody reads, and one that is empty, stay.
func TestABusyRingIsNotMadeAnew(t *testing.T) {
	w := newWire(t)
	s := openBridge(t, divert.WithQueueLen(16))
	for range 2 {
		for range 200 {
			w.send(0, ipFrame(0, udpOf(conform.Way{}, []byte("x"))))
		}
		for {
			ps := somePackets(64)
			n, err := s.Recv(ps, 350*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
			finish(t, s, packet.Drop, ps[:n]...)
		}
	}
	if st := s.Stats(); st.RingsRenewed != 0 || st.KernelDropped == 0 {
		t.Errorf("%+v", st)
	}
}

// TestNobodyAttachesToTheDead: a socket whose interface was deleted is bound to nothing, though there is another of the name.
func TestNobodyAttachesToTheDead(t *testing.T) {
	newWire(t)
	b, err := divert.Bind("bridge:a1,b1")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	gone := func() bool {
		l, err := b.Load()
		if err != nil {
			t.Fatal(err)
		}
		return l.Gone
	}
	l, err := netlink.LinkByName("b1")
	if err != nil || gone() {
		t.Fatal(err, "or gone before it is")
	}
	if err := netlink.LinkDel(l); err != nil || !gone() {
		t.Fatal(err, "or not gone")
	}
	makePair(t, "b0", "b1")
	if _, err := divert.Attach(b.Address, b.Caps, b.Files()); err == nil || !strings.Contains(err.Error(), "b1 is gone") {
		t.Errorf("attached to the dead: %v", err)
	}
	if err := b.Release(packet.Accept); err != nil || !gone() {
		t.Error(err, "or there again")
	}
}
