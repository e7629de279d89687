package detect

import "bytes"

// This file reads a value that stands beside its name without being assigned to it: in the next field, cell or element, or as an argument.

const (
	maxBeside   = 160 // bytes between a name and its value in another field
	maxFields   = 6   // of which the last is that of the value
	maxTags     = 6   // of HTML or XML between a name and its value
	maxTag      = 40  // bytes of such a tag
	maxMarkup   = 7   // of <b>, <code>, <strong without its end
	maxRowLabel = 40  // bytes before a name in the cell that it stands in
)

// beside returns the value that stands beside the name that holds a word at from and ends at i; off is -1 if there is none. It reads
// name: NAME⏎value: X, "name":"NAME","value":"X", variable "NAME" { default = "X" }, | NAME | X |, <td>NAME</td><td>X</td>, NAME 'X' and NAME('X').
func (s *Scanner) beside(from, i int) (off, end int, quoted bool) {
	at := s.quote(i)
	named := at > i
	next := s.spaces(s.stars(at))
	switch c := s.byteAt(next); {
	case c == '|':
		return s.inCell(from, next+1)
	case c == '<':
		return s.inElement(next, false)
	case c == ':' && s.byteAt(next+1) == '<':
		return s.inElement(next+1, true)
	case named && (c == '\n' || c == '\r') && s.isPart(from):
		return s.inPart(next)
	case c == '{' && named, c == '\n', c == '\r', c == ',', named && next > at:
		return s.inField(at)
	case c == ':' || c == '=':
		at = s.spaces(next + 1)
		if b := s.byteAt(at); b == '{' || c == ':' && (b == '\n' || b == '\r') && s.isIndented(at) {
			return s.inField(at)
		}
	case !named && next == at+1 && isQuote(c) && i-from > len("pass"): // you can pass `x=1`
		return s.spoken(next + 1)
	case !named && c == '(' && s.hands(from, i) && isQuote(s.byteAt(next+1)):
		return s.spoken(next + 2)
	}
	return -1, 0, false
}

// isIndented says whether the line that follows the end of one at i begins with a space.
func (s *Scanner) isIndented(i int) bool {
	if s.byteAt(i) == '\r' {
		i++
	}
	return s.byteAt(i) == '\n' && s.byteAt(i+1) == ' '
}

// isPart says whether the name that holds a word at from is that of a part of a form: Content-Disposition: form-data; name="NAME" (RFC 7578 §4.2).
func (s *Scanner) isPart(from int) bool {
	const before = "form-data; name="
	at := s.nameStart(from) - 1
	return isQuote(s.byteAt(at)) && s.saysFolded(at-len(before), before)
}

// inPart returns the value of the part of a form whose header line ends at i: the line behind the empty one; off is -1 if there is none.
func (s *Scanner) inPart(i int) (off, end int, quoted bool) {
	for range maxHeaders {
		i = s.lineBreak(i)
		off = s.lineBreak(i)
		if off > i {
			end = s.until(off, '\n')
			if c := s.byteAt(end); c != '\r' && c != '\n' && c != 0 {
				return -1, 0, false
			}
			return off, end, true
		}
		if !s.saysFolded(i, "content-") {
			return -1, 0, false
		}
		i = s.run(i, maxTag+maxTag, inTag)
	}
	return -1, 0, false
}

const maxHeaders = 3 // lines of a part, from that of its name on

// lineBreak returns the end of the line break at i, or i.
func (s *Scanner) lineBreak(i int) int {
	if s.byteAt(i) == '\r' && s.byteAt(i+1) == '\n' {
		return i + 2
	}
	if s.byteAt(i) == '\n' {
		return i + 1
	}
	return i
}

// spoken returns the value between the quote before off and its like; off is -1 if they rather stand around something else, as in "password "+x+" is wrong".
func (s *Scanner) spoken(off int) (from, end int, quoted bool) {
	if c := s.byteAt(off); !isAlnum(c) && c < 0x80 && c != '!' && c != '@' && c != '#' {
		return -1, 0, false
	}
	from, end, quoted = s.quotedValue(off)
	if from < 0 || end == from || s.text[end-1] == '+' || s.text[end-1] == '.' {
		return -1, 0, false
	}
	return from, end, quoted
}

