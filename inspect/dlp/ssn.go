package dlp

// ssnAt looks for a US social security number that begins with the group [i, end) of digits: AAA-GG-SSSS or AAA GG
// SSSS, or, where a word before it says what it is, nine digits. Rules: Social Security Administration, POMS RM
// 10201.035 ("Invalid Social Security Numbers") and 20 CFR 422.103.
func (s *scanner) ssnAt(i, end int) bool {
	switch end - i {
	case 3:
		return s.groupedSSN(i)
	case 9:
		return validSSN(s.b[i:i+3], s.b[i+3:i+5], s.b[i+5:i+9]) && (s.bare || s.announced(i)) && s.found(ssn, i, end)
	}
	return false
}

const groupedSSNLen = len("AAA-GG-SSSS")

func (s *scanner) groupedSSN(i int) bool {
	if i+groupedSSNLen > len(s.b) {
		return false
	}
	v := s.b[i : i+groupedSSNLen]
	sep := v[3]
	if !isSeparator(sep) || v[6] != sep {
		return false
	}
	for k, c := range v {
		if k != 3 && k != 6 && !isDigit(c) {
			return false
		}
	}
	if s.behind(i-1) == sep && isDigit(s.behind(i-2)) || s.continues(i+groupedSSNLen, sep) {
		return false // a piece of a longer number
	}
	return validSSN(v[:3], v[4:6], v[7:]) && s.found(ssn, i, i+groupedSSNLen)
}

// continues says whether digits go on at end, at once or behind another separator.
func (s *scanner) continues(end int, sep byte) bool {
	if end == len(s.b) {
		return false
	}
	return isDigit(s.b[end]) || s.b[end] == sep && end+1 < len(s.b) && isDigit(s.b[end+1])
}

// validSSN says whether a number with these parts may have been issued, and is none of those that everybody
// knows from advertisements and leaflets.
func validSSN(area, group, serial []byte) bool {
	if area[0] == '9' || string(area) == "000" || string(area) == "666" || string(group) == "00" || string(serial) == "0000" {
		return false
	}
	switch {
	case string(area) == "078" && string(group) == "05" && string(serial) == "1120", // Woolworth wallets, 1938
		string(area) == "219" && string(group) == "09" && string(serial) == "9999", // SSA leaflet, 1940
		string(area) == "457" && string(group) == "55" && string(serial) == "5462": // LifeLock
		return false
	}
	return !allSame(area, group, serial)
}

func allSame(parts ...[]byte) bool {
	for _, p := range parts {
		for _, c := range p {
			if c != parts[0][0] {
				return false
			}
		}
	}
	return true
}

// contextBytes is how far before nine digits a word may stand that makes them an SSN.
const contextBytes = 32

var contextWords = []string{"ssn", "ss#", "ss #", "social security", "social-security", "social_security", "socialsecurity", "soc sec"}

// announced says whether one of contextWords, in any case, begins in the contextBytes before i.
func (s *scanner) announced(i int) bool {
	if i >= contextBytes || len(s.before) == 0 {
		return announces(s.b[max(0, i-contextBytes):i])
	}
	var text [2 * contextBytes]byte
	n := copy(text[:contextBytes], s.before[max(0, len(s.before)-(contextBytes-i)):])
	n += copy(text[n:], s.b[:i])
	return announces(text[:n])
}

// announces says whether one of contextWords begins in text.
func announces(before []byte) bool {
	for k := range len(before) - 2 {
		if before[k]|0x20 != 's' || !contextStart(before[k+1], before[k+2]) {
			continue
		}
		for _, w := range contextWords {
			if hasFold(before[k:], w) {
				return true
			}
		}
	}
	return false
}

// contextStart says whether one of contextWords goes on so behind its s.
func contextStart(second, third byte) bool {
	switch second | 0x20 {
	case 's':
		return third|0x20 == 'n' || third == '#' || third == ' '
	case 'o':
		return third|0x20 == 'c'
	}
	return false
}

// hasFold says whether b begins with word, which is in lower case.
func hasFold(b []byte, word string) bool {
	if len(b) < len(word) {
		return false
	}
	for i := range len(word) {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
