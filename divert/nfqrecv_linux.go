package divert

import (
	"math/bits"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet"
)

// slotBytes holds the largest message: 65531 bytes of packet and some 200 of other
// attributes. It is an odd number of cache lines, so that the heads of the slots do
// not all fall into one cache set.
const slotBytes = 66*1024 + 64

// A receiver is the memory that one recvmmsg fills. Pages that no packet has reached
// are never touched.
type receiver struct {
	slots []byte
	iovs  []unix.Iovec
	msgs  []mmsghdr
	poll  [1]unix.PollFd

	timeout time.Duration // SO_RCVTIMEO as it is; 0 for none, unknown for what another process has left
	idle    bool          // the last receive that waited brought one message, or none
	silent  bool          // the last receive that waited waited in vain
	keeps   bool          // Config.KeepsCPU, and it brought something

	courtesy    courtesy
	interrupted int // receives that kept the processor until somebody else needed it
}

// mmsghdr is struct mmsghdr (recvmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

func newReceiver(fd, batch int) receiver {
	r := receiver{
		slots: make([]byte, batch*slotBytes),
		iovs:  make([]unix.Iovec, batch),
		msgs:  make([]mmsghdr, batch),
	}
	for i := range r.msgs {
		r.iovs[i].Base = &r.slots[i*slotBytes]
		r.iovs[i].SetLen(slotBytes)
		r.msgs[i].hdr.Iov = &r.iovs[i]
		r.msgs[i].hdr.SetIovlen(1)
	}
	r.timeout = unknown
	r.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	return r
}

// slot returns the bytes of message i.
func (r *receiver) slot(i int) []byte {
	return r.slots[i*slotBytes:][:min(int(r.msgs[i].n), slotBytes)]
}

// read receives up to limit messages. It returns 0 when the time is over or when there
// is a reason to come back early.
//
// One blocking call that both waits and receives is the cheapest; only for short waits,
// for which a socket's timeout is too coarse, after spinning and in silence is it two. A long wait by a socket's timeout is several, each at least half of what is
// left, and each one that is over wakes a CPU that may have packets to forward.
func (s *NFQueue) read(limit int, wait time.Duration) (n int, err error) {
	var errno syscall.Errno
	switch {
	case wait == 0:
		n, errno = s.recvNow(limit)
	case s.cfg.Spin == 0 && (wait < 0 || wait >= shortWait && !s.rx.silent):
		n, errno = s.recvWait(limit, wait)
	default:
		n, errno = s.recvPoll(limit, wait)
	}
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	case unix.EBADF, unix.ENOTSOCK:
		return 0, errno
	}
	s.recvErrors.Add(1) // ENOBUFS: the kernel could not deliver some; it counts which
	return 0, nil
}

// recvNow receives what is there. It does not block, so the scheduler need not know.
func (s *NFQueue) recvNow(limit int) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd),
		uintptr(unsafe.Pointer(&s.rx.msgs[0])), uintptr(limit), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// spin receives what is there, and tries for Config.Spin.
func (s *NFQueue) spin(limit int) (n int, errno syscall.Errno) {
	if s.cfg.Spin == 0 {
		return s.recvNow(limit)
	}
	for end := time.Now().Add(s.cfg.Spin); ; {
		n, errno = s.recvNow(limit)
		if errno != unix.EAGAIN || !time.Now().Before(end) {
			return n, errno
		}
		// The kernel's own threads wait for 3 ms otherwise, and packets for them. Where another program needs this CPU all the time, the packets
		// wait for that: who polls has a CPU of its own.
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	}
}

// recvWait waits for the first message. While messages come it keeps Go's processor, for keptWait at most, and waits on without it.
func (s *NFQueue) recvWait(limit int, wait time.Duration) (n int, errno syscall.Errno) {
	if s.rx.keeps {
		s.rx.courtesy.yield(s.rx.idle)
		if s.setTimeout(keptWait) {
			n, errno = s.recvKeeping(limit)
		}
		if errno == 0 && n > 0 {
			s.rx.idle = n <= 1
			return n, 0
		}
		if s.rx.keeps = false; errno == unix.EINTR {
			s.rx.interrupted++
		}
		if wait > 0 {
			if wait -= keptWait; wait < shortWait {
				return 0, unix.EAGAIN
			}
		}
	}
	if !s.setTimeout(wait) {
		return s.recvPoll(limit, wait)
	}
	n, errno = s.recvYielding(limit)
	s.rx.idle, s.rx.silent = errno != 0 || n <= 1, errno == unix.EAGAIN
	s.rx.keeps = s.cfg.KeepsCPU && errno == 0
	return n, errno
}

// recvKeeping waits as if it did not, as far as Go's scheduler is concerned. Where that needs the processor, to collect garbage
// or because 10 ms are over, it interrupts the system call by a signal; that works only because the socket has a timeout: without one, Linux goes on with
// the call behind a signal (signal(7), SA_RESTART), and the process would stand still.
func (s *NFQueue) recvKeeping(limit int) (int, syscall.Errno) {
	if s.rx.timeout <= 0 {
		panic("divert: a receive that keeps the processor must have a timeout")
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd),
		uintptr(unsafe.Pointer(&s.rx.msgs[0])), uintptr(limit), unix.MSG_WAITFORONE, 0, 0)
	return int(n), errno
}

