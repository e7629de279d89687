package holder_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
)

// newTap makes an interface tap0 that is up, and returns its other end, as a virtual machine has it.
func newTap(t *testing.T, n *lab.Node) int {
	t.Helper()
	fd := -1
	err := n.Do(func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		var request [40]byte // struct ifreq
		copy(request[:], "tap0")
		binary.NativeEndian.PutUint16(request[16:], unix.IFF_TAP|unix.IFF_NO_PI|unix.IFF_VNET_HDR)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&request[0]))); errno != 0 {
			return errno
		}
		l, err := netlink.LinkByName("tap0")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(l)
	})
	if fd < 0 {
		t.Skip("SKIPPED: no tap: ", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// datagram is a UDP datagram of n bytes in a frame, behind a virtio_net_hdr; large is one of UDP fragmentation offload.
func datagram(n int, large bool) []byte {
	b := make([]byte, 10+14+28+n)
	if large {
		b[0], b[1] = 1, 3 // VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_UDP
		for at, v := range map[int]uint16{2: 42, 4: 1480, 6: 34, 8: 6} {
			binary.NativeEndian.PutUint16(b[at:], v)
		}
	}
	frame := b[10:]
	copy(frame, []byte{2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 8, 0, 0x45})
	ip := frame[14:]
	binary.BigEndian.PutUint16(ip[2:], uint16(28+n))
	ip[8], ip[9] = 64, unix.IPPROTO_UDP
	copy(ip[12:], []byte{203, 0, 113, 10, 203, 0, 113, 20, 0x10, 0, 0x20, 0})
	binary.BigEndian.PutUint16(ip[24:], uint16(8+n))
	return b
}

// accepted is what the lanes have sent on, and how often rings were made anew.
func accepted(t *testing.T, s holder.State) (packets, renewed uint64) {
	t.Helper()
	var w struct {
		Lanes []struct {
			Socket struct{ Received, RingsRenewed uint64 }
		}
	}
	if len(s.Worker) > 0 {
		if err := json.Unmarshal(s.Worker, &w); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range w.Lanes {
		packets, renewed = packets+l.Socket.Received, renewed+l.Socket.RingsRenewed
	}
	return packets, renewed
}

// TestBridgeGetsUnstuck: a frame that the kernel cannot describe stops a lane for a moment. The worker makes the ring of a single lane anew, without
// any privilege; of several all are bound anew, for another worker.
func TestBridgeGetsUnstuck(t *testing.T) {
	for _, lanes := range []int{1, 2} {
		t.Run(fmt.Sprint(lanes), func(t *testing.T) {
			l := labtest.NewSegment(t, lab.Topology{}, false)
			tap := newTap(t, l.Router())
			dir := newDir(t)
			policy := strings.Replace(bridgePolicy(l.Lab, dir, "outcomes: {absent: drop}\n"), "bridge: ["+l.Router().In.Interface, "bridge: [tap0", 1)
			if lanes == 1 {
				policy = strings.Replace(policy, "queues: 0-1", "queues: 0", 1)
			}
			d := begin(t, l.Router(), dir, policy)
			pid := d.ready().WorkerPID
			write := func(b []byte) {
				if _, err := unix.Write(tap, b); err != nil {
					t.Fatal(err)
				}
			}
			comes := func(what string) {
				before, _ := accepted(t, d.status())
				d.until(what, 10*time.Second, func() bool {
					write(datagram(100, false))
					s := d.status()
					now, _ := accepted(t, s)
					return now > before || s.WorkerPID != pid && now > 0
				})
			}
			comes("frames are read")
			write(datagram(4000, true))
			time.Sleep(time.Second) // until then it may be stuck
			name := "ring-renewed"
			if lanes > 1 {
				name = "sockets-renewed"
			}
			for end := time.Now().Add(10 * time.Second); !strings.Contains(d.log(), name) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				write(datagram(100, false))
			}
			d.wrote(name)
			comes("frames are read again")
			if s := d.status(); (s.WorkerPID == pid) != (lanes == 1) {
				t.Errorf("the worker was %d and is %d", pid, s.WorkerPID)
			}
		})
	}
}
