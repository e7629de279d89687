package ids

import (
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
)

// This file matches rules that look into bodies, which come in parts behind the message's head. What such a rule asks of the head is
// tried when that is shown, and remembered; then each part of the body is looked at by itself.

// maxAwait is how many rules of one direction wait for a body. Those beyond do not match, and an event says so.
const maxAwait = 8

// awaiting is the rules whose part about the head matched, plus one; 0 ends the list. done is those that matched whole.
type awaiting struct{ rules, done [maxAwait]uint32 }

func add(list *[maxAwait]uint32, id int32) bool {
	for i := range list {
		if list[i] == 0 || list[i] == uint32(id+1) {
			list[i] = uint32(id + 1)
			return true
		}
	}
	return false
}

func in(list *[maxAwait]uint32, id int32) bool {
	for _, v := range list {
		if v == uint32(id+1) {
			return true
		}
	}
	return false
}

// isBody reports whether the field comes in parts.
func isBody(id field.ID) bool {
	return id == field.HTTPRequestBody || id == field.HTTPResponseBody || id == field.EmailBody
}

// asksHead reports whether the rule asks something of the head.
func (s *signature) asksHead() bool {
	for i := range s.matches {
		if !isBody(s.matches[i].buffer.field) {
			return true
		}
	}
	return false
}

// awaitingOf is what waits for the body of the message that is shown.
func (d *Inspector) awaitingOf(cx *inspect.Context) *awaiting {
	if cx.Shown != nil && cx.Shown.Stream > 0 {
		return d.beside.Of(cx)
	}
	return &d.awaiting.Of(cx.Flow)[cx.Dir]
}

// await notes which rules wait for the body, once the head is shown.
func (d *Inspector) await(cx *inspect.Context) {
	if cx.Flow == nil {
		return
	}
	w := d.awaitingOf(cx)
	*w = awaiting{}
	for _, id := range d.found.ids {
		if d.engine.signatures[id].late {
			d.awaitOne(cx, w, id)
		}
	}
	for _, id := range d.engine.blind {
		d.awaitOne(cx, w, id)
	}
}

func (d *Inspector) awaitOne(cx *inspect.Context, w *awaiting, id int32) {
	s := d.engine.signatures[id]
	if !s.mixed || !s.fits(cx) || !d.matcher.matchPart(s, &d.values, false) || add(&w.rules, id) {
		return
	}
	d.event.Begin(event.KindEngine, event.Medium, "ids-body-rules-exceeded")
	d.event.Rule, d.event.RuleRev = s.sid, s.rev
	cx.Emit(&d.event)
}

// A reader is an Inspector of rules some of which look into bodies. The others are not shown single fields.
type reader struct{ *Inspector }

// InspectField implements inspect.FieldInspector: parts of bodies.
func (d reader) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	e := d.engine
	if !isBody(f.ID) || cx.Flow == nil || f.Seen == len(f.Value) && f.More {
		return inspect.Decision{}
	}
	d.begin()
	d.addValue(f.ID, f.Value)
	for i := range d.values.all {
		v := &d.values.all[i]
		if a := e.messages[f.ID][v.buffer.index()]; a != nil {
			a.scan(v.text.plain, &d.found)
		}
	}
	w := d.awaitingOf(cx)
	for _, id := range w.rules {
		if id > 0 {
			d.found.add(int32(id - 1))
		}
	}
	for _, id := range e.plainBodies {
		d.found.add(id)
	}
	for _, id := range d.found.ids {
		d.tryBody(cx, f, w, id)
	}
	return d.conclude(cx)
}

func (d *Inspector) tryBody(cx *inspect.Context, f *field.Field, w *awaiting, id int32) {
	s := d.engine.signatures[id]
	switch {
	case !s.late || in(&w.done, id) || s.mixed && !in(&w.rules, id):
	case s.takesPart(f) && s.fits(cx) && d.matcher.matchPart(s, &d.values, true):
		add(&w.done, id)
		d.matched = append(d.matched, id)
	}
}

// takesPart reports whether what the rule says about places and sizes in the body can be said of the part.
func (s *signature) takesPart(f *field.Field) bool {
	first, last := f.Offset == 0, !f.More
	for i := range s.matches {
		m := &s.matches[i]
		if !isBody(m.buffer.field) {
			continue
		}
		if m.size.isSet && !(first && last) {
			return false
		}
		for k := range m.contents {
			c := &m.contents[k]
			if !first && !c.relative && (c.offset > 0 || c.depth != unset) || !last && c.ends {
				return false
			}
		}
	}
	return true
}

// matchPart says whether each buffer of the head, or of the body, that the rule asks about has an instance that matches.
func (m *matcher) matchPart(s *signature, in *instances, body bool) bool {
	for i := range s.matches {
		if isBody(s.matches[i].buffer.field) == body && !m.matchAny(&s.matches[i], in) {
			return false
		}
	}
	return true
}