// hands says whether the name that holds a word at from and ends at i is that of a function to which a password is handed: PASSWORD, setPassword.
func (s *Scanner) hands(from, i int) bool {
	return s.nameStart(from) == from && i-from <= len("password") || s.saysFolded(from-len("set"), "set") || s.saysFolded(from-len("with"), "with")
}

// inField returns the value of the field that is called "value" or the like, of those that begin at i; off is -1 if there is none.
func (s *Scanner) inField(i int) (off, end int, quoted bool) {
	last := i + maxBeside
	for range maxFields {
		name := s.quote(s.run(i, maxBeside, partsFields))
		end := s.run(name, maxName+1, nameBytes)
		at, ok := s.operator(s.spaces(s.quote(end)))
		if s.short || !ok || end == name || end-name > maxName || at > last {
			break
		}
		at = s.spaces(at)
		if !isValueName(s.text[name:end]) {
			i = s.fieldEnd(at)
			continue
		}
		if off := s.quote(at); off > at {
			return s.quotedValue(off)
		}
		return at, s.until(at, endsBare), false
	}
	return -1, 0, false
}

// partsFields are bytes that stand between fields of one record.
var partsFields = classWhere(func(c byte) bool { return isSpace(c) || c == ',' || c == ';' || c == '{' })

// fieldEnd returns the end of what is assigned at i: behind a text in quotes, or where the line or the field ends.
func (s *Scanner) fieldEnd(i int) int {
	at := s.quote(i)
	stop := byte(',')
	if at > i {
		stop = s.text[at-1]
	}
	for end := at; end-i < maxBeside; end++ {
		switch c := s.byteAt(end); {
		case c == stop && at > i:
			return end + 1
		case c == stop, c == '\n', c == '\r', c == '}', c == 0:
			return end
		}
	}
	return i
}

// isValueName says whether a field with that name holds the value of another one: value, default, ParameterValue.
func isValueName(name []byte) bool {
	const value = "value"
	if n := len(name) - len(value); n >= 0 {
		return bytes.EqualFold(name[n:], []byte(value)) || n == 2 && bytes.EqualFold(name, []byte("default"))
	}
	return false
}

// inCell returns the value in the cell at i of a table in text, if the name that holds a word at from stands in the first of its row; off is -1 if there is none.
func (s *Scanner) inCell(from, i int) (off, end int, quoted bool) {
	if !s.inFirstCell(from) {
		return -1, 0, false
	}
	off = s.spaces(i)
	off = s.quote(s.stars(off))
	end = s.until(off, endsBare)
	if at := s.spaces(s.stars(s.quote(end))); s.byteAt(at) != '|' || s.isTerm(off, end) {
		return -1, 0, false
	}
	return off, end, true
}

// isTerm says whether text[off:end] is a short word with a number, as those are in tables that speak of what there is: SHA256, oauth2.
func (s *Scanner) isTerm(off, end int) bool {
	return !s.short && end-off < minSafe && wordy(s.text[off:end]) && sorts(s.text[off:end]) < 3
}

const minSafe = 8 // bytes of a value that is no such word

// inFirstCell says whether the word at from stands in the first cell of a row.
func (s *Scanner) inFirstCell(from int) bool {
	at := from
	for from-at < maxRowLabel && inLabel.has(s.byteAt(at-1)) {
		at--
	}
	if s.byteAt(at-1) != '|' {
		return false
	}
	switch s.byteAt(at - 2) {
	case 0, '\n', '|':
		return true
	}
	return false
}

// inLabel are bytes of the label of a row.
var inLabel = classWhere(func(c byte) bool {
	return isAlnum(c) || c >= 0x80 || c == ' ' || c == '*' || c == '`' || c == '_' || c == '-' || c == '.'
})

