package detect

import "unicode/utf8"

// A form is how a number is written: 9 stands for a digit, A for a letter, C for the A or B of Corsica, X for a digit
// or one of the letters that stand for it in a codice fiscale, and everything else for itself.
type form struct {
	kind  Kind
	text  string
	base  int // what it is worth without a word of context; below Threshold it needs one
	check func(value []byte) bool

	lead  int  // bytes before the first digit
	first int  // digits of the first group, at most maxFirst
	sep   byte // between the groups; 0 if there is none
}

const maxFirst = 15

// A separator is a sort of byte behind digits.
type separator uint8

const (
	afterSpace separator = iota
	afterDash
	afterDot
	afterPlus
	afterSlash // or a parenthesis
	afterLetter
	afterOther
	classes
)

func separatorOf(c byte) separator {
	switch {
	case c == ' ':
		return afterSpace
	case c == '-':
		return afterDash
	case c == '.':
		return afterDot
	case c == '+':
		return afterPlus
	case c == '/' || c == '(' || c == ')':
		return afterSlash
	case isLetter(c):
		return afterLetter
	}
	return afterOther
}

// separators is separatorOf by byte.
var separators = func() (t [256]separator) {
	for c := range t {
		t[c] = separatorOf(byte(c))
	}
	return t
}()

// forms are looked for by the length of their first row of digits and by what stands behind it.
var forms = func() (all []form) {
	for _, n := range [][]form{
		ssnForms, itinForms, nhsForms, sinForms, steuerForms, nirForms, dniForms, codiceForms, cpfForms, aadhaarForms,
		peselForms, bsnForms, personForms, tfnForms,
	} {
		all = append(all, n...)
	}
	for i := range all {
		all[i].measure()
	}
	return all
}()

// measure fills in what follows from the text of a form.
func (f *form) measure() {
	for f.text[f.lead] != '9' {
		f.lead++
	}
	for i := f.lead; i < len(f.text) && f.text[i] == '9'; i++ {
		f.first++
	}
	for i := range len(f.text) {
		switch c := f.text[i]; c {
		case ' ', '-', '.', '+':
			f.sep = c
		}
	}
}

// mayGoOn says whether a byte of this class may stand behind the first digits of f.
func (f *form) mayGoOn(class separator) bool {
	i := f.lead + f.first
	if i == len(f.text) {
		return class != afterLetter
	}
	switch c := f.text[i]; c {
	case 'A', 'C', 'X':
		return class == afterLetter
	default:
		return class == separatorOf(c)
	}
}

// formsAt looks for the numbers whose first digits are [i, end).
func (s *Scanner) formsAt(i, end int) {
	if end-i > maxFirst {
		return
	}
	for _, f := range s.set.forms[end-i][separatorOf(s.byteAt(end))] {
		off := i - f.lead
		if off < 0 || !s.mayBegin(off, f.sep) {
			continue
		}
		s.from = min(s.from, off)
		end := off + len(f.text)
		if !s.matches(off, f) || !s.mayEnd(end, f.sep) || f.first == 4 && f.sep != 0 && (s.fourBefore(off, f.sep) || s.fourBehind(end, f.sep)) {
			continue
		}
		value := appendCanonical(s.value[:0], s.text[off:off+len(f.text)], f.kind)
		if f.check(value) {
			s.propose(f.kind, off, off+len(f.text), f.base)
		}
	}
}

// matches says whether text is of the form f at off.
func (s *Scanner) matches(off int, f *form) bool {
	for k := range len(f.text) {
		c := s.byteAt(off + k)
		ok := false
		switch want := f.text[k]; want {
		case '9':
			ok = isDigit(c)
		case 'A':
			ok = isLetter(c)
		case 'C':
			ok = c|0x20 == 'a' || c|0x20 == 'b'
		case 'X':
			ok = isDigit(c) || omocode(c) >= 0
		default:
			ok = c == want
		}
		if !ok {
			return false
		}
	}
	return true
}

// mayBegin says whether a number with that separator may begin at off: not within a word, a fraction or a longer
// number.
func (s *Scanner) mayBegin(off int, sep byte) bool {
	switch c := s.byteAt(off - 1); c {
	case 0:
		return true
	case '.': // a fraction, a range; but not the dots that lead from a name to its value
		return !isDigit(s.byteAt(off-2)) && (s.byteAt(off-2) != '.' || !isDigit(s.byteAt(off-3)))
	case '-':
		return !isAlnum(s.byteAt(off - 2))
	case '/': // a date, a path
		return !isAlnum(s.byteAt(off - 2))
	case '+':
		return false
	case sep:
		return !isDigit(s.byteAt(off - 2))
	default:
		return !isWord(c) && !s.isLetterBefore(off)
	}
}

// isLetterBefore says whether the rune before off is a letter beyond ASCII, of an alphabet that parts words by spaces: Latin to Arabic. It is none if it is
// a quotation mark, a dash, a space that does not break, or Chinese, where numbers stand among the words.
func (s *Scanner) isLetterBefore(off int) bool {
	for i := 1; i <= utf8.UTFMax; i++ {
		switch c := s.byteAt(off - i); {
		case c < 0x80:
			return i > 1 // not UTF-8
		case c >= 0xc0:
			return s.isLetterBehind(off - i)
		}
	}
	return true
}

// isLetterBehind says whether the rune that begins at i is such a letter. Those of E1 B8 to BF are Latin and Greek with accents.
func (s *Scanner) isLetterBehind(i int) bool {
	c := s.byteAt(i)
	return c >= 0xc3 && c <= 0xdf || c == 0xe1 && s.byteAt(i+1) >= 0xb8
}

// mayEnd says whether a number with that separator may end at end.
func (s *Scanner) mayEnd(end int, sep byte) bool {
	switch c := s.byteAt(end); c {
	case 0:
		return true
	case '.', '/':
		return !isDigit(s.byteAt(end + 1))
	case '-':
		return !isAlnum(s.byteAt(end + 1))
	case '@':
		return false
	case sep:
		return !isDigit(s.byteAt(end + 1))
	default:
		return !isWord(c)
	}
}
