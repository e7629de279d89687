package dlp

import (
	"cmp"
	"math"
	"slices"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/inspect/dlp/view"
	"github.com/weir-project/weir/packet"
)

// maxEdits is the number of edits asked for in one text; what is found beyond is masked by one more edit that
// covers all the rest, so that a text full of cards cannot exhaust the list of edits.
const maxEdits = 15

// A look is one call of the inspector.
type look struct {
	cx        *inspect.Context
	field     *field.Field // nil: the payload
	place     place
	flow      uint64
	message   uint64        // of the flow and direction: which body, 0 for the payload
	left      int           // bytes at the head that have left, and were seen to when they did
	told      int           // values
	edits     int           // asked for
	exhausted bool          // there were more codes than are looked at
	names     []field.Named // of what is looked at, if it is the payload
	base      int           // where in it the text begins that is looked at
	wait      int           // where in the text that begins which must wait
	resizable bool          // a mask may have another length
	decision  inspect.Decision
}

// A finding is a value that was found, and what is to become of it.
type finding struct {
	off, end int // of what is looked at
	rule     *rule
	score    uint8
	context  bool // a word before it says what it is
	goesOn   bool // the value that ended before: not one of its own
	path     view.Path
	field    field.ID // that it is in
	value    part     // as it is compared
	sample   part     // as it is told
	masked   part     // what takes the place of [off, end), iff the rule masks
	unable   bool     // it should be masked, and cannot
}

// A part is a range of Inspector.bytes.
type part struct{ off, end int }

// at is the place of what is at offset off of the text.
func (l *look) at(off int) place {
	p := l.place
	off += l.base
	i, _ := slices.BinarySearchFunc(l.names, off, func(n field.Named, off int) int { return cmp.Compare(n.Span.End, off+1) })
	if i < len(l.names) && l.names[i].Span.Off <= off && named.Has(l.names[i].ID) {
		p.field = l.names[i].ID
	}
	return p
}

func (d *Inspector) begin(cx *inspect.Context, f *field.Field) {
	d.look = look{cx: cx, field: f, place: place{dir: cx.Dir, field: field.Payload}}
	if f != nil {
		d.look.place.field, d.look.resizable = f.ID, f.Resizable
	}
	if cx.Flow != nil {
		d.look.flow = cx.Flow.ID
		d.look.place.client, d.look.place.server = cx.Flow.Client().Addr(), cx.Flow.Server().Addr()
	}
}

// readOn looks at b[from:end], behind what v remembers. If it goes on, it has what may be the beginning of a value shown once more, and returns
// where that begins; where that cannot be, everything is decided now.
func (d *Inspector) readOn(v *memory, b []byte, from, end int, goesOn bool) (open int) {
	if !goesOn {
		d.read(v, b, from, len(b), false)
		return len(b)
	}
	if d.isTooLittle(v, end-from, len(b)-end) {
		d.kept.tabled = false
		return from
	}
	d.look.base = from
	open = from + d.find(v, b[from:end], true)
	wait := from + d.look.wait
	if end < len(b) {
		open, wait = min(open, end), min(wait, end)
	}
	for i := range d.found { // in a code that is decided, and in a text that is not
		if f := &d.found[i]; from+f.off >= open && f.rule.waits() {
			wait = min(wait, from+f.off)
		}
	}
	if v.settled = false; open == len(b) || d.seeAgain(len(b)-open, len(b)-wait) {
		open = d.act(b, from, open)
		v.looked, v.held = short(max(0, end-open)), short(max(0, end-max(open, wait)))
		return open
	}
	d.read(v, b, from, len(b), false)
	v.settled, v.looked, v.held = true, 0, 0
	return open
}

func short(n int) uint16 { return uint16(min(n, math.MaxUint16)) }

const (
	muchAgain  = 256 // bytes that would be looked at once more, from which on
	worthwhile = 16  // a part of them must have come,
	little     = 4   // but for so many times, since what ends a value may come by itself
)

// isTooLittle reports whether so little has come behind much that is undecided, n bytes in all, that nothing is decided now: looking at all of it each time
// would cost whoever sends byte by byte little, and us much. The pending bytes behind wait as well.
func (d *Inspector) isTooLittle(v *memory, n, pending int) bool {
	fresh := n - int(v.looked)
	switch {
	case v.looked < muchAgain || fresh < 0 || fresh >= int(v.looked)/worthwhile:
		v.little = 0
		return false
	case v.little < little:
		v.little++
		return false
	}
	wait := pending
	if d.set.waits {
		wait += fresh + int(v.held)
	}
	return d.seeAgain(n+pending, wait)
}

// seeAgain asks to see the last n bytes of what is looked at once more, and has the last wait of them wait. It reports false if nothing may follow.
func (d *Inspector) seeAgain(n, wait int) bool {
	cx := d.look.cx
	if wait == 0 {
		return cx.Keep(n)
	}
	return (wait == n || cx.Keep(n)) && cx.Hold(wait)
}

