package detect

// A Set is which kinds to look for, compiled. It is immutable; lanes share it.
type Set struct {
	kinds    kindSet
	pairs    pairs         // the first and second byte of literals, and the second and third
	triples  triples       // the first three bytes of literals
	singles  []uint64      // literals of one byte, which is all eight of these
	alone    [256]uint64   // 1 by the byte of these
	begins   [256]bool     // a literal begins with that byte
	ends     [256]bool     // likewise, and it waits at the end of a text for the next one
	late     []literal     // that do not wait
	lates    [256]bool     // one of these begins with that byte
	rows     [256]uint8    // by a literal's first byte: its row; 0 if there is none
	lists    [][256]uint16 // by row and second byte: index in literals; 0 if there are none
	literals [][]literal   // that begin with the same two bytes
	forms    [maxFirst + 1][classes][]*form

	prospects rows
	byDigits  bool // there are no literals, and nothing but digits begins a value
	numeric   bool // a row of digits may show a value
	lonely    bool // one of a single digit only if two digits stand behind it, with a byte between
	lead      int  // bytes in front of the first digit of a number that can belong to it
	tail      int  // bytes at the end of a text that can be the beginning of a value that shows itself only later

	waits     kindSet   // of these kinds no byte may leave before it is decided about
	waitBegin [256]bool // ends, of these kinds
	waitTail  int       // tail, of these kinds
}

// NewSet returns the set of these kinds, each at most once. A kind that does not exist panics.
func NewSet(ks ...Kind) *Set {
	s := &Set{byDigits: true, lists: make([][256]uint16, 1), literals: make([][]literal, 1)}
	for _, k := range ks {
		if k >= kinds {
			panic("detect: no such kind")
		}
		s.kinds |= 1 << k
	}
	s.waits = s.kinds
	s.numeric = s.kinds&numeric != 0
	s.addLiterals()
	s.addForms()
	s.addRows()
	s.lonely = s.isLonely()
	s.tail = s.tailBytes(s.kinds)
	s.lead = s.tailBytes(s.kinds &^ setOf(Email))
	s.waitBegin, s.waitTail = s.ends, s.tail
	return s
}

// Waiting has only these kinds count for Scanner.Wait, of those that are looked for. It is called before the set is used.
func (s *Set) Waiting(ks ...Kind) {
	s.waits, s.waitBegin = 0, [256]bool{}
	for _, k := range ks {
		s.waits |= 1 << k & s.kinds
	}
	for i := range literals {
		if l := &literals[i]; l.kinds&s.waits != 0 && !l.late {
			for _, first := range l.spellings(0) {
				s.waitBegin[first] = true
			}
		}
	}
	s.waitTail = s.tailBytes(s.waits)
}

// Has says whether k is looked for.
func (s *Set) Has(k Kind) bool { return s.kinds.has(k) }

func (s *Set) addLiterals() {
	for _, l := range literals {
		if l.kinds&s.kinds == 0 {
			continue
		}
		s.byDigits = false
		for _, first := range l.spellings(0) {
			s.begins[first] = true
			s.ends[first] = s.ends[first] || !l.late
			for _, second := range l.spellings(1) {
				s.addLiteral(first, second, l)
			}
		}
		if l.late {
			s.late = append(s.late, l)
			s.lates[l.text[0]] = true
		}
		if len(l.text) == 1 {
			s.addLiteral(l.text[0], 0, l) // for lastByte
			s.addSingle(l.text[0], l.next)
			continue
		}
		s.addTriples(l)
	}
}

// addTriples adds what literalsIn looks for of a literal of two bytes or more.
func (s *Set) addTriples(l literal) {
	for _, first := range l.spellings(0) {
		for _, second := range l.spellings(1) {
			s.pairs.add(first, second)
			for _, third := range l.spellings(2) {
				s.pairs.add(second, third)
				s.triples.add(first, second, third)
			}
		}
	}
}

// addSingle is addTriples for a literal of one byte, with the class of what may stand behind it.
func (s *Set) addSingle(c byte, next *class) {
	s.singles = append(s.singles, uint64(c)*0x0101010101010101)
	s.alone[c] = 1
	for b := range 256 {
		s.pairs.add(byte(b), c)
		if next.has(byte(b)) {
			s.pairs.add(c, byte(b))
		}
	}
}

func (s *Set) addLiteral(first, second byte, l literal) {
	if s.rows[first] == 0 {
		s.rows[first] = uint8(len(s.lists)) // at most 52 letters and a few signs
		s.lists = append(s.lists, [256]uint16{})
	}
	list := &s.lists[s.rows[first]][second]
	if *list == 0 {
		*list = uint16(len(s.literals))
		s.literals = append(s.literals, nil)
	}
	s.literals[*list] = append(s.literals[*list], l)
}

// literalsAt returns the literals that begin with these two bytes.
func (s *Set) literalsAt(first, second byte) []literal {
	return s.literals[s.lists[s.rows[first]][second]]
}

func (s *Set) addForms() {
	for i := range forms {
		f := &forms[i]
		if !s.Has(f.kind) {
			continue
		}
		for class := range separator(classes) {
			if f.mayGoOn(class) {
				s.forms[f.first][class] = append(s.forms[f.first][class], f)
			}
		}
	}
}

// numeric are the kinds that a row of digits may show.
var numeric = func() kindSet {
	s := setOf(Card, IBAN, TelegramToken, Phone)
	for i := range forms {
		s |= 1 << forms[i].kind
	}
	return s
}()

// tailBytes returns, for some kinds, how far before what shows a value the value may begin: a mailbox before its @, the letters before
// the first digit of a number.
func (s *Set) tailBytes(of kindSet) int {
	if of.has(Email) {
		return maxLocal + 2
	}
	n := 0
	if of.has(IBAN) {
		n = 2
	}
	for i := range forms {
		if f := &forms[i]; of.has(f.kind) {
			n = max(n, f.lead)
		}
	}
	return n
}
