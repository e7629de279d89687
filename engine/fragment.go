package engine

import (
	"github.com/weir-project/weir/defrag"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// fragment is step 2: a piece waits until its datagram is whole. The datagram is then inspected as
// one packet, and what becomes of it becomes of all its pieces; if it was edited, the pieces carry
// the edited bytes in their old sizes as far as that goes.
func (l *Lane) fragment(p *packet.Packet) {
	whole, why := l.frags.Add(p, l.now)
	switch {
	case why == defrag.Duplicate:
		l.begin(p)
		l.decided(p, inspect.Decision{Verdict: packet.Drop, Reason: why})
		l.release(p)
	case why != "":
		l.begin(p)
		l.outcome(p, l.anomaly(inspect.LayerFragment, why, l.fragmentOutcome(why)))
		l.release(p)
	case whole != nil:
		l.reassembled(whole)
	}
}

// fragmentOutcome is the policy's outcome for fragments that go no further: a limit of ours, or the
// sender's fault.
func (l *Lane) fragmentOutcome(why packet.Reason) packet.Verdict {
	if defrag.IsLimit(why) {
		return l.outcomes.Limit
	}
	return l.outcomes.Malformed
}

// reassembled takes a whole datagram along the route in place of its pieces.
func (l *Lane) reassembled(d *defrag.Datagram) {
	l.whole = d
	whole := &d.Whole
	whole.Decode()
	if why := l.unreadable(whole); why != "" {
		l.begin(whole)
		l.outcome(whole, l.anomaly(inspect.LayerDecode, why, l.outcomes.Malformed))
	} else {
		l.inspect(whole)
	}
	if whole.Verdict == packet.Reject {
		whole.Token = d.Pieces[0].Packet.Token
		l.answer(whole, l.cx.Flow, l.cx.Dir)
		whole.Verdict = packet.Drop
	}
	if !whole.Verdict.Final() && whole.Changed() {
		whole.Repair()
		if !d.Recut() {
			l.counters.drop("fragment-growth")
			whole.Verdict, whole.Reason = packet.Drop, "fragment-growth"
		}
	}
	l.whole = nil
	for _, piece := range d.Pieces {
		l.releasePiece(&piece.Packet, whole)
	}
}

// releasePiece gives a piece of a datagram the datagram's verdict, unless recutting has dropped it.
func (l *Lane) releasePiece(p, whole *packet.Packet) {
	if p.Verdict != packet.Drop {
		p.Verdict, p.Reason = whole.Verdict, whole.Reason
	}
	p.Mark = whole.Mark
	if l.clock == nil {
		p.Meta.Captured = whole.Meta.Captured
	}
	l.release(p)
}

// dropDatagram answers the pieces of a datagram that never became whole, or broke the rules. It is
// the fragment table's callback.
func (l *Lane) dropDatagram(d *defrag.Datagram, why packet.Reason) {
	if len(d.Pieces) == 0 {
		return
	}
	verdict := l.fragmentOutcome(why)
	if why == defrag.Timeout || why == defrag.Exhausted || why == defrag.Shutdown {
		l.begin(&d.Pieces[0].Packet)
		verdict = l.anomaly(inspect.LayerFragment, why, verdict).Verdict
	} else if l.outcomes.Monitor {
		verdict = packet.Pass
	}
	for _, piece := range d.Pieces {
		l.decided(&piece.Packet, inspect.Decision{Verdict: verdict, Reason: why})
		l.done = append(l.done, &piece.Packet)
	}
}
