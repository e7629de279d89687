package view

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// EscapeAt returns where in text the escape begins that byte i belongs to, behind its first byte; i if there is none.
func EscapeAt(text []byte, i int) int {
	var b [4]byte
	for k := max(0, i-maxEscape+1); k < i && i < len(text); k++ {
		if mayEscape[text[k]] && text[k] != '+' {
			if _, width := escape(text[k:], false, &b); k+width > i {
				return k
			}
		}
	}
	return i
}

// maxEscape is the longest escape: &#x10ffff; with some zeros.
const maxEscape = 12

// A mark is an escape that is shown from off on, and that the parent writes at at.
type mark struct{ off, at int32 }

// unescape makes v the view of in without escapes; false if there are none.
func (f *Finder) unescape(in, v *View) bool {
	if !hasEscape(in.Text, in.More) && !in.stoodEscape() || !f.afford(len(in.Text)) {
		return false
	}
	v.bytes, v.marks, v.near = v.bytes[:0], v.marks[:0], near{}
	for i := v.copied(in.Text, 0); i < len(in.Text); {
		var b [4]byte
		n, width := escape(in.Text[i:], in.More, &b)
		if width == 0 { // cut by the end
			break
		}
		if in.Text[i] == '+' && !spaced(in.Before, in.Text, i) {
			b[0] = '+'
		}
		if width > 1 || b[0] != in.Text[i] {
			v.marks = append(v.marks, mark{int32(len(v.bytes)), int32(i)})
		}
		v.bytes = append(v.bytes, b[:n]...)
		i = v.copied(in.Text, i+width)
	}
	v.Text, v.More = v.bytes, in.More
	v.before(in)
	if len(v.marks) == 0 && len(v.bytes) > 0 { // what is written as an escape stands in front: something begins here
		v.marks = append(v.marks, mark{})
	}
	return true
}

// stoodEscape reports whether what stood in front of the text, or a plus sign between the two, may say something else without escapes.
func (v *View) stoodEscape() bool {
	n := len(v.Before)
	switch {
	case v.parent != nil || n == 0 || len(v.Text) == 0:
		return false
	case n > 1 && v.Before[n-1] == '+' && v.Before[n-2] > ' ' && leads(v.Text, v.More):
		return true
	case v.Text[0] == '+' && v.Before[n-1] > ' ' && leads(v.Text[1:], v.More):
		return true
	}
	return hasEscape(v.Before, false)
}

// before is what stood in front of the view of in, without escapes as well.
func (v *View) before(in *View) {
	v.stood = v.stood[:0]
	for i := 0; i < len(in.Before); {
		var b [4]byte
		n, width := escape(in.Before[i:], false, &b)
		if in.Before[i] == '+' && !spaced(nil, in.Before, i) {
			b[0] = '+'
		}
		v.stood = append(v.stood, b[:n]...)
		i += width
	}
	v.Before = v.stood
}

// spaced reports whether the plus sign at i of a text stands for a space: where spaces are written so, there is none in front of it.
func spaced(before, text []byte, i int) bool {
	if i == 0 {
		text, i = before, len(before)
	}
	return i > 0 && text[i-1] > ' '
}

// copied appends text from i on, up to where the next escape can begin, and returns where that is.
func (v *View) copied(text []byte, i int) int {
	from := i
	for i+8 <= len(text) && !mayEscapeIn(binary.LittleEndian.Uint64(text[i:])) {
		i += 8
	}
	for i < len(text) && !mayEscape[text[i]] {
		i++
	}
	v.bytes = append(v.bytes, text[from:i]...)
	return i
}

// mayEscape is the bytes that an escape may begin with.
var mayEscape = [256]bool{'%': true, '\\': true, '&': true, '+': true}

// mayEscapeIn reports whether one of eight bytes is one of those, by the classic test for a zero (Hacker's Delight §6-1).
func mayEscapeIn(x uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	a, b, c, d := x^'%'*ones, x^'\\'*ones, x^'&'*ones, x^'+'*ones
	return ((a-ones)&^a|(b-ones)&^b|(c-ones)&^c|(d-ones)&^d)&tops != 0
}

// written is where the parent has the byte i of a view without escapes, or goes on behind the last one.
func (v *View) written(i int) int {
	k, _ := slices.BinarySearchFunc(v.marks, i, func(m mark, i int) int { return cmp.Compare(int(m.off), i+1) })
	if k == 0 {
		return i
	}
	off, at := int(v.marks[k-1].off), int(v.marks[k-1].at)
	var b [4]byte
	n, width := escape(v.parent.Text[at:], false, &b)
	if i < off+n {
		return at
	}
	return at + width + i - off - n
}