// read looks at b[from:end], behind what v remembers, and decides all of it.
func (d *Inspector) read(v *memory, b []byte, from, end int, more bool) {
	d.look.base = from
	d.find(v, b[from:end], more)
	d.act(b, from, end)
}

// find notes the values in a text, and in the texts in it, in order and without overlaps. It returns where the undecided begins.
func (d *Inspector) find(past *memory, text []byte, more bool) (open int) {
	d.found, d.bytes = d.found[:0], d.bytes[:0]
	d.finder.Begin(d.kept.before(past), text, more)
	open = len(text)
	d.look.wait = len(text)
	for v := d.finder.Next(); v != nil; v = d.finder.Next() {
		open = min(open, d.findIn(v, past))
		for i := range d.own {
			open = min(open, d.findOwn(v, &d.own[i]))
		}
		if _, end := v.Source(len(v.Text), len(v.Text)); v.More && end < len(text) {
			open = min(open, end) // the code is cut
			d.wait(end, d.set.waits)
		}
	}
	// Half of an escape would say something else.
	open, d.look.wait = view.EscapeAt(text, max(0, open)), view.EscapeAt(text, max(0, d.look.wait))
	d.look.exhausted = d.look.exhausted || d.finder.Exhausted
	slices.SortStableFunc(d.found, func(a, b finding) int { return cmp.Or(a.off-b.off, int(b.score)-int(a.score), b.end-a.end) })
	d.choose()
	for i := len(d.found) - 1; i >= 0; i-- { // what overlaps the undecided is undecided
		if f := &d.found[i]; f.off < open && f.end > open {
			open = f.off
		}
	}
	return open
}

// choose keeps, of values that overlap, the one that begins first; but one that must not leave before one that may, or is only told of.
func (d *Inspector) choose() {
	kept := d.found[:0]
	for _, f := range d.found {
		for n := len(kept) - 1; n >= 0 && kept[n].end > f.off && f.rule.weight() > kept[n].rule.weight(); n-- {
			kept = kept[:n]
		}
		if n := len(kept) - 1; n < 0 || kept[n].end <= f.off {
			kept = append(kept, f)
		}
	}
	d.found = kept
}

// wait has what begins at off of the text wait, if is.
func (d *Inspector) wait(off int, is bool) {
	if is {
		d.look.wait = min(d.look.wait, off)
	}
}

// findIn is find for one view and what detectors find.
func (d *Inspector) findIn(v *view.View, past *memory) (open int) {
	s, depth := d.values, v.Depth()
	d.blocks[depth], d.weighed = part{len(d.found), len(d.found)}, v
	switch v.Code {
	case view.Plain:
		s.Resume(past.carry, v.Before, v.Text, v.More)
		s.Under(d.kept.table(past))
	case view.Escapes: // directly behind the view that it lies in
		s.ResetWithin(v.Before, v.Text, v.More, v)
		if depth == 1 {
			s.Under(d.kept.table(past))
		}
	default:
		s.Reset(v.Before, v.Text, v.More)
	}
	for m, ok := s.Next(); ok; m, ok = s.Next() {
		off, end := v.Source(m.Off, m.End)
		if v.Short || end <= 0 || d.known(v, m, off, end) || d.set.allowed(s.Value()) {
			continue
		}
		off = max(off, 0) // the first characters of base64 may have left before it could be known as such
		if r := d.set.rule(m.Kind, m.Score, d.look.at(off)); r != nil && r.action != ignore {
			d.note(v, m, r, s.Value(), finding{off: off, end: end, score: m.Score, context: m.Context, goesOn: m.Part})
			d.blocks[depth].end = len(d.found)
		}
	}
	if v.Code == view.Plain {
		past.next, d.kept.tabled = s.Carry(), s.Tabled()
	}
	d.wait(openIn(v, s.Wait()), true)
	return openIn(v, s.Open())
}

// Weigh implements detect.Judge: a value without a rule that applies where it stands is none, and one that is left alone hides nothing that is not.
func (d *Inspector) Weigh(m detect.Match, value []byte) detect.Weight {
	off, _ := d.weighed.Source(m.Off, m.End)
	r := d.set.rule(m.Kind, m.Score, d.look.at(max(off, 0)))
	switch {
	case r == nil:
		return detect.None
	case d.set.allowed(value):
		return detect.Told
	}
	return r.weight()
}

// known reports whether a value that is written as itself was found already in a text that the view lies in. It was not if only the view shows
// what stands before it: "card+number%3A+4000000000000002" says what it is when the signs are undone.
func (d *Inspector) known(v *view.View, m detect.Match, off, end int) bool {
	for from, to, depth := m.Off, m.End, v.Depth(); v.Code == view.Escapes && !v.Coded(from, to); {
		from, to, v = v.Parent(from, to)
		depth--
		in := d.found[d.blocks[depth].off:d.blocks[depth].end]
		i, _ := slices.BinarySearchFunc(in, off, func(f finding, off int) int { return cmp.Compare(f.end, off+1) })
		if i < len(in) && in[i].off < end {
			return true
		}
	}
	return false
}

