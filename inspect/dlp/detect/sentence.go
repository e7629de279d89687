package detect

import "strings"

// This file reads passwords of which sentences speak.

// qualified returns the end of the name of a password that goes on at i with words that say which: "mot de passe temporaire", "password (temporary)", "Passwort
// für das WLAN".
func (s *Scanner) qualified(i int) int {
	switch {
	case s.byteAt(i) != ' ':
		return i
	case s.byteAt(i+1) == '(':
		if end := s.run(i+2, maxName, letters); end > i+2 && s.byteAt(end) == ')' {
			return end + 1
		}
		return i
	case !isLetter(s.byteAt(i + 1)):
		return i
	}
	for _, word := range qualifiers {
		if end := i + 1 + len(word); s.saysFolded(i+1, word) && s.endsWord(end) {
			return end
		}
	}
	return s.purpose(i)
}

var qualifiers = strings.Fields("temporaire provisoire temporal provisional temporanea provvisoria tempor\u00e1ria provis\u00f3ria tymczasowe temporary initial initiale inicial wifi wi-fi admin root")

// endsWord says whether a word may end at i.
func (s *Scanner) endsWord(i int) bool {
	c := s.byteAt(i)
	return !isLetter(c) && c < 0x80
}

// purpose returns the end of the words at i that say what a password is for, if then follows what it is; otherwise i: " for the VPN".
func (s *Scanner) purpose(i int) int {
	for _, word := range purposes {
		if end := i + 1 + len(word); s.saysFolded(i+1, word) && s.byteAt(end) == ' ' {
			return s.objects(i, end)
		}
	}
	return i
}

var purposes = strings.Fields("for f\u00fcr fuer zum zur vom pour para per del de du des do da di voor van dla till to of")

// objects returns the end of the words at end, as many as may stand behind the purpose at i, if they are followed by a word such as "is" or a colon; otherwise i.
func (s *Scanner) objects(i, end int) int {
	for range maxObjects {
		word := end + 1
		if s.byteAt(end) != ' ' || !objectBytes.has(s.byteAt(word)) {
			return i
		}
		end = s.run(word, maxName, objectBytes)
		if s.byteAt(end) == ':' || s.byteAt(end) == ' ' && s.byteAt(end+1) == ':' || s.copula(end) > end {
			return end
		}
	}
	return i
}

const maxObjects = 4 // words

// objectBytes are those of a word.
var objectBytes = classWhere(func(c byte) bool { return isAlnum(c) || c >= 0x80 || c == '-' || c == '_' || c == '.' || c == '@' })

// afterUser says whether the name of a user stands before from: "user: admin pass: X", "login admin / password X".
func (s *Scanner) afterUser(from int) bool {
	user, parted := s.userEnd(from)
	at := user
	for user-at < maxName && objectBytes.has(s.byteAt(at-1)) {
		at--
	}
	begin := s.spacesBefore(at, maxApart)
	if c := s.byteAt(begin - 1); c == ':' || c == '=' {
		begin, parted = s.spacesBefore(begin-1, maxApart), true
	}
	return user < from && at < user && begin < at && parted && s.isUser(begin)
}

const maxApart = 2 // spaces between words

// userEnd returns where the name of a user ends before what stands between it and a password at from: spaces and one of , ; / or none. parted says whether
// there is one.
func (s *Scanner) userEnd(from int) (at int, parted bool) {
	at = s.spacesBefore(from, maxApart)
	switch s.byteAt(at - 1) {
	case ',', ';', '/':
		return s.spacesBefore(at-1, maxApart), true
	}
	return at, false
}

// isUser says whether a word ends at i behind which the name of a user is given.
func (s *Scanner) isUser(i int) bool {
	for _, word := range users {
		if begin := i - len(word); s.saysFolded(begin, word) {
			return true
		}
	}
	return false
}

var users = strings.Fields("user username login benutzer benutzername usuario usu\u00e1rio utilisateur utente account konto")
