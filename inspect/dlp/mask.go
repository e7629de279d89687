package dlp

import (
	"crypto/sha256"

	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/inspect/dlp/view"
)

// This file makes what takes the place of values.

// keepMask keeps what takes the place of the value v.Text[m.Off:m.End], as long as that unless the rule says what stands there, and it may.
func (d *Inspector) keepMask(v *view.View, m detect.Match, r *rule, value []byte, goesOn bool) part {
	text := v.Text[m.Off:m.End]
	switch {
	case r.with != "":
		return d.keepText(r, len(text), d.look.resizable && v.Code == view.Plain, goesOn)
	case r.pseudonym:
		if p, ok := d.keepPseudonym(v, m, r, value); ok {
			return p
		}
	}
	return d.keepMasked(text, r, r.keep, r.char)
}

func (d *Inspector) keepMasked(text []byte, r *rule, keep int, char byte) part {
	p := part{off: len(d.bytes)}
	if r.own != nil {
		d.bytes = appendMasked(d.bytes, text, keep, char)
	} else {
		d.bytes = detect.AppendMasked(d.bytes, text, r.kind, keep, char)
	}
	p.end = len(d.bytes)
	return p
}

// keepText keeps the text of r that stands for n bytes. Where its length is free, what only goes on has nothing in its place.
func (d *Inspector) keepText(r *rule, n int, free, goesOn bool) part {
	p := part{off: len(d.bytes)}
	switch {
	case free && !goesOn:
		d.bytes = append(d.bytes, r.with...)
	case !free:
		d.bytes = append(d.bytes, r.with[:min(n, len(r.with))]...)
		for len(d.bytes) < p.off+n {
			d.bytes = append(d.bytes, r.char)
		}
	}
	p.end = len(d.bytes)
	return p
}

// maxDraws is how many pseudonyms are tried: one in ten is a number with a right check digit.
const maxDraws = 8

// keepPseudonym keeps a pseudonym of a value. It reports false if it draws nothing but what may be somebody's number.
func (d *Inspector) keepPseudonym(v *view.View, m detect.Match, r *rule, value []byte) (part, bool) {
	for draw := range byte(maxDraws) {
		p := d.keepMasked(v.Text[m.Off:m.End], r, r.keep, hidden)
		name := d.bytes[p.off:p.end]
		d.pseudonym(name, v.Text[m.Off:m.End], value, draw)
		if r.own != nil || !d.isNumber(name) {
			return p, true
		}
		d.bytes = d.bytes[:p.off]
	}
	return part{}, false
}

// hidden is what stands for a character that is to be drawn; it is in no value.
const hidden = 0

// pseudonym draws the hidden characters of name, each of the sort of the one in text: from a stream of HMACs of the value. A number that does not begin
// with 0 does not begin with 0 then.
func (d *Inspector) pseudonym(name, text, value []byte, draw byte) {
	var stream [sha256.Size]byte
	left := stream[:0]
	block := byte(0)
	for i, c := range name {
		if c != hidden {
			continue
		}
		if len(left) == 0 {
			d.salted = append(append(append(d.salted[:0], "pseudonym"...), draw, block), value...)
			stream, d.hashed = d.set.names.sum(d.hashed, d.salted)
			left = stream[:]
			block++
		}
		name[i] = another(text[i], left[0], i == 0)
		left = left[1:]
	}
}

// another is a character of the sort of c, drawn by a byte.
func another(c, by byte, first bool) byte {
	switch {
	case first && c-'1' < 9:
		return '1' + by%9
	case c-'0' < 10:
		return '0' + by%10
	case c-'A' < 26:
		return 'A' + by%26
	case c-'a' < 26 || c >= 0x80:
		return 'a' + by%26
	}
	return c
}

// isNumber reports whether name has a right check digit, whatever it is to stand behind: the same value is to have the same pseudonym everywhere.
func (d *Inspector) isNumber(name []byte) bool {
	d.names.By(checkedOnly{})
	defer d.names.By(nil)
	for _, before := range announcements {
		d.names.Reset(before, name, false)
		if _, ok := d.names.Next(); ok {
			return true
		}
	}
	return false
}

// checkedOnly is a detect.Judge for whom nothing but values with check digits counts.
type checkedOnly struct{}

// Weigh implements detect.Judge.
func (checkedOnly) Weigh(m detect.Match, _ []byte) detect.Weight {
	if checked[m.Kind] {
		return detect.Told
	}
	return detect.None
}

// checked says, by detect.Kind, whose values have check digits.
var checked = func() (all []bool) {
	for _, i := range detect.Bundled() {
		all = append(all, i.Class == "check-digit")
	}
	return all
}()

// recode returns what a masked value is in the codes that the view is written in.
func (d *Inspector) recode(v *view.View, m detect.Match, masked part) (coded part, unable bool) {
	if !d.finder.Rewrite(v, m.Off, m.End) {
		return part{}, true
	}
	for i, c := range d.bytes[masked.off:masked.end] {
		if at := m.Off + i; c != v.Text[at] && !d.finder.Set(v, at, c) {
			return part{}, true
		}
	}
	_, with := d.finder.Rewritten()
	return d.keep(with), false
}
