package divert

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	sendMessages = 128       // verdicts of one send
	sendBytes    = 160 << 10 // of payload and headers, after which a send is cut
	sendBuffer   = 256 << 10 // SO_SNDBUF: a send, and the payload by which it was cut too late
	sendTries    = 8         // of a send that the kernel has no memory for
	headBytes    = 48        // a verdict's headers, mark, and the padding of the payload before
)

// Sequence numbers of messages, so that their errors can be told apart.
const (
	seqVerdict = 1
	seqReclaim = 2
)

// A sender gathers verdicts for one sendmsg: their headers in one buffer, payloads where
// they lie.
type sender struct {
	heads    []byte // cap never exceeded: iovs point into it
	start    int    // of the headers that belong to no iov yet
	pad      int    // bytes that the last payload lacks to its alignment
	iovs     []unix.Iovec
	msg      unix.Msghdr
	messages int
	bytes    int

	accepted, rewritten, dropped uint64 // of the running Finish
}

func newSender() sender {
	return sender{
		heads: make([]byte, 0, sendMessages*headBytes),
		iovs:  make([]unix.Iovec, 0, 2*sendMessages+1),
	}
}

// put adds a verdict to the send, and sends first if it does not fit.
func (s *NFQueue) put(typ, queue uint16, id uint32, o outcome) {
	t := &s.tx
	if t.messages == sendMessages || t.bytes+len(o.payload) > sendBytes && t.messages > 0 {
		s.send()
	}
	t.messages++
	b := t.heads
	for ; t.pad > 0; t.pad-- {
		b = append(b, 0)
	}
	at := len(b)
	b = appendHeader(b, typ, 0, seqVerdict, queue)
	b = appendVerdict(b, o.verdict, id)
	if o.setMark {
		b = appendAttr32(b, attrMark, o.mark)
	}
	if o.payload != nil {
		b = native.AppendUint16(b, uint16(4+len(o.payload)))
		b = native.AppendUint16(b, attrPayload)
	}
	native.PutUint32(b[at:], uint32(len(b)-at+len(o.payload)))
	t.heads = b
	if o.payload != nil {
		t.gather()
		t.iov(o.payload)
		t.pad = -len(o.payload) & 3
	}
}

// gather makes an iov of the headers that have none.
func (t *sender) gather() {
	if t.start < len(t.heads) {
		t.iov(t.heads[t.start:])
		t.start = len(t.heads)
	}
}

func (t *sender) iov(b []byte) {
	i := len(t.iovs)
	t.iovs = t.iovs[:i+1]
	t.iovs[i].Base = unsafe.SliceData(b)
	t.iovs[i].SetLen(len(b))
	t.bytes += len(b)
}

// flush sends what is gathered and adds up the counts of a Finish.
func (s *NFQueue) flush() error {
	var err error
	if s.tx.messages > 0 {
		err = s.send()
	}
	t := &s.tx
	s.accepted.Add(t.accepted)
	if t.dropped > 0 {
		s.dropped.Add(t.dropped)
	}
	if t.rewritten > 0 {
		s.rewritten.Add(t.rewritten)
	}
	t.accepted, t.rewritten, t.dropped = 0, 0, 0
	return err
}

// send carries out the gathered verdicts. The packets' way on through the kernel, often
// as far as the receiver's socket, happens in this call.
func (s *NFQueue) send() error {
	t := &s.tx
	t.gather()
	t.msg.Iov = &t.iovs[0]
	t.msg.SetIovlen(len(t.iovs))
	errno := s.sendmsg()
	for i := range t.iovs {
		t.iovs[i].Base = nil
	}
	if errno != 0 {
		s.sendFailed()
	}
	t.heads, t.iovs = t.heads[:0], t.iovs[:0]
	t.start, t.pad, t.messages, t.bytes = 0, 0, 0, 0
	if errno == unix.EBADF || errno == unix.ENOTSOCK {
		return errno
	}
	return nil
}

// sendmsg sends verdicts. The kernel carries them out before it returns, and waits for nothing but memory: Go's scheduler need not know, which would take the
// processor away if that takes longer than 20 µs. No signal cuts it short, so who collects garbage waits for a batch at most.
func (s *NFQueue) sendmsg() (errno syscall.Errno) {
	for range sendTries {
		_, _, errno = unix.RawSyscall(unix.SYS_SENDMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.tx.msg)), 0)
		switch errno {
		case unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN, unix.EINTR:
			s.retries.Add(1)
			runtime.Gosched()
			continue
		}
		return errno
	}
	return errno
}

// sendFailed counts verdicts that never reached the kernel. Their packets stay there, so
// no batch verdict may ever pass them: it would release them as they were.
func (s *NFQueue) sendFailed() {
	s.verdictErrors.Add(uint64(s.tx.messages))
	for i := range s.queues {
		s.queues[i].stuck = true
	}
}
