package dlp

import (
	"math"
	"unsafe"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
)

// tell emits the event of one value: where it is, how long, its masked sample, how sure the detector is, and its fingerprint if the
// policy has a key for that.
func (d *Inspector) tell(f *finding, base int, opinion inspect.Decision) {
	if d.look.told++; d.look.told > d.set.maxEvents && !d.tellsAll {
		return
	}
	d.event.Begin(event.KindDLP, f.rule.severity, f.rule.name)
	d.event.Reason, d.event.Verdict, d.event.Would = string(opinion.Reason), f.rule.action.verdict(), f.rule.monitor
	d.event.Field, d.event.Offset, d.event.Length = f.field.String(), d.look.offset(base+f.off), int32(f.end-f.off)
	if opinion.Verdict.Final() {
		d.event.Verdict = opinion.Verdict.String()
	}
	d.event.Text("sample", borrow(d.bytes[f.sample.off:f.sample.end]))
	d.event.Num("score", int64(f.score))
	if f.context {
		d.event.Text("context", "word")
	}
	if d.path = f.path.Append(d.path[:0]); len(d.path) > 0 {
		d.event.Text("code", borrow(d.path))
	}
	if d.set.key.isSet {
		d.print, d.hashed = d.set.key.appendPrint(d.print[:0], d.hashed, d.bytes[f.value.off:f.value.end])
		d.event.Text("fingerprint", borrow(d.print))
	}
	d.look.cx.Emit(&d.event)
}

// tellRest emits one event for the values that had none of their own.
func (d *Inspector) tellRest(more int) {
	d.event.Begin(event.KindDLP, event.High, "more-values")
	d.event.Field = d.look.name()
	d.event.Num("count", int64(more))
	d.look.cx.Emit(&d.event)
}

// tellExhausted emits an event for a text that was not looked at in all its codes.
func (d *Inspector) tellExhausted() {
	d.event.Begin(event.KindDLP, event.Medium, "too-many-codes")
	d.event.Field = d.look.name()
	d.look.cx.Emit(&d.event)
}

// name is the name in events of what is looked at.
func (l *look) name() string {
	if l.field != nil {
		return l.field.ID.String()
	}
	return field.Payload.String()
}

// offset is offset off of what is looked at, in the whole of the body if it is a part of one.
func (l *look) offset(off int) int32 {
	if l.field != nil {
		return int32(min(l.field.Offset+int64(off), math.MaxInt32))
	}
	return int32(off)
}

// borrow returns b as a string until b changes; events borrow theirs until Emit returns.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
