package dlp

// minGroup is the length in digits of the shortest group of a card that is not its last: 4-4-4-4, 4-6-5, 4-6-4,
// 6-13 and 4-3-3-3 are printed on cards.
const minGroup = 3

// cardAt looks for a payment card that begins with the group [i, end) of digits; the longest one counts.
func (s *scanner) cardAt(i, end int) bool {
	if !mayIssue(s.b[i], s.b[i+1]) {
		return false
	}
	var sep byte
	var sum luhn
	best := 0
	for from := i; ; {
		for _, c := range s.b[from:end] {
			sum.add(c)
		}
		if sum.n > maxDigits {
			break
		}
		if sum.n >= minCard && sum.valid() && s.issued(i, sum.n) && !s.goesOn(end) {
			best = end
		}
		if end+1 >= len(s.b) || end-from < minGroup || !isSeparator(s.b[end]) || sep != 0 && s.b[end] != sep {
			break
		}
		sep = s.b[end]
		from = end + 1
		end = from
		for end < len(s.b) && end-from <= maxDigits && isDigit(s.b[end]) {
			end++
		}
		if end == from {
			break
		}
	}
	return best > 0 && s.found(card, i, best)
}

// goesOn says whether the number that ends at end has a decimal part.
func (s *scanner) goesOn(end int) bool {
	return !s.bare && end+1 < len(s.b) && s.b[end] == '.' && isDigit(s.b[end+1])
}

// issued says whether an issuer gives out cards of n digits that begin like the digits at i.
func (s *scanner) issued(i, n int) bool {
	prefix := 0
	for digits := 0; digits < 6; i++ {
		if c := s.b[i]; isDigit(c) {
			prefix = prefix*10 + int(c-'0')
			digits++
		}
	}
	for _, r := range issuers {
		if prefix >= r.first && prefix <= r.last && n >= r.min && n <= r.max && (r.skip>>n)&1 == 0 {
			return true
		}
	}
	return false
}

// luhn checks digits as they come (ISO/IEC 7812-1 annex B). Which of them count twice depends on how many will come,
// so it keeps both sums.
type luhn struct {
	n         int
	even, odd int // sums in which the digits at even, or odd, places count twice
}

func (l *luhn) add(c byte) {
	d := int(c - '0')
	twice := 2 * d
	if twice > 9 {
		twice -= 9
	}
	if l.n&1 == 0 {
		l.even, l.odd = l.even+twice, l.odd+d
	} else {
		l.even, l.odd = l.even+d, l.odd+twice
	}
	l.n++
}

// valid says whether the last digit checks: counted from it, every second one counts twice.
func (l *luhn) valid() bool {
	if l.n&1 == 0 {
		return l.even%10 == 0
	}
	return l.odd%10 == 0
}
