// Package inspect is the contract between the engine and those who have opinions
// about traffic. An inspector says by the interfaces it implements what it wants to
// see; what nobody asks for, nobody parses. It returns Decisions, asks for Edits, tells
// Events, and knows nothing of sockets, queues, sequence numbers or checksums.
//
// Rooms below this one hold the inspectors themselves, one use each. They never
// import each other: an earlier one tells a later one something by a Label on the flow.
package inspect

import (
	"time"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
)

// An Inspector has opinions. Besides Inspector it implements one or more of the
// views below. One value serves one lane: the engine calls it from one goroutine, so
// it needs no lock. Its methods must not keep anything they were shown.
type Inspector interface {
	// Name is the inspector's name in policy, events and metrics: "dlp".
	Name() string
}

// A PacketInspector sees each packet of the flows it is interested in, before any
// parsing and any edit.
type PacketInspector interface {
	Inspector
	InspectPacket(cx *Context, p *packet.Packet) Decision
}

// A StreamInspector sees the ordered bytes of one direction of a TCP flow as they
// come, each once, and the payload of each datagram of other protocols. b is a read-only view; an edit
// of it is made with Context.EditPayload, whose offsets count in b. What it wants to see again with
// what follows, it holds: Context.Hold. The fields that a grammar makes of a stream are shown before its bytes, and
// Context.Bodies says which of these need not be looked at again.
type StreamInspector interface {
	Inspector
	InspectStream(cx *Context, b []byte) Decision
}

// A FieldInspector sees the fields it asks for, each as soon as it is complete.
type FieldInspector interface {
	Inspector
	Fields() field.Set
	InspectField(cx *Context, f *field.Field) Decision
}

// A MessageInspector sees each message of the protocols it asks for, with all fields
// that were parsed. Phase says whether the message begins, ends, or is whole.
type MessageInspector interface {
	Inspector
	Fields() field.Set // fields to parse; a message without any of them is not shown
	InspectMessage(cx *Context, m *field.Message, phase Phase) Decision
}

// Phase is the part of a message's life that an inspector is shown.
type Phase = field.Phase

// The phases that message inspectors see.
const (
	MessageWhole = field.MessageWhole // start and end in one
	MessageStart = field.MessageStart
	MessageEnd   = field.MessageEnd
)

// A FlowInspector is told when a flow starts and ends. A decision at the end is ignored.
type FlowInspector interface {
	Inspector
	FlowStart(cx *Context) Decision
	FlowEnd(cx *Context, why flow.End)
}

// An AnomalyInspector is told of what is wrong: malformed packets, fragment conflicts,
// limits reached, messages that break their grammar. Context.Flow may be nil.
type AnomalyInspector interface {
	Inspector
	InspectAnomaly(cx *Context, a Anomaly) Decision
}

// A TimerInspector is called back at a deadline that it asked for by Context.After. The
// flow is the one in whose context it asked, and is still alive.
type TimerInspector interface {
	Inspector
	InspectTimer(cx *Context, arg uint64) Decision
}

// An OutcomeInspector sees each packet once its verdict is known and its edits are
// made, just before it is released: the place to count, mark, police and shape. It is
// called for dropped packets too (outcome.Verdict says so); a decision on those is ignored.
type OutcomeInspector interface {
	Inspector
	InspectOutcome(cx *Context, p *packet.Packet, outcome Decision) Decision
}

// A StateInspector keeps memory per flow, sized by a State that it declares. See State.
type StateInspector interface {
	Inspector
	FlowState() []StateSlot
}

// An IdleInspector is called about once per second of lane time and at the end of a
// run, to emit what it counted. It has no flow and no packet.
type IdleInspector interface {
	Inspector
	InspectIdle(cx *Context, last bool)
}

// A RedactInspector keeps what it looks for out of what others tell.
type RedactInspector interface {
	Inspector
	// Redact overwrites in text, a detail of another inspector's event, what no event may show.
	Redact(text []byte)
}

// A ResizeInspector may change the length of fields. Grammars arrange their framing for that when
// a message begins, before its first byte leaves; edits of other fields must keep the length.
type ResizeInspector interface {
	Inspector
	Resizes() field.Set
}

// An EditInspector may change the bytes of fields, though not their length. Grammars that decode a field arrange, when a
// message begins, for it to leave as it is shown; other decoded fields cannot be edited. A field of Resizes need not be named again.
type EditInspector interface {
	Inspector
	Edits() field.Set
}

// Scope says how far a decision reaches.
type Scope uint8

const (
	ScopePacket Scope = iota // this packet (or, from a stream or message view, the packets that carry it)
	ScopeFlow                // this packet and all later ones of its flow, both directions
)

// A Decision is an opinion: a verdict, how far it reaches, and why. The zero Decision is
// Pass: no opinion.
//
// Drop and Reject are final: no later opinion undoes them. Accept with ScopeFlow ends only its
// author's interest in the flow; when the last inspector has released a flow, the flow settles
// and may be handed back to the kernel.
type Decision struct {
	Verdict packet.Verdict
	Scope   Scope
	Monitor bool          // only say what would be done, as if the inspector ran in monitor mode (a rule's own mode)
	Reason  packet.Reason // required for Drop, Reject and Delay
	Until   time.Duration // for Delay: lane time of the release
	Page    *Page         // for Reject of a flow: what a client of HTTP/1 that waits for an answer gets in place of a reset; may be nil
}

// Drop returns the decision to discard, as far as scope reaches.
func Drop(scope Scope, why packet.Reason) Decision {
	return Decision{Verdict: packet.Drop, Scope: scope, Reason: why}
}

// Reject returns the decision to discard and to tell the sender.
func Reject(scope Scope, why packet.Reason) Decision {
	return Decision{Verdict: packet.Reject, Scope: scope, Reason: why}
}

// Release returns the decision that ends the author's interest in the flow for good.
func Release() Decision { return Decision{Verdict: packet.Accept, Scope: ScopeFlow} }

// DelayUntil releases the packet at the given lane time.
func DelayUntil(t time.Duration, why packet.Reason) Decision {
	return Decision{Verdict: packet.Delay, Until: t, Reason: why}
}

// Layer is where an anomaly was seen.
type Layer uint8

const (
	LayerDecode Layer = iota
	LayerFragment
	LayerFlow
	LayerStream
	LayerApp
	LayerEdit
)

var layerNames = [...]string{"decode", "fragment", "flow", "stream", "app", "edit"}

// String returns the layer's name in events.
func (l Layer) String() string { return layerNames[l] }

// An Anomaly is something that should not be so.
type Anomaly struct {
	Layer  Layer
	Reason packet.Reason // "bad-header-checksum", "fragment-overlap", "flow-table-full"
}
