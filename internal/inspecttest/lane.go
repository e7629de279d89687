// Package inspecttest is a lane as an inspector sees it, for tests of inspectors: real
// packets, real flows, a real chain; no socket, no grammars, no verdicts carried out.
package inspecttest

import (
	"testing"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
)

// An Edit is one edit that an inspector asked for.
type Edit struct {
	Field field.ID
	Span  field.Span
	New   []byte
}

// A Lane calls the inspectors of one chain and keeps what they say.
type Lane struct {
	Cx    inspect.Context
	Chain *inspect.Chain
	Flows *flow.Table

	Events []event.Event // passed through the codec, as a reader would see them
	Edits  []Edit

	Quiet   bool // only count events and edits: for tests that measure allocation
	Emitted int
	Edited  int
	Refuse  bool // note no edit, as a full list does

	t testing.TB
}

// Start is the wall clock of a Lane at lane time 0.
var Start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// New returns a lane at lane time 0 with a chain of the given inspectors.
func New(t testing.TB, labels *inspect.LabelTable, inspectors ...inspect.Inspector) *Lane {
	t.Helper()
	entries := make([]inspect.Entry, len(inspectors))
	for i, in := range inspectors {
		entries[i].Inspector = in
	}
	chain, err := inspect.NewChain(1, labels, entries)
	if err != nil {
		t.Fatal(err)
	}
	l := &Lane{Chain: chain, t: t}
	l.Flows = flow.NewTable(flow.Limits{}, wheel.New(0), 1, l.flowEnded)
	l.Flows.SetMemory(chain.Words)
	l.Cx = inspect.Context{Host: l, Labels: labels, Wall: Start}
	return l
}

// At moves the lane's clock to now.
func (l *Lane) At(now time.Duration) { l.Cx.Now, l.Cx.Wall = now, Start.Add(now) }

// Begin makes p the lane's packet and observes its flow, telling flow inspectors of a new one.
func (l *Lane) Begin(p *packet.Packet) {
	f, dir, isNew := l.Flows.Observe(p, l.Cx.Now)
	l.Cx.Packet, l.Cx.Flow, l.Cx.Dir, l.Cx.Shown = p, f, dir, nil
	if !isNew {
		return
	}
	f.Interest = l.Chain.Interest
	for _, v := range l.Chain.Flow {
		l.Cx.Author = v.Index
		v.I.FlowStart(&l.Cx)
	}
}

// Packet shows p to the packet inspectors and returns the gravest decision.
func (l *Lane) Packet(p *packet.Packet) (d inspect.Decision) {
	l.Begin(p)
	for i := range l.Chain.Packet {
		v := &l.Chain.Packet[i]
		l.Cx.Author = v.Index
		d = graver(d, v.I.InspectPacket(&l.Cx, p))
	}
	return d
}

// Stream shows p's payload to the stream inspectors and returns the gravest decision.
func (l *Lane) Stream(p *packet.Packet) (d inspect.Decision) {
	l.Begin(p)
	for i := range l.Chain.Stream {
		v := &l.Chain.Stream[i]
		l.Cx.Author = v.Index
		d = graver(d, v.I.InspectStream(&l.Cx, p.Payload()))
	}
	return d
}

// Message shows m, which p carries, to the message inspectors that ask for any of its fields, and returns the
// gravest decision.
func (l *Lane) Message(p *packet.Packet, m *field.Message, phase inspect.Phase) (d inspect.Decision) {
	l.Begin(p)
	l.Cx.Shown = m
	for i := range l.Chain.Message {
		v := &l.Chain.Message[i]
		if !hasAny(m, v.Want) {
			continue
		}
		l.Cx.Author = v.Index
		d = graver(d, v.I.InspectMessage(&l.Cx, m, phase))
	}
	return d
}

// Field shows f, which p carries, to the field inspectors that ask for it, and returns the gravest decision.
func (l *Lane) Field(p *packet.Packet, f *field.Field) (d inspect.Decision) {
	l.Begin(p)
	for i := range l.Chain.Field {
		if v := &l.Chain.Field[i]; v.Want.Has(f.ID) {
			l.Cx.Author = v.Index
			d = graver(d, v.I.InspectField(&l.Cx, f))
		}
	}
	return d
}

// Outcome shows p with the decision taken to the outcome inspectors and returns the gravest decision of theirs.
func (l *Lane) Outcome(p *packet.Packet, taken inspect.Decision) (d inspect.Decision) {
	l.Begin(p)
	for i := range l.Chain.Outcome {
		v := &l.Chain.Outcome[i]
		l.Cx.Author = v.Index
		d = graver(d, v.I.InspectOutcome(&l.Cx, p, taken))
	}
	return d
}

// Idle calls the idle inspectors.
func (l *Lane) Idle(last bool) {
	l.Cx.Packet, l.Cx.Flow, l.Cx.Shown = nil, nil, nil
	for _, v := range l.Chain.Idle {
		l.Cx.Author = v.Index
		v.I.InspectIdle(&l.Cx, last)
	}
}

func (l *Lane) flowEnded(f *flow.Flow, why flow.End) {
	l.Cx.Packet, l.Cx.Flow, l.Cx.Shown = nil, f, nil
	for _, v := range l.Chain.Flow {
		l.Cx.Author = v.Index
		v.I.FlowEnd(&l.Cx, why)
	}
}

func hasAny(m *field.Message, want field.Set) bool {
	for i := range m.Fields {
		if want.Has(m.Fields[i].ID) {
			return true
		}
	}
	return false
}

// graver returns the decision that weighs more; the earlier of equals.
func graver(a, b inspect.Decision) inspect.Decision {
	weight := [...]int{packet.Pass: 0, packet.Accept: 1, packet.Delay: 2, packet.Drop: 3, packet.Reject: 3}
	if weight[b.Verdict] > weight[a.Verdict] {
		return b
	}
	return a
}
