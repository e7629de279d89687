package detect

const (
	maxShape = 24  // bytes of a text of which it must be known which are digits
	maxReach = 128 // bytes behind the first digit of a number that are looked at, at most
)

// A prospect is what a row of digits may be a part of, bit by bit.
type prospect uint8

const (
	mayForm     prospect = 1 << iota // a form that begins with it
	mayLead                          // a form with a letter before it
	mayDash                          // a form with a dash before it
	mayAccount                       // an IBAN
	mayCard                          // a card
	mayTelegram                      // a token of Telegram
	mayDial                          // a phone number in the form of its country
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

// led is the prospect of a form by the byte before its first digit.
var led = map[byte]prospect{'A': mayLead, '-': mayDash}

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
					r.shapes = append(r.shapes, f.shape())
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
	if s.Has(Phone) && n >= 2 && n <= maxNational {
		p |= mayDial
	}
	return p
}

// behind is the prospects that there are behind a byte.
var behind = func() (t [256]prospect) {
	for c := range t {
		switch {
		case isLetter(byte(c)):
			t[c] = mayLead | mayAccount | mayTelegram
		case c == '_':
			t[c] = mayTelegram
		default:
			t[c] = mayForm | mayCard | mayTelegram | mayDial
		}
	}
	t['-'] |= mayDash
	return t
}()

// hopeless says whether it is sure that numberAt finds nothing at i, where a row of digits begins, and that far from
// the end of the text it does not matter where that is. Most numbers end here.
func (s *Scanner) hopeless(i int) bool {
	d, ok := s.block.row(i)
	n := trailingOnes(d)
	if !ok || n >= maxShape || i+maxReach > len(s.text) {
		return false
	}
	r := &s.set.prospects[n][separators[s.text[i+n]]]
	p := r.prospect & behind[s.text[i-1]]
	if p&mayAccount != 0 && !s.mayBeAccount(i) {
		p &^= mayAccount
	}
	switch {
	case p == 0:
		return true
	case p&(mayLead|mayAccount) != 0:
		return s.withinWord(i)
	case p&mayDash != 0 || p&mayTelegram != 0 && s.text[i+n] == ':':
		return false
	}
	return !(p&mayForm != 0 && shaped(r.shapes, d) || p&mayCard != 0 && s.mayBeCard(i, n, d) || p&mayDial != 0 && s.mayBePhone(i, n, d))
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

// mayBeCard says whether n digits at i may be the first group of a card: the second one has three digits or more unless
// it is the last, and is long enough for the shortest card if it is.
func (s *Scanner) mayBeCard(i, n int, d uint64) bool {
	second := uint64(1)
	if n <= minCard-minGroup {
		second = 1<<minGroup - 1
	}
	return (n >= minCard || d>>(n+1)&second == second) && mayIssue(s.text[i], s.text[i+1]) != 0
}

// mayBePhone says whether nationalAt may find a number whose first group is n digits at i: see trunk, american, iberian.
func (s *Scanner) mayBePhone(i, n int, d uint64) bool {
	gap := n + 1
	if isPhoneSeparator(s.text[i+n]) && isPhoneSeparator(s.text[i+n+1]) {
		gap++
	}
	goesOn := isPhoneSeparator(s.text[i+n]) && d>>gap&1 != 0
	switch {
	case s.text[i] == '0':
		return s.text[i+1] != '0' && (n >= 9 || goesOn)
	case s.text[i] == '1':
		return false
	case n == 3:
		return goesOn && d>>gap&0xf == 0x7
	}
	return n == 10
}
