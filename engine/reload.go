package engine

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// This file is what a reload changes. The lane changes between two batches, a flow at its next packet
// or at its end.

// swap puts p in the place of the present program, whose inspectors say their last.
func (l *Lane) swap(p *Program) {
	l.tellIdle(true)
	l.relabel(l.chain.Labels, p.Chain.Labels)
	l.chain, l.outcomes, l.settle, l.inspected, l.translated = p.Chain, p.Outcomes, p.Settle, p.Inspected, p.Translated
	l.flows.SetMemory(l.chain.Words)
	l.cx.Labels = l.chain.Labels
}

// relabel moves the flows' labels to the bits that their names have in the new policy. Names that
// it does not know are gone.
func (l *Lane) relabel(from, to *inspect.LabelTable) {
	if from == nil || from == to {
		return
	}
	var bits [inspect.MaxLabels]uint64
	n := 0
	for name := range from.Names(^uint64(0)) {
		if to != nil {
			label, _ := to.Lookup(name)
			bits[n] = uint64(label)
		}
		n++
	}
	for f := range l.flows.All {
		var labels uint64
		for i := 0; f.Labels != 0; i, f.Labels = i+1, f.Labels>>1 {
			labels |= bits[i] * (f.Labels & 1)
		}
		f.Labels = labels
	}
}

// adopt gives a new flow to the present chain.
func (l *Lane) adopt(f *flow.Flow) {
	f.Generation = l.chain.Generation
	f.Interest = l.chain.Interest
}

// renew moves a flow from the chain of an older policy to the present one. A verdict given for the
// flow stays, unless the new policy only monitors; so do its labels and what is known of its
// protocol.
func (l *Lane) renew(f *flow.Flow) {
	l.flows.Renew(f)
	l.adopt(f)
	f.Settled, f.Told = false, 0
	delete(l.replies, f)
	if ss := l.sessions.of(f); ss != nil && ss.dark {
		l.darken(ss)
	}
	if l.outcomes.Monitor {
		f.Verdict, f.Reason, f.Answered = packet.Pass, "", 0
	}
}
