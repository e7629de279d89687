package view

// A Finder finds the views of texts, one text after the other. It keeps memory for MaxDepth views of the longest text that it saw: 9 bytes for each
// of theirs at most.
type Finder struct {
	levels [MaxDepth + 1]View
	depth  int // of the view that Next returned last
	begun  bool
	left   int // bytes of views that may be made yet
	mask   rewriting

	// Exhausted says that the text had more in it than Finder is ready to look at: views of maxViews times its length.
	Exhausted bool
}

// maxViews bounds the views of one text. One that is coded thrice has less than three times its length in views; more has who makes each
// alignment of each code look like text.
const maxViews = 4

// Begin begins a text: before is what stood in front of it, more says that it goes on.
func (f *Finder) Begin(before, text []byte, more bool) {
	f.mask.undo()
	root := &f.levels[0]
	root.Code, root.Text, root.More, root.parent = Plain, text, more, nil
	root.Before = before[max(0, len(before)-Context):]
	root.restart()
	f.depth, f.begun = 0, false
	f.left, f.Exhausted = maxViews*len(text)+maxViews*Context, false
}

// afford takes n bytes from those that views may have.
func (f *Finder) afford(n int) bool {
	if n > f.left {
		f.Exhausted = true
		return false
	}
	f.left -= n
	return true
}

// restart looks for views in v from its beginning.
func (v *View) restart() { v.next, v.stage, v.tried, v.began = 0, Escapes, 0, false }

// Next returns the next view, first the text itself; nil if there is none.
func (f *Finder) Next() *View {
	f.mask.undo()
	if !f.begun {
		f.begun = true
		return &f.levels[0]
	}
	if f.depth < MaxDepth && f.inside() {
		f.depth++
		return &f.levels[f.depth]
	}
	for ; f.depth > 0; f.depth-- {
		f.depth--
		if f.inside() {
			f.depth++
			return &f.levels[f.depth]
		}
		f.depth++
	}
	return nil
}

// inside makes the next level the next view that lies in the present one.
func (f *Finder) inside() bool {
	in, v := &f.levels[f.depth], &f.levels[f.depth+1]
	for ; in.stage <= UTF16; in.stage, in.next, in.tried = in.stage+1, 0, 0 {
		found := false
		switch in.stage {
		case Escapes:
			found = in.next == 0 && f.unescape(in, v)
			in.next = 1
		case Base64:
			found = f.decode(in, v)
		case UTF16:
			found = f.narrow(in, v)
		}
		if found {
			v.Code, v.parent, v.Short = in.stage, in, v.Short && in.stage == Base64 || in.Short
			v.restart()
			return true
		}
	}
	return false
}
