// Package ids matches rules in Suricata's language: header, flow, sizes, and contents in the payload and in the fields of
// HTTP, TLS, QUIC and DNS messages; it alerts, drops, rejects and passes. The rule language is package rule; what it
// says that is not supported here refuses the rule, by name and place.
//
// It looks at each packet, each payload (a datagram's, or one segment's), each message and each part of a body by itself: a pattern cut by
// the end of a segment is not found. Work is linear in what is looked at: one walk of an automaton for all rules, and
// for each rule whose longest pattern it finds one walk per content.
package ids

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// Matched is the reason of this room's verdicts.
const Matched packet.Reason = "ids-rule"

// An Inspector matches the rules on one lane. It implements inspect.PacketInspector, StreamInspector,
// MessageInspector, StateInspector and IdleInspector.
type Inspector struct {
	engine *engine
	looked inspect.State[looked]

	awaiting inspect.State[[2]awaiting]
	beside   inspect.Aside[awaiting] // of messages that come interleaved
	found    candidates
	matcher  matcher
	values   instances
	matched  []int32
	event    event.Event
	isTold   bool // of the rules that were loaded
	app      app  // of the last message: the next one is likely of the same protocol
}

// An app is what the engine knows of a protocol.
type app struct {
	name  string
	bit   apps    // none if no rules are about it
	plain []int32 // engine.plainRules
}

// looked says of a flow which directions its once-only rules have been tried on.
type looked struct{ before, established [2]bool }

func newInspector(e *engine) *Inspector {
	return &Inspector{engine: e, found: newCandidates(len(e.signatures), e.lists), matched: make([]int32, 0, len(e.signatures))}
}

// Name implements inspect.Inspector.
func (d *Inspector) Name() string { return "ids" }

// Fields implements inspect.MessageInspector.
func (d *Inspector) Fields() field.Set { return d.engine.fields }

// FlowState implements inspect.StateInspector.
func (d *Inspector) FlowState() []inspect.StateSlot {
	return []inspect.StateSlot{&d.looked, &d.awaiting}
}

// InspectPacket implements inspect.PacketInspector: rules without contents.
func (d *Inspector) InspectPacket(cx *inspect.Context, _ *packet.Packet) inspect.Decision {
	e := d.engine
	if len(e.once)+len(e.each) == 0 {
		return inspect.Decision{}
	}
	d.begin()
	for _, id := range e.each {
		d.try(cx, id)
	}
	if len(e.once) > 0 {
		d.tryOnce(cx)
	}
	return d.conclude(cx)
}

// tryOnce tries the rules about the header on the first packet of each direction, and those about established flows on
// the first one of these.
func (d *Inspector) tryOnce(cx *inspect.Context) {
	all, established := true, true
	if cx.Flow != nil {
		l := d.looked.Of(cx.Flow)
		all = !l.before[cx.Dir]
		established = cx.Flow.State >= flow.Established && !l.established[cx.Dir]
		l.before[cx.Dir] = true
		l.established[cx.Dir] = l.established[cx.Dir] || established
	}
	if !all && !established {
		return
	}
	for _, id := range d.engine.once {
		if d.engine.signatures[id].mustBe >= flow.Established && established || d.engine.signatures[id].mustBe < flow.Established && all {
			d.try(cx, id)
		}
	}
}

// InspectStream implements inspect.StreamInspector: contents of the payload.
func (d *Inspector) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	e := d.engine
	b = b[min(cx.Seen, len(b)):]
	if len(b) == 0 || e.payload == nil && len(e.payloadRules) == 0 {
		return inspect.Decision{}
	}
	d.begin()
	d.values.add(payload, b)
	if e.payload != nil {
		e.payload.scan(b, &d.found)
	}
	for _, id := range e.payloadRules {
		d.found.add(id)
	}
	return d.verify(cx)
}

// InspectMessage implements inspect.MessageInspector: rules about protocols and their fields, all of which are there when a message
// begins, but for bodies: see body.go.
func (d *Inspector) InspectMessage(cx *inspect.Context, m *field.Message, phase inspect.Phase) inspect.Decision {
	e := d.engine
	if m.Proto != d.app.name {
		d.app = app{name: m.Proto, bit: e.apps & appOf(m.Proto)}
		if d.app.bit != 0 {
			d.app.plain = e.plainRules[bits.TrailingZeros8(uint8(d.app.bit))]
		}
	}
	if d.app.bit == 0 || phase == inspect.MessageEnd {
		return inspect.Decision{}
	}
	d.begin()
	d.gather(m)
	for i := range d.values.all {
		v := &d.values.all[i]
		if a := e.messages[v.buffer.field][v.buffer.index()]; a != nil {
			a.scan(v.text.plain, &d.found)
		}
	}
	for _, id := range d.app.plain {
		d.found.add(id)
	}
	if phase == inspect.MessageStart && d.engine.bodies {
		d.await(cx)
	}
	return d.verify(cx)
}

