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
		d := inspect.Decision{Verdict: packet.Drop, Reason: why}
		if l.outcomes.Monitor {
			d = inspect.Decision{}
		}
		l.decided(p, d)
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
	l.pieces = d.Pieces
	whole := &d.Whole
	whole.Decode()
	if why := l.unreadable(whole); why != "" {
		l.begin(whole)
		l.outcome(whole, l.anomaly(inspect.LayerDecode, why, l.outcomes.Malformed))
	} else {
		l.inspect(whole) // streams leave it to us to answer
	}
	if whole.Verdict == packet.Reject {
		whole.Token = d.Pieces[0].Packet.Token
		l.answer(whole, l.cx.Flow, l.cx.Dir)
		whole.Verdict = packet.Drop
	}
	if !whole.Verdict.Final() && whole.Changed() {
		whole.Repair()
		if !d.Recut() {
			l.cannotRecut(whole)
		}
	}
	for len(l.pieces) > 0 {
		l.releasePiece(&l.pieces[0].Packet, whole)
		l.pieces = l.pieces[1:]
	}
}

// cannotRecut gives a datagram whose edited bytes do not fit its pieces the outcome of edits that
// cannot be made. If it is not dropped, its pieces go as they came.
func (l *Lane) cannotRecut(whole *packet.Packet) {
	if d := l.anomaly(inspect.LayerEdit, "fragment-growth", l.outcomes.Edit); d.Verdict.Final() {
		whole.Verdict, whole.Reason = packet.Drop, d.Reason
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

// dropDatagram answers the pieces of a datagram that never became whole, or broke the rules, or those that are none of it. It is
// the fragment table's callback.
func (l *Lane) dropDatagram(datagram *defrag.Datagram, why packet.Reason) {
	if len(datagram.Pieces) == 0 {
		return
	}
	d := inspect.Decision{Verdict: l.fragmentOutcome(why), Reason: why}
	if why == defrag.Timeout || why == defrag.Exhausted || why == defrag.Shutdown || why == defrag.LowTTL {
		l.begin(&datagram.Pieces[0].Packet)
		d = l.giveUp(why, d.Verdict)
	} else if l.outcomes.Monitor {
		d = inspect.Decision{}
	}
	for _, piece := range datagram.Pieces {
		if l.clock == nil {
			piece.Packet.Meta.Captured = max(piece.Packet.Meta.Captured, l.now)
		}
		l.decided(&piece.Packet, d)
		l.ready(&piece.Packet)
	}
}

// giveUp is anomaly for a datagram that nobody's way leads past: whatever an inspector does, its
// pieces must be answered.
func (l *Lane) giveUp(why packet.Reason, outcome packet.Verdict) (d inspect.Decision) {
	defer l.guard()
	d = l.failed()
	d = l.anomaly(inspect.LayerFragment, why, outcome)
	return d
}
