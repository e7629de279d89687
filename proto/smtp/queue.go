package smtp

// A kind is what of a command matters for its reply.
type kind uint8

const (
	other kind = iota
	hello
	lhello
	mail
	rcpt
	data
	final // the end of a message, or its last chunk
	startTLS
	auth
	turn
	reset
)

// maxRuns bounds how often the kind of commands that wait for their replies may change.
const maxRuns = 32

// A queue is the commands that wait for their replies, as runs of equal kind.
type queue struct {
	runs    [maxRuns]run
	from, n uint8
}

type run struct {
	kind kind
	n    uint16
}

// push notes a command. It reports false if there is no room.
func (q *queue) push(k kind) bool {
	if q.n > 0 {
		last := &q.runs[(q.from+q.n-1)%maxRuns]
		if last.kind == k && last.n < 1<<16-1 {
			last.n++
			return true
		}
	}
	if q.n == maxRuns {
		return false
	}
	q.runs[(q.from+q.n)%maxRuns] = run{kind: k, n: 1}
	q.n++
	return true
}

// first returns the command that the next reply is for. ok is false if none waits.
func (q *queue) first() (k kind, ok bool) {
	if q.n == 0 {
		return other, false
	}
	return q.runs[q.from].kind, true
}

// pop takes the first command away.
func (q *queue) pop() {
	if q.n == 0 {
		return
	}
	r := &q.runs[q.from]
	if r.n--; r.n == 0 {
		q.from = (q.from + 1) % maxRuns
		q.n--
	}
}