// inElement returns the value in the element behind that of the name, which ends with the tag at i: <td>name</td><td>X</td>; or what stands behind that tag if
// there is a colon beside it: <b>name:</b> X. off is -1 if there is none.
func (s *Scanner) inElement(i int, colon bool) (off, end int, quoted bool) {
	if s.byteAt(i+1) != '/' {
		return -1, 0, false
	}
	opened, label := false, s.saysFolded(i, "</label>")
	for range maxTags {
		if s.byteAt(i) != '<' {
			break
		}
		last := s.run(i, maxTag, inTag)
		opened = opened || s.opensValue(i+1, last) || label && s.saysFolded(i, "<span")
		if s.byteAt(last) != '>' || colon && !opened && s.byteAt(i+1) != '/' && last-i > maxMarkup {
			return -1, 0, false
		}
		if i = last + 1; !colon && !opened && s.byteAt(i) == ':' {
			colon = true
			i++
		}
		i = s.run(i, maxSpaces, white)
	}
	if !opened {
		if !colon {
			return -1, 0, false
		}
		return i, s.until(i, endsBare), false
	}
	end = s.until(i, '<')
	if at := s.run(end, maxSpaces, white); s.byteAt(at) != '<' || s.byteAt(at+1) != '/' || s.isTerm(i, end) {
		return -1, 0, false
	}
	return i, end, true
}

var (
	inTag = classWhere(func(c byte) bool { return visible.has(c) && c != '>' || c == ' ' })
	white = classWhere(isSpace)
)

// opensValue says whether the tag [i, end) begins an element that holds the value of the one before: by its name, or as <span class="value">.
func (s *Scanner) opensValue(i, end int) bool {
	for _, name := range [...]string{"td", "dd", "value", "string"} {
		if s.saysFolded(i, name) && !isAlnum(s.byteAt(i+len(name))) {
			return true
		}
	}
	return s.byteAt(i) != '/' && !s.short && bytes.Contains(s.text[i:min(end, len(s.text))], []byte("\"val"))
}

// apartFrom looks for a value with a gap between it and the name that holds a word at from and ends at i: NAME - X, NAME⇥X, NAME ..... X. With a single space
// between only what shows itself by its length counts.
func (s *Scanner) apartFrom(from, i int, t trust) {
	off, wide := s.leap(i)
	if off == i {
		return
	}
	last := s.until(off, endsBare)
	if t == randoms {
		last = off + drawn(s.text[off:last])
	}
	v := s.text[off:last]
	switch {
	case s.short || len(v) < minPassword || len(v) > maxSecret || placeholder(v) || path(v) && !phrase(v):
	case (wide || t == passwords && (s.afterUser(from) || sorts(v) > 3 && handSet(v))) && (t == randoms || sorts(v) > 2 || phrase(v)):
		s.proposeAssigned(from, off, last, false, t)
	case t == randoms:
		s.knownKeys(v, off, last)
	}
}

// leap returns the end of the gap at i, and whether it is more than a space: a tab, several spaces, a dash or dots that lead to what stands behind them. It is i if
// there is none.
func (s *Scanner) leap(i int) (end int, wide bool) {
	at := s.spaces(i)
	if at == i {
		return i, false
	}
	wide = at > i+1 || s.byteAt(i) == '\t'
	switch dots := s.run(at, maxSpaces, dot); {
	case dots-at >= minLeaders:
		at = dots
	case s.byteAt(at) == '-':
		at++
	case s.says(at, "\u2013"), s.says(at, "\u2014"):
		at += len("\u2013")
	default:
		return at, wide
	}
	if end = s.spaces(at); end == at {
		return i, false
	}
	return end, true
}

const minLeaders = 4 // dots

var dot = classWhere(func(c byte) bool { return c == '.' })

// afterSetter says whether before the name that holds a word at from a word stands that sets it to what follows: ENV in a Dockerfile, setx; and for what
// machines draw also set, as in "configure set".
func (s *Scanner) afterSetter(from int, t trust) bool {
	at := s.nameStart(from)
	if s.byteAt(at-1) != ' ' {
		return false
	}
	for k, word := range [...]string{"env", "setx", "setenv", "set"} {
		if begin := at - 1 - len(word); s.saysFolded(begin, word) && !isWord(s.byteAt(begin-1)) {
			return k < 3 || t == randoms
		}
	}
	return false
}
