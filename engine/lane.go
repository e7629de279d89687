// Package engine knows the route of a packet, and is the only one that does: from a divert socket
// through decoding, fragments, flows and grammars to the inspectors, and back with verdict and
// edits.
//
// A Lane runs it to completion: it owns one socket, one flow table, one timer wheel and one event
// queue, takes each packet of a batch through the whole route, and answers the batch. It takes no
// lock and allocates nothing per packet; it reads the clock once per batch. A replay passes the
// capture's time instead, and is deterministic: the same packets and policy give the same bytes and
// events, whatever the batch size.
package engine

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/weir-project/weir/defrag"
	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/stream"
)

// A Clock tells the present moment twice: as lane time, monotonic from an arbitrary start, and as
// wall clock for people.
type Clock func() (now time.Duration, wall time.Time)

// A Program is what a policy makes of a lane, and what a reload replaces: who inspects, and what
// becomes of packets that cannot be inspected as meant.
type Program struct {
	Chain    *inspect.Chain
	Outcomes Outcomes
	Settle   Settle
	// Inspected is the change of the mark that every packet which goes on leaves with, so that
	// firewall rules can count those that never came here. The zero Mark changes nothing.
	Inspected packet.Mark
	// Translated is set in the marks of packets that come here with an address that connection tracking
	// has translated. Segments of our own beside them are to pass it by, since nothing is left to
	// translate and it does not know them. 0: there is no such bit.
	Translated uint32
}

// A Config is what a lane is made of. Socket, Program.Chain, Events and, for live traffic, Clock
// are required.
type Config struct {
	Socket   divert.Socket
	Events   event.Queue
	Grammars []proto.Grammar // in the order in which they are tried
	Program  Program
	Limits   Limits
	Batch    int    // packets per receive; default 64
	Seed     uint64 // keys the flow table's hash; never shows in the results

	// Journal outlives the lane: it remembers the flows whose bytes were edited, and the next lane goes on
	// with them. Nil: they break when the lane dies.
	Journal Journal
	// Successor says that a lane before this one has died or was replaced: what it released may still be
	// on its way. Connections are then met with care.
	Successor bool

	// Clock gives the time of live traffic. Nil: each packet's Meta.Captured is its time.
	Clock Clock
}

// Limits bounds a lane's memory. Zero fields mean their defaults. What gives when one is reached is
// said by Outcomes.Limit, and told as an anomaly.
type Limits struct {
	Flow      flow.Limits
	Fragments defrag.Limits
	Stream    stream.Limits
	HeldBytes int           // bytes of packets that are delayed or held; default 32 MiB
	Edits     int           // edits of one packet; default 64
	Hold      time.Duration // for which bytes of a stream wait for a decision at most; default 100 ms
	Gap       time.Duration // for which segments wait for one before them; default 30 s
	Tries     int           // segments of a TCP flow met in its middle in which grammars are sought before it counts as dark; default 4
}

// Settle says how a flow that nobody looks at any more is handed back to the kernel: its packets
// leave with this change of the mark, and firewall rules save it to the flow. The zero Settle hands
// nothing back.
type Settle struct{ Mark packet.Mark }

// A Lane takes packets from one socket along the route and back. Run it in one goroutine.
type Lane struct {
	socket    divert.Socket
	events    event.Queue
	clock     Clock
	outcomes  Outcomes
	settle    Settle
	inspected packet.Mark
	recorded  bool // divert.Caps.Recorded
	injects   bool // segments of our own can be sent
	limits    Limits
	grammars  []proto.Grammar
	streams   []proto.StreamGrammar // the same, for TCP
	chain     *inspect.Chain

	translated uint32 // Program.Translated

	again []uint32 // sessions whose parsers have more to do; see goOn
	wheel *wheel.Wheel
	flows *flow.Table
	frags *defrag.Table
	held  heldPool

	sessions sessions
	mends    mendings
	replies  map[*flow.Flow]*reply
	talks    talks
	reading  reading
	survive  survivors

	now      time.Duration
	wall     time.Time
	nextIdle time.Duration // when the inspectors that report from time to time are called next

	batch      []*packet.Packet
	answeredIt bool   // the packet on its way is among those to be answered, or parked
	resuming   uint32 // the segment that waited and is on its way, as index plus one; 0 if none is

	current  int              // index in batch of the packet on its way, for containment
	done     []*packet.Packet // verdict given, not yet finished; in order
	scratch  scratch
	cx       inspect.Context
	note     event.Event // scratch: the event being told
	msg      field.Message
	edits    editList
	until    time.Duration // of the packet on its way, if its verdict is Delay
	names    []field.Named // what was read where in the datagram
	base     int           // offset in the payload of the message that is being shown
	speaks   int           // index of the grammar that reads the datagram on its way
	timers   timerPool
	pieces   []*defrag.Piece // of the reassembled datagram on its way; those not yet answered
	redacted []byte          // scratch: details of the event being told, without secrets
	emitted  int             // events that inspectors told about the packet on its way

	counters Counters
	shared   shared
}