// recvYielding lets other goroutines have the processor meanwhile.
//
// A goroutine that does nothing but wait in system calls looks to Go's monitor thread like one that keeps a processor for long: it takes that
// away each time, and on the way back it is to be had anew, which takes longer than the verdict. Who yields at times does not look so. When
// there is much to do that costs more than it brings.
func (s *NFQueue) recvYielding(limit int) (int, syscall.Errno) {
	if s.rx.idle {
		runtime.Gosched()
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd),
		uintptr(unsafe.Pointer(&s.rx.msgs[0])), uintptr(limit), unix.MSG_WAITFORONE, 0, 0)
	return int(n), errno
}

// recvPoll receives what is there, after spinning, or after sleeping in ppoll.
func (s *NFQueue) recvPoll(limit int, wait time.Duration) (int, syscall.Errno) {
	n, errno := s.spin(limit)
	if errno != unix.EAGAIN {
		s.rx.silent = false
		return n, errno
	}
	var timeout *unix.Timespec
	if wait > 0 {
		ts := unix.NsecToTimespec(wait.Nanoseconds())
		timeout = &ts
	}
	r, errno := s.ppoll(timeout)
	s.rx.silent = errno == 0 && r == 0
	s.rx.keeps = s.cfg.KeepsCPU && errno == 0 && r > 0
	if errno != 0 || r == 0 {
		return 0, errno
	}
	return s.recvNow(limit)
}

func (s *NFQueue) ppoll(timeout *unix.Timespec) (r uintptr, errno syscall.Errno) {
	if s.rx.keeps {
		r, _, errno = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.rx.poll[0])), 1, uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	} else {
		r, _, errno = unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.rx.poll[0])), 1, uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	}
	return r, errno
}

const (
	shortWait = 16 * time.Millisecond // below it are waits that SO_RCVTIMEO cannot tell apart: it counts in ticks of up to 10 ms
	keptWait  = shortWait
	unknown   = time.Duration(-1) // of receiver.timeout
)

// setTimeout makes the socket wait no longer than wait, and longer than half of it: so
// waits that differ a little need no system call. It is false where wait is too short.
func (s *NFQueue) setTimeout(wait time.Duration) bool {
	if wait > 0 && wait < shortWait {
		return false
	}
	timeout := time.Duration(0) // for ever
	if wait > 0 {
		timeout = shortWait << (bits.Len64(uint64(wait/shortWait)) - 1)
	}
	if timeout == s.rx.timeout {
		return true
	}
	tv := unix.NsecToTimeval(timeout.Nanoseconds())
	if unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv) != nil {
		return false
	}
	s.rx.timeout = timeout
	return true
}

// wakeSocket has the kernel acknowledge an empty message. Every error is as good: it
// means that there is no socket, or that its buffer is full and so readable.
func wakeSocket(fd int) {
	var noop [nlHdrLen]byte
	native.PutUint32(noop[0:], nlHdrLen)
	native.PutUint16(noop[4:], unix.NLMSG_NOOP)
	native.PutUint16(noop[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&noop)), nlHdrLen, 0, 0, 0)
	runtime.KeepAlive(&noop)
}

// parse makes packets of the first n messages and returns how many there are.
func (s *NFQueue) parse(n int, ps []*packet.Packet) int {
	k, truncated := 0, uint64(0)
	for i := range n {
		m := s.rx.slot(i)
		if len(m) < nlHdrLen {
			continue
		}
		switch native.Uint16(m[4:]) {
		case msgPacket:
			if s.parsePacket(m, ps[k]) {
				if ps[k].Truncated() {
					truncated++
				}
				k++
			}
		case unix.NLMSG_ERROR:
			s.parseError(m)
		}
	}
	if k > 0 {
		s.batches.Add(1)
		s.received.Add(uint64(k))
		s.truncated.Add(truncated)
	}
	return k
}

// parseError counts a refused verdict. The kernel sends one for each message of a send
// that failed, also without NLM_F_ACK, and goes on with the next message
// (netlink_rcv_skb); error 0 answers Wake.
func (s *NFQueue) parseError(m []byte) {
	if len(m) >= nlHdrLen+4 && native.Uint32(m[nlHdrLen:]) != 0 && native.Uint32(m[8:]) != seqReclaim {
		s.verdictErrors.Add(1)
	}
}

// parsePacket reads one NFQNL_MSG_PACKET and notes its id as received.
func (s *NFQueue) parsePacket(m []byte, p *packet.Packet) bool {
	if len(m) < msgHdrLen {
		return false
	}
	q := s.queue(big.Uint16(m[18:]))
	if q == nil {
		return false
	}
	id, ok := packetAttrs(m[msgHdrLen:], p)
	if !ok {
		return false
	}
	p.Token.Queue, p.Token.ID = q.number, id
	if q.reclaim {
		s.reclaimBefore(q, id)
	}
	q.fresh = append(q.fresh, fresh{id: id})
	return true
}
