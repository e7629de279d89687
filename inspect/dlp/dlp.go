// Package dlp finds sensitive values in payloads, in the bodies of HTTP messages and in mail, and alerts, masks or blocks. What a value is, package
// detect knows; in which codes one may be written in another text, package view. The law here: a value that is found leaves in no event,
// whole or in such parts as would give it away; see tell.
//
// It looks at the ordered bytes of a stream, or at each datagram by itself, as they are on the wire; but at a body, and at the fields of HTTP/2,
// as what their receiver makes of them, without chunks, content codings and HPACK. A value that comes in several segments or parts waits for its end, as
// long as limits allow. Every byte is looked at, and but once: what leaves as it was shown in a body is left out of the stream. Of
// a body that leaves coded both are looked at, the text and the coded bytes.
//
// Masks keep the length, unless a policy wants another text and the framing can be mended; a coded body that may be masked leaves decoded, but for
// HTTP/2, where its length counts: there a mask that is needed in one cannot be made. It does not find
// what is encrypted.
package dlp

import (
	"bytes"

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
// ResizeInspector, StateInspector and RedactInspector.
type Inspector struct {
	set    *ruleSet
	states inspect.State[[2]state]
	beside inspect.Aside[body] // of bodies that come interleaved
	finder view.Finder
	values *detect.Scanner
	own    []ownScanner
	names  *detect.Scanner // of what others tell

	weighed *view.View // in which values are looked for

	look                look
	alone               memory // of a datagram
	kept                keeper
	counter             counter
	found               []finding               // in what is looked at
	blocks              [view.MaxDepth + 1]part // of found: by depth, what detectors found in the view that was looked at last, in order
	bytes               []byte                  // which findings point into
	all                 []byte                  // scratch: the text from the 16th value on, with masks
	hashed, print, path []byte                  // scratch: of events
	salted              []byte                  // scratch: of pseudonyms
	heads               []field.Named           // scratch: of a list of fields of HTTP/2
	event               event.Event

	tellsAll bool // however many values there are
}

// newInspector returns an inspector of one lane.
func newInspector(s *ruleSet) *Inspector {
	d := &Inspector{
		set: s, counter: newCounter(s.rules), kept: newKeeper(), values: s.set.Scanner(), own: s.ownScanners(), names: s.set.Scanner(),
		found: make([]finding, 0, 64), bytes: make([]byte, 0, 1<<14), all: make([]byte, 0, 1<<16),
		hashed: make([]byte, 0, 4096), salted: make([]byte, 0, 4096), print: make([]byte, 0, 2*printBytes), path: make([]byte, 0, 64),
	}
	d.values.By(d)
	return d
}

// Name implements inspect.Inspector.
func (d *Inspector) Name() string { return "dlp" }

// FlowState implements inspect.StateInspector.
func (d *Inspector) FlowState() []inspect.StateSlot { return []inspect.StateSlot{&d.states} }

// Fields implements inspect.FieldInspector.
func (d *Inspector) Fields() field.Set { return d.set.fields }

// Edits implements inspect.EditInspector.
func (d *Inspector) Edits() field.Set { return d.set.edits }

// Resizes implements inspect.ResizeInspector.
func (d *Inspector) Resizes() field.Set { return d.set.resizes }

// InspectStream implements inspect.StreamInspector. What may be the beginning of a value at the end of what has come waits for what
// follows, or for the end of the time that it may wait; and so does what may still turn out to be of a body.
func (d *Inspector) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	if !d.set.looks(cx.Dir) {
		return inspect.Decision{}
	}
	d.begin(cx, nil)
	d.look.names = cx.Names
	d.alone = memory{}
	v, follows := &d.alone, false
	if cx.Flow != nil && cx.Flow.Key.Proto == packet.TCP {
		v, follows = &d.states.Of(cx.Flow)[cx.Dir].payload, true
	}
	if v.settled {
		d.look.left = cx.Left
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
	pending := cx.Pending
	if cx.Unknown && !d.set.byName {
		pending = 0 // it makes no difference what the field will be called
	}
	wait := d.readOn(v, b, from, max(from, len(b)-pending), follows)
	d.kept.keep(v, b[from:wait])
	v.waiting = int32(len(b) - wait + 1)
	return d.conclude()
}

// InspectField implements inspect.FieldInspector, for parts of bodies and for heads that are coded.
func (d *Inspector) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	switch {
	case !d.set.looks(cx.Dir) || cx.Flow == nil:
		return inspect.Decision{}
	case f.ID == field.HTTP2Head:
		return d.inspectHead(cx, f)
	case !texts.Has(f.ID):
		return inspect.Decision{}
	}
	d.begin(cx, f)
	s := &d.states.Of(cx.Flow)[cx.Dir]
	v, told, number := &s.body, &s.told, &s.bodies
	if cx.Shown != nil && cx.Shown.Stream > 0 {
		one := d.beside.Of(cx)
		v, told, number = &one.memory, &one.told, &one.number
	}
	if f.Offset == 0 && f.Seen == 0 {
		v.forget()
		s.bodies++
		*told, *number = 0, s.bodies
	}
	d.look.message = uint64(*number)<<1 | uint64(cx.Dir)
	if v.settled {
		d.look.left = f.Left
	}
	b := f.Value
	from := int(min(max(0, *told-f.Offset), int64(len(b))))
	wait := d.readOn(v, b, from, len(b), f.More)
	d.kept.keep(v, b[from:wait])
	*told = f.Offset + int64(wait)
	return d.conclude()
}

// inspectHead looks at a list of fields of HTTP/2: in HTTP/1 it would be a part of the payload.
func (d *Inspector) inspectHead(cx *inspect.Context, f *field.Field) inspect.Decision {
	d.begin(cx, f)
	d.look.place.field = field.Payload
	d.heads = appendNames(d.heads[:0], f.Value)
	d.look.names = d.heads
	d.alone = memory{}
	d.read(&d.alone, f.Value, 0, len(f.Value), false)
	return d.conclude()
}

// appendNames appends which fields of HTTP/1 lie where in a list of fields of HTTP/2, whose pseudo-header fields come first.
func appendNames(names []field.Named, list []byte) []field.Named {
	at := 0
	for at < len(list) && list[at] == ':' {
		end := at + bytes.IndexByte(list[at:], '\n') + 1
		if end == at {
			end = len(list)
		}
		if bytes.HasPrefix(list[at:], path) {
			names = append(names, field.Named{ID: field.HTTPURI, Span: field.Span{Off: at + len(path), End: end}})
		}
		at = end
	}
	return append(names, field.Named{ID: field.HTTPHeaders, Span: field.Span{Off: at, End: len(list)}})
}

var path = []byte(":path: ")

// looks says whether payloads that go in direction dir are looked at.
func (s *ruleSet) looks(dir flow.Direction) bool { return s.dirs&(1<<dir) != 0 }
