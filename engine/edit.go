package engine

import (
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// This file is step 6: the edits that inspectors asked for while they looked at one payload are
// merged, made, and the framing around them repaired.

// An edit is one range of the payload and what takes its place.
type edit struct {
	field.Edit      // Span counts in the payload
	message    bool // asked for in a message's view: its grammar repairs around it
	base       int  // where that message begins; valid iff message
}

// editList is the edits of one packet.
type editList struct {
	list  []edit
	bytes []byte       // what takes the ranges' places
	group []field.Edit // scratch: the edits of one message, in its own offsets

	closed bool // they are being made, or have been: it is too late for more
}

func (e *editList) init(n int) {
	e.list = make([]edit, 0, n)
	e.bytes = make([]byte, 0, 1<<16)
	e.group = make([]field.Edit, 0, n)
}

func (e *editList) reset() { e.list, e.bytes, e.closed = e.list[:0], e.bytes[:0], false }

// add notes an edit; false if there is no room.
func (e *editList) add(ed edit, with []byte) bool {
	if len(e.list) == cap(e.list) || len(e.bytes)+len(with) > cap(e.bytes) {
		return false
	}
	at := len(e.bytes)
	e.bytes = append(e.bytes, with...)
	ed.New = e.bytes[at:len(e.bytes):len(e.bytes)]
	e.list = append(e.list, ed)
	return true
}

// merge drops what overlaps an edit of an earlier inspector, which told is called with, and leaves
// the rest in the order of the payload.
func (e *editList) merge(told func(*edit)) {
	sortEdits(e.list, func(a, b *edit) bool { return a.Author < b.Author })
	kept := e.list[:0]
	reach := 0 // the furthest end of those kept
	for i := range e.list {
		if ed := &e.list[i]; ed.Span.Off < reach && overlapsAny(kept, ed) {
			told(ed)
		} else {
			reach = max(reach, ed.Span.End)
			kept = append(kept, *ed)
		}
	}
	e.list = kept
	sortEdits(kept, func(a, b *edit) bool { return a.Span.Off < b.Span.Off })
}

func overlapsAny(kept []edit, ed *edit) bool {
	for i := range kept {
		if kept[i].Span.Overlaps(ed.Span) {
			return true
		}
	}
	return false
}

// sortEdits is a stable insertion sort: the list is short, and usually sorted.
func sortEdits(list []edit, less func(a, b *edit) bool) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && less(&list[j], &list[j-1]); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}

// makeEdits makes the edits noted for p and returns the decision, which changes only if they cannot
// be made and the policy drops such packets.
func (l *Lane) makeEdits(p *packet.Packet, f *flow.Flow, d inspect.Decision) inspect.Decision {
	e := &l.edits
	e.closed = true
	if len(e.list) == 0 {
		return d
	}
	if len(e.list) > 1 {
		e.merge(l.tellOverlap)
	}
	why := l.rewrite(p, f)
	if why == "" {
		l.counters.Edits += uint64(len(e.list))
		l.counters.Edited++
		return d
	}
	return graver(d, l.anomaly(inspect.LayerEdit, why, l.outcomes.Edit))
}

// rewrite makes the edits, and says why if it cannot; then the packet is as it was.
func (l *Lane) rewrite(p *packet.Packet, f *flow.Flow) packet.Reason {
	payload := p.Payload()
	if l.edits.inPlace() {
		if p.MutablePayload() == nil {
			return "edit-refused" // no checksum that we know how to mend, or an authentication header
		}
		for i := range l.edits.list {
			ed := &l.edits.list[i]
			copy(payload[ed.Span.Off:], ed.New)
		}
		return ""
	}
	out, why := l.repaired(payload, f)
	switch {
	case why != "":
		return why
	case len(out) == len(payload):
		if p.MutablePayload() == nil {
			return "edit-refused"
		}
		copy(payload, out)
		return ""
	case f.Key.Proto == packet.TCP:
		return "edit-needs-stream" // the session's sequence numbers would not follow
	case !p.ReplacePayload(l.scratch.packet(), out):
		return "edit-too-long"
	}
	return ""
}

// inPlace reports whether the edits change neither lengths nor any grammar's framing.
func (e *editList) inPlace() bool {
	for i := range e.list {
		if ed := &e.list[i]; ed.message || len(ed.New) != ed.Span.Len() {
			return false
		}
	}
	return true
}

// repaired returns the payload with all edits made: those of a message by its grammar, the others
// spliced. The result lies in the lane's scratch memory.
func (l *Lane) repaired(payload []byte, f *flow.Flow) (out []byte, why packet.Reason) {
	out = l.scratch.edited()
	peer := proto.Peer{Transport: f.Key.Proto, Dir: l.cx.Dir, ServerPort: f.Server().Port()}
	at := 0
	for list := l.edits.list; len(list) > 0; {
		ed := &list[0]
		base, ok := messageOf(list)
		if ed.Span.Off < at || ok && base < at {
			return nil, "edit-crosses-messages" // one message's repair leaves nothing of it to splice
		}
		if !ok || ed.Span.Off < base {
			out = append(append(out, payload[at:ed.Span.Off]...), ed.New...)
			at, list = ed.Span.End, list[1:]
			continue
		}
		g := l.grammars[l.speaks]
		n, why := g.Parse(&l.msg, payload[base:], peer, l.chain.Wanted)
		if n == 0 {
			if why != proto.Incomplete {
				return nil, why
			}
			n = len(payload) - base
			l.msg.Unit = payload[base:]
		}
		var taken int
		taken, l.edits.group = within(list, base, n, l.edits.group[:0])
		out = append(out, payload[at:base]...)
		if out, why = g.Repair(out, &l.msg, l.edits.group); why != "" {
			return nil, why
		}
		at, list = base+n, list[taken:]
	}
	return append(out, payload[at:]...), ""
}

// messageOf returns the start of the first message that an edit of the list was asked for in.
func messageOf(list []edit) (base int, ok bool) {
	for i := range list {
		if list[i].message {
			return list[i].base, true
		}
	}
	return 0, false
}

// within appends to group the edits that lie in the n bytes from base, in that message's offsets.
func within(list []edit, base, n int, group []field.Edit) (int, []field.Edit) {
	for i := range list {
		ed := list[i].Edit
		if ed.Span.End > base+n {
			return i, group
		}
		ed.Span.Off -= base
		ed.Span.End -= base
		group = append(group, ed)
	}
	return len(list), group
}

// tellOverlap tells the author of an edit that an earlier inspector's stands in its place.
func (l *Lane) tellOverlap(ed *edit) {
	l.counters.anomaly("edit-overlaps")
	l.note = event.Event{
		Kind: event.KindEdit, Severity: event.Low, Author: l.chain.Entries[ed.Author].Inspector.Name(),
		Name: "edit-overlaps", Reason: "edit-overlaps", Field: ed.Field.String(),
		Offset: int32(ed.Span.Off), Length: int32(ed.Span.Len()),
	}
	l.tell(&l.note)
}
