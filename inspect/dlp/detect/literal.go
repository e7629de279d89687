package detect

import "slices"

// A literal is what a value begins with, or what stands before it or within it and shows it.
type literal struct {
	text  string // in lower case if case does not matter
	fold  bool   // case does not matter
	kinds kindSet
	probe func(s *Scanner, i int) // looks for a value that the literal at i shows
	next  *class                  // what may stand behind it; nil: anything
	late  bool                    // its first byte is so common that it does not wait for the next: see lateAt
	third byte                    // what to set in the third byte before it is compared: case, if that does not matter
}

// spellings returns the bytes that may stand at the k-th place of the literal, or directly behind it.
func (l *literal) spellings(k int) []byte {
	if k >= len(l.text) {
		return l.next.members()
	}
	if c := l.text[k]; l.fold && isLetter(c) {
		return []byte{lower(c), upper(c)}
	}
	return []byte{l.text[k]}
}

var literals = compared(slices.Concat(tokenLiterals(), keyLiterals(), discordLiterals(), secretLiterals(), tableLiterals(), []literal{
	{text: "eyJ", kinds: setOf(JWT), probe: jwtAt},
	{text: "://", kinds: setOf(ConnectionString), probe: userinfoAt},
	{text: "@", kinds: setOf(Email), probe: emailAt, next: base62},
	{text: "+", kinds: setOf(Phone), probe: phoneAt, next: digits},
}))

// lateAt looks at what begins with one of the literals whose first byte was the last before the text, where it did not wait.
func (s *Scanner) lateAt() {
	for i := range s.set.late {
		l := &s.set.late[i]
		if s.byteAt(-1) != l.text[0] {
			continue
		}
		s.from, s.short = -1, false
		if s.begins(-1, l) {
			l.probe(s, -1)
		}
		s.settleShort(l.kinds)
	}
}

// compared fills in what the third byte of each literal is compared with.
func compared(all []literal) []literal {
	for i := range all {
		if l := &all[i]; l.fold && len(l.text) > 2 && isLetter(l.text[2]) {
			l.third = 0x20
		}
	}
	return all
}

// fresh says whether a word may begin at off: behind no letter, of whatever alphabet, and no digit, unless that belongs to an escape such as \n
// or %3D.
func (s *Scanner) fresh(off int) bool {
	switch c := s.byteAt(off - 1); {
	case c == 'n' || c == 'r' || c == 't':
		return s.byteAt(off-2) == '\\'
	case isAlnum(c):
		return isHex(c) && s.byteAt(off-3) == '%' && isHex(s.byteAt(off-2))
	default:
		return c < 0x80 || !s.isLetterBefore(off)
	}
}
