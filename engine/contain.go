package engine

import (
	"runtime"
	"strings"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// contain is deferred around the routes of a batch. It turns a panic, ours or an inspector's, into
// the outcome of errors for one packet and its flow. The panic's value is told to nobody: it may
// hold bytes of the traffic.
func (l *Lane) contain() {
	if recover() == nil {
		return
	}
	p := l.batch[l.current]
	l.current++
	if l.cx.Packet != p && len(l.pieces) == 0 {
		l.cx.Packet, l.cx.Flow = p, nil
	}
	l.tellPanic()
	d := l.failed()
	l.failedOn(l.cx.Flow, d)
	if len(l.pieces) > 0 { // the packet's copy is the last to come of them
		for _, piece := range l.pieces {
			l.decided(&piece.Packet, d)
			l.ready(&piece.Packet)
		}
		l.pieces = nil
		return
	}
	if !l.answeredIt {
		l.decided(p, d)
		l.ready(p)
	}
}

// containTurn is contain for what is read of a flow when no packet brings it: when a parser goes on, or what was held may wait no longer.
func (l *Lane) containTurn(f *flow.Flow) {
	if recover() != nil {
		l.tellPanic()
		l.failedOn(f, l.failed())
	}
}

// failedOn has a flow on which Weir failed, if there is one, and what was resumed of it, get the outcome.
func (l *Lane) failedOn(f *flow.Flow, d inspect.Decision) {
	if i := l.resuming; i != 0 {
		l.resuming = 0
		l.decided(&l.held.list[i-1].packet, d)
		l.unpark(i-1, true)
	}
	if f == nil {
		return
	}
	f.Interest = 0
	if d.Verdict.Final() {
		f.Verdict, f.Reason = d.Verdict, d.Reason
	}
	l.abandon(f)
}

// failed is the decision for what Weir itself failed on.
func (l *Lane) failed() inspect.Decision {
	if l.outcomes.Monitor {
		return inspect.Release()
	}
	return inspect.Decision{Verdict: l.outcomes.Error, Scope: inspect.ScopeFlow, Reason: "internal-error"}
}

// guard is deferred around calls of inspectors that the packet on its way has no part in.
func (l *Lane) guard() {
	if recover() != nil {
		l.tellPanic()
	}
}

// tellPanic counts a panic and says where it was. It is called from a deferred function.
func (l *Lane) tellPanic() {
	l.counters.Panics++
	l.reading.open = false // else the edits of what comes next would be taken for edits of it
	l.cx.Seen, l.cx.Left, l.cx.Bodies, l.cx.Names, l.cx.Pending, l.cx.Unknown = 0, 0, nil, nil, 0, false
	l.note = event.Event{
		Kind: event.KindEngine, Severity: event.High, Author: "engine", Name: "panic",
		Reason: "internal-error", Verdict: l.outcomes.Error.String(),
	}
	l.note.Text("where", panicSite())
	l.tell(&l.note)
}

// panicSite names the function that panicked: the first outside the runtime.
func panicSite() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs[:])])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") {
			return frame.Function
		}
		if !more {
			return "unknown"
		}
	}
}

// abandon gives up reading a flow on which Weir failed. If its numbers were changed, it cannot go on
// without us.
func (l *Lane) abandon(f *flow.Flow) {
	defer l.guard()
	l.talks.close(f)
	ss := l.sessions.of(f)
	if ss == nil {
		return
	}
	if ss.conn.Altered() && !l.outcomes.Monitor {
		f.Verdict, f.Reason = packet.Drop, "internal-error"
	}
	l.closeSession(ss)
}
