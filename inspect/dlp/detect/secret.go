package detect

import "bytes"

const (
	maxName        = 24 // bytes of a name behind the word that makes it one of a secret
	maxSecret      = 256
	minSecret      = 16 // of a token or key
	minPassword    = 6
	maxTestedBytes = 64
)

// A trust is what a word promises about the value assigned to it.
type trust uint8

const (
	passwords trust = iota // that people choose: short, of several sorts of characters
	randoms                // that machines draw: long and even
)

var secretKinds = setOf(Secret, AWSSecretKey, TwilioKey, AzureStorageKey, ConnectionString)

// secretNames are words that names of secrets begin or end with, or hold.
var secretNames = [...][]string{
	passwords: {"passw", "passphrase", "pwd", "kennwort", "senha", "contrase", "motdepasse", "mot_de_passe"},
	randoms: {
		"secret", "token", "apikey", "api_key", "api-key", "access_key", "accesskey", "access-key", "auth_key", "authkey", "private_key",
		"account_key", "accountkey", "storage_key", "storagekey", "encryption_key", "signing_key", "credential",
	},
}

func secretLiterals() (all []literal) {
	for t, names := range secretNames {
		for _, name := range names {
			probe := func(s *Scanner, i int) { s.assignedAt(i+len(name), trust(t)) }
			all = append(all, literal{text: name, fold: true, kinds: secretKinds, probe: probe})
		}
	}
	return append(all,
		literal{text: "pass", fold: true, kinds: secretKinds, probe: passAt},
		literal{text: "bearer ", fold: true, kinds: setOf(Secret), probe: bearerAt},
		literal{text: "basic ", fold: true, kinds: setOf(Secret), probe: basicAt})
}

// passAt looks for a value that is assigned to "pass", alone or behind an underscore or the like: no passport and no
// compass, and not what a test says that has passed.
func passAt(s *Scanner, i int) {
	end := i + len("pass")
	if isLetter(s.byteAt(i-1)) || isLetter(s.byteAt(end)) || s.byteAt(end) == ':' && s.byteAt(i-1) != '_' {
		return
	}
	s.assignedAt(end, passwords)
}

// assignedAt looks for a value that is assigned to the name that goes on at i.
func (s *Scanner) assignedAt(i int, t trust) {
	end := s.run(i, maxName+1, nameBytes)
	if s.short || end-i > maxName || harmless(s.text[i:end]) {
		return
	}
	off, last, quoted := s.assignment(end)
	if off < 0 || s.short || last-off > maxSecret {
		return
	}
	for !quoted && last > off && s.text[last-1] == '.' { // the end of a sentence
		last--
	}
	v := s.text[off:last]
	if len(v) < minPassword || placeholder(v) {
		return
	}
	s.knownKeys(v, off, last)
	if reference(v, quoted) {
		return
	}
	if t == passwords && s.byteAt(last) != '(' {
		s.proposePassword(v, off, last, quoted)
	}
	if t == randoms && random(v) {
		s.propose(Secret, off, last, 75)
	}
}

func (s *Scanner) proposePassword(v []byte, off, last int, quoted bool) {
	if !quoted && (s.byteAt(last) == ';' || s.byteAt(off-1) == '=') && sorts(v) > 1 {
		s.propose(ConnectionString, off, last, 40)
	}
	if len(v) <= maxTestedBytes && chosen(v) {
		s.propose(Secret, off, last, 70)
	}
}

// knownKeys proposes v as a key of a service whose keys show themselves only by their length and by words before them.
func (s *Scanner) knownKeys(v []byte, off, last int) {
	switch {
	case len(v) == 40 && random(v) && !all(v, lowerHex) && all(v, base64std):
		s.propose(AWSSecretKey, off, last, 45)
	case len(v) == 32 && all(v, lowerHex) && varied(v):
		s.propose(TwilioKey, off, last, 45)
	case len(v) == 88 && all(v, base64std) && is64Bytes(v):
		s.propose(AzureStorageKey, off, last, 45)
	}
}

