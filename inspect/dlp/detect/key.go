package detect

import (
	"bytes"
	"slices"
)

// Carry is what a text that goes on hands to its next part beside its bytes: that the body of a private key goes on.
// The zero Carry is nothing.
//
// A private key is seen as a row of matches: the line with which it begins and the first line of its body, then each
// line of the body, or each maxKeyLine bytes of a longer one, with Part set. So a caller who masks match by match
// masks all of it and holds no more than a line. One who counts values leaves out the parts.
type Carry struct {
	state keyState
	lines uint8 // of the body so far, up to maxKeyLines
}

type keyState uint8

const (
	noKey     keyState = iota
	keyHead            // behind the first line: headers or the body
	keyBody            // behind a line of the body
	keyTail            // behind the last line of the body: perhaps the checksum of PGP
	keyPuTTY           // headers and lines of the body, mixed
	keyStates          // how many there are
)

const (
	maxKeyLine  = 80  // RFC 7468 §2 has 64; PGP up to 76
	maxKeyLines = 250 // as many as RSA with 32768 bits needs
	minKeyLine  = 16  // a shorter line is the last
	minFirst    = 32  // of the first line of a body
	minJoined   = 40  // of a body that begins in the line with which the key does
	maxKeyGap   = 40  // bytes between lines: their end and the indentation
	maxKeyTitle = 160 // bytes of a header
)

func (c Carry) goesOn() bool { return c.state != noKey }

// Carry returns, after Next has said false, what is to be handed to Resume with the text that begins at Open.
func (s *Scanner) Carry() Carry {
	if s.key.goesOn() && s.open == s.at {
		return s.key
	}
	return Carry{}
}

func keyLiterals() []literal {
	return []literal{
		{text: "-----BEGIN ", kinds: setOf(PrivateKey), probe: pemAt},
		{text: "PuTTY-User-Key-File-", kinds: setOf(PrivateKey), probe: puttyAt},
	}
}

var keyLabels = []string{
	"PRIVATE KEY-----", "RSA PRIVATE KEY-----", "EC PRIVATE KEY-----", "DSA PRIVATE KEY-----", "OPENSSH PRIVATE KEY-----",
	"ENCRYPTED PRIVATE KEY-----", "PGP PRIVATE KEY BLOCK-----", "SSH2 ENCRYPTED PRIVATE KEY-----", "ANY PRIVATE KEY-----",
}

// pemAt looks for a private key whose first line begins at i. The line alone is none: programs that read keys hold it
// too.
func pemAt(s *Scanner, i int) {
	s.sawKey = true
	label := i + len("-----BEGIN ")
	for _, l := range keyLabels {
		if s.says(label, l) {
			s.keyFrom(i, label+len(l), keyHead)
			return
		}
	}
}

// says says whether the text at i begins with what.
func (s *Scanner) says(i int, what string) bool {
	for k := range len(what) {
		if s.byteAt(i+k) != what[k] {
			return false
		}
	}
	return true
}

// puttyAt looks for a private key in PuTTY's own format (PuTTY manual, appendix C): headers, with lines of Base64
// between them.
func puttyAt(s *Scanner, i int) {
	s.sawKey = true
	end := i + len("PuTTY-User-Key-File-")
	if isDigit(s.byteAt(end)) && s.byteAt(end+1) == ':' && s.byteAt(end+2) == ' ' {
		s.keyFrom(i, s.lineEnd(end), keyPuTTY)
	}
}

// keyFrom proposes a private key whose first line is [i, end) if a body or a header follows.
func (s *Scanner) keyFrom(i, end int, state keyState) {
	at := s.gap(end)
	last := s.run(at, maxKeyLine, base64std)
	switch {
	case s.short:
		return
	case at > end && s.isHeader(at):
		last = end
	case last-at < minFirst, at == end && last-at < minJoined, bytes.IndexByte(bytes.TrimRight(s.text[at:last], "="), '=') >= 0:
		return
	default:
		state = keyBody
	}
	if s.short || !s.set.Has(PrivateKey) {
		return
	}
	m := Match{Kind: PrivateKey, Off: i, End: last, Score: 100}
	w := s.weight(m)
	s.queue.add(m, w, i)
	if w == None || s.set.waits != 0 && w == Told {
		return // in what is only told of something may stand that must not leave
	}
	s.key, s.at = Carry{state: state}, last
}

// readKey looks at what stands at s.at, in the body of a private key.
func (s *Scanner) readKey() {
	s.from, s.short = s.at, false
	at := s.gap(s.at)
	switch {
	case s.short:
	case (s.key.state == keyHead || s.key.state == keyPuTTY) && s.isHeader(at):
		if end := s.lineEnd(at); !s.short {
			s.addToKey(at, end)
			s.key.lines++
			s.at = end
			if s.key.state == keyPuTTY && s.says(at, "Private-MAC") {
				s.endKey()
			}
		}
	default:
		s.readKeyLine(at)
	}
	if s.short {
		s.undecide(s.from, s.set.kinds) // where the key ends, anything may begin
		s.close()
		s.done = true
	} else if s.key.lines >= maxKeyLines {
		s.endKey()
	}
}

