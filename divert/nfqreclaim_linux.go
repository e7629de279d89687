package divert

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet"
)

// Reclaim has the kernel queue again every packet that a previous reader of this socket
// received and did not finish, so that this one receives them (NF_REPEAT). It belongs
// before the first Recv of a process that was given the descriptors of a dead one; the
// first batch verdict would finish those packets unseen otherwise.
//
// What the predecessor had received lies before the first packet that can still be read
// of a queue. Where none can be read, all that had been queued is meant; where that
// cannot be told at once, Recv does it as soon as it can. Reclaim returns how many
// packets it asked for, -1 if that is not known yet.
func (s *NFQueue) Reclaim() (int, error) {
	if !s.enter() {
		return 0, ErrClosed
	}
	defer s.leave()
	// The table is read before the socket is found empty: every packet that it counts
	// has been read by then, or is still to be read and not counted.
	rows, err := readQueueTable(s.table)
	if err != nil {
		return 0, fmt.Errorf("nfqueue: reclaim: %w", err)
	}
	for i := range s.queues {
		s.queues[i].reclaim, s.queues[i].listed = true, false
	}
	s.reclaiming = true
	waiting := 0
	for _, r := range rows {
		if q := s.queue(r.number); q != nil {
			q.listed, q.seen = true, r.lastID
			waiting += int(r.waiting)
		}
	}
	if s.reclaimDrained() {
		return waiting, nil
	}
	return -1, nil
}

// reclaimBefore asks for all packets of q before id, the first that we read of it.
func (s *NFQueue) reclaimBefore(q *queue, id uint32) {
	q.reclaim = false
	s.repeat(q.number, id-1)
}

// reclaimDrained asks for the packets of all queues of which nothing has been read
// yet, if the socket has no packet to read.
func (s *NFQueue) reclaimDrained() bool {
	if !drained(s.fd) {
		return false
	}
	s.reclaiming = false
	for i := range s.queues {
		switch q := &s.queues[i]; {
		case q.reclaim && q.listed:
			q.reclaim = false
			s.repeat(q.number, q.seen)
		case q.reclaim: // its newest id is not known: the next packet will tell
			s.reclaiming = true
		}
	}
	return !s.reclaiming
}

// drained reports whether there is no packet to read. Answers that a predecessor has not
// read are thrown away.
func drained(fd int) bool {
	var head [nlHdrLen]byte
	for {
		n, _, err := unix.Recvfrom(fd, head[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN:
			return true
		case err != nil || n == nlHdrLen && native.Uint16(head[4:]) == msgPacket:
			return false
		}
		if _, _, err := unix.Recvfrom(fd, head[:], unix.MSG_DONTWAIT); err != nil {
			return false
		}
	}
}

func (s *NFQueue) repeat(queue uint16, last uint32) {
	m := bareVerdict(msgVerdictBatch, queue, nfRepeat, last)
	native.PutUint32(m[8:], seqReclaim) // ENOENT: there are none
	if err := unix.Sendto(s.fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		s.verdictErrors.Add(1)
	}
}

// Release finishes every packet that waits in the queues, whoever has received it.
func (b *nfqBound) Release(v packet.Verdict) error {
	if len(b.files) == 0 {
		return ErrClosed
	}
	verdict := uint32(nfDrop)
	if v == packet.Accept || v == packet.Pass {
		verdict = nfAccept
	}
	f, err := os.Open(queueTable)
	if errors.Is(err, os.ErrPermission) {
		return b.releaseBlindly(verdict)
	}
	if err != nil {
		return fmt.Errorf("nfqueue: release: %w", err)
	}
	defer f.Close()
	rows, err := readQueueTable(f)
	if err != nil {
		return fmt.Errorf("nfqueue: release: %w", err)
	}
	for _, r := range rows {
		if r.number < b.first || r.number > b.last || r.waiting == 0 {
			continue
		}
		if err := b.finishUpTo(r.number, verdict, r.lastID); err != nil {
			return err
		}
	}
	return nil
}

// everyID are ids whose batch verdicts, in this order, reach every packet wherever the 32-bit counter
// of ids has got to: each finishes the half of the circle that ends with it, as long as the oldest
// packet lies in that half (nfqnl_recv_verdict_batch).
var everyID = [...]uint32{1<<31 - 1, 1<<32 - 1, 1<<31 - 1}

// releaseBlindly releases where the table may not be read, as in a user namespace that does not map
// root, and so the newest ids are not known.
func (b *nfqBound) releaseBlindly(verdict uint32) error {
	for q := int(b.first); q <= int(b.last); q++ {
		for _, id := range everyID {
			if err := b.finishUpTo(uint16(q), verdict, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// finishUpTo sends a batch verdict. That there was nothing to finish is told by an answer that
// readers ignore.
func (b *nfqBound) finishUpTo(queue uint16, verdict, id uint32) error {
	m := bareVerdict(msgVerdictBatch, queue, verdict, id)
	native.PutUint32(m[8:], seqReclaim)
	if err := unix.Sendto(int(b.files[0].Fd()), m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("nfqueue: release queue %d: %w", queue, err)
	}
	return nil
}

// Load reads what waits in the queues, and what was dropped.
func (b *nfqBound) Load() (l Load, err error) {
	f, err := os.Open(queueTable)
	if err != nil {
		return l, fmt.Errorf("nfqueue: %w", err)
	}
	defer f.Close()
	rows, err := readQueueTable(f)
	if err != nil {
		return l, fmt.Errorf("nfqueue: %w", err)
	}
	for _, r := range rows {
		if r.number >= b.first && r.number <= b.last {
			l.Waiting += int(r.waiting)
			l.Dropped += uint64(r.dropped) + uint64(r.userDropped)
		}
	}
	return l, nil
}