// assignment returns the value that is assigned to the name that ends at i, and whether it stands in quotes; off is -1
// if there is none. It reads name = "value", "name": "value", name: value, name=value&…, <name>value<,
// \"name\":\"value\", and name is value.
func (s *Scanner) assignment(i int) (off, end int, quoted bool) {
	if at := s.copula(i); at > i {
		return at, s.until(at, 0), false
	}
	i = s.quote(i)
	if s.byteAt(i) == ']' {
		i++
	}
	i = s.spaces(i)
	if s.byteAt(i) == '>' {
		return s.element(i + 1)
	}
	i, ok := s.operator(i)
	if !ok {
		return -1, 0, false
	}
	i = s.spaces(i)
	if off = s.quote(i); off > i {
		return s.quotedValue(off)
	}
	return off, s.until(off, 0), false
}

// element returns the value between two tags of XML, of which the first ends at off; off is -1 if the second is not
// one that ends.
func (s *Scanner) element(off int) (from, end int, quoted bool) {
	end = s.until(off, '<')
	if s.byteAt(end) != '<' || s.byteAt(end+1) != '/' {
		return -1, 0, false
	}
	return off, end, true
}

// operator returns what follows an assignment at i, which is one of = : := => and no comparison.
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
		if s.says(at, is) {
			at += len(is)
			if c := s.byteAt(at); c == ':' || c == '=' {
				at++
			}
			for s.byteAt(at) == ' ' && at-i < 12 {
				at++
			}
			if c := s.byteAt(at); c == ':' || c == '=' {
				at++
			}
			return s.quote(s.spaces(at))
		}
	}
	return i
}

var copulas = []string{" is", " ist", " lautet", " est", " es"}

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

func (s *Scanner) spaces(i int) int {
	end := i
	for end-i < 4 && (s.byteAt(end) == ' ' || s.byteAt(end) == '\t') {
		end++
	}
	return end
}

// until returns the end of the value at i: at the byte stop, or if that is 0 where a value without quotes ends. It
// goes at most one byte beyond maxSecret.
func (s *Scanner) until(i int, stop byte) int {
	p := &s.plain
	end := i
	if p.stop == stop && p.from <= i && i <= p.to {
		end = p.to // so that names within values within names cost no more than once
	}
	for end-i <= maxSecret {
		c := s.byteAt(end)
		if !visible.has(c) || c == stop || stop == 0 && endsBare[c] || isQuote(c) {
			break
		}
		end++
	}
	*p = plain{i, end, stop}
	return end
}

// plain is bytes of which none ends a value that ends at the byte stop.
type plain struct {
	from, to int
	stop     byte
}

var endsBare = func() (t [256]bool) {
	for _, c := range "<>,;&)}]\\|" {
		t[c] = true
	}
	return t
}()

// bearerAt looks for the token of an Authorization header: "Bearer ", whose b is at i (RFC 6750 §2.1).
func bearerAt(s *Scanner, i int) {
	off := i + len("bearer ")
	end := s.run(off, maxSecret+1, token68)
	if s.short || end-off > maxSecret || end-off < minSecret || !s.fresh(i) || !random(s.text[off:end]) {
		return
	}
	s.propose(Secret, off, end, 45)
}

// basicAt looks for the credentials of an Authorization header: "Basic ", whose b is at i, and user:password in Base64
// (RFC 7617 §2).
func basicAt(s *Scanner, i int) {
	off := i + len("basic ")
	end := s.run(off, maxSecret+1, base64std)
	if s.short || end-off > maxSecret || end-off < 8 || !s.fresh(i) {
		return
	}
	var text [maxSecret]byte
	n, ok := decode64(text[:], bytes.TrimRight(s.text[off:end], "="))
	if colon := bytes.IndexByte(text[:n], ':'); ok && colon >= 0 && colon < n-1 && utf8Text(text[:n]) {
		s.propose(Secret, off, end, 45)
	}
}
