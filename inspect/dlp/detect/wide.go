package detect

// Between digits people's programs put spaces that do not break and dashes that are longer: U+00A0, U+2009 and U+202F, U+2010 to U+2013.

// wide returns the space or dash of ASCII that the rune at i, beyond ASCII, is wider than; 0 if it is none of these.
func (s *Scanner) wide(i int) byte {
	switch s.byteAt(i) {
	case 0xc2:
		if s.byteAt(i+1) == 0xa0 {
			return ' '
		}
	case 0xe2:
		if s.byteAt(i+1) == 0x80 {
			return wideIn[s.byteAt(i+2)]
		}
	}
	return 0
}

// narrow is the byte at i, or, of a wide space or dash, the one that it is wider than.
func (s *Scanner) narrow(i int) byte {
	if c := s.wide(i); c != 0 {
		return c
	}
	return s.byteAt(i)
}

// wideIn is wide by the last byte of E2 80 ...
var wideIn = [256]byte{0x89: ' ', 0xaf: ' ', 0x90: '-', 0x91: '-', 0x92: '-', 0x93: '-'}

// wideLen is the bytes of such a rune by its first.
func wideLen(first byte) int {
	if first == 0xc2 {
		return 2
	}
	return 3
}

const (
	foldedBefore = 24 // bytes before a number that are folded with it
	foldedBehind = 64 // characters from its first digit on: the longest number, and what tells its end
)

// A fold is a copy of the text around a row of digits, in which each wide space or dash is one of ASCII.
type fold struct {
	on   bool
	text [foldedBefore + foldedBehind]byte
	at   [foldedBefore + foldedBehind + 1]int // where in the text each character is; the last, its end

	// While the scanner's text is the copy:
	first         int // the character of the copy that its text begins with
	outer, before []byte
	more          bool
}

// widely says whether in the number whose first digits end at end a wide space or dash stands, behind narrow ones or none, and a digit or letter behind it.
func (s *Scanner) widely(end int) bool {
	for i := end; i < end+maxNarrow; i++ {
		switch c := s.byteAt(i); {
		case c >= 0x80:
			return s.wide(i) != 0 && isAlnum(s.byteAt(i+wideLen(c)))
		case !isDigit(c) && (c != ' ' && c != '-' && c != '.' || !isDigit(s.byteAt(i+1))):
			return false
		}
	}
	return false
}

// maxNarrow is how far behind the first digits of a number a wide space or dash may stand.
const maxNarrow = 32

// widelyBehind says whether a digit and a wide space or dash stand before off.
func (s *Scanner) widelyBehind(off int) bool {
	if s.byteAt(off-1) < 0x80 {
		return false
	}
	return s.wide(off-2) != 0 && s.byteAt(off-2) == 0xc2 && isDigit(s.byteAt(off-3)) || s.wide(off-3) != 0 && isDigit(s.byteAt(off-4))
}

// loneBefore is where a single digit stands before i, with a wide space or dash between; i if there is none. What begins with it is looked at from i, since blocks
// pass over single digits.
func (s *Scanner) loneBefore(i int) int {
	for _, n := range [...]int{2, 3} {
		if lone := i - n - 1; lone >= 0 && isDigit(s.byteAt(lone)) && s.wide(lone+1) != 0 && wideLen(s.byteAt(lone+1)) == n && !isDigit(s.byteAt(lone-1)) {
			return lone
		}
	}
	return i
}

// foldedAt looks at what the row of digits that begins at i may be a part of, as numberAt does, in a copy with narrow separators.
func (s *Scanner) foldedAt(i int) {
	f := &s.fold
	n, start := 0, 0
	for at := max(i-foldedBefore, -len(s.before)); at < len(s.text) && n < len(f.text) && (at < i || n-start < foldedBehind); n++ {
		if at <= i {
			start = n
		}
		f.at[n] = at
		f.text[n] = s.byteAt(at)
		step := 1
		if c := s.wide(at); c != 0 {
			step = wideLen(f.text[n])
			f.text[n] = c
		}
		at += step
		f.at[n+1] = at
	}
	if s.short {
		s.from = min(s.from, s.leads(i, s.set.lead))
		return
	}
	f.look(s, n, start)
	if lone := start - 2; !s.short && s.loneBefore(i) < i {
		f.look(s, n, lone)
	}
}

// look lets numberAt look at the row that begins at start of the n characters of the copy.
func (f *fold) look(s *Scanner, n, start int) {
	first := 0 // the first character that is of the text
	for f.at[first] < 0 {
		first++
	}
	f.outer, f.before, f.more = s.text, s.before, s.more
	s.more = f.more && f.at[n] >= len(s.text)
	s.text, s.before = f.text[first:n], f.text[:first]
	f.on, f.first = true, first
	from := s.from
	s.from = start - first
	numberAt(s, start-first)
	s.from = min(from, f.at[max(0, s.from+first)])
	f.leave(s)
}

// leave gives the scanner its text back.
func (f *fold) leave(s *Scanner) {
	f.on = false
	s.text, s.before, s.more = f.outer, f.before, f.more
}
