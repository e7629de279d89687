package exact

import "unicode/utf8"

// maxGap is how many bytes may stand between two words of a value.
const maxGap = 3

// A Scanner finds the values of a table in texts. It belongs to one goroutine.
type Scanner struct {
	t    *Table
	text []byte
	more bool
	at   int // where the next word is looked for
	open int

	value [MaxBytes + MaxWords]byte
	n     int // bytes of value that belong to what was found last
}

// Scanner returns a Scanner of the table.
func (t *Table) Scanner() *Scanner { return &Scanner{t: t} }

// Reset begins a text: before is what stood in front of it, more says that it goes on.
func (s *Scanner) Reset(before, text []byte, more bool) {
	s.text, s.more, s.at, s.open = text, more, 0, len(text)
	if n := len(before); n > 0 && wordBytes[before[n-1]] != 0 {
		for s.at < len(text) && wordBytes[text[s.at]] != 0 { // the rest of a word
			s.at++
		}
	}
}

// Next moves to the next value, the longest of those that begin with the same word, and reports whether there is one.
func (s *Scanner) Next() (off, end int, ok bool) {
	for {
		for s.at < len(s.text) && wordBytes[s.text[s.at]] == 0 {
			s.at++
		}
		if s.at >= s.open {
			return 0, 0, false
		}
		off = s.at
		first, end, open := s.longest(off)
		if open {
			s.open = off
			return 0, 0, false
		}
		if end > 0 {
			s.at = end
			return off, end, true
		}
		s.at = first
	}
}

// longest returns the end of the word at off, and of the longest value that begins with it; 0 if none does. open says that what follows the text decides.
func (s *Scanner) longest(off int) (first, end int, open bool) {
	n, i := 0, off
	for words := 0; words < s.t.words && i < len(s.text); words++ {
		from, all := n, byte(0)
		for ; i < len(s.text) && wordBytes[s.text[i]] != 0; i++ {
			if n < len(s.value) {
				s.value[n] = wordBytes[s.text[i]]
			}
			all |= s.text[i]
			n++
		}
		if words == 0 {
			first = i
		}
		if n >= MaxBytes {
			break
		}
		if s.more && i == len(s.text) {
			return first, 0, true
		}
		if all >= utf8.RuneSelf {
			fold(s.value[from:n])
		}
		s.value[n] = between
		if n++; s.t.lengths[n] && s.t.has(s.value[:n]) {
			end, s.n = i, n
		}
		if words == 0 && !s.t.goesOn(s.value[:n+1]) {
			break
		}
		gap := i
		for i < len(s.text) && i-gap <= maxGap && wordBytes[s.text[i]] == 0 {
			i++
		}
		if i-gap > maxGap {
			break
		}
		if s.more && i == len(s.text) {
			return first, 0, true
		}
	}
	return first, end, false
}

// Open is, once Next has said false, where a word or words begin that what follows may make a value of.
func (s *Scanner) Open() int { return s.open }

// Value is the value that was found last, in its canonical form. View, valid until Next.
func (s *Scanner) Value() []byte { return s.value[:s.n-1] }
