package detect

import (
	"cmp"
	"math"
)

// A queue is the values that may be reported, in the order of their offsets; of those that begin together only the
// best, since it overlaps all of them.
type queue struct {
	q       [maxQueue]candidate // n from head on are valid
	head, n int
}

// A candidate is a value, what it weighs, and where that begins which shows it.
type candidate struct {
	Match
	weight Weight
	from   int
}

// maxQueue is how many values can begin within what has to be known before the first is reported: one in three bytes, as of "pw=pw=pw=", in which each
// says that what follows is a password. What is beyond would be lost.
const maxQueue = (MaxOpen + lookBack) / 3

func (q *queue) clear() { q.head, q.n = 0, 0 }

func (q *queue) at(i int) *candidate { return &q.q[q.head+i] }

// add puts m in its place, if it weighs anything; from is where that begins which shows it.
func (q *queue) add(m Match, w Weight, from int) {
	if w == None {
		return
	}
	i := q.n
	for i > 0 && q.at(i-1).Off > m.Off {
		i--
	}
	if i > 0 && q.at(i-1).Off == m.Off {
		if old := q.at(i - 1); better(&candidate{m, w, from}, old) {
			*old = candidate{m, w, min(old.from, from)}
		}
		return
	}
	if !q.room() {
		return
	}
	q.n++
	copy(q.q[q.head+i+1:q.head+q.n], q.q[q.head+i:q.head+q.n-1])
	*q.at(i) = candidate{m, w, from}
}

// room makes room for one more at the end and reports whether there is any.
func (q *queue) room() bool {
	if q.head+q.n < maxQueue {
		return true
	}
	copy(q.q[:], q.q[q.head:q.head+q.n])
	q.head = 0
	return q.n < maxQueue
}

// drop takes away what begins before off.
func (q *queue) drop(off int) {
	for q.n > 0 && q.at(0).Off < off {
		q.head++
		q.n--
	}
}

// better says whether a is to be reported rather than b, which it overlaps: rather what must not leave than what is only told of.
func better(a, b *candidate) bool {
	if a.weight != b.weight {
		return a.weight > b.weight
	}
	return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(a.End-a.Off, b.End-b.Off),
		cmp.Compare(b.Off, a.Off), cmp.Compare(b.Kind, a.Kind)) > 0
}

// maxChain is how often the value to be reported may give way to a better one that overlaps it.
const maxChain = 4

// settle takes the next value off the queue, if it is sure. It is found from the first: the best value that overlaps
// it takes its place, and so on, so that what is reported depends on where the last one ended and on nothing that lies
// further back. Of what ends in front of it the next is found likewise, since what hid that may be hidden itself.
func (s *Scanner) settle() (Match, bool) {
	if s.queue.n == 0 {
		return Match{}, false
	}
	sure := s.sure()
	known := sure
	if s.cut {
		known = math.MaxInt
	}
	best := s.queue.winner(math.MaxInt, known)
	if best == nil {
		return Match{}, false
	}
	for before := best; before != nil; before = s.queue.winner(best.Off, known) {
		best = before
	}
	if best.End > sure && !s.decide(best) {
		return Match{}, false
	}
	m := best.Match
	s.queue.drop(m.End)
	return m, true
}

// decide has a value be reported that is not sure, and says whether it is: where values that overlap each other go back further than may be shown once more,
// those that begin before what is undecided by itself. What would be reported if more were known may be another.
func (s *Scanner) decide(c *candidate) bool {
	if !s.cut || c.from >= s.open {
		return false
	}
	s.open = max(s.open, c.End)
	s.wait = max(s.wait, s.open)
	return true
}

// winner returns what takes the place of the first value that ends at limit or before, of such values; nil if there is none, or what is behind known
// decides.
func (q *queue) winner(limit, known int) (best *candidate) {
	for i := 0; i < q.n && q.at(i).Off < limit && best == nil; i++ {
		if v := q.at(i); v.End <= limit {
			best = v
		}
	}
	for range maxChain {
		if best == nil || best.End > known {
			return nil
		}
		next := q.rival(best, limit)
		if next == best {
			return best
		}
		best = next
	}
	if best.End > known {
		return nil
	}
	return best
}

// rival returns the best of the values up to limit that overlap c, which may be c.
func (q *queue) rival(c *candidate, limit int) *candidate {
	best := c
	for i := 0; i < q.n && q.at(i).Off < c.End; i++ {
		if v := q.at(i); v.End > c.Off && v.End <= limit && better(v, best) {
			best = v
		}
	}
	return best
}
