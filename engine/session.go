package engine

import (
	"time"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/stream"
)

// A session is what a lane remembers of a TCP flow whose bytes somebody reads.
type session struct {
	timer  wheel.Timer
	conn   *stream.Conn
	flow   *flow.Flow
	parser proto.Parser // nil until a grammar has recognised the flow, and once it is done

	skip   [2]int64         // bytes of each direction that the parser need not see
	left   [2]uint32        // bytes of each direction that have left, and are to be shown once more
	names  [2]keptName      // of those that are to be shown once more
	place  [2]seqnum.Value  // up to where bytes of each direction were decided when since was set
	since  [2]time.Duration // when the oldest bytes that are undecided came
	gap    [2]time.Duration // when the oldest segment ahead of a missing one came
	pace   [2]pace
	ask    [2]time.Duration // when to ask again for what is missing; 0 if nothing is
	asked  [2]uint8         // how often that was done
	nat    uint8            // by 1<<Direction: its packets come with an address that connection tracking has translated
	noted  noted            // what the journal knows of it
	tries  uint8            // units in which grammars were sought
	spoken uint8            // by 1<<Direction: no grammar knows what that begins with
	dark   bool             // no grammar will be sought any more
	kept   [2]time.Duration // when bytes were shown that are to be shown once more, whether they wait or not; 0: none are
	again  uint8            // by 1<<Direction: the parser has more to do; iff not 0, the lane's list again has it
}

// A keptName is the last name of bytes that are to be shown once more, counted from the first of them; there is hardly ever more than one.
type keptName struct {
	id       field.ID
	off, end int32
}

// sessions is the sessions of a lane.
type sessions struct {
	pool *stream.Pool
	list []*session
	free []uint32
}

// of returns the flow's session, or nil.
func (t *sessions) of(f *flow.Flow) *session {
	if f == nil || f.Session == 0 || f.Key.Proto != packet.TCP {
		return nil
	}
	return t.list[f.Session-1]
}

