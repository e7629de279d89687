// Package dlp finds payment card numbers and US social security numbers in payloads and in the bodies of HTTP messages, and
// alerts, masks or blocks. Its law: a value that it finds leaves it in no event, whole or in such parts as
// would give it away; see sample.
//
// It looks at the ordered bytes of a stream, or at each datagram by itself, as they are on the wire; but at a body as what its
// receiver makes of it, without chunks and content codings. A value that comes in several segments or parts waits for its end, as
// long as limits allow. Every byte is looked at, and but once: what leaves as it was shown in a body is left out of the stream. Of
// a body that leaves coded both are looked at, the text and the coded bytes.
//
// Masks keep the length, so that no framing above needs repair; a coded body that may be masked leaves decoded. It does not find
// what is encrypted, or encoded otherwise.
package dlp

import (
	"math"
	"unsafe"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// Reasons of the decisions and events here.
const (
	Blocked    packet.Reason = "dlp-blocked"
	MaskFailed packet.Reason = "dlp-mask-failed"
)

// maxEdits is the number of edits asked for in one text; what is found beyond is masked by one more edit that
// covers all the rest, so that a text full of cards cannot exhaust the list of edits.
const maxEdits = 15

// An Inspector looks for values in payloads and bodies. It implements inspect.StreamInspector, FieldInspector, EditInspector,
// StateInspector and RedactInspector.
type Inspector struct {
	set     *ruleSet
	states  inspect.State[[2]state]
	look    look
	event   event.Event
	sample  [maxSpan]byte
	print   [2 * printBytes]byte
	masked  []byte // scratch: the text from the 16th value on, with masks
	pending struct{ off, end, count int }
}

// A look is one call of the inspector.
type look struct {
	cx       *inspect.Context
	field    *field.Field // nil: the payload
	left     int          // bytes at the head that have left, and were seen to when they did
	found    int
	decision inspect.Decision
}

// Name implements inspect.Inspector.
func (d *Inspector) Name() string { return "dlp" }

// FlowState implements inspect.StateInspector.
func (d *Inspector) FlowState() []inspect.StateSlot { return []inspect.StateSlot{&d.states} }

// Fields implements inspect.FieldInspector.
func (d *Inspector) Fields() field.Set {
	var s field.Set
	if d.set.looks(flow.ToServer) {
		s = s.Union(field.SetOf(field.HTTPRequestBody))
	}
	if d.set.looks(flow.ToClient) {
		s = s.Union(field.SetOf(field.HTTPResponseBody))
	}
	return s
}

// Edits implements inspect.EditInspector.
func (d *Inspector) Edits() field.Set {
	for _, r := range d.set.rules {
		if r != nil && r.action == mask && !r.monitor {
			return d.Fields()
		}
	}
	return 0
}

// InspectStream implements inspect.StreamInspector. A number at the end of what has come waits for what follows, or for
// the end of the time that it may wait; and so does what may still turn out to be of a body.
func (d *Inspector) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	if !d.set.looks(cx.Dir) {
		return inspect.Decision{}
	}
	d.look = look{cx: cx, left: cx.Left}
	var alone memory
	v := &alone
	if cx.Flow != nil && cx.Flow.Key.Proto == packet.TCP {
		v = &d.states.Of(cx.Flow)[cx.Dir].payload
	}
	from := 0
	if v.waiting > 0 {
		from = max(0, cx.Seen+1-int(v.waiting)) // what is before it somebody else held
	}
	for i := range cx.Bodies {
		if s := cx.Bodies[i]; s.End > from {
			d.scan(v, b, from, max(from, s.Off), max(from, s.Off))
			v.forget()
			from = s.End
		}
	}
	end := max(from, len(b)-cx.Pending)
	wait := from + waits(b[from:end])
	if limit := wait; wait == len(b) || cx.Hold(len(b)-wait) {
		wait = d.scan(v, b, from, end, limit)
	} else {
		d.scan(v, b, from, len(b), len(b))
	}
	v.keep(b[from:wait])
	v.waiting = int32(len(b) - wait + 1)
	return d.conclude()
}

// InspectField implements inspect.FieldInspector, for parts of bodies.
func (d *Inspector) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	if !d.set.looks(cx.Dir) || cx.Flow == nil {
		return inspect.Decision{}
	}
	d.look = look{cx: cx, field: f, left: f.Left}
	s := &d.states.Of(cx.Flow)[cx.Dir]
	if f.Offset == 0 && f.Seen == 0 {
		s.body.forget()
		s.told = 0
	}
	b, v := f.Value, &s.body
	from := int(min(max(0, s.told-f.Offset), int64(len(b))))
	wait := from + waits(b[from:])
	if f.More && (wait == len(b) || cx.Hold(len(b)-wait)) {
		wait = d.scan(v, b, from, len(b), wait)
	} else {
		d.scan(v, b, from, len(b), len(b))
	}
	v.keep(b[from:wait])
	s.told = f.Offset + int64(wait)
	return d.conclude()
}

