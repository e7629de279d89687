// Package dlp finds payment card numbers and US social security numbers in payloads, and alerts,
// masks or blocks. Its law: a value that it finds leaves it in no event, whole or in such parts as
// would give it away; see sample.
//
// It looks at each datagram and each segment by itself, at the bytes as they are on the wire: it does
// not find a value that is cut in two, compressed, encoded or encrypted. Masks keep the length, so that no
// framing above needs repair.
package dlp

import (
	"unsafe"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// Reasons of the decisions and events here.
const (
	Blocked    packet.Reason = "dlp-blocked"
	MaskFailed packet.Reason = "dlp-mask-failed"
)

// maxEdits is the number of edits asked for in one payload; what is found beyond is masked by one more edit that
// covers all the rest, so that a payload full of cards cannot exhaust the list of edits.
const maxEdits = 15

// An Inspector looks for values in payloads. It implements inspect.StreamInspector and inspect.RedactInspector.
type Inspector struct {
	set     *ruleSet
	event   event.Event
	sample  [maxSpan]byte
	print   [2 * printBytes]byte
	masked  []byte // scratch: the payload from the 16th value on, with masks
	pending struct{ off, end, count int }
}

// Name implements inspect.Inspector.
func (d *Inspector) Name() string { return "dlp" }

// InspectStream implements inspect.StreamInspector. A number at the end of what has come waits for what follows, or for
// the end of the time that it may wait.
func (d *Inspector) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	if !d.set.looks(cx.Dir) {
		return inspect.Decision{}
	}
	var decision inspect.Decision
	found, edits := 0, 0
	d.pending.count = 0
	s := scanner{b: b, kinds: d.set.kinds}
	decided := tail(b)
	if decided == len(b) || !cx.Hold(len(b)-decided) {
		decided = len(b)
	}
	for s.next() && s.off < decided {
		r := d.set.rules[s.kind]
		if s.end <= cx.Left || d.set.allowed(s.digits()) { // what left was seen to when it did
			continue
		}
		found++
		opinion := r.decision()
		if r.action == mask && !r.monitor && !d.mask(cx, &s, r, &edits) {
			opinion = d.set.unable(cx)
		}
		decision = graver(decision, opinion)
		if found <= d.set.maxEvents {
			d.tell(cx, &s, r, opinion)
		}
	}
	if d.pending.count > 0 && !cx.EditPayload(d.pending.off, d.pending.end, d.masked) {
		decision = graver(decision, d.set.unable(cx))
	}
	if found > d.set.maxEvents {
		d.tellRest(cx, found-d.set.maxEvents)
	}
	return decision
}

// mask asks for the edit that hides what the scanner stands on.
func (d *Inspector) mask(cx *inspect.Context, s *scanner, r *rule, edits *int) bool {
	if *edits < maxEdits {
		*edits++
		return cx.EditPayload(s.off, s.end, appendMasked(d.sample[:0], s.b[s.off:s.end], r.keep, r.char))
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
func (d *Inspector) tell(cx *inspect.Context, s *scanner, r *rule, opinion inspect.Decision) {
	d.event = event.Event{
		Kind: event.KindDLP, Severity: event.High, Name: r.kind.String(), Reason: string(opinion.Reason),
		Verdict: r.action.verdict(), Would: r.monitor, Field: "payload",
		Offset: int32(s.off), Length: int32(s.end - s.off),
	}
	if opinion.Verdict.Final() {
		d.event.Verdict = opinion.Verdict.String()
	}
	sample := appendMasked(d.sample[:0], s.b[s.off:s.end], r.kind.shown(), 'X')
	d.event.Text("sample", borrow(sample))
	if d.set.key.isSet {
		d.event.Text("fingerprint", borrow(d.set.key.appendPrint(d.print[:0], s.digits())))
	}
	cx.Emit(&d.event)
}

// tellRest emits one event for the values that had none of their own.
func (d *Inspector) tellRest(cx *inspect.Context, more int) {
	d.event = event.Event{Kind: event.KindDLP, Severity: event.High, Name: "more-values", Field: "payload"}
	d.event.Num("count", int64(more))
	cx.Emit(&d.event)
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
