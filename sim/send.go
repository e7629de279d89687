package sim

import "time"

// push sends what may be sent.
func (e *end) push() {
	if e.phase != phaseOpen {
		return
	}
	for range 64 {
		if !e.sendNext(false) {
			break
		}
	}
	e.setTimers()
}

// setTimers has the retransmission timer run while something is on its way, and the persist timer
// while something waits for a window.
func (e *end) setTimers() {
	switch {
	case e.una < e.top:
		if e.deadline[timerRTO] == 0 {
			e.arm(timerRTO, e.rto)
		}
		e.deadline[timerPersist] = 0
	case e.pendingBytes() > 0:
		e.deadline[timerRTO] = 0
		if e.deadline[timerPersist] == 0 {
			e.arm(timerPersist, e.rto)
		}
	default:
		e.deadline[timerRTO], e.deadline[timerPersist] = 0, 0
		e.tries = 0
	}
}

// last is the place behind all that is to be sent.
func (e *end) last() int {
	if e.closed {
		return e.wrote + 1
	}
	return e.wrote
}

func (e *end) pendingBytes() int { return e.last() - e.top }

// sendNext sends one segment from nxt on, if it may; forced ones also when they are small.
func (e *end) sendNext(forced bool) bool {
	e.skipGone()
	again := e.nxt < e.top
	limit := min(e.edge, e.una+e.cwnd)
	if e.h.exceeds && e.rand.IntN(40) == 0 {
		limit += e.rand.IntN(300)
	}
	avail := e.wrote - e.nxt
	n := max(min(avail, e.cut(again), limit-e.nxt), 0)
	full := e.full()
	withFIN := e.closed && e.nxt+n == e.wrote && e.nxt <= e.wrote && (e.h.finFree && limit >= e.nxt+n || e.edge > e.nxt+n)
	switch {
	case n == 0 && !withFIN:
		return false
	case forced || again || withFIN || e.h.cutAnyhow && n < avail && n < limit-e.nxt:
	case n < full && e.h.nagle && e.una < e.top:
		return false
	case n < full && n < avail && n < e.maxWnd/2:
		return false // RFC 9293 §3.8.6.2.1
	}
	e.send(e.nxt, n, withFIN, again)
	return true
}

// optionBytes is what segments with data carry beside their header.
func (e *end) optionBytes() int {
	if e.stamped {
		return 12
	}
	return 0
}

// full is how many bytes a segment takes at most.
func (e *end) full() int {
	full := e.mss
	if e.pmtu > 0 {
		full = min(full, e.pmtu-e.path.headers())
	}
	return full - e.optionBytes()
}

// cut is how many of them the next segment takes.
func (e *end) cut(again bool) int {
	full := e.full()
	if e.h.cutAnyhow || again && e.h.recut {
		return 1 + e.rand.IntN(full)
	}
	return full
}

// send sends [place, place+n), and moves nxt if it is there.
func (e *end) send(place, n int, withFIN, again bool) {
	s := e.plain()
	if e.sack && n > 0 {
		s.blocks = 0
		if n+36 < e.full() {
			e.addBlocks(&s)
		}
	}
	s.seq = e.seqOf(place)
	s.payload = e.data[place : place+n]
	if place+n == e.wrote {
		s.flags |= psh
	}
	to := place + n
	if withFIN {
		s.flags |= fin
		to++
	}
	if e.h.urgent && n > 0 && e.rand.IntN(4) == 0 {
		s.flags |= urg
		s.urgent = uint16(e.rand.IntN(n + 2))
	}
	if again && e.h.lies > 0 && e.rand.IntN(100) < e.h.lies {
		s.payload = e.lie(s.payload)
	}
	if e.h.fakes > 0 && e.rand.IntN(100) < e.h.fakes {
		e.fake(s)
	}
	if !again && e.timed < 0 {
		e.timed, e.timedAt = to, e.now
	}
	if place == e.nxt {
		e.nxt = to
	}
	e.top = max(e.top, to)
	e.transmit(&s)
	if e.h.echoes && e.rand.IntN(10) == 0 {
		e.transmit(&s)
	}
}

// skipGone moves nxt over what the peer has.
func (e *end) skipGone() {
	for _, g := range e.gone {
		if e.nxt >= g[0] && e.nxt < g[1] {
			e.nxt = g[1]
		}
	}
}

// resend sends one segment of old data from the first place at or behind from that the peer may lack,
// before limit. It returns where that ended.
func (e *end) resend(from, limit int) int {
	for _, g := range e.gone {
		if from >= g[0] && from < g[1] {
			from = g[1]
		}
	}
	stop := min(e.top, e.wrote)
	for _, g := range e.gone {
		if g[0] > from {
			stop = min(stop, g[0])
			break
		}
	}
	if from >= limit || from > stop {
		return from
	}
	n := min(stop-from, e.cut(true), max(e.edge-from, 1))
	withFIN := e.closed && from+n == e.wrote && e.top > e.wrote
	if n == 0 && !withFIN {
		return from
	}
	e.timed = -1
	e.send(from, n, withFIN, true)
	if withFIN {
		n++
	}
	return from + n
}

// timeout is RFC 6298 §5.4 to 5.6.
func (e *end) timeout() {
	e.tries++
	if e.tries > maxTries {
		e.over(TimedOut)
		return
	}
	e.rto = min(2*e.rto, maxRTO)
	e.timed = -1
	if e.phase == phaseCalling || e.phase == phaseCalled {
		e.sendSYN()
		return
	}
	if e.phase != phaseOpen || e.una >= e.top {
		return
	}
	full := e.mss
	e.ssthresh = max((e.top-e.una)/2, 2*full)
	e.cwnd, e.recovering, e.dups = full, false, 0
	e.gone = e.gone[:0] // the peer may have thrown it away (RFC 2018 §8)
	e.nxt = e.una
	e.nxt = e.resend(e.una, e.top)
	e.deadline[timerRTO] = 0
	e.push()
}

const (
	minRTO   = 200 * time.Millisecond
	maxRTO   = 4 * time.Second
	maxTries = 40
)

// persist probes a window that is shut (RFC 9293 §3.8.6.1).
func (e *end) persist() {
	if e.phase != phaseOpen || e.pendingBytes() == 0 || e.una < e.top {
		return
	}
	e.rto = min(2*e.rto, maxRTO)
	switch {
	case e.sendNext(true):
	case e.h.probeByte && e.nxt < e.wrote:
		e.timed = -1
		e.send(e.nxt, 1, false, false)
	default:
		s := e.plain()
		s.seq = e.seqOf(e.una) - 1
		e.transmit(&s)
	}
	e.setTimers()
}
