package view

import "bytes"

const (
	minDigits = 24 // of a run of base64
	maxLine   = 76 // of it (RFC 2045 §6.8); longer ones are not looked at to their end
	minBegin  = 4  // of what may become one: the fewest that show a byte
	window    = 32 // digits of which it is tried whether they look like text
)

// A run is characters of base64 in a text, with line breaks between them.
type run struct {
	from, end int     // from is negative for what stood in front of the text
	digits    []int32 // where the characters are
	url       bool    // some are of the URL alphabet alone
}

// decode makes v the next view of in that is written in base64; false if there is none.
func (f *Finder) decode(in, v *View) bool {
	for {
		if in.tried == 0 && !in.findRun() && !in.findBegin() {
			return false
		}
		for in.tried < 4 {
			in.tried++
			if f.decodeRun(in, v, in.tried-1) {
				return true
			}
		}
		in.next, in.tried = in.run.end, 0
	}
}

// findRun finds the next run in v, from next on. Where there is none it looks at each 24th byte. The byte in front of i is of no run.
func (v *View) findRun() bool {
	i := v.next
	if i == 0 && v.goesBack() {
		if v.runAt(-v.back()) {
			return true
		}
		i = v.run.end + 1
	}
	for i+minDigits <= len(v.Text) {
		k := i + minDigits - 1
		if sextets[v.Text[k]] > 63 {
			i = k + 1
			continue
		}
		for k > i && sextets[v.Text[k-1]] <= 63 {
			k--
		}
		if v.runAt(k) {
			return true
		}
		i = v.run.end + 1
	}
	return false
}

// findBegin finds what may become a run at the end of a text that goes on: of minBegin characters or more.
func (v *View) findBegin() bool {
	from := len(v.Text)
	if !v.More || v.began {
		return false
	}
	v.began = true
	for from > 0 && len(v.Text)-from < minDigits && sextets[v.Text[from-1]] <= 63 {
		from--
	}
	if from == 0 && v.goesBack() {
		from = -v.back()
	}
	return !v.runAt(from) && len(v.run.digits) >= minBegin && v.run.end == len(v.Text)
}

// goesBack reports whether the text begins in the midst of base64.
func (v *View) goesBack() bool {
	n := len(v.Before)
	return v.parent == nil && n > 0 && len(v.Text) > 0 && sextets[v.Before[n-1]] <= 63 && sextets[v.Text[0]] <= 63
}

// back is how many characters of base64 stand directly in front of the text.
func (v *View) back() int {
	n := 0
	for n < len(v.Before) && sextets[v.Before[len(v.Before)-1-n]] <= 63 {
		n++
	}
	return n
}

// char is the byte at i, which may lie in front of the text.
func (v *View) char(i int) byte {
	if i < 0 {
		return v.Before[len(v.Before)+i]
	}
	return v.Text[i]
}

// runAt reads the run that begins at i, and reports whether it is long enough to be one.
func (v *View) runAt(i int) bool {
	r := run{from: i, digits: v.run.digits[:0]}
	line := 0
	for i < len(v.Text) {
		c := v.char(i)
		if sextets[c] > 63 {
			next := v.lineBreak(i, line)
			if next == 0 {
				break
			}
			i, line = next, 0
			continue
		}
		r.url = r.url || c == '-' || c == '_'
		r.digits = append(r.digits, int32(i))
		line++
		i++
	}
	r.end = i
	v.run = r
	return len(r.digits) >= minDigits
}

// lineBreak returns where the run goes on behind the line break at i, before which a line of so many characters ends; 0 if
// it does not. Lines are of whole quanta, as RFC 2045 §6.8 and RFC 7468 have them; one that begins with two dashes is the boundary of a part
// (RFC 2046 §5.1.1) or the end of a key, though dashes are of the URL alphabet.
func (v *View) lineBreak(i, line int) int {
	if line < minDigits || line%4 != 0 || i < 0 {
		return 0
	}
	if v.Text[i] == '\r' {
		i++
	}
	if i+1 < len(v.Text) && v.Text[i] == '\n' && sextets[v.Text[i+1]] <= 63 && !bytes.HasPrefix(v.Text[i+1:], []byte("--")) && v.wholeLine(i+1) {
		return i + 1
	}
	return 0
}

