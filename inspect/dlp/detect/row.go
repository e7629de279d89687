package detect

import (
	"encoding/binary"
	"slices"
)

const (
	maxShape = 24           // bytes from the first digit of a row on of which it must be known which are digits
	maxRead  = maxShape + 2 // bytes that must be there to say that no number begins
)

// A prospect is what a row of digits may be a part of, bit by bit.
type prospect uint16

const (
	mayForm     prospect = 1 << iota // a form that begins with it
	mayLead                          // a form with a letter before it
	mayApart                         // a form with a space or + before it
	mayDash                          // a form with a dash before it
	mayAccount                       // an IBAN
	mayCard                          // a card
	mayTelegram                      // a token of Telegram
	mayTrunk                         // a phone number that begins with 0
	mayArea                          // a phone number that begins with an area code of three digits, or has ten in a row
	mayPair                          // a phone number of nine digits in a row, in groups of five, or that begins with an area code of two digits
)

// A shape is which bytes of a form are digits.
type shape struct {
	digits, care uint64 // bit n for its n-th byte; care is 0 where that does not matter
}

func (f *form) shape() (h shape) {
	for i := range len(f.text) {
		if f.text[i] != 'X' {
			h.care |= 1 << i
		}
		if f.text[i] == '9' {
			h.digits |= 1 << i
		}
	}
	return h
}

// rows are the prospects of a row of so many digits with a byte of that class behind it.
type rows [maxShape][classes]struct {
	prospect prospect
	shapes   []shape // of the forms that begin with it
}

// isLonely says what Set.lonely says.
func (s *Set) isLonely() bool {
	const third = 1<<2 | 1<<3
	for class := range separator(classes) {
		r := &s.prospects[1][class]
		if r.prospect&^mayForm != 0 || slices.ContainsFunc(r.shapes, func(h shape) bool { return h.digits&third != third }) {
			return false
		}
	}
	return true
}

// led is the prospect of a form by the byte before its first digit.
var led = map[byte]prospect{'A': mayLead, ' ': mayApart, '+': mayApart, '-': mayDash}

func (s *Set) addRows() {
	for n := range maxShape {
		for class := range separator(classes) {
			r := &s.prospects[n][class]
			if n <= maxFirst {
				for _, f := range s.forms[n][class] {
					if f.lead > 0 {
						r.prospect |= led[f.text[f.lead-1]]
						continue
					}
					r.prospect |= mayForm
					if h := f.shape(); !slices.Contains(r.shapes, h) {
						r.shapes = append(r.shapes, h)
					}
				}
			}
			r.prospect |= s.others(n, class)
		}
	}
}

// others returns the prospects of a row besides forms.
func (s *Set) others(n int, class separator) (p prospect) {
	grouped := class == afterSpace || class == afterDash
	if s.Has(IBAN) && n >= 2 {
		p |= mayAccount
	}
	if s.Has(Card) && n >= minFirstGroup && n <= maxDigits && (n >= minCard || grouped) {
		p |= mayCard
	}
	if s.Has(TelegramToken) && n >= 8 && n <= 10 && class == afterOther {
		p |= mayTelegram
	}
	if s.Has(Phone) && n >= 2 && n <= maxE164 {
		p |= national(n, class)
	}
	return p
}

// national returns the prospects of the first group of a phone number: see trunk, american, iberian.
func national(n int, class separator) (p prospect) {
	goesOn := class != afterOther && class != afterLetter && class != afterPlus
	if n >= 9 || goesOn {
		p |= mayTrunk
	}
	if n == 10 || n == 3 && goesOn {
		p |= mayArea
	}
	if (n == 2 || n == 5) && goesOn || n == 9 {
		p |= mayPair
	}
	return p
}

// opening is the prospects of a row by its first two bytes: their lower halves, the first one's above.
var opening = func() (t [256]prospect) {
	for i := range t {
		a, b := byte(i>>4), byte(i&15)
		t[i] = ^(mayCard | mayTrunk | mayArea | mayPair)
		if a < 10 && b < 10 && mayIssue('0'+a, '0'+b) != 0 {
			t[i] |= mayCard
		}
		if a == 0 {
			t[i] |= mayTrunk
		}
		if a >= 1 {
			t[i] |= mayPair
		}
		if a >= 2 {
			t[i] |= mayArea
		}
	}
	return t
}()

