package detect

const (
	minFirstGroup = 4  // digits of the first group of a card
	minGroup      = 3  // digits of the shortest group of a card that is not its last
	maxDigits     = 19 // of a card: ISO/IEC 7812-1 §4.1
	maxGroups     = 6
)

// A cardNumber is a card as it is read: digits in groups, between which the same single space or dash stands.
type cardNumber struct {
	digits [maxDigits]byte
	n      int            // digits read
	groups [maxGroups]int // how many digits each has
	g      int            // groups read
	sep    byte           // valid iff there are two groups or more
}

// cardAt looks for a payment card that begins with the group [i, end) of digits; the longest one counts.
func (s *Scanner) cardAt(i, end int) {
	lengths := mayIssue(s.text[i], s.text[i+1])
	if lengths == 0 || !s.cardMayBegin(i) || s.inAccount(i) {
		return
	}
	var c cardNumber
	best, base := 0, 0
	for at := i; s.readGroup(&c, at, end); at, end = end+1, s.run(end+1, maxDigits+1, digits) {
		if lengths>>c.n&1 != 0 && luhn(c.digits[:c.n]) && s.cardMayEnd(end) {
			if r := issuerOf(&c); r != nil && !s.cutOut(&c, r, end) {
				best, base = end, s.cardBase(&c, r, i, end)
			}
		}
		if !s.cardGoesOn(&c, end) {
			break
		}
	}
	if best > 0 {
		s.propose(Card, i, best, base)
	}
}

// readGroup appends the group [at, end) to c and reports whether it fits.
func (s *Scanner) readGroup(c *cardNumber, at, end int) bool {
	if s.short || end == at || c.g == maxGroups || c.n+end-at > maxDigits {
		return false
	}
	c.groups[c.g] = end - at
	c.g++
	c.n += copy(c.digits[c.n:], s.text[at:end])
	return true
}

// cardGoesOn says whether another group may stand behind end.
func (s *Scanner) cardGoesOn(c *cardNumber, end int) bool {
	sep := s.byteAt(end)
	if sep != ' ' && sep != '-' || c.g > 1 && sep != c.sep || c.groups[c.g-1] < minGroup {
		return false
	}
	c.sep = sep
	return true
}

// cutOut says whether c, which ends at end, is the beginning of a number that goes on with the same separator: behind dashes any digits belong to it, behind
// spaces those of a longer card's.
func (s *Scanner) cutOut(c *cardNumber, r *issuer, end int) bool {
	if c.g == 1 || s.byteAt(end) != c.sep || !isDigit(s.byteAt(end+1)) {
		return false
	}
	return c.sep == '-' || c.n < minSquare && s.longer(c, r, end)
}

// longer says whether c and the digits behind end, with a separator between, are as long as cards of r can be.
func (s *Scanner) longer(c *cardNumber, r *issuer, end int) bool {
	n := c.n + s.run(end+1, maxDigits, digits) - (end + 1)
	return n <= maxDigits && r.has(n)
}

// minSquare is the digits of the most usual cards, behind which a space ends a number: "4111 1111 1111 1111 123".
const minSquare = 16

// cardMayBegin says whether a card may begin at i. Unlike other numbers it may stand in a path, but not behind a slash between digits.
func (s *Scanner) cardMayBegin(i int) bool {
	if s.byteAt(i-1) == '/' {
		return !isDigit(s.byteAt(i - 2))
	}
	return s.mayBegin(i, 0)
}

// inAccount says whether the group of digits at i stands in what has the form of an IBAN, in groups of four, be its check right or not.
func (s *Scanner) inAccount(i int) bool {
	sep := s.byteAt(i - 1)
	if sep != ' ' && sep != '-' {
		return false
	}
	for k := 1; k <= maxIBAN/4; k++ {
		at := i - 5*k
		if s.byteAt(at+4) != sep {
			return false
		}
		if isLetter(s.byteAt(at)) && isLetter(s.byteAt(at+1)) && isDigit(s.byteAt(at+2)) && isDigit(s.byteAt(at+3)) && !isAlnum(s.byteAt(at-1)) {
			return s.accountEnds(i, at, len(ibans[ibanCountry(s.byteAt(at), s.byteAt(at+1))]))
		}
		if !isAlnum(s.byteAt(at)) || !isAlnum(s.byteAt(at+1)) || !isAlnum(s.byteAt(at+2)) || !isAlnum(s.byteAt(at+3)) {
			return false
		}
	}
	return false
}

