// Package dlp finds sensitive values in payloads, in the bodies of HTTP messages and in mail, and alerts, masks or blocks. What a value is, package
// detect knows; in which codes one may be written in another text, package view. The law here: a value that is found leaves in no event,
// whole or in such parts as would give it away; see tell.
//
// It looks at the ordered bytes of a stream, or at each datagram by itself, as they are on the wire; but at a body as what its
// receiver makes of it, without chunks and content codings. A value that comes in several segments or parts waits for its end, as
// long as limits allow. Every byte is looked at, and but once: what leaves as it was shown in a body is left out of the stream. Of
// a body that leaves coded both are looked at, the text and the coded bytes.
//
// Masks keep the length, unless a policy wants another text and the framing can be mended; a coded body that may be masked leaves decoded. It does not find
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
// ResizeInspector, StateInspector and RedactInspector.
type Inspector struct {
	set    *ruleSet
	states inspect.State[[2]state]
	finder view.Finder
	values *detect.Scanner
	own    []ownScanner
	names  *detect.Scanner // of what others tell

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
	event               event.Event

	tellsAll bool // however many values there are
}

// newInspector returns an inspector of one lane.
func newInspector(s *ruleSet) *Inspector {
	return &Inspector{
		set: s, counter: newCounter(), kept: keeper{ends: make([]ending, 0, maxKept)}, values: s.set.Scanner(), own: s.ownScanners(), names: s.set.Scanner(),
		found: make([]finding, 0, 64), bytes: make([]byte, 0, 1<<14), all: make([]byte, 0, 1<<16),
		hashed: make([]byte, 0, 4096), salted: make([]byte, 0, 4096), print: make([]byte, 0, 2*printBytes), path: make([]byte, 0, 64),
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

// InspectField implements inspect.FieldInspector, for parts of bodies.
func (d *Inspector) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	if !d.set.looks(cx.Dir) || cx.Flow == nil || !texts.Has(f.ID) {
		return inspect.Decision{}
	}
	d.begin(cx, f)
	s := &d.states.Of(cx.Flow)[cx.Dir]
	if f.Offset == 0 && f.Seen == 0 {
		s.body.forget()
		s.told = 0
		s.bodies++
	}
	d.look.message = uint64(s.bodies)<<1 | uint64(cx.Dir)
	b, v := f.Value, &s.body
	if v.settled {
		d.look.left = f.Left
	}
	from := int(min(max(0, s.told-f.Offset), int64(len(b))))
	wait := d.readOn(v, b, from, len(b), f.More)
	d.kept.keep(v, b[from:wait])
	s.told = f.Offset + int64(wait)
	return d.conclude()
}

// looks says whether payloads that go in direction dir are looked at.
func (s *ruleSet) looks(dir flow.Direction) bool { return s.dirs&(1<<dir) != 0 }
