package view

import (
	"bytes"
	"encoding/binary"
)

const minUnits = 8 // characters of UTF-16

// narrow makes v the next view of in that is written in UTF-16, of either byte order; false if there is none.
func (f *Finder) narrow(in, v *View) bool {
	text := in.Text
	for i := in.next; i < len(text); {
		k := bytes.IndexByte(text[i:], 0)
		if k < 0 {
			break
		}
		i += k
		from := i // high byte first
		if i > in.next && isText(text[i-1]) {
			from = i - 1
		}
		end := unitsEnd(text, from)
		in.next = max(end, zerosEnd(text, i)-1, i+1)
		if (end-from)/2 >= minUnits && f.afford((end-from)/2) {
			v.units(in, from, end)
			return true
		}
		i = in.next
	}
	in.next = len(text)
	return false
}

// zerosEnd is where the zeros end that begin at i.
func zerosEnd(text []byte, i int) int {
	for i+8 <= len(text) && binary.LittleEndian.Uint64(text[i:]) == 0 {
		i += 8
	}
	for i < len(text) && text[i] == 0 {
		i++
	}
	return i
}

// unitsEnd returns where the units end that begin at from: pairs of a character and a zero, all in one order.
func unitsEnd(text []byte, from int) int {
	low := 0
	if text[from] == 0 {
		low = 1
	}
	i := from
	for i+1 < len(text) && isText(text[i+low]) && text[i+1-low] == 0 {
		i += 2
	}
	return i
}

func isText(c byte) bool { return c >= ' ' && c < 0x7f || c == '\n' || c == '\r' || c == '\t' }

// texts is isText by byte.
var texts = func() (t [256]bool) {
	for c := range t {
		t[c] = isText(byte(c))
	}
	return t
}()

// units makes v the low bytes of in[from:end].
func (v *View) units(in *View, from, end int) {
	v.bytes, v.from = v.bytes[:0], from
	low := 0
	if in.Text[from] == 0 {
		low = 1
	}
	for i := from + low; i < end; i += 2 {
		v.bytes = append(v.bytes, in.Text[i])
	}
	v.Text = v.bytes
	v.Before, v.More = in.Text[max(0, from-Context):from], in.More && end+1 >= len(in.Text)
}

// setUnit overwrites the character of byte i.
func (f *Finder) setUnit(v *View, i int, c byte) bool {
	at := v.from + 2*i
	if v.parent.Text[at] == 0 {
		at++
	}
	v.bytes[i] = c
	return f.Set(v.parent, at, c)
}