// accountEnds says whether the groups of four from i on, the last with fewer, end with an IBAN that begins at off and has n characters behind its check digits.
func (s *Scanner) accountEnds(i, off, n int) bool {
	end := off + 4 + n + (n+3)/4 // with the separators
	sep := s.byteAt(off + 4)
	for at := i; at < end; at++ {
		c := s.byteAt(at)
		if (at-off)%5 == 4 && c != sep || (at-off)%5 != 4 && !isAlnum(c) {
			return false
		}
	}
	return n > 0 && !isAlnum(s.byteAt(end))
}

// cardMayEnd says whether a card may end at end: neither within a word nor before the decimals of a number.
func (s *Scanner) cardMayEnd(end int) bool {
	c := s.byteAt(end)
	return !isWord(c) && c != '@' && (c != '.' || !isDigit(s.byteAt(end+1)))
}

// cardBase returns what a card is worth without a word of context. Cards are printed in groups of 4-4-4-4, 4-6-5,
// 4-6-4 or 6-13; other groups, and rows of more of the same, are mostly columns of a table.
func (s *Scanner) cardBase(c *cardNumber, r *issuer, i, end int) int {
	switch {
	case c.g == 1 && r.usual>>c.n&1 != 0 && !s.inPath(i):
		return 65
	case c.g == 1, !c.printed(), s.inRow(c, i, end), s.byteAt(end) == c.sep && isDigit(s.byteAt(end+1)) && s.longer(c, r, end):
		return 40
	}
	return 90
}

// inRow says whether four digits stand before i or behind end, parted by the card's own separator, that do not belong
// to another card.
func (s *Scanner) inRow(c *cardNumber, i, end int) bool {
	return s.fourBefore(i, c.sep) && !s.squareCard(i-squareLen-1, c.sep) || s.fourBehind(end, c.sep) && !s.squareCard(end+1, c.sep)
}

// fourBefore says whether sep and a group of four digits stand before i, be they hexadecimal: as in a table or a dump.
func (s *Scanner) fourBefore(i int, sep byte) bool {
	return s.byteAt(i-1) == sep && s.fourHex(i-5) && !isAlnum(s.byteAt(i-6))
}

// fourBehind says whether sep and such a group stand behind end.
func (s *Scanner) fourBehind(end int, sep byte) bool {
	return s.byteAt(end) == sep && s.fourHex(end+1) && !isAlnum(s.byteAt(end+5))
}

func (s *Scanner) fourHex(i int) bool {
	return isHex(s.byteAt(i)) && isHex(s.byteAt(i+1)) && isHex(s.byteAt(i+2)) && isHex(s.byteAt(i+3))
}

// squareLen is the bytes of the most usual card: four groups of four.
const squareLen = 4*4 + 3

// squareCard says whether such a card begins at i, which may lie before the text.
func (s *Scanner) squareCard(i int, sep byte) bool {
	var c cardNumber
	for k := range squareLen {
		b := s.byteAt(i + k)
		switch {
		case k%5 == 4:
			if b != sep {
				return false
			}
		case !isDigit(b):
			return false
		default:
			c.digits[c.n] = b
			c.n++
		}
	}
	return luhn(c.digits[:c.n]) && issuerOf(&c) != nil
}

// inPath says whether what begins at i is a part of a path, where numbers name things.
func (s *Scanner) inPath(i int) bool { return s.byteAt(i-1) == '/' && isAlnum(s.byteAt(i-2)) }

// printed says whether the groups are those of a card.
func (c *cardNumber) printed() bool {
	g := c.groups[:c.g]
	if len(g) == 2 {
		return g[0] == 6 && g[1] == 13
	}
	if len(g) == 3 {
		return g[0] == 4 && g[1] == 6 && (g[2] == 5 || g[2] == 4)
	}
	return g[0] == 4 && g[1] == 4 && g[2] == 4 && g[3] == 4
}

// issuerOf returns the issuer that gives out cards that begin and are as long as c; nil if there is none.
func issuerOf(c *cardNumber) *issuer {
	prefix := int(decimal(c.digits[:6]))
	for k := range issuers {
		if r := &issuers[k]; prefix >= r.first && prefix <= r.last && r.has(c.n) {
			return r
		}
	}
	return nil
}