// shared is what other goroutines touch.
type shared struct {
	next     atomic.Pointer[Program] // to swap in; nil if none
	stop     atomic.Bool
	snapshot atomic.Pointer[Snapshot]
}

// New returns a lane that is ready to run.
func New(c Config) *Lane {
	if c.Batch <= 0 {
		c.Batch = 64
	}
	c.Limits.setDefaults()
	caps := c.Socket.Caps()
	l := &Lane{
		socket: c.Socket, events: c.Events, clock: c.Clock, limits: c.Limits, grammars: c.Grammars,
		chain: c.Program.Chain, outcomes: c.Program.Outcomes, settle: c.Program.Settle,
		inspected: c.Program.Inspected, translated: c.Program.Translated, recorded: caps.Recorded, injects: caps.InjectOut && !caps.Recorded,
		batch: make([]*packet.Packet, c.Batch), done: make([]*packet.Packet, 0, 2*c.Batch),
	}
	for i := range l.batch {
		l.batch[i] = new(packet.Packet)
	}
	if l.clock != nil {
		l.now, l.wall = l.clock()
	}
	l.wheel = wheel.New(l.now)
	l.flows = flow.NewTable(c.Limits.Flow, l.wheel, c.Seed, l.flowEnded)
	l.flows.SetMemory(l.chain.Words)
	l.frags = defrag.NewTable(c.Limits.Fragments, l.wheel, l.dropDatagram)
	l.held.init(c.Limits.HeldBytes)
	l.edits.init(c.Limits.Edits)
	l.sessions.pool = stream.NewPool(c.Limits.Stream, l.scratch.packet)
	l.mends = make(mendings)
	l.replies = make(map[*flow.Flow]*reply)
	l.scratch.init(c.Batch)
	l.cx = inspect.Context{Host: l, Labels: l.chain.Labels}
	for _, g := range l.grammars {
		l.streams = append(l.streams, proto.Units(g))
		l.talks.know(g)
	}
	l.survive.init(c.Journal, c.Successor)
	l.publish()
	return l
}

func (l *Limits) setDefaults() {
	def := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	if l.Hold <= 0 {
		l.Hold = 100 * time.Millisecond
	}
	if l.Gap <= 0 {
		l.Gap = 30 * time.Second
	}
	l.Stream.SetDefaults()
	def(&l.HeldBytes, 32<<20)
	def(&l.Edits, 64)
	def(&l.Tries, 4)
}

// Swap has the lane change to p before its next batch. Flows change at their next packet and lose
// the inspectors' memory; labels stay by name, and so do verdicts already given for a flow, unless p
// only monitors. Whoever swaps also wakes the lane's socket.
func (l *Lane) Swap(p *Program) { l.shared.next.Store(p) }

// Stop has Run take what can be read of live traffic without waiting, for at most a second, and
// return. Whoever stops a lane also wakes its socket.
func (l *Lane) Stop() { l.shared.stop.Store(true) }

// drainWithin is for how long a stopped lane goes on reading what comes as fast as it reads.
const drainWithin = time.Second

// idle is how often a lane without traffic looks up: for a swapped chain, for counters to publish.
const idle = time.Second

