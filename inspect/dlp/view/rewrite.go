package view

// A rewriting is bytes of the whole text that are to be others.
type rewriting struct {
	from int
	with []byte
	was  []change // of bytes of views, to be undone: what lies in these views is looked for as it came
}

// A change is a byte of a view as it was.
type change struct {
	view *View
	at   int
	was  byte
}

// undo has views show again what they are views of.
func (r *rewriting) undo() {
	for i := len(r.was) - 1; i >= 0; i-- {
		c := &r.was[i]
		c.view.bytes[c.at] = c.was
	}
	r.was = r.was[:0]
}

// Rewrite begins an edit of the bytes of the whole text that [off, end) of v came from, but for those that came from in front of the text. Set says
// what v is to show, Rewritten what the text has then. It reports false if all came from there.
func (f *Finder) Rewrite(v *View, off, end int) bool {
	f.mask.undo()
	from, to := v.Source(off, end)
	if from = max(from, 0); to <= 0 {
		return false
	}
	f.mask.from, f.mask.with = from, append(f.mask.with[:0], f.levels[0].Text[from:to]...)
	return true
}

// Set has v show c, an ASCII character, at i, of what is rewritten. It reports false where c cannot be written there in the same length; then the edit is of
// no use.
func (f *Finder) Set(v *View, i int, c byte) bool {
	switch v.Code {
	case Escapes:
		return f.setEscape(v, i, c)
	case Base64:
		return f.setBase64(v, i, c)
	case UTF16:
		return f.setUnit(v, i, c)
	}
	if i < 0 {
		return true // it has left
	}
	k := i - f.mask.from
	if k < 0 || k >= len(f.mask.with) {
		return false
	}
	f.mask.with[k] = c
	return true
}

// Rewritten returns what the whole text is to have from offset from on. View, valid until the next Rewrite.
func (f *Finder) Rewritten() (from int, with []byte) {
	f.mask.undo()
	return f.mask.from, f.mask.with
}
