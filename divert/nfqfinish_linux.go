package divert

import (
	"github.com/weir-project/weir/packet"
)

// Finish implements Socket. Packets of the last Recv are re-injected in their order of
// arrival, whatever the order of ps; those held from earlier go before them.
//
// Where a packet was changed and cannot be written back, because it arrived truncated
// or has grown beyond 65531 bytes, it is dropped and counted as a verdict error: what
// was edited must not pass unedited.
func (s *NFQueue) Finish(ps []*packet.Packet) error {
	if len(ps) == 0 {
		return nil
	}
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	s.place(ps)
	for i := range s.queues {
		if q := &s.queues[i]; q.touched {
			s.finishFresh(q)
		}
	}
	return s.flush()
}

// place notes for each fresh packet its verdict, and sends those of all others.
func (s *NFQueue) place(ps []*packet.Packet) {
	var q *queue
	at := 0 // where the next id is likely to be
	for _, p := range ps {
		if q == nil || q.number != p.Token.Queue {
			if q = s.queue(p.Token.Queue); q == nil {
				s.verdictErrors.Add(1)
				continue
			}
			at = 0
		}
		if at = q.find(p.Token.ID, at); at < len(q.fresh) && !q.fresh[at].done {
			q.fresh[at].p, q.fresh[at].done = p, true
			q.done++
			q.touched = true
			at++
			continue
		}
		q.held.remove(p.Token.ID) // if it is none of ours, the kernel will say so
		s.single(q, p.Token.ID, s.decide(p))
	}
}

// find returns the index of id in fresh, or len(fresh). It looks at guess first.
func (q *queue) find(id uint32, guess int) int {
	if guess < len(q.fresh) && q.fresh[guess].id == id {
		return guess
	}
	lo, hi := 0, len(q.fresh)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); idBefore(q.fresh[mid].id, id) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(q.fresh) && q.fresh[lo].id == id {
		return lo
	}
	return len(q.fresh)
}

// finishFresh sends the verdicts that place noted. Runs of one outcome become a batch
// verdict as long as nothing older of the queue is outstanding.
func (s *NFQueue) finishFresh(q *queue) {
	q.touched = false
	whole := q.held.n == 0 && !q.stuck // every older packet is finished
	var run outcome
	runLen, runEnd := 0, uint32(0)
	for i := range q.fresh {
		f := &q.fresh[i]
		if !f.done { // held by the caller: from here on single verdicts
			s.endRun(q, run, runEnd, runLen)
			whole, runLen = false, 0
			continue
		}
		if f.p == nil { // finished by an earlier call
			continue
		}
		o := s.decide(f.p)
		f.p = nil
		if !whole || o.payload != nil {
			s.endRun(q, run, runEnd, runLen)
			runLen = 0
			s.single(q, f.id, o)
			continue
		}
		if runLen > 0 && !o.same(run) {
			s.endRun(q, run, runEnd, runLen)
			runLen = 0
		}
		run, runEnd = o, f.id
		runLen++
	}
	s.endRun(q, run, runEnd, runLen)
}

// endRun sends the verdict of a run of n packets that ends with id.
func (s *NFQueue) endRun(q *queue, o outcome, id uint32, n int) {
	switch {
	case n == 1:
		s.single(q, id, o)
	case n > 1:
		s.put(msgVerdictBatch, q.number, id, o)
	}
}

func (s *NFQueue) single(q *queue, id uint32, o outcome) { s.put(msgVerdict, q.number, id, o) }

// An outcome is a verdict in the kernel's words.
type outcome struct {
	verdict uint32
	setMark bool
	mark    uint32
	payload []byte // to be written back; nil to leave the packet as it is
}

// same reports whether o and other, both without payload, can share a batch verdict.
func (o *outcome) same(other outcome) bool {
	return o.verdict == other.verdict && o.setMark == other.setMark && o.mark == other.mark
}

// decide repairs a changed packet, counts its verdict, and says what to tell the kernel.
func (s *NFQueue) decide(p *packet.Packet) (o outcome) {
	if p.Verdict.Final() {
		s.tx.dropped++
		return o
	}
	if p.Mark.Mask != 0 {
		o.setMark, o.mark = true, p.Mark.Apply(p.Meta.Mark)
	}
	o.verdict = nfAccept
	if p.Changed() {
		if p.Truncated() {
			return s.refuse()
		}
		p.Repair()
		if o.payload = p.Bytes(); len(o.payload) == 0 || len(o.payload) > maxCopyRange {
			return s.refuse()
		}
		s.tx.rewritten++
	}
	s.tx.accepted++
	return o
}

// refuse drops a packet whose edit cannot be written back.
func (s *NFQueue) refuse() outcome {
	s.tx.dropped++
	s.verdictErrors.Add(1)
	return outcome{verdict: nfDrop}
}