// openIn is where in what is looked at that begins which is open in a view; math.MaxInt if nothing is.
func openIn(v *view.View, open int) int {
	if open == len(v.Text) {
		return math.MaxInt
	}
	open, _ = v.Source(open, open)
	return open
}

// seen is where in what is looked at the bytes of a view came from; ok is false for those that were seen there already.
func seen(v *view.View, from, to int) (off, end int, ok bool) {
	off, end = v.Source(from, to)
	return max(off, 0), end, !v.Short && end > 0 && (v.Code == view.Plain || v.Coded(from, to))
}

// findOwn is find for one view and values of one's own.
func (d *Inspector) findOwn(v *view.View, o *ownScanner) (open int) {
	if !o.rule.scope.mayHave(d.look.place) {
		return math.MaxInt
	}
	o.reset(v.Before, v.Text, v.More)
	for from, to, ok := o.next(); ok; from, to, ok = o.next() {
		if off, end, ok := seen(v, from, to); ok && !d.set.allowed(v.Text[from:to]) && o.rule.scope.has(d.look.at(off)) {
			if r := o.rule; r.action != ignore {
				d.note(v, detect.Match{Off: from, End: to}, r, v.Text[from:to], finding{off: off, end: end, score: 100})
			}
		}
	}
	open = openIn(v, o.open())
	d.wait(open, o.rule.waits())
	return open
}

// note keeps what is to be told and done about a value.
func (d *Inspector) note(v *view.View, m detect.Match, r *rule, value []byte, f finding) {
	f.rule, f.path, f.field = r, v.Path(), d.look.at(f.off).field
	if v.Code == view.Escapes && !v.Coded(m.Off, m.End) {
		f.path[v.Depth()-1] = view.Plain // what stands around it is written so
	}
	f.value = d.keep(value)
	f.sample = d.keepMasked(v.Text[m.Off:m.End], r, r.shown, 'X')
	if r.action == mask && !r.monitor {
		f.masked = d.keepMask(v, m, r, value, f.goesOn)
		if v.Code != view.Plain {
			f.masked, f.unable = d.recode(v, m, f.masked)
		}
	}
	d.found = append(d.found, f)
}

func (d *Inspector) keep(b []byte) part {
	p := part{off: len(d.bytes)}
	d.bytes = append(d.bytes, b...)
	p.end = len(d.bytes)
	return p
}

// act carries out what is to become of the values that begin before limit, and returns where the undecided begins: limit, or the end of the last value.
func (d *Inspector) act(b []byte, from, limit int) int {
	applies := true
	rest := part{} // of b: from the first value that has no edit of its own to the last one
	d.all = d.all[:0]
	for i := range d.found {
		f := &d.found[i]
		if from+f.off >= limit {
			break
		}
		limit = max(limit, from+f.end)
		if from+f.end <= d.look.left {
			continue
		}
		if !f.goesOn {
			applies = d.reached(f)
		}
		if !applies {
			continue
		}
		if f.masked.end > 0 && !f.unable {
			f.unable = !d.mask(b, from, f, &rest)
		}
		if o := d.opinion(f); !f.goesOn {
			d.tell(f, from, o)
		}
	}
	if rest.end > 0 && !d.edit(rest.off, rest.end, d.all) {
		d.look.decision = graver(d.look.decision, d.set.unable(d.look.cx))
	}
	return limit
}

// opinion is the decision about a value; the gravest one is that about the packet.
func (d *Inspector) opinion(f *finding) inspect.Decision {
	o := f.rule.decision()
	if f.unable {
		o = d.set.unable(d.look.cx)
	}
	d.look.decision = graver(d.look.decision, o)
	return o
}

// mask asks for the edit that hides a value in b, whose text begins at from.
func (d *Inspector) mask(b []byte, from int, f *finding, rest *part) bool {
	with := d.bytes[f.masked.off:f.masked.end]
	if d.look.edits < maxEdits {
		d.look.edits++
		return d.edit(from+f.off, from+f.end, with)
	}
	if rest.end == 0 {
		rest.off, rest.end = from+f.off, from+f.off
	}
	d.all = append(append(d.all, b[rest.end:from+f.off]...), with...)
	rest.end = from + f.end
	return true
}

// edit asks for an edit of what is looked at.
func (d *Inspector) edit(off, end int, with []byte) bool {
	if f := d.look.field; f != nil {
		return d.look.cx.Edit(f, off, end, with)
	}
	return d.look.cx.EditPayload(off, end, with)
}

// conclude ends a look.
func (d *Inspector) conclude() inspect.Decision {
	if d.look.told > d.set.maxEvents && !d.tellsAll {
		d.tellRest(d.look.told - d.set.maxEvents)
	}
	if d.look.exhausted {
		d.tellExhausted()
	}
	decision := d.look.decision
	d.look = look{}
	return decision
}

// graver returns the decision that weighs more, the earlier of equals.
func graver(a, b inspect.Decision) inspect.Decision {
	if a.Verdict == packet.Pass || a.Monitor && b.Verdict.Final() && !b.Monitor {
		return b
	}
	return a
}
