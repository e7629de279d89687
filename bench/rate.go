//go:build linux

package main

import (
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	ratePort = 5002
	inFlight = 256 // packets sent and not received; the receiver's count is read, no acknowledgement travels
	ratePack = 32  // packets of one system call
	rateSize = 22  // payload: 64 bytes with Ethernet, IP and UDP headers
)

// packetRate sends small UDP datagrams as fast as they arrive, without loss, and returns
// thousands per second. Both ends are sockets of this process, opened in two namespaces;
// each has a thread that blocks in its system calls, as a C program's would.
func (l *lab) packetRate(t time.Duration) (float64, error) {
	server := &net.UDPAddr{IP: net.ParseIP(serverAddr), Port: ratePort}
	to, err := udpIn(l.server, func() (*net.UDPConn, error) { return net.ListenUDP("udp4", server) })
	if err != nil {
		return 0, err
	}
	defer to.Close()
	from, err := udpIn(l.client, func() (*net.UDPConn, error) { return net.DialUDP("udp4", nil, server) })
	if err != nil {
		return 0, err
	}
	defer from.Close()
	tv := unix.NsecToTimeval((50 * time.Millisecond).Nanoseconds())
	if err := unix.SetsockoptTimeval(int(to.Fd()), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return 0, err
	}
	unix.SetsockoptInt(int(to.Fd()), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
	var r rate
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.receive(to)
	}()
	begin := time.Now()
	r.send(from, begin.Add(t))
	v := float64(r.received.Load()) / time.Since(begin).Seconds() / 1e3
	r.over.Store(true)
	<-done
	return v, nil
}

type rate struct {
	received atomic.Int64
	over     atomic.Bool
}

func (r *rate) receive(f *os.File) {
	runtime.LockOSThread()
	ms := newPack()
	for !r.over.Load() {
		r.received.Add(int64(max(0, ms.call(unix.SYS_RECVMMSG, f, unix.MSG_WAITFORONE))))
	}
}

// send keeps the window full. What has not come after 50 ms is given up.
func (r *rate) send(f *os.File, until time.Time) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ms := newPack()
	var sent, before int64
	progress := time.Now()
	for now := progress; now.Before(until); now = time.Now() {
		got := r.received.Load()
		if got != before {
			before, progress = got, now
		}
		switch {
		case sent-got <= inFlight-ratePack:
			sent += int64(max(0, ms.call(unix.SYS_SENDMMSG, f, 0)))
		case now.Sub(progress) > 50*time.Millisecond:
			sent, progress = got, now
		default:
			unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		}
	}
}

// A pack is the arguments of sendmmsg and recvmmsg.
type pack struct {
	msgs [ratePack]struct {
		hdr unix.Msghdr
		n   uint32
	}
	iovs [ratePack]unix.Iovec
	data [ratePack][rateSize]byte
}

func newPack() *pack {
	p := new(pack)
	for i := range p.msgs {
		p.iovs[i].Base = &p.data[i][0]
		p.iovs[i].SetLen(rateSize)
		p.msgs[i].hdr.Iov = &p.iovs[i]
		p.msgs[i].hdr.SetIovlen(1)
	}
	return p
}

// call returns how many messages the system call took, or a negative number.
func (p *pack) call(trap uintptr, f *os.File, flags uintptr) int {
	// Raw, so that Go's scheduler has no part in it (it can still interrupt a receive, since the socket has a timeout): with Syscall6, a goroutine of ours that waited for a program's output took 7 % off the
	// rate, and no divert at all was the only configuration without one.
	n, _, errno := unix.RawSyscall6(trap, f.Fd(), uintptr(unsafe.Pointer(&p.msgs[0])), ratePack, flags, 0, 0)
	if errno != 0 {
		return -1
	}
	return int(n)
}

// udpIn opens a UDP socket in a namespace and returns it in blocking mode. The thread
// that went there is thrown away.
func udpIn(ns string, open func() (*net.UDPConn, error)) (socket *os.File, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		var f *os.File
		if f, err = os.Open("/run/netns/" + ns); err != nil {
			return
		}
		defer f.Close()
		if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		var c *net.UDPConn
		if c, err = open(); err != nil {
			return
		}
		defer c.Close()
		if socket, err = c.File(); err == nil {
			err = unix.SetNonblock(int(socket.Fd()), false)
		}
	}()
	<-done
	return socket, err
}
