package divert

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet"
)

// An outlet gathers frames for one sendmmsg on a port. The kernel copies them as they go, so that nothing waits for a receiver: of a
// ring for sending (PACKET_TX_RING) it lends the slots to the device, and whoever does not read holds them.
type outlet struct {
	fd    int
	msgs  []mmsghdr
	iovs  []unix.Iovec
	links []uint32 // entries of the frames
	n     int

	// queued says that frames go through the interface's queueing discipline, as the stack's own do. Past it they cost less, but then
	// nobody cuts a packet that the device cannot: the kernel drops it (__dev_direct_xmit in net/core/dev.c).
	queued bool
}

const outletFrames = 64

func newOutlet(fd int) outlet {
	o := outlet{fd: fd, msgs: make([]mmsghdr, outletFrames), iovs: make([]unix.Iovec, 2*outletFrames), links: make([]uint32, outletFrames)}
	for i := range o.msgs {
		o.msgs[i].hdr.Iov = &o.iovs[2*i]
	}
	return o
}

// Finish implements Socket. Packets go on in the order of ps, those of each direction.
//
// A packet that arrived truncated cannot go on: the rest of it is nowhere. It is dropped and counted as a verdict error, and so is one that
// was edited beyond what the interface takes.
func (s *Bridge) Finish(ps []*packet.Packet) error {
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	if s.orphaned() {
		return errOrphaned
	}
	for _, p := range ps {
		i, e := s.pool.named(p.Token.ID)
		if e == nil || !e.open || int(p.Token.Queue) != int(e.in) {
			s.verdictErrors.Add(1)
			continue
		}
		s.decide(i, e, p)
	}
	err := errors.Join(s.flush(0), s.flush(1))
	if s.lent == 0 && len(s.fresh) > 0 {
		s.retire() // at once: what a dead process has not given back is read, and sent, again
	}
	return err
}

// decide carries out one verdict.
func (s *Bridge) decide(i uint32, e *entry, p *packet.Packet) {
	if e.open = false; !e.held {
		s.lent--
	}
	switch {
	case p.Verdict.Final():
		s.dropped.Add(1)
		s.pool.give(i)
		return
	case p.Truncated() || len(p.Bytes()) == 0:
		s.refuse(i)
		return
	}
	data := p.Bytes()
	if p.Changed() {
		p.Repair()
		e.vnet().edited(p, len(e.link()))
		data, e.changed, e.whole = p.Bytes(), true, nil
	} else if !e.held {
		data = e.body // with what lay behind the datagram
	}
	s.send(1-int(e.in), i, data)
}

// refuse drops a packet that cannot go on.
func (s *Bridge) refuse(i uint32) {
	s.dropped.Add(1)
	s.verdictErrors.Add(1)
	s.pool.give(i)
}

// send gathers a frame of an entry for a port.
func (s *Bridge) send(to int, i uint32, data []byte) {
	o := &s.ports[to].outlet
	if o.n == outletFrames {
		_ = s.flush(to) // the next one fails as this one did
	}
	e, v, n := s.pool.at(i), o.iovs[2*o.n:], 1
	first := e.whole
	if first == nil {
		first, n = e.all(), 2
		v[1].Base = unsafe.SliceData(data)
		v[1].SetLen(len(data))
	}
	v[0].Base = unsafe.SliceData(first)
	v[0].SetLen(len(first))
	o.msgs[o.n].hdr.SetIovlen(n)
	o.links[o.n] = i
	o.n++
}

// flush sends what is gathered for a port. A frame that the kernel does not take is lost, as on any wire; the error says that the socket
// is of no more use.
func (s *Bridge) flush(to int) (err error) {
	p := &s.ports[to]
	o := &p.outlet
	for at, tries := 0, 0; at < o.n; {
		sent, errno := sendFrames(o.fd, o.msgs[at:o.n])
		if sent > 0 {
			p.rise()
		}
		for ; sent > 0; sent-- {
			s.gone(o.links[at])
			at, tries = at+1, 0
		}
		switch {
		case errno == 0 || errno == unix.EINTR:
			continue
		case (errno == unix.ENOBUFS || errno == unix.EINVAL) && s.inTunnel(o, at):
			if s.cut(o, at) {
				s.gone(o.links[at])
				at, tries = at+1, 0
				continue
			}
			s.uncut.Add(1) // it would not be taken the next time
		case errno == unix.ENOBUFS && !o.queued && s.pool.at(o.links[at]).vnet().gso():
			o.queue()
			s.retries.Add(1)
			continue
		case errno == unix.EAGAIN || errno == unix.ENOBUFS || errno == unix.ENOMEM:
			if tries++; tries < sendTries {
				s.retries.Add(1)
				runtime.Gosched()
				continue
			}
		case errno == unix.EBADF || errno == unix.ENOTSOCK:
			err = fmt.Errorf("bridge: interface %s: send: %w", p.Name, errno)
		case errno == unix.ENETDOWN:
			p.down.Store(true)
		case errno == unix.ENXIO || errno == unix.ENODEV:
			p.down.Store(true)
			p.suspect = true
		}
		s.lost(o.links[at])
		at, tries = at+1, 0
	}
	if o.n > 0 {
		for i := range o.iovs[:2*o.n] {
			o.iovs[i].Base = nil
		}
		o.n = 0
	}
	return err
}

// queue has frames go through the queueing discipline from now on.
func (o *outlet) queue() {
	o.queued = true
	_ = unix.SetsockoptInt(o.fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 0)
}

// gone counts a frame that was sent.
func (s *Bridge) gone(i uint32) {
	switch e := s.pool.at(i); {
	case e.ours:
		s.injected.Add(1)
	case e.foreign:
		s.crossed.Add(1)
	default:
		s.accepted.Add(1)
		if e.changed {
			s.rewritten.Add(1)
		}
	}
	s.pool.give(i)
}

// lost counts a frame that was not.
func (s *Bridge) lost(i uint32) {
	if e := s.pool.at(i); !e.foreign && !e.ours {
		s.dropped.Add(1)
	}
	s.verdictErrors.Add(1)
	s.pool.give(i)
}

// sendFrames sends frames and returns how many the kernel has taken; the error is that of the one behind them. The call waits for nothing, so
// Go's scheduler need not know.
func sendFrames(fd int, msgs []mmsghdr) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&msgs[0])), uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// recvFrame receives one frame.
func recvFrame(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// ppoll waits for descriptors. If keep, Go's scheduler does not know; then the time must have an end.
func ppoll(polls []unix.PollFd, timeout *unix.Timespec, keep bool) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if keep {
		n, _, errno = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&polls[0])), uintptr(len(polls)), uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&polls[0])), uintptr(len(polls)), uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	}
	return int(n), errno
}
