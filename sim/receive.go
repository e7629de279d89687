package sim

import "time"

// arrive is what the endpoint makes of a segment (RFC 9293 §3.10.7).
func (e *end) arrive(s *segment) {
	switch e.phase {
	case phaseOver:
		e.refuse(s)
	case phaseListen:
		e.arriveCall(s)
	case phaseCalling:
		e.arriveAnswer(s)
	default:
		e.arriveOpen(s)
	}
}

// refuse answers whoever speaks to nobody.
func (e *end) refuse(s *segment) {
	if s.has(rst) {
		return
	}
	r := segment{ttl: 64, scale: -1, flags: rst | ack, ack: s.seq + uint32(s.length())}
	if s.has(ack) {
		r.flags, r.seq, r.ack = rst, s.ack, 0
	}
	e.emit(e.who, &r)
}

func (e *end) arriveCall(s *segment) {
	if s.flags&(syn|ack|rst|fin) != syn {
		if s.has(ack) {
			e.refuse(s)
		}
		return
	}
	e.phase = phaseCalled
	e.learn(s)
	e.nxt, e.top = 0, 0
	e.sendSYN()
}

// learn takes in the peer's SYN.
func (e *end) learn(s *segment) {
	e.irs, e.tsLast = s.seq, s.ts
	e.mss = min(e.h.mss, 536)
	if s.mss > 0 {
		e.mss = min(e.h.mss, max(int(s.mss), 64))
	}
	e.scale = -1
	if s.scale >= 0 && e.h.scale >= 0 {
		e.scale = min(s.scale, 14)
	}
	e.sack = s.sackOK && e.h.sack
	e.stamped = s.stamped && e.h.stamps
	e.edge, e.maxWnd = int(s.wnd), int(s.wnd)
	e.wl1, e.wl2 = s.seq, e.iss
	e.cwnd, e.ssthresh = 10*e.mss, 1<<20
	e.timed = -1
}

func (e *end) arriveAnswer(s *segment) {
	switch {
	case s.has(ack) && s.ack != e.iss+1:
		if !s.has(rst) {
			e.refuse(s)
		}
	case s.has(rst):
		if s.has(ack) {
			e.over(Reset)
		}
	case s.flags&(syn|ack) == syn|ack:
		e.learn(s)
		e.establish()
		e.acknowledge()
		e.run()
		e.push()
	}
}

func (e *end) establish() {
	e.phase = phaseOpen
	e.una = 0
	e.tries = 0
	e.rto = time.Second
	e.deadline[timerRTO] = 0
	if e.h.keep > 0 {
		e.arm(timerKeep, e.h.keep)
	}
}

// arriveOpen is RFC 9293 §3.10.7.4.
func (e *end) arriveOpen(s *segment) {
	if e.stamped && s.stamped && !s.has(rst) && int32(s.ts-e.tsLast) < 0 {
		e.challenge() // RFC 7323 §5.3
		return
	}
	if e.phase == phaseCalled && s.flags&(syn|ack) == syn && s.seq == e.irs {
		e.sendSYN()
		return
	}
	if !e.acceptable(s) {
		if !s.has(rst) {
			e.challenge()
		}
		return
	}
	at := e.inPlace(s.seq)
	switch {
	case s.has(rst):
		switch {
		case e.phase == phaseWait: // RFC 1337
		case at == e.rcvd || e.finIn && at == e.rcvd+1:
			e.over(Reset)
		default:
			e.challenge() // RFC 5961 §3
		}
		return
	case s.has(syn):
		e.challenge() // RFC 5961 §4
		return
	case !s.has(ack):
		return
	}
	if e.phase == phaseCalled {
		if s.ack != e.iss+1 {
			e.refuse(s)
			return
		}
		e.establish()
	}
	if e.stamped && s.stamped && at <= e.rcvd {
		e.tsLast = s.ts
	}
	if !e.arriveAck(s) {
		return
	}
	e.arriveData(s, at)
	if e.phase == phaseOpen {
		e.run()
		if e.h.readMost == 0 {
			e.reopen()
		}
		e.push()
	}
	e.finished()
}

// challenge repeats what is known, to whoever does not.
func (e *end) challenge() {
	if e.phase == phaseCalled {
		e.sendSYN()
		return
	}
	e.acknowledge()
}

// acceptable is the table of RFC 9293 §3.10.7.4, for windows as they were told.
func (e *end) acceptable(s *segment) bool {
	at, n := e.inPlace(s.seq), s.length()
	next := e.rcvd
	if e.finIn {
		next++
	}
	wnd := max(e.offered-next, 0)
	if e.phase == phaseCalled && wnd == 0 {
		wnd = 1
	}
	if n == 0 {
		return at == next || at > next && at <= next+wnd
	}
	if at+n <= next || at > next+wnd {
		return false
	}
	return wnd > 0 || at < next
}

// finished ends the connection when both FINs are through.
func (e *end) finished() {
	if !e.closed || e.una <= e.wrote || !e.finIn {
		return
	}
	switch e.phase {
	case phaseOpen:
		e.deadline = [timers]time.Duration{}
		if e.lingers {
			e.phase = phaseWait
			e.arm(timerWait, waitTime)
		} else {
			e.over(Closed)
		}
	case phaseWait:
		e.arm(timerWait, waitTime)
	}
}