// gather makes the instances of the buffers that any rule looks into.
func (d *Inspector) gather(m *field.Message) {
	for i := range m.Fields {
		d.addValue(m.Fields[i].ID, m.Fields[i].Value)
	}
	d.addValue(field.Payload, m.Unit)
}

func (d *Inspector) addValue(id field.ID, value []byte) {
	if id == field.QUICVersion {
		value = wireVersion(value)
	}
	for dotted, wanted := range d.engine.buffers[id] {
		if wanted {
			d.values.add(buffer{id, dotted == 1}, value)
		}
	}
}

func (d *Inspector) begin() {
	d.found.reset()
	d.values.reset()
	d.matched = d.matched[:0]
}

// verify tries the candidates whole, but for those that look into bodies.
func (d *Inspector) verify(cx *inspect.Context) inspect.Decision {
	for _, id := range d.found.ids {
		s := d.engine.signatures[id]
		if s.late || s.apps != 0 && cx.Shown != nil && s.apps&d.app.bit == 0 {
			continue
		}
		d.try(cx, id)
	}
	return d.conclude(cx)
}

func (d *Inspector) try(cx *inspect.Context, id int32) {
	if s := d.engine.signatures[id]; s.fits(cx) && d.matcher.matchAll(s, &d.values) {
		d.matched = append(d.matched, id)
	}
}

// conclude puts the rules that matched in the order of their actions, tells of them and decides. One that passes
// silences the others.
func (d *Inspector) conclude(cx *inspect.Context) inspect.Decision {
	if len(d.matched) == 0 {
		return inspect.Decision{}
	}
	all := d.engine.signatures
	slices.SortFunc(d.matched, func(a, b int32) int {
		return cmp.Or(cmp.Compare(all[a].rank, all[b].rank), cmp.Compare(a, b))
	})
	if first := all[d.matched[0]]; first.rank == pass {
		return inspect.Decision{}
	}
	var decision inspect.Decision
	for n, id := range d.matched {
		s := all[id]
		if n < d.engine.maxAlerts {
			d.tell(cx, s, n+1 == d.engine.maxAlerts)
		}
		if opinion := s.decision(cx); decision.Verdict == packet.Pass || decision.Monitor && !opinion.Monitor && opinion.Verdict.Final() {
			decision = opinion
		}
	}
	return decision
}

// decision is what the rule's action means: the whole flow, where there is one.
func (s *signature) decision(cx *inspect.Context) inspect.Decision {
	d := inspect.Decision{Reason: Matched, Monitor: s.monitor}
	if cx.Flow != nil {
		d.Scope = inspect.ScopeFlow
	}
	switch s.rank {
	case drop:
		d.Verdict = packet.Drop
	case reject:
		d.Verdict = packet.Reject
	default:
		return inspect.Decision{}
	}
	return d
}

func (d *Inspector) tell(cx *inspect.Context, s *signature, isLast bool) {
	d.event.Begin(event.KindAlert, s.severity, s.msg)
	d.event.Verdict, d.event.Would = "accept", s.monitor
	d.event.Rule, d.event.RuleRev, d.event.Class = s.sid, s.rev, s.class
	if s.rank != alert {
		d.event.Verdict, d.event.Reason = rankNames[s.rank], string(Matched)
	}
	if s.hint.field != field.None {
		d.event.Field = s.hint.field.String()
	}
	d.event.Num("gid", int64(s.gid))
	if more := len(d.matched) - d.engine.maxAlerts; isLast && more > 0 {
		d.event.Num("more", int64(more))
	}
	cx.Emit(&d.event)
}

// InspectIdle implements inspect.IdleInspector: it says once how many rules there are, and how many were refused.
func (d *Inspector) InspectIdle(cx *inspect.Context, _ bool) {
	if d.isTold {
		return
	}
	d.isTold = true
	d.event = event.Event{Kind: event.KindEngine, Severity: event.Info, Name: "ids-rules-loaded"}
	d.event.Num("loaded", int64(len(d.engine.signatures)))
	d.event.Num("refused", int64(d.engine.refused))
	cx.Emit(&d.event)
}
