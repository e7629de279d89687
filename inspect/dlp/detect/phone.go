package detect

// callingCodes are the country codes of ITU-T E.164 with the fewest and the most digits that follow them, as the
// national numbering plans published by the ITU have them. A code that is missing has not been given out.
const callingCodes = `1:10-10 7:10-10 20:8-10 27:9-9 30:10-10 31:9-9 32:8-9 33:9-9 34:9-9 36:8-9 39:6-11 40:9-9 41:9-9 43:7-13 44:9-10 45:8-8
46:7-9 47:8-8 48:9-9 49:6-11 51:8-9 52:10-10 53:8-8 54:10-11 55:10-11 56:9-9 57:8-10 58:10-10 60:8-10 61:9-9 62:8-12 63:8-10 64:8-10 65:8-8 66:8-9
81:9-10 82:8-10 84:9-10 86:10-11 90:10-10 91:10-10 92:9-10 93:9-9 94:9-9 95:7-10 98:10-10 211:9-9 212:9-9 213:8-9 216:8-8 218:9-9 220:7-7 221:9-9
222:8-8 223:8-8 224:9-9 225:10-10 226:8-8 227:8-8 228:8-8 229:8-10 230:7-8 231:7-9 232:8-8 233:9-9 234:8-10 235:8-8 236:8-8 237:9-9 238:7-7 239:7-7
240:9-9 241:7-8 242:9-9 243:7-9 244:9-9 245:7-9 246:7-7 248:7-7 249:9-9 250:9-9 251:9-9 252:7-9 253:8-8 254:9-10 255:9-9 256:9-9 257:8-8 258:8-9
260:9-9 261:9-10 262:9-9 263:8-10 264:8-9 265:7-9 266:8-8 267:7-8 268:8-8 269:7-7 290:4-5 291:7-7 297:7-7 298:6-6 299:6-6 350:8-8 351:9-9 352:5-11
353:7-9 354:7-7 355:8-9 356:8-8 357:8-8 358:6-11 359:8-9 370:8-8 371:8-8 372:7-8 373:8-8 374:8-8 375:9-9 376:6-9 377:8-9 378:6-10 380:9-9 381:8-9
382:8-8 383:8-9 385:8-9 386:8-8 387:8-8 389:8-8 420:9-9 421:9-9 423:7-9 500:5-5 501:7-7 502:8-8 503:8-8 504:8-8 505:8-8 506:8-8 507:7-8 508:6-6
509:8-8 590:9-9 591:8-8 592:7-7 593:8-9 594:9-9 595:9-9 596:9-9 597:6-7 598:8-8 599:7-8 670:7-8 672:6-6 673:7-7 674:7-7 675:7-8 676:5-7 677:5-7
678:5-7 679:7-7 680:7-7 681:6-6 682:5-5 683:4-7 685:5-7 686:5-8 687:6-6 688:5-7 689:6-8 690:4-7 691:7-7 692:7-7 800:8-8 808:8-8 850:8-10 852:8-8
853:8-8 855:8-9 856:8-10 870:9-9 880:8-10 881:8-9 882:7-12 883:7-12 886:8-9 888:11-11 960:7-7 961:7-8 962:8-9 963:8-9 964:8-10 965:8-8 966:8-9 967:7-9
968:8-8 970:8-9 971:8-9 972:8-9 973:8-8 974:8-8 975:7-8 976:8-8 977:8-10 992:9-9 993:8-8 994:9-9 995:9-9 996:9-9 998:9-9`

type plan struct{ min, max int }

// plans are callingCodes by country code.
var plans = func() (t [1000]plan) {
	var n [3]int
	field := 0
	for i := range len(callingCodes) + 1 {
		switch {
		case i == len(callingCodes) || isSpace(callingCodes[i]):
			t[n[0]] = plan{n[1], n[2]}
			n, field = [3]int{}, 0
		case isDigit(callingCodes[i]):
			n[field] = n[field]*10 + int(callingCodes[i]-'0')
		default:
			field++
		}
	}
	return t
}()

const (
	maxE164     = 15 // digits: ITU-T E.164 §6.2.1
	maxNational = 12
	maxGap      = 3  // separators between two groups
	bareBytes   = 22 // between a word of context and a national number without separators, spaces not counted
)

