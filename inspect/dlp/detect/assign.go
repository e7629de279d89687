package detect

// This file reads how something is assigned to a name.

const (
	maxSpaces = 32 // between a name and its value, in columns
	maxType   = 8  // bytes of a type between a name and its value
)

// Bytes that end a value and stand in none, for until.
const (
	endsBare  = 0 // a value without quotes
	endsField = 1 // likewise, behind the = of a form: at each &
)

// assignment returns the value that is assigned to the name that ends at i, and whether it stands in quotes; off is -1
// if there is none. It reads name = "value", "name": "value", name: value, name=value&…, <name>value<,
// <name><![CDATA[value]]>, name: >⏎ value, \"name\":\"value\", var name string = "value", **name**: `value`, and name is value.
func (s *Scanner) assignment(i int) (off, end int, quoted bool) {
	if at := s.copula(i); at > i {
		return at, s.until(at, endsBare), false
	}
	i = s.quote(i)
	if s.byteAt(i) == ']' {
		i++
	}
	i = s.spaces(s.stars(i))
	if s.byteAt(i) == '>' {
		return s.element(i + 1)
	}
	i, ok := s.operator(s.typed(i))
	if !ok {
		return -1, 0, false
	}
	stop := byte(endsBare)
	if s.byteAt(i-1) == '=' {
		stop = endsField
	}
	i = s.spaces(s.stars(i))
	if at := s.typed(i); at > i {
		if at, ok = s.operator(at); ok {
			i = s.spaces(at)
		}
	}
	if at := s.curly(i); at > i {
		return at, s.until(at, endsBare), true
	}
	if off = s.quote(s.prefix(i)); off > i {
		return s.quotedValue(off)
	}
	if at := s.folded(i); at > i {
		return at, s.until(at, endsBare), false
	}
	return i, s.until(i, stop), false
}

// prefix returns what follows the mark at i of a text in quotes, as C#, Python and SQL have it: @"X", r"X", N'X'.
func (s *Scanner) prefix(i int) int {
	switch c := s.byteAt(i); c {
	case '@', '$', 'r', 'b', 'u', 'R', 'L', 'N':
		if isQuote(s.byteAt(i + 1)) {
			return i + 1
		}
	}
	return i
}

// folded returns where the text begins that YAML has in the lines below the mark at i, one of > | with + or - or without; otherwise i.
func (s *Scanner) folded(i int) int {
	if c := s.byteAt(i); c != '>' && c != '|' {
		return i
	}
	at := i + 1
	if c := s.byteAt(at); c == '-' || c == '+' {
		at++
	}
	end := s.run(at, maxSpaces, white)
	if c := s.byteAt(at); end == at || c != '\n' && c != '\r' {
		return i
	}
	return end
}

// argument returns the value that is handed over with the name that holds a word at from and ends at i; off is -1 if there is none. It reads
// --name value, ("name", "value") if the name is short, ENV NAME value, login user password value, as in a .netrc file, and bindpw value.
func (s *Scanner) argument(from, i int, short bool, t trust) (off, end int, quoted bool) {
	at := s.quote(i)
	switch c := s.byteAt(at); {
	case at == i && isSpace(c) && (s.isOption(from) || s.afterLogin(from) || s.afterSetter(from, t) || s.bindsAt(from)):
		if at = s.spaces(at); isSpace(s.byteAt(at)) {
			at++
		}
		if off := s.quote(at); off > at {
			return s.quotedValue(off)
		}
		if s.byteAt(at) != '-' {
			return at, s.until(at, endsBare), false
		}
	case at > i && c == ',' && short && s.opensCall(from):
		at = s.spaces(at + 1)
		if off := s.quote(at); off > at {
			return s.quotedValue(off)
		}
	}
	return -1, 0, false
}

// isOption says whether the name that holds a word at from begins with two dashes behind a space.
func (s *Scanner) isOption(from int) bool {
	at := s.nameStart(from)
	c := s.byteAt(at - 1)
	return (c == 0 || isSpace(c) || isQuote(c)) && s.byteAt(at) == '-' && s.byteAt(at+1) == '-'
}

