package dlp

import "github.com/weir-project/weir/inspect/dlp/view"

// announcements stand before a number that somebody tells without what stood around it: they are words of context of all kinds of numbers, in as
// many texts as it takes for each to be within detect.ContextBytes.
var announcements = [][]byte{
	[]byte("card iban nhs sin steuerid nir dni cpf aadhaar pesel bsn: "),
	[]byte("personnummer tfn itin ssn: "),
}

// Redact implements inspect.RedactInspector: values in names that clients ask for, or in whatever else others
// tell, show nothing, whatever they are written in. It does not know what stood around such a name, so it rather takes a number for a value.
func (d *Inspector) Redact(text []byte) {
	d.finder.Begin(nil, text, false)
	for v := d.finder.Next(); v != nil; v = d.finder.Next() {
		d.redact(text, v, v.Before, 0, len(v.Text))
		for i := 0; i < len(v.Text); {
			end := numberEnd(v.Text, i)
			for _, before := range announcements {
				if end-i >= minNumber {
					d.redact(text, v, before, i, end)
				}
			}
			i = max(end, i+1)
		}
		for i := range d.own {
			o := &d.own[i]
			o.reset(v.Before, v.Text, false)
			for off, end, ok := o.next(); ok; off, end, ok = o.next() {
				hide(text, v, off, end)
			}
		}
	}
}

// redact overwrites in text the values that detectors find in bytes [from, to) of a view of it.
func (d *Inspector) redact(text []byte, v *view.View, before []byte, from, to int) {
	d.names.Reset(before, v.Text[from:to], false)
	for m, ok := d.names.Next(); ok; m, ok = d.names.Next() {
		if !d.set.allowed(d.names.Value()) {
			hide(text, v, from+m.Off, from+m.End)
		}
	}
}

// hide overwrites what [off, end) of a view of a text is written in, but for what stands between letters and digits of most values.
func hide(text []byte, v *view.View, off, end int) {
	from, to := v.Source(off, end)
	for i := max(from, 0); i < to; i++ {
		switch text[i] {
		case ' ', '-', '.', '/', ':', '@', '%':
		default:
			text[i] = 'X'
		}
	}
}

// minNumber is the digits and separators of the shortest number.
const minNumber = 8

// numberEnd is where the number ends that begins at i: words with digits in them, and behind the first one letters that stand alone, with single spaces or
// dashes between them, as national numbers have them. It is i if there is none.
func numberEnd(b []byte, i int) int {
	end := i
	if i > 0 && isAlnum(b[i-1]) {
		return i
	}
	for k := i; k < len(b); k++ {
		from, digits := k, false
		for ; k < len(b) && isAlnum(b[k]); k++ {
			digits = digits || b[k] <= '9'
		}
		if k == from || !digits && (from == i || k-from > 1) {
			break
		}
		if end = k; k < len(b) && b[k] != ' ' && b[k] != '-' {
			break
		}
	}
	return end
}

func isAlnum(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 26 }