// A phoneNumber is digits in groups, as they are read.
type phoneNumber struct {
	digits [maxE164 + 1]byte
	n      int
	groups [8]int
	g      int
	end    int
}

// readPhone reads the digits from i on, with at most three of " -./()" between groups, as ITU-T E.123 has it and people
// write it. It leaves out the (0) that is dialled only within a country.
func (s *Scanner) readPhone(i int) (p phoneNumber) {
	for p.g < len(p.groups) {
		end := s.run(i, len(p.digits)-p.n, digits)
		if end == i {
			break
		}
		p.n += copy(p.digits[p.n:], s.text[i:min(end, len(s.text))])
		p.groups[p.g] = end - i
		p.g++
		p.end = end
		i = s.phoneGap(end)
		if s.says(i-1, "(0)") {
			i = s.phoneGap(i + 1)
		}
		if i == end || !isDigit(s.byteAt(i)) || p.n == len(p.digits) {
			break
		}
	}
	return p
}

// phoneGap returns the end of the separators at i.
func (s *Scanner) phoneGap(i int) int {
	for range maxGap {
		switch c := s.byteAt(i); {
		case isPhoneSeparator(c):
			i++
		case c >= 0x80 && s.wide(i) != 0:
			i += wideLen(c)
		default:
			return i
		}
	}
	return i
}

func isPhoneSeparator(c byte) bool {
	switch c {
	case ' ', '-', '.', '/', '(', ')':
		return true
	}
	return false
}

// phoneAt looks for a phone number in international form, with its + at i.
func phoneAt(s *Scanner, i int) {
	if c := s.byteAt(i - 1); !isDigit(s.byteAt(i+1)) || s.byteAt(i+1) == '0' || isWord(c) || c == '+' || c == ')' || c == ']' {
		return
	}
	p := s.readPhone(i + 1)
	if s.short || !s.phoneMayEnd(p.end) || !dialable(p.digits[:min(p.n, maxE164)]) || p.n > maxE164 || same(p.digits[2:p.n]) {
		return
	}
	switch {
	case p.g > 1:
		s.propose(Phone, i, p.end, 85)
	case s.addsTime(i, &p), s.inDiff(i, p.end):
		s.propose(Phone, i, p.end, 40)
	case !s.saysFolded(p.end, " byte"):
		s.propose(Phone, i, p.end, 70)
	}
}

// addsTime says whether the + at i may be that of a line that a diff adds, with a number that begins as a time does: "+20240301", which would be one of Egypt.
func (s *Scanner) addsTime(i int, p *phoneNumber) bool {
	c := s.byteAt(i - 1)
	d := p.digits[:p.n]
	return (c == '\n' || c == 0) && d[0] == '2' && d[1] == '0' && (d[2] == '2' || d[2] == '3') && isDate(int(decimal(d[4:6])), 1)
}

// dialable says whether the digits are a country code and as many as its plan has.
func dialable(d []byte) bool {
	if len(d) < 7 {
		return false
	}
	if d[0] == '1' {
		return len(d) == 11 && nanp(d[1:])
	}
	code := 0
	for k := range 3 {
		code = code*10 + int(d[k]-'0')
		if p := plans[code]; p.max > 0 {
			n := len(d) - k - 1
			return n >= p.min && n <= p.max
		}
	}
	return false
}

// nanp says whether ten digits may be a number of North America: area code and exchange begin with 2 to 9, and neither
// is a service such as 911 (NANPA, "Central Office Code Assignment Guidelines").
func nanp(d []byte) bool {
	return len(d) == 10 && d[0] >= '2' && d[3] >= '2' && !(d[1] == '1' && d[2] == '1') && !(d[4] == '1' && d[5] == '1')
}

// phoneMayEnd says whether a phone number may end at end.
func (s *Scanner) phoneMayEnd(end int) bool {
	c := s.byteAt(end)
	return !isWord(c) && c != '@' && c != ':' && c != '%' && c != '=' && c != '*' && c != '[' && !(c == '-' && isAlnum(s.byteAt(end+1)))
}

