package view

import "encoding/binary"

// minStretch is bytes of the shortest text that a value may be.
const minStretch = 3

// near is where Stretch was last: what lies between is in one stretch.
type near struct {
	from, to int
	mark     int // the first one that may be behind it
}

const (
	spaces = ' ' * 0x0101010101010101
	tops   = 0x8080808080808080
)

// Stretch returns the first place at or after i, in a view of escapes, from which on there is a stretch of text in which something is written as an
// escape: without control characters but white space, and of bytes beyond ASCII only those that may be of UTF-8 in two or three bytes. What stands elsewhere stands in the parent as well,
// except that there is more or less between. The last stretch is one in any case. It is the length of the text if there is none.
//
// It is fast if i does not decrease.
func (v *View) Stretch(i int) int {
	n := &v.near
	if i < n.from {
		*n = near{}
	}
	for ; n.mark < len(v.marks) && int(v.marks[n.mark].off) < i; n.mark++ {
		if at := int(v.marks[n.mark].off); at >= n.to && v.inStretch(at) {
			n.from, n.to = at, at+1
		}
	}
	if n.to > 0 && v.goesOn(i) {
		return i
	}
	for ; n.mark < len(v.marks); n.mark++ {
		at := int(v.marks[n.mark].off)
		if !v.inStretch(at) { // what ends there has another end than in the parent
			if from := v.stretchFrom(i, at); at-from >= minStretch {
				n.from, n.to = from, at
				return from
			}
			continue
		}
		if from := v.stretchFrom(i, at); from == i || v.stretches(from, at) {
			n.from, n.to = from, at+1
			return from
		}
	}
	n.from, n.to = v.stretchFrom(i, len(v.Text)), len(v.Text)
	return n.from
}

func (v *View) inStretch(i int) bool {
	c := v.Text[i]
	switch {
	case c < 0x80:
		return c >= ' ' || c-'\t' < 5
	case c < 0xc0:
		return i > 0 && v.Text[i-1] >= 0x80 && v.Text[i-1] < 0xf0
	}
	return c < 0xf0 && i+1 < len(v.Text) && v.Text[i+1]&0xc0 == 0x80
}

// goesOn reports whether i lies in the stretch that was found last.
func (v *View) goesOn(i int) bool {
	n := &v.near
	for ; n.to+8 <= i; n.to += 8 {
		if x := binary.LittleEndian.Uint64(v.Text[n.to:]); (x|(x-spaces))&tops != 0 {
			break
		}
	}
	for n.to <= i && n.to < len(v.Text) && v.inStretch(n.to) {
		n.to++
	}
	return i < n.to
}

// stretches reports whether the stretch that begins at from and goes on at at is long enough.
func (v *View) stretches(from, at int) bool {
	for at < len(v.Text) && at-from < minStretch && v.inStretch(at) {
		at++
	}
	return at-from >= minStretch
}

// stretchFrom returns where the stretch begins that ends at end, but not before i.
func (v *View) stretchFrom(i, end int) int {
	for {
		for ; end-8 >= i; end -= 8 {
			if x := binary.LittleEndian.Uint64(v.Text[end-8:]); (x|(x-spaces))&tops != 0 {
				break
			}
		}
		for range 8 {
			if end == i || !v.inStretch(end-1) {
				return end
			}
			end--
		}
	}
}
