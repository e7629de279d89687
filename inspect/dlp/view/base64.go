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
	lines     bool    // there are line breaks in it
	places    []int32 // where the characters are, iff lines
}

// len is how many characters of base64 the run has.
func (r *run) len() int {
	if r.lines {
		return len(r.places)
	}
	return r.end - r.from
}

// place is where the k-th character of the run is.
func (r *run) place(k int) int {
	if r.lines {
		return int(r.places[k])
	}
	return r.from + k
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
		from, end := digitsAround(v.Text, i)
		if end-from >= minDigits {
			v.runAt(from)
			return true
		}
		i = end + 1
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
	if from < v.next {
		return false // of the run that was found last
	}
	if from == 0 && v.goesBack() {
		from = -v.back()
	}
	return !v.runAt(from) && v.run.len() >= minBegin && v.run.end == len(v.Text)
}

// digitsAround returns the characters of base64 around the 24th byte from i on, from i on and as many as a run needs. If those are none, both are
// where that byte is.
func digitsAround(text []byte, i int) (from, end int) {
	end = i + minDigits - 1
	if sextets[text[end]] > 63 {
		return end, end
	}
	for from = end; from > i && sextets[text[from-1]] <= 63; {
		from--
	}
	for text = text[:min(len(text), from+minDigits)]; end < len(text) && sextets[text[end]] <= 63; {
		end++
	}
	return from, end
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
	from, end := i, v.lineEnd(i)
	v.run = run{from: i, end: end, places: v.run.places[:0]}
	for next := v.lineBreak(end, end-from); next > 0; next = v.lineBreak(end, end-from) {
		v.run.append(from, end)
		from, end = next, v.lineEnd(next)
		v.run.lines, v.run.end = true, end
	}
	if v.run.lines {
		v.run.append(from, end)
	}
	return v.run.len() >= minDigits
}

// append appends the characters [from, end).
func (r *run) append(from, end int) {
	for i := from; i < end; i++ {
		r.places = append(r.places, int32(i))
	}
}

// lineEnd returns where the characters of base64 end that begin at i.
func (v *View) lineEnd(i int) int {
	for i < 0 && sextets[v.char(i)] <= 63 {
		i++
	}
	if i < 0 {
		return i
	}
	t, s := v.Text, &sextets
	for i+8 <= len(t) && s[t[i]]|s[t[i+1]]|s[t[i+2]]|s[t[i+3]]|s[t[i+4]]|s[t[i+5]]|s[t[i+6]]|s[t[i+7]] <= 63 {
		i += 8
	}
	for i < len(t) && s[t[i]] <= 63 {
		i++
	}
	return i
}

// lineBreak returns where the run goes on behind the line break at i, before which a line of so many characters ends; 0 if
// it does not. Lines are of whole quanta, as RFC 2045 §6.8 and RFC 7468 have them; one that begins with two dashes is the boundary of a part
// (RFC 2046 §5.1.1) or the end of a key, though dashes are of the URL alphabet.
func (v *View) lineBreak(i, line int) int {
	if line < minDigits || line%4 != 0 || i < 0 || i == len(v.Text) {
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
	n := in.run.len() - skip
	if !in.readable(skip, n) || !f.afford(n) {
		return false
	}
	v.source, v.skip = in.run, skip
	v.More = in.More && in.run.end == len(in.Text)
	v.Short = v.More && in.run.len() < minDigits
	whole := skip + n/4*4
	v.bytes = v.bytes[:0]
	for k := skip; k < whole; k += 4 {
		q := in.quantum(k)
		v.bytes = append(v.bytes, byte(q>>16), byte(q>>8), byte(q))
	}
	if rest := n % 4; !v.More && rest > 1 {
		q := in.sextet(whole)<<18 | in.sextet(whole+1)<<12
		v.bytes = append(v.bytes, byte(q>>16))
		if rest > 2 {
			v.bytes = append(v.bytes, byte((q|in.sextet(whole+2)<<6)>>8))
		}
	}
	v.Text = v.bytes
	v.Before = in.Text[max(0, in.run.from-Context):max(0, in.run.from)]
	return true
}

// sextet is the value of the k-th character of the run.
func (v *View) sextet(k int) uint32 { return uint32(sextets[v.char(v.run.place(k))]) }

// quantum is the 24 bits of four characters of the run, from the k-th on.
func (v *View) quantum(k int) uint32 {
	if t := v.piece(k, 4); t != nil {
		return uint32(sextets[t[0]])<<18 | uint32(sextets[t[1]])<<12 | uint32(sextets[t[2]])<<6 | uint32(sextets[t[3]])
	}
	return v.sextet(k)<<18 | v.sextet(k+1)<<12 | v.sextet(k+2)<<6 | v.sextet(k+3)
}

// piece is n characters of the run, from the k-th on; nil if they are not in one piece.
func (v *View) piece(k, n int) []byte {
	i := v.run.place(k)
	if i < 0 || v.run.place(k+n-1) != i+n-1 {
		return nil
	}
	return v.Text[i : i+n]
}

// readable reports whether any window of n characters of the run, from the skip-th on, decodes to what looks like text.
func (v *View) readable(skip, n int) bool {
	if v.run.len() < minDigits {
		return n >= 4 && v.looksLikeText(skip, n/4)
	}
	for at := 0; at+minDigits <= n; {
		if v.looksLikeText(skip+at, min(n-at, window)/4) {
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

// looksLikeText reports whether so many quanta of the run, from its k-th character on, decode to ASCII, or to ASCII in UTF-16, for nine bytes in
// ten.
func (v *View) looksLikeText(k, quanta int) bool {
	bad, zeros, all := 0, 0, 3*quanta
	if quanta >= 4 && 10*v.beyondASCII(k) > all {
		return false
	}
	for end := k + 4*quanta; k < end; k += 4 {
		q := v.quantum(k)
		for shift := 16; shift >= 0; shift -= 8 {
			switch c := byte(q >> shift); {
			case c == 0:
				zeros++
			case !texts[c]:
				bad++
			}
		}
		if 10*bad > all {
			return false
		}
	}
	return 10*(bad+zeros) <= all || 5*zeros >= 2*all && 5*zeros <= 3*all
}

// beyondASCII is how many of the twelve bytes that 16 characters of the run are, from the k-th on, are no ASCII: of what is no text about half, so
// that mostly it takes no more to tell. It is 0 of what is not in one piece.
func (v *View) beyondASCII(k int) (n int) {
	for t := v.piece(k, 16); len(t) >= 4; t = t[4:] {
		n += int(highest[t[0]]&1 + highest[t[1]]>>1&1 + highest[t[2]]>>2)
	}
	return n
}

// highest is, by character of base64, the highest bit of a byte that it has if it is the first, second or third of four: bits 0, 1 and 2.
var highest = func() (t [256]uint8) {
	for c, v := range sextets {
		t[c] = v>>5&1 | v>>3&1<<1 | v>>1&1<<2
	}
	return t
}()

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
		if !f.Set(v.parent, v.source.place(v.skip+k), v.letter(byte(q>>(18-6*(k%4)))&63)) {
			return false
		}
	}
	return true
}

// letter is how the view's alphabet writes six bits: that of RFC 4648 §5 if it is seen in the run.
func (v *View) letter(sextet byte) byte {
	if sextet < 62 {
		return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[sextet]
	}
	for k := range v.source.len() {
		if c := v.parent.char(v.source.place(k)); c == '-' || c == '_' {
			return "-_"[sextet-62]
		}
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
