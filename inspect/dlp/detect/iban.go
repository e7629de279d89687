package detect

// ibanCountries are the lengths and the structure of the BBAN behind the four characters of country and check digits,
// as the IBAN Registry of SWIFT has them: n for digits, a for letters, c for both.
const ibanCountries = `AD8n12c AE19n AL8n16c AT16n AZ4a20c BA16n BE12n BG4a6n8c BH4a14c BI23n BR23n1a1c BY4c4n16c CH5n12c CR18n CY8n16c CZ20n
DE18n DJ23n DK14n DO4c20n EE16n EG25n ES20n FI14n FK2a12n FO14n FR10n11c2n GB4a14n GE2a16n GI4a15c GL14n GR7n16c GT24c HN4a20n HR17n HU24n
IE4a14n IL19n IQ4a15n IS22n IT1a10n12c JO4a4n18c KW4a22c KZ3n13c LB4n20c LC4a24c LI5n12c LT16n LU3n13c LV4a13c LY21n MC10n11c2n MD20c ME18n
MK3n10c2n MN16n MR23n MT4a5n18c MU4a19n3a NI4a20n NL4a10n NO11n OM3n16c PK4a16c PL24n PS4a21c PT21n QA4a21c RO4a16c RS18n RU14n15c SA2n18c
SC4a20n3a SD14n SE20n SI15n SK20n SM1a10n12c SO19n ST21n SV4a20n TL19n TN20n TR6n16c UA6n19c VA18n VG4a16n XK16n YE4a4n18c`

const maxIBAN = 34 // ISO 13616-1 §5

// ibans is the BBAN of each country, one letter for each character: by country, which is a number to the base of 26.
var ibans = func() (t [26 * 26]string) {
	for i := 0; i < len(ibanCountries); {
		country := &t[ibanCountry(ibanCountries[i], ibanCountries[i+1])]
		n := 0
		for i += 2; i < len(ibanCountries) && !isSpace(ibanCountries[i]); i++ {
			c := ibanCountries[i]
			if isDigit(c) {
				n = n*10 + int(c-'0')
				continue
			}
			for ; n > 0; n-- {
				*country += string(c)
			}
		}
		i++
	}
	return t
}()

func ibanCountry(a, b byte) int { return int(upper(a)-'A')*26 + int(upper(b)-'A') }

// ibanAt looks for an IBAN whose two check digits are the first of the n digits at i.
func (s *Scanner) ibanAt(i, n int) {
	off := i - 2
	if n < 2 || off < 0 || !s.set.Has(IBAN) || !isLetter(s.text[off]) || !isLetter(s.text[off+1]) || !s.fresh(off) {
		return
	}
	s.from = min(s.from, off)
	structure := ibans[ibanCountry(s.text[off], s.text[off+1])]
	if structure == "" {
		return
	}
	var v [maxIBAN]byte
	end, ok := s.readIBAN(v[:4+len(structure)], off)
	if ok && fits(v[4:], structure) && mod97(v[:4+len(structure)]) == 1 {
		s.propose(IBAN, off, end, 95)
	}
}

// readIBAN reads v from off on, with or without the same separator behind every four characters, and returns where it
// ends.
func (s *Scanner) readIBAN(v []byte, off int) (end int, ok bool) {
	sep := s.byteAt(off + 4)
	grouped := sep == ' ' || sep == '-'
	at := off
	for k := range v {
		if grouped && k > 0 && k%4 == 0 {
			if s.byteAt(at) != sep {
				return 0, false
			}
			at++
		}
		c := s.byteAt(at)
		if !isAlnum(c) {
			return 0, false
		}
		v[k] = upper(c)
		at++
	}
	return at, !isWord(s.byteAt(at))
}

// fits says whether v begins as the structure says.
func fits(v []byte, structure string) bool {
	for k := range len(structure) {
		if want := structure[k]; want == 'n' && !isDigit(v[k]) || want == 'a' && isDigit(v[k]) {
			return false
		}
	}
	return true
}

// mod97 returns the number modulo 97 that v is once its first four characters stand last and each letter is a number
// from 10 to 35 (ISO 7064 MOD 97-10).
func mod97(v []byte) int {
	n := 0
	for k := range v {
		c := v[(k+4)%len(v)]
		if isDigit(c) {
			n = (n*10 + int(c-'0')) % 97
		} else {
			n = (n*100 + int(c-'A') + 10) % 97
		}
	}
	return n
}
