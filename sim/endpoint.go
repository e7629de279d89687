package sim

import "time"

// A phase is how far an endpoint's connection is (RFC 9293 §3.3.2, with the states after the
// handshake told apart by which FINs were sent and acknowledged).
type phase uint8

const (
	phaseListen phase = iota
	phaseCalling
	phaseCalled
	phaseOpen
	phaseWait // TIME-WAIT
	phaseOver
)

// An Ending is how a connection ended for one of its ends.
type Ending uint8

// The endings.
const (
	Unended  Ending = iota
	Closed          // both FINs acknowledged
	Aborted         // by itself
	Reset           // by the peer
	TimedOut        // nobody answered
)

var endings = [...]string{"did not end", "closed", "aborted", "was reset", "timed out"}

// String says how it ended.
func (e Ending) String() string { return endings[e] }

// The timers of an endpoint.
const (
	timerRTO = iota
	timerPersist
	timerDelayed
	timerKeep
	timerWait
	timers
)

// An end is one TCP endpoint and its application. Places in the data of either direction are
// offsets from the first byte; the SYN is at -1, and the FIN behind the last byte.
type end struct {
	*network
	who    int
	h      habits
	phase  phase
	ending Ending

	// The application.
	script []Act
	at     int           // of script
	wake   time.Duration // when a pause is over
	lines  int           // complete lines that were read
	read   int           // of in
	nap    bool          // kindApp is on the agenda

	// What it sends.
	iss     uint32
	data    []byte // whatever the application will ever write
	wrote   int    // of data
	closed  bool   // no more will be written: the FIN's place is wrote
	una     int
	nxt     int
	top     int // furthest place ever sent
	edge    int // what the peer has room for
	maxWnd  int
	wl1     uint32
	wl2     uint32
	mss     int // payload bytes without options
	scale   int8
	stamped bool
	sack    bool
	gone    [][2]int // places that the peer says to have, in order

	cwnd, ssthresh int
	dups           int
	recovering     bool
	recover        int
	again          int // in recovery: sent again up to here
	rto            time.Duration
	srtt, rttvar   time.Duration
	timed          int // place whose acknowledgement is being timed; -1: none
	timedAt        time.Duration
	tries          int
	pmtu           int    // bytes of a datagram that the path bears; 0 if not known
	lied           []byte // scratch

	// What it receives.
	irs     uint32
	in      []byte
	rcvd    int      // in order
	have    [][2]int // out of order, by place
	newest  int      // index of have, of the block that came last
	offered int      // the right edge that the peer was told
	finAt   int      // place of the peer's FIN; -1 until it came
	finIn   bool
	lingers bool // it sent its FIN before the peer did, and waits in the end
	tsLast  uint32
	owes    int // segments not acknowledged yet
	dsack   [2]int

	deadline [timers]time.Duration // 0: off
	pending  [timers]time.Duration // of the deed on the agenda; 0: none
}

func (e *end) seqOf(place int) uint32 { return e.iss + 1 + uint32(place) }
func (e *end) placeOf(a uint32) int   { return int(int32(a - e.iss - 1)) }
func (e *end) inPlace(s uint32) int   { return int(int32(s - e.irs - 1)) }

// begin makes e a fresh endpoint.
func (e *end) begin(n *network, who int, h habits, script []Act, data []byte) {
	*e = end{
		network: n, who: who, h: h, script: script, data: data, iss: h.isn, una: -1, nxt: -1, top: -1, finAt: -1,
		timed: -1, rto: time.Second, gone: e.gone[:0], have: e.have[:0], in: e.in[:0], phase: phaseListen,
	}
}

// call opens the connection.
func (e *end) call() {
	e.phase = phaseCalling
	e.nxt, e.top = 0, 0
	e.sendSYN()
}