// afterLogin says whether "login" and the name of a user stand before from, in the same line or in those above.
func (s *Scanner) afterLogin(from int) bool {
	user := s.spacesBefore(from, maxIndent)
	at := user
	for user-at < maxName && userBytes.has(s.byteAt(at-1)) {
		at--
	}
	begin := s.spacesBefore(at, maxIndent)
	return user < from && at < user && begin < at && s.says(begin-len("login"), "login")
}

// spacesBefore returns where the spaces and line ends begin that end at i, max of them at most.
func (s *Scanner) spacesBefore(i, max int) int {
	begin := i
	for i-begin < max && isSpace(s.byteAt(begin-1)) {
		begin--
	}
	return begin
}

const maxIndent = 12 // bytes between fields of a .netrc file

// opensCall says whether the name that holds a word at from is in quotes, and these are the first argument of a call.
func (s *Scanner) opensCall(from int) bool {
	at := s.nameStart(from)
	return isQuote(s.byteAt(at-1)) && s.byteAt(at-2) == '('
}

// typed returns what follows the type of a variable at i, and the spaces behind it, if an assignment stands there; otherwise i.
func (s *Scanner) typed(i int) int {
	for _, name := range [...]string{"string", "str", "String", "&str", "&'static str", "As String", "as String"} {
		if s.says(i, name) {
			if at := s.spaces(i + len(name)); s.byteAt(at) == '=' {
				return at
			}
		}
	}
	return i
}

// stars returns what follows the marks at i with which Markdown makes a word stand out.
func (s *Scanner) stars(i int) int {
	for k := 0; k < 2 && s.byteAt(i) == '*'; k++ {
		i++
	}
	return i
}

// element returns the value between two tags of XML, of which the first ends at off; off is -1 if the second is not
// one that ends.
func (s *Scanner) element(off int) (from, end int, quoted bool) {
	if s.says(off, "<![CDATA[") {
		off += len("<![CDATA[")
		end = s.until(off, ']')
		if !s.says(end, "]]>") {
			return -1, 0, false
		}
		return off, end, true
	}
	end = s.until(off, '<')
	if s.byteAt(end) != '<' || s.byteAt(end+1) != '/' {
		return -1, 0, false
	}
	return off, end, true
}

// attributes returns the end of what stands in a tag between its name, which holds a word at from and ends at i, and the > that ends it; otherwise i.
func (s *Scanner) attributes(from, i int) int {
	at := s.nameStart(from)
	if s.byteAt(at-1) == ':' {
		at = s.nameStart(at - 1)
	}
	if s.byteAt(i) != ' ' || s.byteAt(at-1) != '<' {
		return i
	}
	if end := s.run(i, maxTag, inTag); s.byteAt(end) == '>' && s.byteAt(end-1) != '/' {
		return end
	}
	return i
}

// operator returns what follows an assignment at i, which is one of = : := => ?= and no comparison, or the wide colon of Chinese.
func (s *Scanner) operator(i int) (end int, ok bool) {
	next := s.byteAt(i + 1)
	switch s.byteAt(i) {
	case ':':
		if next == '=' {
			return i + 2, true
		}
		return i + 1, true
	case '=':
		if next == '>' {
			return i + 2, true
		}
		return i + 1, next != '='
	case '?': // of make
		return i + 2, next == '='
	case 0xef:
		return i + 3, next == 0xbc && s.byteAt(i+2) == 0x9a
	}
	return i, false
}

// quotedValue returns the value between the quote before off and its like; off is -1 if that does not follow. A quote
// that is escaped ends with another that is.
func (s *Scanner) quotedValue(off int) (from, end int, quoted bool) {
	q := s.text[off-1]
	end = s.until(off, q)
	if s.byteAt(end) != q {
		return -1, 0, false
	}
	if s.byteAt(end-1) == '\\' && s.byteAt(off-2) == '\\' {
		end--
	}
	return off, end, true
}