func (s *Scanner) endKey() { s.key, s.floor = Carry{}, s.at }

// readKeyLine takes the line of the body at the offset at, if there is one; otherwise the key has ended.
func (s *Scanner) readKeyLine(at int) {
	end := s.run(at, maxKeyLine, base64std)
	if s.short {
		return
	}
	if end == at || s.key.state == keyTail && s.text[at] != '=' {
		s.endKey()
		return
	}
	s.addToKey(at, end)
	s.at = end
	s.key.lines++
	switch {
	case s.key.state == keyPuTTY:
	case s.key.state == keyTail:
		s.endKey()
	case end-at < minKeyLine:
		s.key.state = keyTail
	default:
		s.key.state = keyBody
	}
}

// addToKey puts a line of a private key into the queue.
func (s *Scanner) addToKey(off, end int) {
	m := Match{Kind: PrivateKey, Off: off, End: end, Score: 100, Part: true}
	s.queue.add(m, s.weight(m), off)
}

// gap returns the end of the line ends and spaces at i, be they written as such or, in JSON, as escapes, and of the marks of a mail that is quoted.
func (s *Scanner) gap(i int) int {
	for end := i; end-i < maxKeyGap; {
		switch c := s.byteAt(end); {
		case isSpace(c), c == '>' && end > i:
			end++
		case c == '\\' && s.escaped(end) > end:
			end = s.escaped(end)
		default:
			return end
		}
	}
	return i
}

// escaped returns the end of the escape of a space or a line's end at i, be it one of a text in a text in a text; i if there is none.
func (s *Scanner) escaped(i int) int {
	end := i
	for end-i < maxBackslashes && s.byteAt(end) == '\\' {
		end++
	}
	if c := s.byteAt(end); end > i && (endsLine(c) || c == 't') {
		return end + 1
	}
	return i
}

// maxBackslashes are those before the n of a line's end in JSON in JSON in JSON.
const maxBackslashes = 4

// isHeader says whether a header stands at i: "Proc-Type: …". What it says is the key's, so that nothing hides there.
func (s *Scanner) isHeader(i int) bool {
	end := s.run(i, maxHeaderName, headerName)
	if s.short || s.byteAt(end) != ':' || s.byteAt(end+1) != ' ' {
		return false
	}
	name := s.text[i:end]
	return bytes.HasPrefix(name, extension) || slices.ContainsFunc(headerNames, func(known string) bool { return string(name) == known })
}

// headerNames are those of headers of private keys: RFC 1421 §4.6, RFC 9580 §6.2.2, RFC 4716 §3.3, PuTTY manual appendix C.
var headerNames = []string{
	"Proc-Type", "DEK-Info", "Content-Domain", "Key-Info", "Version", "Comment", "Hash", "Charset", "MessageID", "Subject",
	"Encryption", "Public-Lines", "Private-Lines", "Private-MAC", "Private-Hash", "Key-Derivation",
	"Argon", "Argon2-Memory", "Argon2-Passes", "Argon2-Parallelism", "Argon2-Salt",
}

var extension = []byte("X-") // and anything

const maxHeaderName = 24 // bytes

var headerName = classWhere(func(c byte) bool { return isLetter(c) || c == '-' || c == '2' })

// lineEnd returns the end of the line at i, at most maxKeyTitle bytes on.
func (s *Scanner) lineEnd(i int) int {
	for end := i; ; end++ {
		c := s.byteAt(end)
		if c == 0 || c == '\r' || c == '\n' || end-i == maxKeyTitle || c == '\\' && s.escaped(end) > end {
			return end
		}
	}
}

// endsLine says whether c, behind a backslash, ends a line.
func endsLine(c byte) bool { return c == 'n' || c == 'r' }

// bodyOf returns where the body of a private key begins in a match: behind its first line.
func bodyOf(text []byte) int {
	const begin = "-----BEGIN "
	if !bytes.HasPrefix(text, []byte(begin)) {
		if bytes.HasPrefix(text, []byte("PuTTY-")) {
			return len(text)
		}
		return 0
	}
	if k := bytes.Index(text[len(begin):], []byte("-----")); k >= 0 {
		return len(begin) + k + len("-----") + lineEnd(text[len(begin)+k+len("-----"):])
	}
	return len(text)
}

// lineEnd is the length of the line break that text begins with, written as itself or as in strings of JSON and of programs. Masked it would be no
// escape any more.
func lineEnd(text []byte) (n int) {
	for range 2 { // \r and \n
		end := n
		for end-n < maxBackslashes && end < len(text) && text[end] == '\\' {
			end++
		}
		switch {
		case end == len(text):
			return n
		case end > n && endsLine(text[end]), end == n && (text[end] == '\r' || text[end] == '\n'):
			n = end + 1
		default:
			return n
		}
	}
	return n
}
