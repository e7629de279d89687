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

// maxRuns is how many times the kind of requests may change among those that wait for their responses.
const maxRuns = 8

const tooDeep packet.Reason = "http-pipeline-too-deep"

// A queue is the requests of a connection that wait for their responses, as runs of equal kind.
type queue struct {
	runs [maxRuns]struct {
		what  asked
		count uint16
	}
	from, n uint8
}

// push notes a request. It reports false if there is no room.
func (q *queue) push(what asked) bool {
	if q.n > 0 {
		if last := &q.runs[(q.from+q.n-1)%maxRuns]; last.what == what && last.count < 1<<16-1 {
			last.count++
			return true
		}
	}
	if q.n == maxRuns {
		return false
	}
	last := &q.runs[(q.from+q.n)%maxRuns]
	last.what, last.count = what, 1
	q.n++
	return true
}

// first returns the request that the next response is for; none is like an ordinary one.
func (q *queue) first() asked {
	if q.n == 0 {
		return 0
	}
	return q.runs[q.from].what
}

// pop takes the first request away.
func (q *queue) pop() {
	if q.n == 0 {
		return
	}
	if r := &q.runs[q.from]; r.count > 1 {
		r.count--
		return
	}
	q.from = (q.from + 1) % maxRuns
	q.n--
}
