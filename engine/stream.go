package engine

import (
	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/stream"
)

// This file takes the segments of a TCP flow whose bytes somebody reads through steps 5 to 8: a
// segment brings bytes, those that are in order are read (read.go), and segments leave when what
// they brought is decided, with what is to be released in place of it.

// stream takes a segment along. It answers it, or parks it.
func (l *Lane) stream(ss *session, p *packet.Packet, d inspect.Decision) {
	dir := l.cx.Dir
	if ss.conn.Overtaken(p, dir) {
		saved, f := l.cx, ss.flow
		open := l.releaseUndecided(ss, dir.Reverse())
		l.cx = saved
		if !open {
			l.leaveUnread(p, inspect.Decision{Verdict: f.Verdict, Scope: inspect.ScopeFlow, Reason: f.Reason})
			return
		}
	}
	ss.nat &^= 1 << dir
	if p.Meta.Mark&l.translated != 0 {
		ss.nat |= 1 << dir
	}
	a := ss.conn.Arrive(p, dir)
	if a.Torn && !l.outcomes.Monitor {
		l.counters.Unsurvived++
		ss.flow.Verdict, ss.flow.Reason = packet.Reject, a.Why
	}
	if a.Moved {
		l.restartSession(ss)
	}
	l.arrived(ss, p, a, d)
	l.cx.Packet = nil
	if ss.flow.Session != 0 {
		l.speak(ss, p, dir, a)
		l.drain(ss, dir)
		if a.Moved {
			l.drain(ss, dir.Reverse())
		}
		l.endSession(ss)
	}
}

// endSession closes the session if its flow is convicted, or nobody reads any more and nothing of it is
// on its way; otherwise it sees to the timer.
func (l *Lane) endSession(ss *session) {
	f := ss.flow
	if f.Verdict.Final() || f.Interest&l.chain.Reads == 0 && ss.conn.Untouched() {
		l.closeSession(ss)
		return
	}
	l.flows.GoesOn(f, !ss.conn.Over(), l.now)
	l.watchSession(ss)
}

// arrived carries out what the segment in the context turned out to be.
func (l *Lane) arrived(ss *session, p *packet.Packet, a stream.Arrival, d inspect.Decision) {
	f, dir := l.cx.Flow, l.cx.Dir
	if a.Restarted {
		l.restartSession(ss)
	}
	if a.Lost {
		d = graver(d, l.anomaly(inspect.LayerStream, "stream-window-exhausted", l.outcomes.Limit))
		l.giveUpParsing(ss)
	}
	if a.Differs {
		d = graver(d, l.anomaly(inspect.LayerStream, "tcp-overlap-differs", packet.Pass))
	}
	if a.Expires {
		d = graver(d, l.anomaly(inspect.LayerStream, "tcp-low-ttl", packet.Drop)) // of a lane that only tells
	}
	switch a.Action {
	case stream.Discard:
		d = graver(d, l.anomaly(inspect.LayerStream, a.Why, packet.Drop))
		l.leave(ss, p, d)
		return
	case stream.Absorb:
		if !l.outcomes.Monitor {
			d = inspect.Decision{Verdict: packet.Drop, Reason: a.Why}
		}
		l.leave(ss, p, d)
		return
	case stream.Wait:
		l.park(ss, p, d, false)
		return
	}
	if a.Fresh || a.End {
		d = l.read(ss, dir, a.End, d)
		if d.Verdict.Final() && !f.Verdict.Final() && !l.outcomes.Monitor {
			f.Verdict, f.Reason = d.Verdict, d.Reason // what was read of a stream cannot be dropped alone
		}
		if !f.Verdict.Final() {
			all := a.End && ss.again&(1<<dir) == 0 || l.outcomes.Monitor || len(l.pieces) > 0
			if why := ss.conn.Decide(dir, all); why != "" {
				d = graver(d, l.anomaly(inspect.LayerStream, why, l.outcomes.Limit))
			}
			l.drainRead(ss, dir)
		}
	}
	if !d.Verdict.Final() && !ss.conn.Ready(p, dir, a.Fresh) {
		l.park(ss, p, d, true)
		return
	}
	l.leave(ss, p, d)
}

