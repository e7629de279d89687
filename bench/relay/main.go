//go:build linux

// Command relay is an accept loop whose reader holds no privilege: it reads packets and hands finished
// verdict messages to a second process, which alone may send them. It measures what such a separation
// would cost (docs/adr/0007-no-verdict-relay.md); it is no part of Weir.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
)

const (
	slots    = 64
	slotSize = 0x11000
	child    = "read"
)

func main() {
	run := relay
	if len(os.Args) > 1 && os.Args[1] == child {
		run = read
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

// relay binds the queue, starts the reader, and sends what the reader writes.
func relay() error {
	bound, err := divert.Bind("nfqueue:0", divert.WithQueueLen(65535))
	if err != nil {
		return err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c := exec.Command("/proc/self/exe", child)
	c.ExtraFiles = []*os.File{bound.Files()[0], os.NewFile(uintptr(pair[1]), "verdicts")}
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Credential: nobody()}
	runtime.LockOSThread()
	if err := c.Start(); err != nil {
		return err
	}
	netlink := int(bound.Files()[0].Fd())
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(pair[0], buf)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			return fmt.Errorf("the reader is gone: %w", c.Wait())
		}
		if err := unix.Sendto(netlink, buf[:n], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
	}
}

// read takes batches of packets and writes one batch verdict for each.
func read() error {
	runtime.LockOSThread()
	const netlink, verdicts = 3, 4
	buf := make([]byte, slots*slotSize)
	iov := make([]unix.Iovec, slots)
	type message struct {
		unix.Msghdr
		n uint32
		_ uint32
	}
	ms := make([]message, slots)
	for i := range ms {
		iov[i] = unix.Iovec{Base: &buf[i*slotSize], Len: slotSize}
		ms[i].Iov, ms[i].Iovlen = &iov[i], 1
	}
	for {
		n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, netlink, uintptr(unsafe.Pointer(&ms[0])), slots, unix.MSG_WAITFORONE, 0, 0)
		if e == unix.EINTR || e == unix.ENOBUFS {
			continue
		}
		if e != 0 {
			return e
		}
		last := buf[(int(n)-1)*slotSize:]
		if _, err := unix.Write(verdicts, accept(packetID(last[:ms[n-1].n]))); err != nil {
			return err
		}
	}
}

// packetID returns the id in a packet message: the first attribute, NFQA_PACKET_HDR, behind 20 bytes
// of headers (net/netfilter/nfnetlink_queue.c, nfqnl_build_packet_message).
func packetID(m []byte) uint32 { return binary.BigEndian.Uint32(m[24:]) }

// accept is NFQNL_MSG_VERDICT_BATCH with NF_ACCEPT up to id, on queue 0.
func accept(id uint32) []byte {
	b := make([]byte, 32)
	binary.NativeEndian.PutUint32(b, 32)
	b[4], b[5], b[6] = 3, unix.NFNL_SUBSYS_QUEUE, unix.NLM_F_REQUEST
	binary.NativeEndian.PutUint16(b[20:], 12)
	b[22] = 2 // NFQA_VERDICT_HDR
	binary.BigEndian.PutUint32(b[24:], 1)
	binary.BigEndian.PutUint32(b[28:], id)
	return b
}

func nobody() *syscall.Credential { return &syscall.Credential{Uid: 65534, Gid: 65534} }
