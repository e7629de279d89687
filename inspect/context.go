package inspect

import (
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
)

// A Context is what an inspector may know and do during one call. The engine owns it
// and reuses it: keep nothing of it.
type Context struct {
	Now  time.Duration // lane time: monotonic, from an arbitrary start; a capture's time in a replay
	Wall time.Time     // the same moment for people

	Packet  *packet.Packet // nil in timer, idle and flow-end calls
	Flow    *flow.Flow     // nil iff the packet belongs to none
	Dir     flow.Direction // of Packet in Flow
	Labels  *LabelTable    // the names behind Flow.Labels
	Host    Host           // the lane that calls
	Author  uint8          // index in the chain of the inspector that is being called
	Monitor bool           // the inspector being called only monitors: the engine carries out nothing that it decides
	Shown   *field.Message // the message in whose view this call is; nil otherwise
	Seen    int            // InspectStream: bytes at the head of b that were shown before, because somebody held them
	Left    int            // InspectStream: of those, bytes at the head that have left meanwhile, and cannot be edited
	Bodies  []field.Span   // InspectStream: ranges of b, in order, that leave as it was shown as parts of bodies, or not at all
	Names   []field.Named  // InspectStream: ranges of b, in order, and which fields were read there; no more than grammars tell of
	Pending int            // InspectStream: bytes at the end of b that a grammar is not done with: what is held of them may come in Bodies
	Unknown bool           // InspectStream: there is no grammar yet, and Pending are what it may be known by
}

// Host is what a lane does for inspectors; inspectors reach it through Context's
// methods.
type Host interface {
	Emit(cx *Context, e *event.Event)
	Edit(cx *Context, id field.ID, span field.Span, with []byte) bool
	After(cx *Context, d time.Duration, arg uint64) bool
	Release(cx *Context)
	Hold(cx *Context, n int) bool
	Keep(cx *Context, n int) bool
	TooLate(cx *Context) // an edit is of bytes that have left
}

// Emit tells e. The engine fills in time, author, flow, addresses, direction and whether the
// inspector only monitors; the inspector says what and why.
func (cx *Context) Emit(e *event.Event) { cx.Host.Emit(cx, e) }

// Edit replaces bytes [off, end) of f's value by with, when the packet is released. It
// reports whether the edit was noted: false if the field cannot be edited, the range is wrong, the
// inspector only monitors (the engine has told so by an event), or the list is full. Edits
// of one unit merge; of two that overlap, the one of the earlier inspector in the
// chain is made. with is copied.
func (cx *Context) Edit(f *field.Field, off, end int, with []byte) bool {
	if f.Editable && off < f.Left && !cx.Monitor {
		cx.Host.TooLate(cx)
	}
	if !f.Editable || off < f.Left || end < off || end > f.Span.Len() {
		return false
	}
	return cx.Host.Edit(cx, f.ID, field.Span{Off: f.Span.Off + off, End: f.Span.Off + end}, with)
}

// EditPayload replaces bytes [off, end) of the payload shown by InspectStream.
func (cx *Context) EditPayload(off, end int, with []byte) bool {
	return cx.Host.Edit(cx, field.Payload, field.Span{Off: off, End: end}, with)
}

// After asks for a call of InspectTimer in d, with arg, for the present flow. It reports
// false when the lane has no timer to spare.
func (cx *Context) After(d time.Duration, arg uint64) bool { return cx.Host.After(cx, d, arg) }

// ReleaseHeld releases the packets of the present flow that Delay holds, in order,
// without waiting for their deadlines.
func (cx *Context) ReleaseHeld() { cx.Host.Release(cx) }

// Hold asks to see the last n bytes of what is being shown, b of InspectStream or the value of a
// field that goes on (field.Field.More), once more at the head of what follows. Until then they
// are not released, as long as the limits allow. Others see them again too, and are told how many they
// are. It reports false where nothing can follow: a datagram, a whole field; and where no more time is
// left, or a stream seems to end: then what is to be edited must be so now, for the bytes leave, but if
// more of the stream follows they are shown again all the same (Context.Left, field.Field.Left).
func (cx *Context) Hold(n int) bool { return cx.Host.Hold(cx, n) }

// Keep is Hold without the waiting: the last n bytes of b of InspectStream may leave at once, and are shown once more with what follows, or, if nothing does, when
// they would have waited long enough. So may those of a field that goes on, in HTTP; in mails they wait.
func (cx *Context) Keep(n int) bool { return cx.Host.Keep(cx, n) }

// Label puts a label on the flow, for later inspectors to read.
func (cx *Context) Label(l Label) {
	if cx.Flow != nil {
		cx.Flow.Labels |= uint64(l)
	}
}

// Has reports whether the flow carries the label.
func (cx *Context) Has(l Label) bool { return cx.Flow != nil && cx.Flow.Labels&uint64(l) != 0 }

// SetDSCP sets the packet's differentiated services code point (RFC 2474), 0 to 63, for
// outcome inspectors. It reports false, and changes nothing, if the inspector only monitors.
func (cx *Context) SetDSCP(dscp uint8) bool {
	if cx.Monitor {
		return false
	}
	cx.Packet.SetDSCP(dscp)
	return true
}

// SetMark changes the mark that the packet leaves with. It reports false, and changes nothing,
// if the inspector only monitors.
func (cx *Context) SetMark(m packet.Mark) bool {
	if cx.Monitor {
		return false
	}
	cx.Packet.Mark = cx.Packet.Mark.Merge(m)
	return true
}
