package http1

import "github.com/weir-project/weir/packet"

// asked is what of a request matters for its response.
type asked uint8

const (
	askedHead    asked = 1 << iota // its response has no body
	askedConnect                   // if its response is a success, a tunnel follows
	askedUpgrade                   // its response may be 101
	askedOld                       // by a client of HTTP/1.0
)

// maxWaiting bounds how many requests may wait for their responses, and how often their kind may change among them.
const maxWaiting = 32

const tooDeep packet.Reason = "http-pipeline-too-deep"

// A queue is the requests of a connection that wait for their responses, as runs of equal kind. A run is as many digits as its
// length needs, base 16, the lowest first; digits of one kind that follow each other are one run's. So 32 bytes, which every
// idle connection has, hold 32 changes of kind or more requests than a window holds.
type queue struct {
	digits  [maxWaiting]digit
	from, n uint8
}

// A digit is a kind of request in the high four bits, and a digit of how many in the low ones.
type digit uint8

func (d digit) kind() asked { return asked(d >> 4) }

// at returns the digit at a place among those in use.
func (q *queue) at(i uint8) *digit { return &q.digits[(q.from+i)%maxWaiting] }

// push notes a request. It reports false if there is no room.
func (q *queue) push(what asked) bool {
	i := q.n
	for i > 0 && q.at(i-1).kind() == what {
		i--
	}
	full := true // every digit of the run is the highest one
	for j := i; j < q.n; j++ {
		full = full && *q.at(j)&15 == 15
	}
	if full {
		if q.n == maxWaiting {
			return false
		}
		*q.at(q.n) = digit(what) << 4
		q.n++
	}
	for ; *q.at(i)&15 == 15; i++ {
		*q.at(i) &^= 15
	}
	*q.at(i)++
	return true
}

// first returns the request that the next response is for; none is like an ordinary one.
func (q *queue) first() asked {
	if q.n == 0 {
		return 0
	}
	return q.at(0).kind()
}

// single reports whether there is one request.
func (q *queue) single() bool { return q.n == 1 && *q.at(0)&15 == 1 }

// pop takes the first request away.
func (q *queue) pop() {
	what, end := q.first(), uint8(0)
	borrow, left := digit(1), digit(0)
	for ; end < q.n && q.at(end).kind() == what; end++ {
		d := q.at(end)
		low := *d & 15
		*d = *d&^15 | (low-borrow)&15
		left |= *d & 15
		if low > 0 {
			borrow = 0
		}
	}
	if left == 0 {
		q.from = (q.from + end) % maxWaiting
		q.n -= end
	}
}
