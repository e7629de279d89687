package detect

// codiceForms are those of the Italian codice fiscale: six letters of the names, year, month, day and sex, place, check
// letter.. Where two people would have the same, digits are replaced by letters from the right: omocodia.
var codiceForms = []form{
	{kind: ITCodiceFiscale, text: "AAAAAA99AXXAXXXA", base: 95, check: validCodice},
	{kind: ITCodiceFiscale, text: "AAA AAA 99AXX AXXX A", base: 80, check: validCodice},
	{kind: ITCodiceFiscale, text: "AAA AAA 99AXX AXXXA", base: 80, check: validCodice},
	{kind: ITCodiceFiscale, text: "AAA+AAA+99AXX+AXXXA", base: 80, check: validCodice},
	{kind: ITCodiceFiscale, text: "AAA+AAA+99AXX+AXXX+A", base: 80, check: validCodice}, // in a form
}

// apart is where at the end of the text that begins which may become a codice fiscale in groups: up to its second digit, since a row of digits is looked at
// when its end is known.
func (s *Scanner) apart() int {
	n := len(s.text)
	for long := min(n, len(codiceBegin)); long > 0; long-- {
		if off := n - long; s.begun(off, codiceBegin[:long]) && s.mayBegin(off, ' ') {
			return off
		}
	}
	return n
}

const codiceBegin = "AAA AAA 99"

// begun says whether the text at off is of a form, be there a + for each space.
func (s *Scanner) begun(off int, form string) bool {
	for k := range len(form) {
		switch c := s.text[off+k]; form[k] {
		case 'A':
			if !isLetter(c) {
				return false
			}
		case '9':
			if !isDigit(c) {
				return false
			}
		default:
			if c != form[k] && c != '+' {
				return false
			}
		}
	}
	return true
}

// omocode returns the digit that the letter c stands for, or -1.
func omocode(c byte) int {
	switch upper(c) {
	case 'L':
		return 0
	case 'M':
		return 1
	case 'N':
		return 2
	case 'P':
		return 3
	case 'Q':
		return 4
	case 'R':
		return 5
	case 'S':
		return 6
	case 'T':
		return 7
	case 'U':
		return 8
	case 'V':
		return 9
	}
	return -1
}

// codiceOdd is what a character counts at the first, third … place, digits and letters alike by their number (Decreto
// Ministeriale 23 dicembre 1976, table of odd characters). At the other places a character counts its number.
var codiceOdd = [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

const codiceMonths = "ABCDEHLMPRST"

// validCodice says whether month, day and check letter can be.
func validCodice(v []byte) bool {
	month := 0
	for i := range len(codiceMonths) {
		if codiceMonths[i] == v[8] {
			month = i + 1
		}
	}
	day := codiceDigit(v[9])*10 + codiceDigit(v[10])
	if day > 40 { // of a woman
		day -= 40
	}
	if !isDate(month, day) {
		return false
	}
	sum := 0
	for i, c := range v[:15] {
		n := int(c - '0')
		if !isDigit(c) {
			n = int(c - 'A')
		}
		if i%2 == 0 {
			n = codiceOdd[n]
		}
		sum += n
	}
	return byte(sum%26)+'A' == v[15]
}

func codiceDigit(c byte) int {
	if isDigit(c) {
		return int(c - '0')
	}
	return omocode(c)
}
