package detect

// A Set is which kinds to look for, compiled. It is immutable; lanes share it.
type Set struct {
	kinds    kindSet
	pairs    pairs         // with which something begins, or of which the second begins a row of digits
	seconds  pairs         // the second and third byte of what begins with such a pair
	begins   [256]bool     // something begins with that byte
	rows     [256]uint8    // by a literal's first byte: its row; 0 if there is none
	lists    [][256]uint16 // by row and second byte: index in literals; 0 if there are none
	literals [][]literal   // that begin with the same two bytes
	forms    [maxFirst + 1][classes][]*form
	byDigits bool // there are no literals, and nothing but digits begins a value
	tail     int  // bytes at the end of a text that can be the beginning of a value that shows itself only later
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
	s.addLiterals()
	s.addForms()
	s.addDigits()
	s.tail = s.tailBytes()
	return s
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
			for _, second := range l.spellings(1) {
				s.pairs.add(first, second)
				s.addLiteral(first, second, l)
				for _, third := range l.spellings(2) {
					s.seconds.add(second, third)
				}
			}
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

func (s *Set) addDigits() {
	if s.kinds&numeric == 0 {
		return
	}
	for a := range 256 {
		for b := byte('0'); b <= '9' && !isDigit(byte(a)); b++ {
			s.pairs.add(byte(a), b)
			for third := range 256 {
				s.seconds.add(b, byte(third))
			}
		}
	}
}

// pairs is a set of pairs of bytes: bit a|b<<8 for a before b.
type pairs [1 << 10]uint64

func (p *pairs) add(a, b byte) {
	w := uint(a) | uint(b)<<8
	p[w>>6] |= 1 << (w & 63)
}

// bit returns in its lowest bit whether the pair w is in the set; what is above it is of other pairs.
func (p *pairs) bit(w uint) uint64 { return p[w>>6&(1<<10-1)] >> (w & 63) }

// tailBytes returns how far before what shows a value the value may begin: a mailbox before its @, the letters before
// the first digit of a number.
func (s *Set) tailBytes() int {
	if s.Has(Email) {
		return maxLocal + 2
	}
	n := 0
	if s.Has(IBAN) {
		n = 2
	}
	for i := range forms {
		if f := &forms[i]; s.Has(f.kind) {
			n = max(n, f.lead)
		}
	}
	return n
}

// next returns the first index at or after i of a pair of bytes with which something begins, and whether there is
// one.
func (s *Set) next(b []byte, i int) (int, bool) {
	if s.byDigits {
		for i = digitAt(b, i+1); i < len(b); i = digitAt(b, i+1) {
			if !isDigit(b[i-1]) {
				return i - 1, true
			}
		}
		return len(b), false
	}
	if i+1 >= len(b) {
		return len(b), false
	}
	w := uint(b[i]) | uint(b[i+1])<<8
	for k, c := range b[i+2:] {
		v := w>>8 | uint(c)<<8
		if s.pairs.bit(w)&s.seconds.bit(v)&1 != 0 {
			return i + k, true
		}
		w = v
	}
	if s.pairs.bit(w)&1 != 0 {
		return len(b) - 2, true
	}
	return len(b), false
}
