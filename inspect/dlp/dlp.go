// Package dlp finds sensitive values in payloads, in the bodies of HTTP messages and in mail, and alerts, masks or blocks. What a value is, package
// detect knows; in which codes one may be written in another text, package view. The law here: a value that is found leaves in no event,
// whole or in such parts as would give it away; see tell.
//
// It looks at the ordered bytes of a stream, or at each datagram by itself, as they are on the wire; but at a body, and at the fields of HTTP/2,
// as what their receiver makes of them, without chunks, content codings and HPACK. A value that comes in several segments or parts waits for its end, as
// long as limits allow. Every byte is looked at, and but once: what leaves as it was shown in a body is left out of the stream. Of
// a body that leaves coded both are looked at, the text and the coded bytes.
//
// Masks keep the length, so that no framing above needs repair; a coded body that may be masked leaves decoded, but for HTTP/2, where
// its length counts: there a mask that is needed in one cannot be made. It does not find
// what is encrypted.
package dlp

import (
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/inspect/dlp/view"
	"github.com/weir-project/weir/packet"
)

// Reasons of the decisions and events here.
const (
	Blocked    packet.Reason = "dlp-blocked"
	MaskFailed packet.Reason = "dlp-mask-failed"
)

// An Inspector looks for values in payloads and bodies. It implements inspect.StreamInspector, FieldInspector, EditInspector,
// StateInspector and RedactInspector.
type Inspector struct {
	set    *ruleSet
	states inspect.State[[2]state]
	beside inspect.Aside[body] // of bodies that come interleaved
	finder view.Finder
	values *detect.Scanner
	own    []ownScanner
	names  *detect.Scanner // of what others tell

	look                look
	alone               memory // of a datagram
	kept                keeper
	counter             counter
	found               []finding // in what is looked at
	bytes               []byte    // which findings point into
	all                 []byte    // scratch: the text from the 16th value on, with masks
	hashed, print, path []byte    // scratch: of events
	event               event.Event

	tellsAll bool // however many values there are
}

// newInspector returns an inspector of one lane.
func newInspector(s *ruleSet) *Inspector {
	return &Inspector{
		set: s, counter: newCounter(), kept: keeper{ends: make([]ending, 0, maxKept)}, values: s.set.Scanner(), own: s.ownScanners(), names: s.set.Scanner(),
		found: make([]finding, 0, 64), bytes: make([]byte, 0, 1<<14), all: make([]byte, 0, 1<<16),
		hashed: make([]byte, 0, 4096), print: make([]byte, 0, 2*printBytes), path: make([]byte, 0, 64),
	}
}

// Name implements inspect.Inspector.
func (d *Inspector) Name() string { return "dlp" }

// FlowState implements inspect.StateInspector.
func (d *Inspector) FlowState() []inspect.StateSlot { return []inspect.StateSlot{&d.states} }

// Fields implements inspect.FieldInspector.
func (d *Inspector) Fields() field.Set { return d.set.fields }

// Edits implements inspect.EditInspector.
func (d *Inspector) Edits() field.Set { return d.set.edits }

// InspectStream implements inspect.StreamInspector. What may be the beginning of a value at the end of what has come waits for what
// follows, or for the end of the time that it may wait; and so does what may still turn out to be of a body.
func (d *Inspector) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	if !d.set.looks(cx.Dir) {
		return inspect.Decision{}
	}
	d.begin(cx, nil, cx.Left)
	d.alone = memory{}
	v, follows := &d.alone, false
	if cx.Flow != nil && cx.Flow.Key.Proto == packet.TCP {
		v, follows = &d.states.Of(cx.Flow)[cx.Dir].payload, true
	}
	from := 0
	if v.waiting > 0 {
		from = max(0, cx.Seen+1-int(v.waiting)) // what is before it somebody else held
	}
	for i := range cx.Bodies {
		if s := cx.Bodies[i]; s.End > from {
			d.read(v, b, from, max(from, s.Off), false)
			v.forget()
			from = s.End
		}
	}
	wait := d.readOn(v, b, from, max(from, len(b)-cx.Pending), follows)
	d.kept.keep(v, b[from:wait])
	v.waiting = int32(len(b) - wait + 1)
	return d.conclude()
}

// InspectField implements inspect.FieldInspector, for parts of bodies and for heads that are coded.
func (d *Inspector) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	if !d.set.looks(cx.Dir) || cx.Flow == nil {
		return inspect.Decision{}
	}
	if f.ID == field.HTTP2Head {
		return d.inspectHead(cx, f)
	}
	d.begin(cx, f, f.Left)
	s := &d.states.Of(cx.Flow)[cx.Dir]
	v := &s.body
	if cx.Shown != nil && cx.Shown.Stream > 0 {
		v = d.beside.Of(cx)
	}
	if f.Offset == 0 && f.Seen == 0 {
		s.bodies++
		*v = body{number: s.bodies}
	}
	d.look.message = uint64(v.number)<<1 | uint64(cx.Dir)
	b := f.Value
	from := int(min(max(0, v.told-f.Offset), int64(len(b))))
	wait := d.readOn(&v.memory, b, from, len(b), f.More)
	d.kept.keep(&v.memory, b[from:wait])
	v.told = f.Offset + int64(wait)
	return d.conclude()
}

// inspectHead looks at a list of fields of HTTP/2, which counts as payload: in HTTP/1 it is a part of that.
func (d *Inspector) inspectHead(cx *inspect.Context, f *field.Field) inspect.Decision {
	d.begin(cx, f, 0)
	d.look.place.field = field.Payload
	d.alone = memory{}
	d.read(&d.alone, f.Value, 0, len(f.Value), false)
	return d.conclude()
}

// looks says whether payloads that go in direction dir are looked at.
func (s *ruleSet) looks(dir flow.Direction) bool { return s.dirs&(1<<dir) != 0 }