// behind is the prospects that there are behind a byte.
var behind = func() (t [256]prospect) {
	for c := range t {
		switch {
		case isLetter(byte(c)):
			t[c] = mayLead | mayAccount | mayTelegram
		case c == '_':
			t[c] = mayTelegram
		default:
			t[c] = mayForm | mayCard | mayTelegram | mayTrunk | mayArea | mayPair
		}
	}
	t[' '] |= mayApart
	t['+'] |= mayApart
	t['-'] |= mayDash
	return t
}()

// hopeless says whether it is sure that numberAt finds nothing at i, where a row of digits begins, whatever follows. Most
// numbers end here.
func (s *Scanner) hopeless(i int) bool {
	d, ok := s.block.row(i)
	n := trailingOnes(d)
	if !ok || n >= maxShape || i+maxRead > len(s.text) {
		return false
	}
	t := s.text[i-1 : i+maxShape]
	if beyond(t) && s.mayBeWide(i, n) {
		return false
	}
	r := &s.set.prospects[n][separators[t[n+1]]]
	p := r.prospect & behind[t[0]] & opening[t[1]<<4|t[2]&15]
	if p == 0 {
		return true
	}
	return s.hopelessRow(i, n, d, p, r.shapes)
}

// beyond says whether a byte of t, of maxShape+1 bytes, is beyond ASCII.
func beyond(t []byte) bool {
	all := binary.LittleEndian.Uint64(t) | binary.LittleEndian.Uint64(t[8:]) | binary.LittleEndian.Uint64(t[16:])
	return all&0x8080808080808080 != 0 || t[maxShape] >= 0x80
}

// mayBeWide says whether n digits at i may be a part of a number with wide separators.
func (s *Scanner) mayBeWide(i, n int) bool {
	if s.byteAt(i-1) >= 0x80 && s.loneBefore(i) < i || s.wide(i+n) != 0 {
		return true
	}
	s.short = false
	return s.widely(i+n) || s.short
}

// hopelessRow is hopeless for n digits with prospects p and shapes; d is which bytes from i on are digits.
func (s *Scanner) hopelessRow(i, n int, d uint64, p prospect, shapes []shape) bool {
	if p&mayAccount != 0 && !s.mayBeAccount(i) {
		p &^= mayAccount
	}
	switch {
	case p&mayApart != 0 && isLetter(s.byteAt(i-2)) && s.byteAt(i-5) == s.byteAt(i-1):
		return false
	case p&(mayLead|mayAccount) != 0:
		return s.withinWord(i)
	case p&mayDash != 0 || p&mayTelegram != 0 && s.text[i+n] == ':':
		return false
	}
	return !(p&mayForm != 0 && shaped(shapes, d) || p&mayCard != 0 && mayBeCard(n, d) || p&(mayTrunk|mayArea|mayPair) != 0 && s.mayBePhone(i, n, d))
}

// mayBeAccount says whether the check digits of an IBAN may stand at i.
func (s *Scanner) mayBeAccount(i int) bool { return isLetter(s.byteAt(i-2)) && s.fresh(i-2) }

func shaped(shapes []shape, d uint64) bool {
	for _, h := range shapes {
		if (d^h.digits)&h.care == 0 {
			return true
		}
	}
	return false
}

// mayBeCard says whether n digits may be the first group of a card: the second one has three digits or more unless
// it is the last, and is long enough for the shortest card if it is.
func mayBeCard(n int, d uint64) bool {
	second := uint64(1)
	if n <= minCard-minGroup {
		second = 1<<minGroup - 1
	}
	return n >= minCard || d>>(n+1)&second == second
}

// mayBePhone says whether behind n digits at i, which may be the first group of a phone number, others follow as they must.
func (s *Scanner) mayBePhone(i, n int, d uint64) bool {
	if n >= 9 {
		return true
	}
	gap := n + 1
	for gap < n+maxGap && isPhoneSeparator(s.text[i+gap]) {
		gap++
	}
	second := trailingOnes(d >> gap)
	switch {
	case s.text[i+gap] >= 0x80, second == 1 && s.says(i+gap-1, "(0)"): // perhaps a wide separator; what is left out
		return true
	case s.text[i] == '0':
		return second > 0
	case n == 3:
		return second == 2 || second == 3 || second == 7
	case n == 2:
		return second == 4 || second == 5
	}
	return second == 5
}