// Run takes packets along the route until the socket ends or Stop. It finishes what it holds before
// it returns. The error is nil after Stop, Close and the end of a capture.
func (l *Lane) Run() error {
	if l.clock != nil {
		l.nextIdle = l.now + idle
	}
	for stopBy := time.Duration(-1); ; {
		wait, stop := l.wait(), l.shared.stop.Load()
		if stop {
			wait = 0
			if stopBy < 0 {
				stopBy = l.now + drainWithin
			}
			if l.clock == nil || l.now > stopBy {
				break
			}
		}
		n, err := l.socket.Recv(l.batch, wait)
		if l.clock != nil {
			l.now, l.wall = l.clock()
			l.advance()
		}
		if p := l.shared.next.Swap(nil); p != nil {
			l.swap(p)
		}
		l.runBatch(n)
		if err != nil {
			l.shutdown()
			if errors.Is(err, io.EOF) || errors.Is(err, divert.ErrClosed) {
				return nil
			}
			return err
		}
		if stop && n == 0 {
			break
		}
	}
	l.shutdown()
	return nil
}

// wait is how long Recv may sleep: until the next look-up, or the next timer that somebody waits for to
// the millisecond, a held packet's or an inspector's. Flows and fragments expire at the next packet
// or look-up: with thousands of them a second there is one in every millisecond, and a lane that
// woke up for each would do little else.
func (l *Lane) wait() time.Duration {
	if l.clock == nil {
		return -1
	}
	if len(l.again) > 0 {
		return 0
	}
	wake := l.nextIdle
	if l.held.waiting() > 0 || l.timers.waiting() > 0 || len(l.mends) > 0 {
		if at, ok := l.wheel.Next(); ok && at < wake {
			wake = at
		}
	}
	return max(0, wake-l.now)
}

// runBatch takes n packets along the route and answers them. A panic on the way is contained: the
// packet that caused it, and its flow, get the outcome of errors, and the rest goes on. Where sessions waited for a turn
// before, one has it then.
func (l *Lane) runBatch(n int) {
	waiting := len(l.again) > 0
	l.current = 0
	for l.current < n {
		l.runFrom(n)
	}
	l.flush()
	if waiting {
		l.goOn()
	}
}

func (l *Lane) runFrom(n int) {
	defer l.contain()
	for l.current < n {
		p := l.batch[l.current]
		l.cx.Packet, l.cx.Flow = nil, nil
		if l.clock == nil {
			l.captureTime(p)
		}
		l.answeredIt = false
		l.route(p)
		l.current++
		for l.clock == nil && len(l.again) > 0 {
			l.goOn() // in a replay nobody waits, and what comes out must not depend on the size of batches
		}
	}
}

// captureTime moves the lane to the time at which the packet was captured. Captures may step back
// in time; a lane does not.
func (l *Lane) captureTime(p *packet.Packet) {
	if p.Meta.Captured > l.now {
		l.now = p.Meta.Captured
	}
	l.wall = time.Unix(0, int64(p.Meta.Captured)).UTC()
	l.advance()
}

// advance fires what is due by now: flows that expire, fragments that never became whole, packets
// that waited, inspectors' timers and reports. Packets that become ready leave with the next flush.
func (l *Lane) advance() {
	l.wheel.Advance(l.now, l.fire)
	if l.now < l.nextIdle {
		return
	}
	if l.nextIdle > 0 { // a capture's first packet only sets the hour
		l.tellIdle(false)
		l.survive.expire(l.now)
		l.publish()
	}
	l.nextIdle = l.now + idle
}

// flush answers the packets whose verdicts are given, in order.
func (l *Lane) flush() {
	if len(l.done) > 0 {
		// Errors of single packets are counted by the socket; a dead socket shows at the next Recv.
		_ = l.socket.Finish(l.done)
		l.done = l.done[:0]
	}
	l.held.reuse()
	l.scratch.reset()
}

// shutdown finishes what is held, ends the flows, and has the inspectors say their last.
func (l *Lane) shutdown() {
	for len(l.again) > 0 {
		l.goOn()
	}
	l.survive.stopping = true
	l.releaseAll()
	l.frags.Flush()
	l.flush()
	l.flows.Shutdown()
	l.flush()
	l.tellIdle(true)
	l.publish()
}