// hasEscape reports whether there are escapes in a text. One that the end cuts is one if the text goes on; a plus sign is one between digits, and in front of
// three that no space stands before: in base64 it is everywhere, and behind spaces it belongs to times and phone numbers.
func hasEscape(text []byte, more bool) bool {
	for _, c := range []byte(`%\&+`) {
		for i := 0; i < len(text); i++ {
			k := bytes.IndexByte(text[i:], c)
			if k < 0 {
				break
			}
			var b [4]byte
			if i += k; c != '+' {
				if _, width := escape(text[i:], more, &b); width != 1 {
					return true
				}
			} else if i > 0 && i+1 < len(text) && isDigit(text[i-1]) && isDigit(text[i+1]) || i > 0 && text[i-1] > ' ' && leads(text[i+1:], more) {
				return true
			}
		}
	}
	return false
}

// leads reports whether text begins with three digits, or may when it goes on.
func leads(text []byte, more bool) bool {
	for k := range 3 {
		if k == len(text) {
			return more
		}
		if !isDigit(text[k]) {
			return false
		}
	}
	return true
}

// escape puts what text begins with into b, n bytes that are written in width; width is 0 if that is cut by the end of a text that goes on.
func escape(text []byte, more bool, b *[4]byte) (n, width int) {
	b[0] = text[0]
	switch text[0] {
	case '%':
		return hexEscape(text, 1, 2, more, b)
	case '\\':
		return backslash(text, more, b)
	case '&':
		return reference(text, more, b)
	case '+':
		b[0] = ' '
	}
	return 1, 1
}

// hexEscape reads digits hexadecimal ones behind a prefix. What is not so written stands for itself.
func hexEscape(text []byte, prefix, digits int, more bool, b *[4]byte) (n, width int) {
	value := rune(0)
	for i := prefix; i < prefix+digits; i++ {
		if i == len(text) {
			return cut(more)
		}
		d := fromHex[text[i]]
		if d > 15 {
			return 1, 1
		}
		value = value<<4 | rune(d)
	}
	if digits == 2 {
		b[0] = byte(value)
		return 1, prefix + digits
	}
	return encode(b, value), prefix + digits
}

// cut is the answer to an escape that the end of the text cuts.
func cut(more bool) (n, width int) {
	if more {
		return 0, 0
	}
	return 1, 1
}

// backslash reads an escape of JSON (RFC 8259 §7), JavaScript and C.
func backslash(text []byte, more bool, b *[4]byte) (n, width int) {
	if len(text) == 1 {
		return cut(more)
	}
	switch c := text[1]; c {
	case 'u':
		return hexEscape(text, 2, 4, more, b)
	case 'x':
		return hexEscape(text, 2, 2, more, b)
	case 'n', 'r', 't':
		b[0] = ' ' // all are white space
	case '"', '\'', '/', '\\':
		b[0] = c
	default:
		return 1, 1
	}
	return 1, 2
}

// reference reads a character reference by number (HTML §13.5).
func reference(text []byte, more bool, b *[4]byte) (n, width int) {
	base, i := rune(10), 2
	switch {
	case len(text) == 1:
		return cut(more)
	case text[1] != '#':
		return 1, 1
	}
	if len(text) > 2 && text[2]|0x20 == 'x' {
		base, i = 16, 3
	}
	value, from := rune(0), i
	for ; i < len(text) && i < maxEscape; i++ {
		d := rune(fromHex[text[i]])
		if d >= base {
			break
		}
		value = min(value*base+d, 0x110000)
	}
	switch {
	case i == len(text):
		return cut(more)
	case text[i] != ';' || i == from || value > 0x10ffff:
		return 1, 1
	}
	return encode(b, value), i + 1
}

// setEscape overwrites the escape that byte i is written in.
func (f *Finder) setEscape(v *View, i int, c byte) bool {
	from, to := v.span(i, i+1)
	written := v.parent.Text[from:to]
	switch {
	case to-from == 1:
		return f.Set(v.parent, from, c)
	case to-from == 3 && written[0] == '%', to-from == 4 && written[1] == 'x', to-from == 6 && written[1] == 'u' && written[2] == '0' && written[3] == '0':
		const digits = "0123456789ABCDEF"
		return f.Set(v.parent, to-2, digits[c>>4]) && f.Set(v.parent, to-1, digits[c&15])
	case written[0] == '&':
		return f.setReference(v, from, to-1, c)
	}
	return false
}

// setReference writes the number of c right-aligned into the reference at [from, end), which ends with a semicolon behind it.
func (f *Finder) setReference(v *View, from, end int, c byte) bool {
	base, first := byte(10), from+2
	if v.parent.Text[first]|0x20 == 'x' {
		base, first = 16, first+1
	}
	for at := end - 1; at >= first; at-- {
		if !f.Set(v.parent, at, "0123456789abcdef"[c%base]) {
			return false
		}
		c /= base
	}
	return c == 0
}

// encode puts r into b in UTF-8, and returns its length.
func encode(b *[4]byte, r rune) int {
	return utf8.EncodeRune(b[:], r)
}

// fromHex is the value of a hexadecimal digit; 255 for other bytes.
var fromHex = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range byte(10) {
		t['0'+i] = i
	}
	for i := range byte(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

func isDigit(c byte) bool { return c-'0' < 10 }
