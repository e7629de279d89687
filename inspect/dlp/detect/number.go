package detect

// maxRow is the digits of the longest row that can be a part of a value: of an IBAN's.
const maxRow = 32

// numberAt looks at what the row of digits that begins at i may be a part of. No digit stands before i.
func numberAt(s *Scanner, i int) {
	if s.withinWord(i) {
		return
	}
	switch c := s.byteAt(i - 1); {
	case c == '(': // of an area code
		s.from = i - 1
	case c >= 0x80: // behind a digit that is looked at with these
		s.from = s.loneBefore(i)
	}
	end := s.run(i, maxRow+1, digits)
	n := end - i
	if s.short { // the letters before it may belong to it
		s.from = min(s.from, s.leads(i, s.set.lead))
	}
	if s.short || n > maxRow {
		return
	}
	if wide := s.widely(end) || s.loneBefore(i) < i; s.short {
		if n > 1 {
			s.from = min(s.from, s.leads(i, s.set.lead))
		}
		return
	} else if wide && !s.fold.on {
		s.foldedAt(i)
	}
	if isLetter(s.byteAt(i - 1)) {
		s.ibanAt(i, n)
	}
	if s.set.Has(Card) && n >= minFirstGroup {
		s.cardAt(i, end)
	}
	s.formsAt(i, end)
	if s.byteAt(end) == ':' {
		s.telegramAt(i, end)
	}
	if s.set.Has(Phone) && n <= maxE164 && !s.fold.on {
		s.nationalAt(i, end)
	}
}

// withinWord says whether the letters before i make it sure that no number begins there: those that may stand before
// the first digit are one (NIE), two (IBAN), three ("bot", before Telegram's) or six (codice fiscale), and before them
// stands no other.
func (s *Scanner) withinWord(i int) bool {
	return isLetter(s.byteAt(i-1)) && isAlnum(s.byteAt(i-2)) && isAlnum(s.byteAt(i-3)) && isAlnum(s.byteAt(i-4)) && isAlnum(s.byteAt(i-7))
}

// value returns the number that the digits of d are; d has at most 18.
func decimal(d []byte) (n uint64) {
	for _, c := range d {
		n = n*10 + uint64(c-'0')
	}
	return n
}

// weighted returns the sum of the digits of d, each times its weight.
func weighted(d []byte, weights ...int) (sum int) {
	for i, w := range weights {
		sum += int(d[i]-'0') * w
	}
	return sum
}

// luhn says whether the last digit of d checks (ISO/IEC 7812-1 annex B): counted from it, every second one counts
// twice, and of twice a digit the digits are added.
func luhn(d []byte) bool {
	sum := 0
	for i, c := range d {
		v := int(c - '0')
		if (len(d)-i)%2 == 0 {
			v = 2*v - 9*(v/5)
		}
		sum += v
	}
	return sum%10 == 0
}

// same says whether all bytes of d are equal.
func same(d []byte) bool {
	for _, c := range d {
		if c != d[0] {
			return false
		}
	}
	return true
}

// daysIn is the days of the longest month of that number.
var daysIn = [13]int{1: 31, 2: 29, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}

// isDate says whether there is such a day in some year.
func isDate(month, day int) bool {
	return month >= 1 && month <= 12 && day >= 1 && day <= daysIn[month]
}
