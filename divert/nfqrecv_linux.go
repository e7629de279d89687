package divert

import (
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
	r.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	return r
}

// slot returns the bytes of message i.
func (r *receiver) slot(i int) []byte {
	return r.slots[i*slotBytes:][:min(int(r.msgs[i].n), slotBytes)]
}

// read receives up to limit messages. It returns 0 when the time is over or when there
// is a reason to come back early.
func (s *NFQueue) read(limit int, wait time.Duration) (int, error) {
	n, errno := s.recvNow(limit)
	if errno == unix.EAGAIN && wait != 0 && s.cfg.Spin > 0 {
		n, errno = s.spin(limit)
	}
	if errno == unix.EAGAIN && wait != 0 {
		n, errno = s.sleep(limit, wait)
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

// spin tries for Config.Spin to do without going to sleep.
func (s *NFQueue) spin(limit int) (n int, errno syscall.Errno) {
	for end := time.Now().Add(s.cfg.Spin); ; {
		n, errno = s.recvNow(limit)
		if errno != unix.EAGAIN || !time.Now().Before(end) {
			return n, errno
		}
	}
}

// sleep waits until there is a message, and receives.
func (s *NFQueue) sleep(limit int, wait time.Duration) (int, syscall.Errno) {
	if wait < 0 {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(s.fd),
			uintptr(unsafe.Pointer(&s.rx.msgs[0])), uintptr(limit), unix.MSG_WAITFORONE, 0, 0)
		return int(n), errno
	}
	ts := unix.NsecToTimespec(wait.Nanoseconds())
	n, _, errno := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&s.rx.poll[0])), 1,
		uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if errno != 0 || n == 0 {
		return 0, errno
	}
	return s.recvNow(limit)
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
