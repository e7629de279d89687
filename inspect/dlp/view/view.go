// Package view shows the texts that lie in a text: what percent signs, backslashes and character references stand for, what is
// written in base64, what is written in UTF-16; and those in these, to a depth of MaxDepth. Each view knows where in the text its bytes came
// from, and a byte of it can be overwritten there, in the same code and the same length.
//
// Base64 (RFC 4648 §4 and §5) is 24 characters of either alphabet or more, with or without padding and line breaks, that decode to
// what looks like text; each of the four alignments is tried, so characters in front of it do not hide it. UTF-16 is ASCII with every other
// byte zero, eight characters or more. A plus sign is also shown as the space that it is in forms.
//
// It does not undo compression, encryption, uuencode, hexadecimal, or quoted-printable.
package view

// MaxDepth is how many codes lie in one another.
const MaxDepth = 3

// Context is how many bytes in front of a view are shown at most.
const Context = 64

// A Code is how a view is written in the text that it lies in.
type Code uint8

const (
	Plain   Code = iota // the text itself
	Escapes             // percent signs, backslashes, character references, plus signs
	Base64
	UTF16
)

var names = [...]string{"plain", "escapes", "base64", "utf-16"}

// String is the code's name in events.
func (c Code) String() string { return names[c] }

// A View is a text. It is its Finder's, and valid until the Finder's next Next.
type View struct {
	Code   Code
	Text   []byte // read-only view
	Before []byte // read-only view of what stood in front of it, at most Context bytes
	More   bool   // it goes on behind the end of the text
	Short  bool   // it is the begin of what may become a view, and is none yet: what is open at its end is to wait

	parent *View
	marks  []mark // Escapes: those that are not written as themselves, in order
	near   near   // Escapes: what Stretch has found
	from   int    // UTF16: where in the parent it begins
	source run    // Base64: the characters in the parent
	skip   int    // Base64: of how many of them nothing is shown

	bytes []byte // memory of Text, iff not Plain
	stood []byte // memory of Before, iff Escapes
	next  int    // where in Text the next view in it is looked for
	stage Code   // of which code
	began bool   // the end of Text was looked at for the begin of a view
	tried int    // alignments that were, of the run of Base64 at next
	run   run
}

// A Path is the codes from the text to a view, outermost first; Plain behind the last one.
type Path [MaxDepth]Code

// Path returns the codes that the view is written in.
func (v *View) Path() (p Path) {
	for n := v.Depth(); v.parent != nil; v = v.parent {
		n--
		p[n] = v.Code
	}
	return p
}

// Append appends the path as text: "escapes/base64"; nothing for the text itself.
func (p Path) Append(dst []byte) []byte {
	for i, c := range p {
		if c == Plain {
			break
		}
		if i > 0 {
			dst = append(dst, '/')
		}
		dst = append(dst, c.String()...)
	}
	return dst
}

// Depth is how many codes the view is written in.
func (v *View) Depth() int {
	n := 0
	for ; v.parent != nil; v = v.parent {
		n++
	}
	return n
}

// Source returns the bytes [from, to) of the whole text that [off, end) of the view came from. From is negative where that was in front of the
// text.
func (v *View) Source(off, end int) (from, to int) {
	from, to = off, end
	for ; v.parent != nil; v = v.parent {
		from, to = v.span(from, to)
		if from < 0 {
			return from, max(from, to)
		}
	}
	return from, to
}

// Parent returns the text that the view lies in, and which of its bytes [off, end) of the view came from. The view must not be the text itself.
func (v *View) Parent(off, end int) (from, to int, parent *View) {
	from, to = v.span(off, end)
	return from, to, v.parent
}

// span is Source by one code.
func (v *View) span(off, end int) (from, to int) {
	switch v.Code {
	case Escapes:
		return v.written(off), v.written(end)
	case UTF16:
		return v.from + 2*off, v.from + 2*end
	}
	if off == end {
		return v.digit(off), v.digit(off)
	}
	return v.digit(off), v.source.place(v.skip+firstDigit(end-1)+1) + 1
}

// digit is where the first character of byte i is in the parent; for i at the end, where the next one would be.
func (v *View) digit(i int) int {
	if k := v.skip + firstDigit(i); k < v.source.len() {
		return v.source.place(k)
	}
	return v.source.place(v.source.len()-1) + 1
}

// firstDigit is the first of the two characters of base64 in which byte i is written.
func firstDigit(i int) int { return i/3*4 + i%3 }

// Coded reports whether a byte in [off, end) is written otherwise than as itself. What is not was seen in the view that this one lies in.
func (v *View) Coded(off, end int) bool {
	if v.Code != Escapes {
		return v.Code != Plain
	}
	from, to := v.span(off, end)
	if to-from != end-off {
		return true
	}
	for i := off; i < end; i++ {
		if v.Text[i] != v.parent.Text[from+i-off] {
			return true
		}
	}
	return false
}