// wholeLine reports whether what begins at i can be a line of base64: whole quanta, or padded. Else it is a word on the line behind.
func (v *View) wholeLine(i int) bool {
	n := 0
	for n < maxLine && i+n < len(v.Text) && sextets[v.Text[i+n]] <= 63 {
		n++
	}
	return n%4 == 0 || n == maxLine || i+n == len(v.Text) || v.Text[i+n] == '='
}

// decodeRun makes v what the run of in is in one of its alignments; false if that does not look like text.
func (f *Finder) decodeRun(in, v *View, skip int) bool {
	v.digits = in.run.digits[skip:]
	if !v.readable(in) {
		return false
	}
	if !f.afford(len(v.digits)) {
		return false
	}
	v.More = in.More && in.run.end == len(in.Text)
	v.Short = v.More && len(in.run.digits) < minDigits
	whole := len(v.digits) / 4 * 4
	v.bytes = v.bytes[:0]
	for k := 0; k < whole; k += 4 {
		q := in.quantum(v.digits[k:])
		v.bytes = append(v.bytes, byte(q>>16), byte(q>>8), byte(q))
	}
	if rest := v.digits[whole:]; !v.More && len(rest) > 1 {
		q := uint32(sextets[in.char(int(rest[0]))])<<18 | uint32(sextets[in.char(int(rest[1]))])<<12
		v.bytes = append(v.bytes, byte(q>>16))
		if len(rest) > 2 {
			v.bytes = append(v.bytes, byte((q|uint32(sextets[in.char(int(rest[2]))])<<6)>>8))
		}
	}
	v.Text, v.url = v.bytes, in.run.url
	v.Before = in.Text[max(0, in.run.from-Context):max(0, in.run.from)]
	return true
}

// quantum is the 24 bits of the first four characters.
func (v *View) quantum(digits []int32) uint32 {
	q := uint32(0)
	for _, i := range digits[:4] {
		q = q<<6 | uint32(sextets[v.char(int(i))])
	}
	return q
}

// readable reports whether any window of the digits decodes to what looks like text.
func (v *View) readable(in *View) bool {
	if n := len(v.digits) / 4 * 4; len(in.run.digits) < minDigits {
		return n > 0 && in.looksLikeText(v.digits[:n])
	}
	for at := 0; at+minDigits <= len(v.digits); {
		if in.looksLikeText(v.digits[at:min(len(v.digits), at+window)]) {
			return true
		}
		switch {
		case at < 64:
			at += 8
		case at < 1024:
			at += 64
		default:
			at += 1024
		}
	}
	return false
}

// looksLikeText reports whether digits decode to ASCII, or to ASCII in UTF-16, for nine bytes in ten.
func (v *View) looksLikeText(digits []int32) bool {
	bad, zeros, all := 0, 0, len(digits)/4*3
	for k := 0; k+4 <= len(digits); k += 4 {
		q := v.quantum(digits[k:])
		for shift := 16; shift >= 0; shift -= 8 {
			if c := byte(q >> shift); c == 0 {
				zeros++
			} else if !isText(c) {
				bad++
			}
		}
		if 10*bad > all {
			return false
		}
	}
	return 10*(bad+zeros) <= all || 5*zeros >= 2*all && 5*zeros <= 3*all
}

// setBase64 overwrites the two characters that byte i is written in.
func (f *Finder) setBase64(v *View, i int, c byte) bool {
	f.mask.was = append(f.mask.was, change{v, i, v.bytes[i]})
	v.bytes[i] = c
	k := firstDigit(i)
	q := uint32(0)
	for n := i / 3 * 3; n < i/3*3+3; n++ {
		q <<= 8
		if n < len(v.bytes) {
			q |= uint32(v.bytes[n])
		}
	}
	for ; k <= firstDigit(i)+1; k++ {
		if !f.Set(v.parent, int(v.digits[k]), v.letter(byte(q>>(18-6*(k%4)))&63)) {
			return false
		}
	}
	return true
}

// letter is how the view's alphabet writes six bits.
func (v *View) letter(sextet byte) byte {
	switch {
	case sextet < 62:
		return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[sextet]
	case v.url:
		return "-_"[sextet-62]
	}
	return "+/"[sextet-62]
}

// sextets is the value of a character of either alphabet; 255 for other bytes.
var sextets = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range byte(26) {
		t['A'+i], t['a'+i] = i, 26+i
	}
	for i := range byte(10) {
		t['0'+i] = 52 + i
	}
	t['+'], t['-'], t['/'], t['_'] = 62, 62, 63, 63
	return t
}()
