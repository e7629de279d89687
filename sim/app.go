package sim

import (
	"bytes"
	"time"
)

// An Op is what an application does next.
type Op uint8

// The deeds of applications.
const (
	OpWrite Op = iota // N bytes of its data
	OpSleep           // for N milliseconds
	OpLines           // until it has read N lines
	OpEnd             // until the peer has said that it ends, and all is read
	OpClose           // says that it ends; it goes on reading
	OpAbort
)

// An Act is one step of an application.
type Act struct {
	Op Op
	N  int
}

// run has the application go on as far as it can.
func (e *end) run() {
	if e.phase != phaseOpen && e.phase != phaseWait {
		return
	}
	e.consume(e.h.readMost == 0)
	for e.at < len(e.script) && e.step(&e.script[e.at]) {
		e.at++
	}
}

// step reports whether the act is done.
func (e *end) step(a *Act) bool {
	switch a.Op {
	case OpWrite:
		e.wrote += a.N
	case OpSleep:
		switch {
		case e.wake == 0:
			e.wake = e.now + time.Duration(a.N)*time.Millisecond
			e.add(e.wake, kindApp, uint8(e.who), 1)
			return false
		case e.now < e.wake:
			return false
		}
		e.wake = 0
	case OpLines:
		return e.lines >= a.N
	case OpEnd:
		return e.finIn && e.read == e.finAt
	case OpClose:
		e.closed = true
	case OpAbort:
		e.abort()
		return false
	}
	return true
}

// consume reads what has come, or, for a slow reader, goes on reading later.
func (e *end) consume(all bool) {
	n := e.rcvd - e.read
	if n == 0 {
		return
	}
	if !all {
		if !e.nap {
			e.nap = true
			e.add(e.now+time.Duration(1+e.rand.IntN(e.h.readPause))*time.Millisecond, kindApp, uint8(e.who), 0)
		}
		return
	}
	e.lines += bytes.Count(e.in[e.read:e.read+n], []byte{'\n'})
	e.read += n
}

// resume is the application's turn: a slow reader reads some, others wake up.
func (e *end) resume(arg uint32) {
	if e.phase != phaseOpen && e.phase != phaseWait {
		return
	}
	if arg == 0 {
		e.nap = false
		n := min(e.rcvd-e.read, 1+e.rand.IntN(e.h.readMost))
		e.lines += bytes.Count(e.in[e.read:e.read+n], []byte{'\n'})
		e.read += n
	}
	e.reopen()
	e.run()
	e.push()
	e.finished()
}

// reopen tells a sender that waits for room that there is some again (RFC 9293 §3.8.6.2.2).
func (e *end) reopen() {
	if e.phase == phaseOpen && e.read+e.h.room-e.offered >= min(e.h.mss, e.h.room/2) && e.offered-e.rcvd < e.h.room/2 {
		e.acknowledge()
	}
}
