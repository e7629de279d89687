package dlp

// minGroup is the length in digits of the shortest group of a card that is not its last: 4-4-4-4, 4-6-5, 4-6-4,
// 6-13 and 4-3-3-3 are printed on cards.
const minGroup = 3

// cardAt looks for a payment card that begins with the group [i, end) of digits; the longest one counts.
func (s *scanner) cardAt(i, end int) bool {
	lengths := mayIssue(s.b[i], s.b[i+1])
	if lengths == 0 {
		return false
	}
	s.run.begin(s.b, i, end)
	first := s.run.at(0)
	best := 0
	for k := 0; k < s.run.n || s.run.extend(s.b); k++ {
		g := s.run.at(k)
		n := int(g.digits - first.before)
		if n > maxDigits {
			break
		}
		if lengths>>n&1 != 0 && valid(first, g) && s.issued(i, n) && !s.goesOn(int(g.end)) {
			best = int(g.end)
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
	for k := range issuers {
		if r := &issuers[k]; prefix >= r.first && prefix <= r.last && r.has(n) {
			return true
		}
	}
	return false
}
