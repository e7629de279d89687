package divert

import (
	"os"
	"time"

	"github.com/weir-project/weir/packet"
)

// An NFQueue is a Socket on one or more queues of Linux NFQUEUE, on a netlink socket of
// our own (net/netfilter/nfnetlink_queue.c).
//
// The kernel numbers the packets of each queue and keeps them until their verdict.
// Verdicts of a run of packets go as one batch verdict, "up to id N", which would also
// release any older packet that is still held; so a queue of which something is held
// gets single verdicts, all in one send.
type NFQueue struct {
	fd     int
	file   *os.File // owns fd
	first  uint16   // number of queues[0]
	queues []queue
	cfg    Config
	caps   Caps
	table  *os.File // /proc/net/netfilter/nfnetlink_queue; nil if there is none
	rx     receiver
	tx     sender
	inject injector

	reclaiming bool // some queue may hold packets that a predecessor has read
	gate
	counters
}

// A queue is what we remember of one kernel queue: which packets it waits for.
type queue struct {
	number  uint16
	fresh   []fresh // of the last Recv, in order of arrival, ids ascending
	done    int     // how many of fresh have been finished
	held    idSet   // received earlier and not finished
	stuck   bool    // the kernel holds packets whose verdict it did not take
	touched bool    // the running Finish has a verdict for one of fresh

	reclaim bool   // ids before the next one received are to be asked for again
	listed  bool   // the table of queues had a row for it at the time of Reclaim
	seen    uint32 // the newest id then; valid iff listed
}

// A fresh packet is one of the last Recv.
type fresh struct {
	id   uint32
	done bool
	p    *packet.Packet // its verdict, while Finish runs
}

// Recv implements Socket.
func (s *NFQueue) Recv(ps []*packet.Packet, wait time.Duration) (int, error) {
	if !s.enter() {
		return 0, ErrClosed
	}
	defer s.leave()
	if len(ps) == 0 {
		return 0, nil
	}
	s.retire()
	n, err := s.read(s.rx.limit(len(ps)), wait)
	if err != nil {
		return 0, err
	}
	if s.closed.Load() {
		return 0, ErrClosed
	}
	k := s.parse(n, ps)
	if s.reclaiming {
		s.reclaimDrained()
	}
	return k, nil
}

// retire moves what the last Recv brought and nobody finished to the held packets.
func (s *NFQueue) retire() {
	for i := range s.queues {
		q := &s.queues[i]
		if q.done < len(q.fresh) {
			for _, f := range q.fresh {
				if !f.done {
					q.held.add(f.id)
				}
			}
		}
		q.fresh, q.done = q.fresh[:0], 0
	}
}

// queue returns the state of a queue by its number; nil if it is none of ours.
func (s *NFQueue) queue(number uint16) *queue {
	i := int(number) - int(s.first)
	if i < 0 || i >= len(s.queues) {
		return nil
	}
	return &s.queues[i]
}

// Caps implements Socket.
func (s *NFQueue) Caps() Caps { return s.caps }

// Stats implements Socket. What the kernel counts is read from
// /proc/net/netfilter/nfnetlink_queue, summed over the queues.
func (s *NFQueue) Stats() Stats {
	st := s.counters.stats()
	rows, _ := readQueueTable(s.table) // without it the kernel's counts stay 0
	for _, r := range rows {
		if s.queue(r.number) != nil {
			st.KernelQueued += uint64(r.waiting)
			st.KernelDropped += uint64(r.dropped)
			st.KernelUserDropped += uint64(r.userDropped)
		}
	}
	return st
}

// Wake implements Socket. It has the kernel answer an empty request: the answer makes
// the socket readable, also for a Recv that has not begun to wait.
func (s *NFQueue) Wake() {
	if s.enter() {
		wakeSocket(s.fd)
		s.leave()
	}
}

// Close implements Socket. The kernel drops every packet that waits for a verdict,
// unless another process holds the descriptor too; see Bound.Release.
func (s *NFQueue) Close() error {
	if s.shut() {
		wakeSocket(s.fd)
		s.leave()
	}
	return nil
}

// free closes the descriptors.
func (s *NFQueue) free() {
	s.file.Close()
	s.inject.close()
	if s.table != nil {
		s.table.Close()
	}
}