func (e *end) sendSYN() {
	s := e.blank()
	s.flags, s.seq, s.mss, s.scale, s.sackOK = syn, e.iss, uint16(e.h.mss), e.h.scale, e.h.sack
	s.wnd = uint16(min(e.h.room, 65535))
	s.stamped = e.h.stamps
	if e.phase == phaseCalled {
		s.flags |= ack
		s.ack = e.irs + 1
		if e.scale < 0 {
			s.scale = -1
		}
		s.sackOK, s.stamped = e.sack, e.stamped
	} else if e.h.fastOpen && len(e.data) > 0 {
		s.payload = e.data[:min(len(e.data), 300)]
	}
	e.offered = int(s.wnd)
	e.transmit(&s)
	e.arm(timerRTO, e.rto)
}

// blank is a segment with what all segments say.
func (e *end) blank() segment {
	s := segment{ttl: 64, scale: -1, ts: e.stamp(), echo: e.tsLast, stamped: e.stamped}
	return s
}

func (e *end) stamp() uint32 { return e.h.isn*7 + uint32(e.now/time.Millisecond) }

// plain is an acknowledgement.
func (e *end) plain() segment {
	s := e.blank()
	s.flags, s.seq, s.ack = ack, e.seqOf(e.nxt), e.ackNumber()
	if e.nxt < e.top {
		s.seq = e.seqOf(e.top)
	}
	s.wnd = e.window()
	if e.sack {
		e.addBlocks(&s)
	}
	return s
}

func (e *end) ackNumber() uint32 {
	a := e.irs + 1 + uint32(e.rcvd)
	if e.finIn {
		a++
	}
	return a
}

// acknowledge sends a plain acknowledgement now.
func (e *end) acknowledge() {
	s := e.plain()
	e.transmit(&s)
}

// transmit puts a segment on the wire.
func (e *end) transmit(s *segment) {
	if s.has(ack) {
		e.owes = 0
		e.deadline[timerDelayed] = 0
	}
	e.emit(e.who, s)
}

// arm sets a timer.
func (e *end) arm(t int, d time.Duration) {
	at := e.now + d
	e.deadline[t] = at
	if e.pending[t] == 0 || at < e.pending[t] {
		e.pending[t] = at
		e.add(at, kindTimer, uint8(e.who), uint32(t))
	}
}

// fire sees to a timer that was on the agenda for the given time, and may have been set anew since.
func (e *end) fire(t int, at time.Duration) {
	if e.pending[t] != at {
		return
	}
	e.pending[t] = 0
	switch {
	case e.deadline[t] == 0:
		return
	case e.deadline[t] > e.now:
		e.pending[t] = e.deadline[t]
		e.add(e.deadline[t], kindTimer, uint8(e.who), uint32(t))
		return
	}
	e.deadline[t] = 0
	switch t {
	case timerRTO:
		e.timeout()
	case timerPersist:
		e.persist()
	case timerDelayed:
		if e.phase == phaseOpen {
			e.acknowledge()
		}
	case timerKeep:
		e.keepAlive()
	case timerWait:
		e.over(Closed)
	}
}

// done reports whether the connection is over as far as the end can tell.
func (e *end) done() bool { return e.phase == phaseOver || e.phase == phaseWait }

// silent reports whether the end has nothing to say unless it is spoken to.
func (e *end) silent() bool {
	return e.phase == phaseListen || e.phase == phaseOpen && e.una == e.last() && e.closed
}

func (e *end) over(how Ending) {
	e.phase = phaseOver
	if e.ending == Unended {
		e.ending = how
	}
	e.deadline = [timers]time.Duration{}
}

// abort resets the connection.
func (e *end) abort() {
	if e.phase == phaseOpen {
		s := e.blank()
		s.flags, s.seq, s.ack = rst|ack, e.seqOf(e.top), e.ackNumber()
		e.transmit(&s)
	}
	e.over(Aborted)
}

// keepAlive asks whether the peer is still there (RFC 9293 §3.8.4).
func (e *end) keepAlive() {
	if e.phase != phaseOpen {
		return
	}
	if e.una == e.top && e.top <= e.wrote {
		s := e.plain()
		s.seq = e.seqOf(e.top) - 1
		if e.h.keepByte {
			s.payload = []byte{'?'}
		}
		e.transmit(&s)
	}
	e.arm(timerKeep, e.h.keep)
}