// scan looks at b[from:end], behind what v remembers, for values that begin before limit. It returns where the undecided
// begins: limit, or the end of the last value.
func (d *Inspector) scan(v *memory, b []byte, from, end, limit int) int {
	s := scanner{b: b[from:end], before: v.before(), kinds: d.set.kinds}
	edits := 0
	d.pending.count = 0
	for s.next() && from+s.off < limit {
		limit = max(limit, from+s.end)
		r := d.set.rules[s.kind]
		if from+s.end <= d.look.left || d.set.allowed(s.digits()) {
			continue
		}
		d.look.found++
		opinion := r.decision()
		if r.action == mask && !r.monitor && !d.mask(&s, from, r, &edits) {
			opinion = d.set.unable(d.look.cx)
		}
		d.look.decision = graver(d.look.decision, opinion)
		if d.look.found <= d.set.maxEvents {
			d.tell(&s, from, r, opinion)
		}
	}
	if d.pending.count > 0 && !d.edit(from+d.pending.off, from+d.pending.end, d.masked) {
		d.look.decision = graver(d.look.decision, d.set.unable(d.look.cx))
	}
	return limit
}

// conclude ends a look.
func (d *Inspector) conclude() inspect.Decision {
	if d.look.found > d.set.maxEvents {
		d.tellRest(d.look.found - d.set.maxEvents)
	}
	decision := d.look.decision
	d.look = look{}
	return decision
}

// edit asks for an edit of what is looked at.
func (d *Inspector) edit(off, end int, with []byte) bool {
	if f := d.look.field; f != nil {
		return d.look.cx.Edit(f, off, end, with)
	}
	return d.look.cx.EditPayload(off, end, with)
}

// mask asks for the edit that hides what the scanner stands on, whose text begins at offset base.
func (d *Inspector) mask(s *scanner, base int, r *rule, edits *int) bool {
	if *edits < maxEdits {
		*edits++
		return d.edit(base+s.off, base+s.end, appendMasked(d.sample[:0], s.b[s.off:s.end], r.keep, r.char))
	}
	if d.pending.count == 0 {
		d.pending.off, d.pending.end, d.masked = s.off, s.off, d.masked[:0]
	}
	d.masked = append(d.masked, s.b[d.pending.end:s.off]...)
	d.masked = appendMasked(d.masked, s.b[s.off:s.end], r.keep, r.char)
	d.pending.end = s.end
	d.pending.count++
	return true
}

// appendMasked appends value with its digits replaced by char, the last keep of them excepted.
func appendMasked(dst, value []byte, keep int, char byte) []byte {
	from := len(dst)
	dst = append(dst, value...)
	for i := len(dst) - 1; i >= from; i-- {
		switch {
		case !isDigit(dst[i]):
		case keep > 0:
			keep--
		default:
			dst[i] = char
		}
	}
	return dst
}

// tell emits the event of one value: where it is, how long, its masked sample, and its fingerprint if the
// policy has a key for that.
func (d *Inspector) tell(s *scanner, base int, r *rule, opinion inspect.Decision) {
	d.event = event.Event{
		Kind: event.KindDLP, Severity: event.High, Name: r.kind.String(), Reason: string(opinion.Reason),
		Verdict: r.action.verdict(), Would: r.monitor, Field: d.look.name(),
		Offset: d.look.place(base + s.off), Length: int32(s.end - s.off),
	}
	if opinion.Verdict.Final() {
		d.event.Verdict = opinion.Verdict.String()
	}
	sample := appendMasked(d.sample[:0], s.b[s.off:s.end], r.kind.shown(), 'X')
	d.event.Text("sample", borrow(sample))
	if d.set.key.isSet {
		d.event.Text("fingerprint", borrow(d.set.key.appendPrint(d.print[:0], s.digits())))
	}
	d.look.cx.Emit(&d.event)
}

// tellRest emits one event for the values that had none of their own.
func (d *Inspector) tellRest(more int) {
	d.event = event.Event{Kind: event.KindDLP, Severity: event.High, Name: "more-values", Field: d.look.name()}
	d.event.Num("count", int64(more))
	d.look.cx.Emit(&d.event)
}

// name is the name in events of what is looked at.
func (l *look) name() string {
	if l.field != nil {
		return l.field.ID.String()
	}
	return field.Payload.String()
}

// place is offset off of what is looked at, in the whole of the body if it is a part of one.
func (l *look) place(off int) int32 {
	if l.field != nil {
		return int32(min(l.field.Offset+int64(off), math.MaxInt32))
	}
	return int32(off)
}

// borrow returns b as a string until b changes; events borrow theirs until Emit returns.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// graver returns the decision that weighs more, the earlier of equals.
func graver(a, b inspect.Decision) inspect.Decision {
	if a.Verdict == packet.Pass || a.Monitor && b.Verdict.Final() && !b.Monitor {
		return b
	}
	return a
}

// Redact implements inspect.RedactInspector: values in names that clients ask for, or in whatever else others
// tell, show no digit. It knows no words around the value, so it rather takes a number for one.
func (d *Inspector) Redact(text []byte) {
	s := scanner{b: text, kinds: d.set.kinds, bare: true}
	for s.next() {
		if !d.set.allowed(s.digits()) {
			appendMasked(text[:s.off], text[s.off:s.end], 0, 'X')
		}
	}
}

// looks says whether payloads that go in direction dir are looked at.
func (s *ruleSet) looks(dir flow.Direction) bool { return s.dirs&(1<<dir) != 0 }