// leave gives the segment in the context its last form, shows its outcome, and releases it.
func (l *Lane) leave(ss *session, p *packet.Packet, d inspect.Decision) {
	if l.outcomes.Monitor {
		ss.conn.Forgive() // a policy before did not only watch
	}
	if !d.Verdict.Final() && l.injects && !l.outcomes.Monitor {
		if mtu := ss.conn.TooLong(p, l.cx.Dir); mtu > 0 {
			l.inject(packet.TooLong(l.scratch.answer[:0], p, mtu), p, divert.InjectOut)
		}
	}
	if !d.Verdict.Final() && !ss.conn.Depart(p, l.cx.Dir) {
		d = inspect.Decision{Verdict: packet.Drop, Reason: "stream-cannot-repair"}
	}
	if p.Changed() {
		l.counters.Edited++
	}
	l.outcome(p, d)
	l.gone()
	if !d.Verdict.Final() {
		l.remember(ss)
	}
	if len(l.pieces) > 0 {
		return
	}
	l.release(p)
	if !d.Verdict.Final() && d.Verdict != packet.Delay && ss.conn.Owes(l.cx.Dir) {
		l.payOwed(ss, p, l.cx.Dir, l.cx.Dir)
	}
}

// leaveUnread is leave for the segment in the context of a flow whose session was closed just now.
func (l *Lane) leaveUnread(p *packet.Packet, d inspect.Decision) {
	l.outcome(p, d)
	l.gone()
	if len(l.pieces) == 0 {
		l.release(p)
	}
	l.cx.Packet = nil
}

// gone notes that p is answered, or parked.
func (l *Lane) gone() {
	if l.resuming == 0 {
		l.answeredIt = true
	}
}

// park has the segment in the context wait. A passive lane lets it go on, and keeps a copy to read.
func (l *Lane) park(ss *session, p *packet.Packet, d inspect.Decision, read bool) {
	hp, i := l.held.take(len(p.Bytes()))
	if hp == nil || len(l.pieces) > 0 {
		if hp != nil {
			l.held.putBack(i)
		}
		l.leave(ss, p, l.noRoom(d, read))
		return
	}
	if !ss.conn.Park(p, l.cx.Dir, i, read) {
		l.held.putBack(i)
		l.leave(ss, p, l.noRoom(d, read))
		return
	}
	hp.packet.CopyFrom(p, hp.buf)
	hp.flow, hp.next, hp.decision, hp.ghost = l.cx.Flow, 0, d, l.outcomes.Monitor
	if hp.ghost {
		l.leave(ss, p, d)
	} else {
		l.gone()
	}
}

// noRoom is the decision about a segment that should wait and cannot: it is dropped, and its sender sends
// it again.
func (l *Lane) noRoom(d inspect.Decision, read bool) inspect.Decision {
	l.mention(inspect.LayerStream, "stream-waiting-exhausted", packet.Drop)
	if l.outcomes.Monitor {
		return d
	}
	return graver(d, inspect.Decision{Verdict: packet.Drop, Reason: "stream-waiting-exhausted"})
}

// drainRead releases segments that were read and are now decided.
func (l *Lane) drainRead(ss *session, dir flow.Direction) {
	for {
		i, ok := ss.conn.NextRead(dir)
		if !ok {
			return
		}
		l.resume(ss, dir, i, true)
	}
}

// drain takes up segments whose time has come.
func (l *Lane) drain(ss *session, dir flow.Direction) {
	for ss.flow.Session != 0 && !ss.flow.Verdict.Final() {
		i, read, ok := ss.conn.Next(dir)
		if !ok {
			return
		}
		l.resume(ss, dir, i, read)
	}
}

// resume takes up one segment that waited, and restores the context.
func (l *Lane) resume(ss *session, dir flow.Direction, i uint32, read bool) {
	saved, emitted, pieces, outer := l.cx, l.emitted, l.pieces, l.resuming
	l.pieces, l.resuming = nil, i+1
	hp := l.held.list[i]
	p, d := &hp.packet, hp.decision
	l.begin(p)
	l.cx.Flow, l.cx.Dir = ss.flow, dir
	if !hp.ghost {
		ss.conn.Refresh(p, dir)
	}
	if read {
		if !hp.ghost {
			l.leave(ss, p, d)
		}
		l.unpark(i, false)
	} else if a := ss.conn.Resume(p, dir); hp.ghost {
		l.readGhost(ss, dir, a)
		l.unpark(i, false)
	} else {
		l.arrived(ss, p, a, d)
		l.unpark(i, false)
	}
	l.cx, l.emitted, l.pieces, l.resuming = saved, emitted, pieces, outer
}

// readGhost reads a segment that has passed already.
func (l *Lane) readGhost(ss *session, dir flow.Direction, a stream.Arrival) {
	if a.Fresh || a.End {
		l.read(ss, dir, a.End, inspect.Decision{})
		ss.conn.Decide(dir, true)
	}
}

// unpark gives the memory of a packet that waited back, once it is answered; ready has it answered
// first.
func (l *Lane) unpark(i uint32, answer bool) {
	hp := l.held.list[i]
	if answer && !hp.ghost {
		l.ready(&hp.packet)
	}
	l.held.bytes -= hp.cost()
	l.held.released = append(l.held.released, i)
}
