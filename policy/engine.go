package policy

import (
	"time"

	"github.com/weir-project/weir/defrag"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
)

// Outcomes returns what lanes do with packets that cannot be inspected as meant.
func (p *Policy) Outcomes() engine.Outcomes {
	on := p.doc.Outcomes
	o := engine.Outcomes{
		Malformed: on.Malformed.verdict(), Limit: on.Limit.verdict(), Error: on.Error.verdict(), Edit: on.Edit.verdict(),
		MinTTL: uint8(p.doc.Normalise.MinTTL), Monitor: p.doc.Mode == Monitor,
	}
	for _, t := range traits {
		for _, name := range p.doc.Refuse {
			if name == t.name {
				o.Refuse |= t.bit
			}
		}
	}
	return o
}

// Crash returns what becomes of flows whose state a crash took.
func (p *Policy) Crash() packet.Verdict { return p.doc.Outcomes.Crash.verdict() }

// FailOpen reports whether the kernel is to pass packets unread while a queue is full.
func (p *Policy) FailOpen() bool { return p.doc.Outcomes.Overload == Pass }

// Limits returns the bounds of one lane: its share of what the policy gives the worker.
func (p *Policy) Limits() engine.Limits {
	l := p.doc.Limits
	t := l.Timeouts
	return engine.Limits{
		Flow: flow.Limits{
			Flows: l.Flows / p.lanes, RefuseNew: l.WhenFull == "refuse",
			TCP:    [3]time.Duration{time.Duration(t.TCPOpening), time.Duration(t.TCPEstablished), time.Duration(t.TCPClosing)},
			UDP:    [2]time.Duration{time.Duration(t.UDPOpening), time.Duration(t.UDPEstablished)},
			Others: [2]time.Duration{time.Duration(t.OtherOpening), time.Duration(t.OtherEstablished)},
		},
		Fragments: defrag.Limits{Bytes: int(l.Fragments) / p.lanes, Pieces: l.FragmentPieces, Timeout: time.Duration(l.FragmentTimeout)},
		HeldBytes: int(l.Held) / p.lanes,
		Edits:     l.Edits,
		Tries:     l.Recognise,
	}
}
