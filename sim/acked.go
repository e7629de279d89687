package sim

import "time"

// arriveAck takes in acknowledgement, SACK blocks and window. It reports false for an acknowledgement of
// what was never sent.
func (e *end) arriveAck(s *segment) bool {
	a := e.placeOf(s.ack)
	if a > e.top {
		e.suspect("%s is told of %d, and has sent %d", e.name(), a, e.top)
		e.acknowledge()
		return false
	}
	fresh := e.arriveSACK(s, a)
	moved := e.arriveWindow(s, a)
	switch {
	case a > e.una:
		e.advance(a)
	case a == e.una && e.una < e.top && s.length() == 0 && (!moved || fresh):
		e.duplicate(fresh)
	}
	return true
}

func (e *end) arriveWindow(s *segment, a int) (moved bool) {
	if a < e.una || int32(s.seq-e.wl1) < 0 || s.seq == e.wl1 && int32(s.ack-e.wl2) < 0 {
		return false
	}
	wnd := int(s.wnd) << max(e.scale, 0)
	if e.h.scale < 0 {
		wnd = int(s.wnd)
	}
	moved = a+wnd != e.edge
	e.edge, e.maxWnd = a+wnd, max(e.maxWnd, wnd)
	e.wl1, e.wl2 = s.seq, s.ack
	if e.edge > e.una {
		e.tries = 0
	}
	return moved
}

// arriveSACK notes what the peer says to have (RFC 2018, RFC 2883). It reports whether that is news.
func (e *end) arriveSACK(s *segment, a int) (fresh bool) {
	for i, k := range s.sacks[:s.blocks] {
		l, r := e.placeOf(k[0]), e.placeOf(k[1])
		if l >= r || r > e.top {
			e.suspect("%s is told of [%d, %d), and has sent %d", e.name(), l, r, e.top)
			continue
		}
		if i == 0 && r <= a {
			continue // D-SACK
		}
		if r > max(a, e.una) && e.sack {
			fresh = e.markGone(max(l, e.una), r) || fresh
		}
	}
	return fresh
}

func (e *end) markGone(from, to int) (fresh bool) {
	i := 0
	for i < len(e.gone) && e.gone[i][1] < from {
		i++
	}
	j, covered := i, 0
	whole := to - from
	for j < len(e.gone) && e.gone[j][0] <= to {
		covered += min(to, e.gone[j][1]) - max(from, e.gone[j][0])
		from, to = min(from, e.gone[j][0]), max(to, e.gone[j][1])
		j++
	}
	if i == j {
		e.gone = append(e.gone, [2]int{})
		copy(e.gone[i+1:], e.gone[i:])
	} else {
		e.gone = append(e.gone[:i+1], e.gone[j:]...)
	}
	e.gone[i] = [2]int{from, to}
	return covered < whole
}

// advance takes in that the peer has everything before a.
func (e *end) advance(a int) {
	if e.timed >= 0 && a >= e.timed {
		e.measure(e.now - e.timedAt)
		e.timed = -1
	}
	got := a - e.una
	e.una, e.nxt = a, max(e.nxt, a)
	for len(e.gone) > 0 && e.gone[0][1] <= a {
		e.gone = append(e.gone[:0], e.gone[1:]...)
	}
	e.dups, e.tries = 0, 0
	switch {
	case e.recovering && a >= e.recover:
		e.recovering = false
		e.cwnd = e.ssthresh
	case e.recovering:
		e.again = e.resend(max(a, e.again*b2i(e.sack)), e.recover)
	case e.cwnd < e.ssthresh:
		e.cwnd += min(got, 2*e.mss)
	default:
		e.cwnd += max(e.mss*e.mss/e.cwnd, 1)
	}
	e.deadline[timerRTO] = 0
	if e.srtt > 0 {
		e.rto = min(max(e.srtt+4*e.rttvar, minRTO), maxRTO)
	}
}

// measure is RFC 6298 §2.
func (e *end) measure(rtt time.Duration) {
	if e.srtt == 0 {
		e.srtt, e.rttvar = max(rtt, 1), rtt/2
		return
	}
	e.rttvar = (3*e.rttvar + (e.srtt - rtt).Abs()) / 4
	e.srtt = (7*e.srtt + rtt) / 8
}

// duplicate is fast retransmission and recovery (RFC 5681 §3.2, RFC 6675 in short).
func (e *end) duplicate(fresh bool) {
	if e.sack && !fresh && !e.recovering && len(e.gone) == 0 {
		return
	}
	e.dups++
	switch {
	case e.recovering && e.sack:
		high := e.una
		if n := len(e.gone); n > 0 {
			high = e.gone[n-1][0]
		}
		e.again = e.resend(max(e.una, e.again), high)
	case e.recovering:
		e.cwnd += e.mss
	case e.dups == 3:
		e.recovering, e.recover = true, e.top
		e.ssthresh = max((e.top-e.una)/2, 2*e.mss)
		e.cwnd = e.ssthresh + 3*e.mss
		e.again = e.resend(e.una, e.recover)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