func (t *sessions) open(f *flow.Flow, conn *stream.Conn) *session {
	if len(t.free) == 0 {
		i := uint32(len(t.list))
		t.list = append(t.list, &session{timer: wheel.Timer{Kind: timerStream, Index: i}})
		t.free = append(t.free, i)
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	ss := t.list[i]
	ss.conn, ss.flow = conn, f
	f.Session = i + 1
	return ss
}

// session returns the flow's session, making one if somebody reads the flow's bytes; nil if nobody
// does.
func (l *Lane) session(f *flow.Flow) *session {
	if ss := l.sessions.of(f); ss != nil {
		return ss
	}
	if f.Key.Proto != packet.TCP {
		return nil
	}
	if ss := l.survivor(f); ss != nil {
		return ss
	}
	if f.Interest&l.chain.Reads == 0 {
		return nil
	}
	return l.sessions.open(f, l.sessions.pool.New(l.mode()))
}

// mode is what may be done to connections.
func (l *Lane) mode() stream.Mode {
	return stream.Mode{
		Passive: l.outcomes.Monitor, Edits: !l.outcomes.Monitor, Resizes: !l.outcomes.Monitor && l.chain.Resize|l.chain.Edits&^field.SetOf(field.Payload) != 0, // what is edited decoded changes its length
		Recorded: l.recorded, Journal: l.survive.journal != nil, Successor: l.survive.successor,
	}
}

// closeSession forgets the session. What waits goes as the verdict of its flow says: it is dropped, or,
// as far as it was read, leaves.
func (l *Lane) closeSession(ss *session) {
	f := ss.flow
	for d := range flow.Direction(2) {
		if !f.Verdict.Final() {
			ss.conn.Decide(d, true)
			l.drain(ss, d)
		}
		l.dropWaiting(ss, d, "stream-gap")
	}
	l.forget(ss)
	delete(l.mends, ss)
	l.wheel.Cancel(&ss.timer)
	if ss.parser != nil {
		ss.parser.Close()
	}
	ss.conn.Close()
	f.Session = 0
	*ss = session{timer: ss.timer}
	l.sessions.free = append(l.sessions.free, ss.timer.Index)
}

// dropWaiting drops what waits of a direction. Its sender sends it again, unless the flow is over.
func (l *Lane) dropWaiting(ss *session, dir flow.Direction, why packet.Reason) {
	if ss.flow.Verdict.Final() {
		why = ss.flow.Reason
	}
	for {
		i, ok := ss.conn.Take(dir)
		if !ok {
			return
		}
		if hp := l.held.list[i]; !hp.ghost {
			l.tellDropped(&hp.packet, ss.flow, dir, why)
		}
		l.unpark(i, true)
	}
}

// tellDropped shows those who count that a segment that waited is dropped.
func (l *Lane) tellDropped(p *packet.Packet, f *flow.Flow, dir flow.Direction, why packet.Reason) {
	saved := l.cx
	defer func() { l.cx = saved }()
	defer l.guard()
	p.Verdict, p.Reason = packet.Drop, why // also if somebody panics
	l.begin(p)
	l.cx.Flow, l.cx.Dir = f, dir
	l.outcome(p, inspect.Decision{Verdict: packet.Drop, Reason: why})
}

// succeed ends the flow of a session whose two ends have begun a new connection, and returns that one's flow. p
// is what its client agrees by.
func (l *Lane) succeed(ss *session, p *packet.Packet) *flow.Flow {
	conn := ss.conn.Successor(l.mode())
	f := l.flows.Succeed(ss.flow, p, l.now)
	l.begin(p)
	l.sessions.open(f, conn)
	return f
}

// restartSession has the readers begin anew: a direction is read from a place before that at which it was met.
func (l *Lane) restartSession(ss *session) {
	if ss.parser != nil {
		ss.parser.Close()
		ss.parser = nil
	}
	if ss.dark {
		ss.flow.Interest |= l.chain.Hears
	}
	ss.names, ss.kept = [2]keptName{}, [2]time.Duration{}
	ss.skip, ss.left, ss.tries, ss.spoken, ss.dark = [2]int64{}, [2]uint32{}, 0, 0, false
	ss.flow.App = 0
	l.flows.Reopen(ss.flow)
}

// streamDue sees to bytes that have waited for as long as they may: those that were read leave, and
// segments ahead of one that does not come are dropped.
func (l *Lane) streamDue(i uint32) {
	ss := l.sessions.list[i]
	saved := l.cx
	for d := range flow.Direction(2) {
		waiting, undecided := ss.conn.Waiting(d)
		kept := ss.kept[d] > 0 && l.now >= ss.kept[d]+l.holdFor(ss, d)
		if kept || undecided && l.now >= ss.since[d]+l.holdFor(ss, d) {
			if !l.releaseUndecided(ss, d) {
				l.cx = saved
				return
			}
			waiting, _ = ss.conn.Waiting(d)
		}
		if waiting > 0 && ss.gap[d] > 0 && l.now >= ss.gap[d]+l.limits.Gap {
			l.dropWaiting(ss, d, "stream-gap")
		}
		if ss.ask[d] > 0 && l.now >= ss.ask[d] {
			l.askInTime(ss, d)
		}
		l.mendInTime(ss, d)
	}
	l.cx = saved
	l.watchSession(ss)
}

// releaseUndecided releases what waits for a decision. It reports false if the session is closed: the last look has convicted the flow, or Weir
// failed on it.
func (l *Lane) releaseUndecided(ss *session, dir flow.Direction) (open bool) {
	defer l.containTurn(ss.flow)
	l.lookAgain(ss, dir, false, true)
	if ss.flow.Verdict.Final() {
		l.closeSession(ss)
		return false
	}
	ss.conn.Decide(dir, true)
	l.drain(ss, dir)
	ss.since[dir] = 0
	return true
}

// lastLook shows once more what somebody held of a flow that ends. Who fails on it closes the session.
func (l *Lane) lastLook(f *flow.Flow, dir flow.Direction) {
	defer l.containTurn(f)
	if ss := l.sessions.of(f); ss != nil {
		l.lookAgain(ss, dir, false, true)
	}
}

// lookAgain shows what is unread with no new segment, in the context of that which has waited longest, or, of what has left already, of an empty one.
func (l *Lane) lookAgain(ss *session, dir flow.Direction, end, late bool) {
	i, ok := ss.conn.First(dir)
	switch {
	case ok:
		l.begin(&l.held.list[i].packet)
	case ss.kept[dir] > 0:
		l.begin(l.emptySegment(ss, dir))
	default:
		return
	}
	ss.kept[dir] = 0
	l.cx.Flow, l.cx.Dir = ss.flow, dir
	r := &l.reading
	r.begin(l, ss, dir, late, inspect.Decision{})
	l.readAll(end)
	r.open = false
	if d := r.decision; d.Verdict.Final() && !ss.flow.Verdict.Final() && !l.outcomes.Monitor {
		ss.flow.Verdict, ss.flow.Reason = d.Verdict, d.Reason
	}
}

// watchSession sets the timer for what waits now.
func (l *Lane) watchSession(ss *session) {
	next := time.Duration(-1)
	for d := range flow.Direction(2) {
		waiting, undecided := ss.conn.Waiting(d)
		if ss.kept[d] > 0 {
			next = sooner(next, ss.kept[d]+l.holdFor(ss, d))
		}
		if at := ss.conn.Decided(d); at != ss.place[d] { // what waited longest has left: the rest came later
			ss.place[d], ss.since[d] = at, 0
		}
		l.mark(&ss.since[d], undecided)
		l.mark(&ss.gap[d], waiting > 0 && !undecided)
		l.watchGap(ss, d)
		if ss.ask[d] > 0 {
			next = sooner(next, ss.ask[d])
		}
		if due := l.watchPromise(ss, d); due > 0 {
			next = sooner(next, due)
		}
		if undecided {
			next = sooner(next, ss.since[d]+l.holdFor(ss, d))
		}
		if waiting > 0 {
			next = sooner(next, max(ss.gap[d], ss.since[d])+l.limits.Gap)
		}
	}
	switch {
	case next < 0 && ss.timer.Scheduled():
		l.wheel.Cancel(&ss.timer)
	case next >= 0:
		l.wheel.Schedule(&ss.timer, max(next, l.now))
	}
}

// receiverSays is for how long the receiver of a connection that is met in its middle is waited for. It is asked several times
// meanwhile.
const receiverSays = time.Second

// holdFor is for how long bytes of a direction wait for a decision.
func (l *Lane) holdFor(ss *session, dir flow.Direction) time.Duration {
	if ss.conn.Unsure(dir) {
		return receiverSays
	}
	return l.limits.Hold
}

// mark notes since when something is so; 0: it is not.
func (l *Lane) mark(since *time.Duration, is bool) {
	if !is {
		*since = 0
	} else if *since == 0 {
		*since = max(l.now, 1)
	}
}

func sooner(a, b time.Duration) time.Duration {
	if a < 0 {
		return b
	}
	return min(a, b)
}