// waitTime is twice the maximum segment lifetime, long enough for any retransmission of a FIN.
const waitTime = 60 * time.Second

// arriveData takes in payload and FIN.
func (e *end) arriveData(s *segment, at int) {
	n := len(s.payload)
	if n == 0 && !s.has(fin) {
		return
	}
	if e.phase != phaseOpen {
		e.acknowledge()
		return
	}
	payload, finAt := s.payload, at+n
	hasFIN := s.has(fin)
	if over := at + n - max(e.offered, e.rcvd); over > 0 && e.h.strictEdge {
		payload, hasFIN = payload[:max(n-over, 0)], false
	}
	if hasFIN && e.finAt < 0 {
		e.finAt = finAt
	}
	news := e.store(payload, at)
	quick := !news || len(e.have) > 0
	if e.finAt >= 0 && e.rcvd >= e.finAt && !e.finIn {
		e.finIn, quick = true, true
		e.lingers = e.closed && e.top > e.wrote
	}
	e.owes++
	switch {
	case quick || e.owes >= 2 || e.h.delay == 0:
		e.acknowledge()
	case e.deadline[timerDelayed] == 0:
		e.arm(timerDelayed, e.h.delay)
	}
}

// store keeps bytes for the application, and reports whether they came in order and were new.
func (e *end) store(b []byte, at int) (inOrder bool) {
	if at < e.rcvd {
		if e.h.dsack {
			e.dsack = [2]int{at, min(at+len(b), e.rcvd)}
		}
		cutoff := min(e.rcvd-at, len(b))
		b, at = b[cutoff:], at+cutoff
	}
	if len(b) == 0 {
		return false
	}
	if end := at + len(b); end > len(e.in) {
		e.in = append(e.in, make([]byte, end-len(e.in))...)
	}
	e.keep(b, at)
	if at > e.rcvd {
		e.note(at, at+len(b))
		if e.h.reneges && e.rand.IntN(6) == 0 {
			e.have = e.have[:0]
		}
		return false
	}
	e.rcvd = at + len(b)
	for len(e.have) > 0 && e.have[0][0] <= e.rcvd {
		e.rcvd = max(e.rcvd, e.have[0][1])
		e.have = append(e.have[:0], e.have[1:]...)
	}
	return true
}

// keep copies bytes into place. Of those that came before out of order, the first or the last copy
// stays, as the endpoint's habit is.
func (e *end) keep(b []byte, at int) {
	if e.h.lastWins {
		copy(e.in[at:], b)
		return
	}
	for i := range b {
		p := at + i
		held := false
		for _, r := range e.have {
			held = held || p >= r[0] && p < r[1]
		}
		if !held {
			e.in[p] = b[i]
		}
	}
}

// note adds a block of what came out of order.
func (e *end) note(from, to int) {
	i := 0
	for i < len(e.have) && e.have[i][1] < from {
		i++
	}
	j := i
	for j < len(e.have) && e.have[j][0] <= to {
		from, to = min(from, e.have[j][0]), max(to, e.have[j][1])
		j++
	}
	if i == j {
		e.have = append(e.have, [2]int{})
		copy(e.have[i+1:], e.have[i:])
	} else {
		e.have = append(e.have[:i+1], e.have[j:]...)
	}
	e.have[i] = [2]int{from, to}
	e.newest = i
}

// addBlocks says what came out of order, the newest first (RFC 2018 §4), and what came twice
// (RFC 2883).
func (e *end) addBlocks(s *segment) {
	most := 4
	if s.stamped {
		most = 3
	}
	add := func(r [2]int) {
		if s.blocks < most {
			s.sacks[s.blocks] = [2]uint32{e.irs + 1 + uint32(r[0]), e.irs + 1 + uint32(r[1])}
			s.blocks++
		}
	}
	if e.dsack[0] < e.dsack[1] {
		add(e.dsack)
		e.dsack = [2]int{}
	}
	if len(e.have) == 0 {
		return
	}
	first := min(e.newest, len(e.have)-1)
	add(e.have[first])
	for i := range e.have {
		if i != first {
			add(e.have[i])
		}
	}
}

// window is what the next segment offers.
func (e *end) window() uint16 {
	next := e.rcvd
	edge := max(e.offered, next)
	if want := e.read + e.h.room; want-edge >= min(e.h.mss, e.h.room/2) {
		edge = want // RFC 9293 §3.8.6.2.2
	}
	if e.h.shrinks && e.rand.IntN(12) == 0 {
		edge = next + e.rand.IntN(edge-next+1)
	}
	if e.finIn {
		next++
	}
	shift := max(e.scale, 0)
	if e.scale >= 0 {
		shift = max(e.h.scale, 0)
	}
	w := min(max(edge-next, 0)>>shift, 65535)
	if told := next + w<<shift; told > e.offered || e.h.shrinks {
		e.offered = told
	}
	return uint16(w)
}
