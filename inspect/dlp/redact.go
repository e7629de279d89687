package dlp

import "github.com/weir-project/weir/inspect/dlp/detect"

// announcements stand before a number that somebody tells without what stood around it: they are words of context of all kinds of numbers, in as
// many texts as it takes for each to be within detect.ContextBytes.
var announcements = [][]byte{
	[]byte("card iban nhs sin steuerid nir dni cpf aadhaar pesel bsn: "),
	[]byte("personnummer tfn itin ssn: "),
}

// Redact implements inspect.RedactInspector: values in names that clients ask for, or in whatever else others
// tell, show nothing. It does not know what stood around such a name, so it rather takes a number for a value.
func (d *Inspector) Redact(text []byte) {
	d.redact(nil, text)
	for i := 0; i < len(text); {
		end := numberEnd(text, i)
		for _, before := range announcements {
			if end-i >= minNumber {
				d.redact(before, text[i:end])
			}
		}
		i = max(end, i+1)
	}
	for i := range d.own {
		o := &d.own[i]
		o.reset(nil, text, false)
		for off, end, ok := o.next(); ok; off, end, ok = o.next() {
			appendMasked(text[:off], text[off:end], 0, 'X')
		}
	}
}

// redact overwrites the values that detectors find.
func (d *Inspector) redact(before, text []byte) {
	d.names.Reset(before, text, false)
	for m, ok := d.names.Next(); ok; m, ok = d.names.Next() {
		if !d.set.allowed(d.names.Value()) {
			detect.AppendMasked(text[:m.Off], text[m.Off:m.End], m.Kind, 0, 'X')
		}
	}
}

// minNumber is the digits and separators of the shortest number.
const minNumber = 8

// numberEnd is where the number ends that begins at i: digits with single spaces or dashes between them. It is i if there is none.
func numberEnd(b []byte, i int) int {
	end := i
	for ; i < len(b); i++ {
		switch {
		case b[i]-'0' < 10:
			end = i + 1
		case b[i] != ' ' && b[i] != '-' || end != i:
			return end
		}
	}
	return end
}