// nationalAt looks for a phone number in the form of its country, whose first digits are [i, end). Only a word of
// context tells it from other numbers.
func (s *Scanner) nationalAt(i, end int) {
	off := i
	if s.byteAt(i-1) == '(' {
		off--
	}
	if off < 0 || !mayOpen(s.text[i], end-i) || !s.mayBegin(off, phoneSeparator(s.narrow(end))) || s.widelyBehind(off) {
		return
	}
	p := s.readPhone(i)
	if s.short || !s.phoneMayEnd(p.end) || same(p.digits[1:p.n]) || p.g == 1 && !s.toldBeside(Phone, off) {
		return
	}
	switch {
	case p.abroad() && p.parted():
		s.propose(Phone, off, p.end, 60)
	case p.abroad():
		s.propose(Phone, off, p.end, 45)
	case p.n <= maxNational && (p.trunk() || p.american() || p.iberian() || p.italian() || p.indian() || p.brazilian(off < i)):
		s.propose(Phone, off, p.end, 40)
	}
}

// phoneSeparator returns c if it may stand between the groups of a phone number; otherwise 0: what parts fields does not.
func phoneSeparator(c byte) byte {
	if isPhoneSeparator(c) {
		return c
	}
	return 0
}

// mayOpen says whether a phone number in the form of its country may begin with a group of n digits, of which this is the first.
func mayOpen(first byte, n int) bool {
	return first == '0' && n > 1 || n == 2 || n == 3 || n == 5 || n == 9 || n == 10
}

// abroad says whether the number begins with the 00 that most countries dial before the code of another.
func (p *phoneNumber) abroad() bool {
	return p.n <= maxE164 && p.n > 9 && p.groups[0] >= 2 && p.digits[0] == '0' && p.digits[1] == '0' && p.digits[2] != '0' && p.digits[2] != '1' && dialable(p.digits[2:p.n])
}

// parted says whether a number that begins with 00 has the code of its country by itself, or with these: "0049 30 123456".
func (p *phoneNumber) parted() bool {
	first := p.groups[0] - 2
	if first == 0 {
		first = p.groups[1]
	}
	code := 0
	for k := range min(first, 3) {
		code = code*10 + int(p.digits[2+k]-'0')
	}
	return p.g > 2 && first <= 3 && plans[code].max > 0
}

// trunk says whether the number begins with the 0 that most countries dial before an area, and has as many digits as
// they do.
func (p *phoneNumber) trunk() bool {
	return p.digits[0] == '0' && p.digits[1] != '0' && p.n >= 9 && p.groups[0] >= 2 && p.g <= 6
}

// american says whether it is ten digits of North America, as they are written there.
func (p *phoneNumber) american() bool {
	return nanp(p.digits[:p.n]) && (p.g == 1 || p.g == 3 && p.groups[0] == 3 && p.groups[1] == 3)
}

// iberian says whether it is nine digits, as in Spain, Portugal and Poland: in a row, three groups of three, or three digits and three pairs.
func (p *phoneNumber) iberian() bool {
	g := p.groups
	return p.n == 9 && g[0]%6 == 3 && p.digits[0] >= '2' && (p.g == 1 || p.g == 3 && g[1] == 3 || p.g == 4 && g[1] == 2 && g[2] == 2)
}

// italian says whether it is a mobile number of Italy.
func (p *phoneNumber) italian() bool {
	return p.n == 10 && p.digits[0] == '3' && p.groups[0] == 3 && (p.g == 2 || p.g == 3 && p.groups[1] == 3)
}

// indian says whether it is a mobile number of India: five digits twice.
func (p *phoneNumber) indian() bool {
	return p.n == 10 && p.g == 2 && p.groups[0] == 5 && p.digits[0] >= '6'
}

// brazilian says whether it is a number of Brazil: an area of two digits, in parentheses unless a mobile number follows, and two groups.
func (p *phoneNumber) brazilian(parentheses bool) bool {
	g := p.groups
	return p.g == 3 && g[0] == 2 && g[2] == 4 && p.digits[0] != '0' && p.digits[1] != '0' && (g[1] == 4 && parentheses || g[1] == 5 && p.digits[2] == '9')
}