// copula returns where what is said begins if " is " or its like in other languages stands at i, with the word "key"
// or without and with a colon or without; otherwise i.
func (s *Scanner) copula(i int) int {
	at := i
	if s.says(at, " key") {
		at += len(" key")
	}
	for _, is := range copulas {
		if !s.says(at, is) || !endsCopula(s.byteAt(at+len(is))) {
			continue
		}
		at += len(is)
		if c := s.byteAt(at); c == ':' || c == '=' {
			at++
		}
		for s.byteAt(at) == ' ' && at-i < maxCopula {
			at++
		}
		if c := s.byteAt(at); c == ':' || c == '=' {
			at++
		}
		return s.quote(s.spaces(at))
	}
	return i
}

const maxCopula = 16 // bytes, with the spaces behind it

var copulas = []string{" is", " ist", " lautet", " est", " es", " \u00e8", " \u00e9", " \u00e4r", " er", " jest"}

// endsCopula says whether c may stand behind such a word.
func endsCopula(c byte) bool { return c == ' ' || c == ':' || c == '=' }

// quote returns what follows a quote at i, or i.
func (s *Scanner) quote(i int) int {
	k := i
	if s.byteAt(k) == '\\' {
		k++
	}
	if isQuote(s.byteAt(k)) {
		return k + 1
	}
	return i
}

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// curly returns what follows a quotation mark of books at i, of those from U+2018 to U+201E, or « or »; otherwise i.
func (s *Scanner) curly(i int) int {
	switch c := s.byteAt(i); {
	case c == 0xe2 && s.byteAt(i+1) == 0x80 && s.byteAt(i+2) >= 0x98 && s.byteAt(i+2) <= 0x9e:
		return i + 3
	case c == 0xc2 && (s.byteAt(i+1) == 0xab || s.byteAt(i+1) == 0xbb):
		return i + 2
	}
	return i
}

// spaces returns the end of the spaces at i: those of ASCII, and those that do not break.
func (s *Scanner) spaces(i int) int {
	end := i
	for end-i < maxSpaces {
		switch c := s.byteAt(end); {
		case c == ' ' || c == '\t':
			end++
		case c >= 0x80 && s.wide(end) == ' ':
			end += wideLen(c)
		default:
			return end
		}
	}
	return end
}

// until returns the end of the value at i: at the byte stop, or where endsBare or endsField say. It
// goes at most one byte beyond maxSecret.
func (s *Scanner) until(i int, stop byte) int {
	p := &s.plain
	end := i
	if p.stop == stop && p.from <= i && i <= p.to {
		end = p.to // so that names within values within names cost no more than once
	}
	for end-i <= maxSecret {
		c := s.byteAt(end)
		if c == stop || isQuote(c) || !visible.has(c) && !s.isLetterAt(end) || stop <= endsField && s.endsValue(end, stop) {
			break
		}
		end++
	}
	*p = plain{i, end, stop}
	return end
}

// isLetterAt says whether the byte at i is one of a letter beyond ASCII, of Latin to Arabic: the first of two or the second. What begins like one and does not go
// on so is none, such as what %DB_NAME% is if %DB is taken for an escape.
func (s *Scanner) isLetterAt(i int) bool {
	c := s.byteAt(i)
	if c >= 0x80 && c < 0xc0 {
		return isTwoByteLead(s.byteAt(i - 1))
	}
	return isTwoByteLead(c) && s.byteAt(i+1)&0xc0 == 0x80
}

func isTwoByteLead(c byte) bool { return c >= 0xc3 && c <= 0xdf }

// endsValue says whether a value without quotes ends at i.
func (s *Scanner) endsValue(i int, stop byte) bool {
	c := s.byteAt(i)
	return barely[c] && (c != '&' || s.nextField(i+1, stop))
}

// nextField says whether the next field of a form begins at i, behind &, or what it begins is a character reference.
func (s *Scanner) nextField(i int, stop byte) bool {
	if stop == endsField && isLetter(s.byteAt(i)) {
		return true
	}
	end := s.run(i, maxName, nameBytes)
	c := s.byteAt(end)
	return end > i && (c == '=' || c == ';') || c == '&'
}

// plain is bytes of which none ends a value that ends at the byte stop.
type plain struct {
	from, to int
	stop     byte
}

// barely are bytes that end a value without quotes, & only before another field.
var barely = func() (t [256]bool) {
	for _, c := range "<>,;&)}]\\|" {
		t[c] = true
	}
	return t
}()
