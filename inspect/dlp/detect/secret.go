package detect

import "bytes"

const (
	maxEnding      = 4  // bytes of a name behind that word, of one that is handed over
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
	passwords: {
		"passw", "passord", "passphrase", "pwd", "kennwort", "senha", "contrase", "wachtwoord", "l\u00f6senord", "s\u0142o", "pswd", "eslo",
	},
	randoms: {
		"secret", "token", "apikey", "api_key", "api-key", "api key", "access_key", "accesskey", "access-key", "auth_key", "authkey", "private_key",
		"account_key", "accountkey", "account-key", "account key", "storage_key", "storagekey", "storage-key", "storage key", "encryption_key", "signing_key",
		"credential",
	},
}

// begins are what stands before words of which the first letters are too common to be looked for: hasło, heslo.
var begins = map[string]string{"s\u0142o": "ha", "eslo": "h"}

func secretLiterals() (all []literal) {
	for t, names := range secretNames {
		for _, name := range names {
			probe := func(s *Scanner, i int) { s.assignedAt(i, i+len(name), trust(t)) }
			if begin := begins[name]; begin != "" {
				probe = func(s *Scanner, i int) {
					if s.saysFolded(i-len(begin), begin) {
						s.assignedAt(i, i+len(name), trust(t))
					}
				}
			}
			all = append(all, literal{text: name, fold: true, kinds: secretKinds, probe: probe})
		}
	}
	return append(append(all, commandLiterals()...),
		literal{text: "pass", fold: true, kinds: secretKinds, probe: passAt},
		literal{text: "pw", fold: true, kinds: secretKinds, probe: shortAt(0, 2), next: assigning},
		literal{text: "mdp", fold: true, kinds: secretKinds, probe: shortAt(0, 3), next: assigning},
		literal{text: "psk", fold: true, kinds: secretKinds, probe: shortAt(0, 3), next: assigning},
		literal{text: "lave", fold: true, kinds: secretKinds, probe: shortAt(-1, 4), next: assigning}, // clave
		literal{text: "-u ", kinds: setOf(Secret), probe: userAt},
		literal{text: "jdbc:", fold: true, kinds: setOf(ConnectionString), probe: jdbcAt},
		literal{text: "sv=20", kinds: setOf(Secret), probe: sharedAt},
		literal{text: "bearer ", fold: true, kinds: setOf(Secret), probe: bearerAt},
		literal{text: "basic ", fold: true, kinds: setOf(Secret), probe: basicAt})
}

// assigning are what may stand behind a short name to which something is assigned.
var assigning = classWhere(func(c byte) bool { return c == ':' || c == '=' || c == ' ' || isQuote(c) })

// passAt looks for a value that is assigned to "pass", alone or behind an underscore or the like: no passport and no
// compass, and not what a test says that has passed; or to a "mot de passe"; or for one that is handed to sshpass or requirepass.
func passAt(s *Scanner, i int) {
	end := i + len("pass")
	switch c := lower(s.byteAt(end)); {
	case c == 'e' && (s.saysFolded(i-2, "de") || s.saysFolded(i-3, "de") || s.byteAt(i-1) == '-'):
		s.assignedAt(i, end+1, passwords)
	case c == ' ' && s.saysFolded(i-3, "ssh") && s.says(end, " -p"):
		s.proposeBare(s.word(s.spaces(end + len(" -p"))))
	case c == ' ' && s.saysFolded(i-7, "require"):
		s.proposeBare(s.word(s.spaces(end)))
	case isLetter(s.byteAt(i-1)) || isLetter(c), c == ':' && s.byteAt(i-1) != '_' && !s.afterUser(i) && s.isRun(i, end):
	default:
		s.assignedAt(i, end, passwords)
	}
}

// isRun says whether "pass" at i, with a colon at end, says what of a test has passed or which pass of a program runs, rather than what a password is.
func (s *Scanner) isRun(i, end int) bool {
	if s.says(i, "PASS") || s.byteAt(i-1) == ' ' && isLetter(s.byteAt(i-2)) {
		return true
	}
	off := s.spaces(end + 1)
	last := s.until(off, endsBare)
	return s.short || path(s.text[off:last])
}

// shortAt returns the probe for a value that is assigned to a short name alone, which begins so many bytes from its literal and ends so many behind.
func shortAt(begin, end int) func(*Scanner, int) {
	return func(s *Scanner, i int) {
		from := i + begin
		if begin < 0 && lower(s.byteAt(from)) != 'c' {
			return
		}
		if s.byteAt(i+end) == ' ' && !s.bindsAt(from) && s.byteAt(i+end+1) != '=' && s.byteAt(i+end+1) != ':' && s.byteAt(i+end+1) != '|' {
			return
		}
		if s.bindsAt(from) || !isAlnum(s.byteAt(from-1)) && s.fresh(from) {
			s.assignedAt(from, i+end, passwords)
		}
	}
}

// bindsAt says whether "pw" at i ends the name of the password with which a program binds to a directory: bindpw.
func (s *Scanner) bindsAt(i int) bool { return s.saysFolded(i-len("bind"), "bindpw") }

// assignedAt looks for a value that is assigned to the name that holds the word [from, i).
func (s *Scanner) assignedAt(from, i int, t trust) {
	if s.given != nil && s.given.stage == inHeader && !s.sought {
		s.seekFields()
	}
	end := s.run(i, maxName+1, nameBytes)
	if s.isLetterBehind(end) && s.byteAt(end+1)&0xc0 == 0x80 { // contraseña
		end = s.run(end+2, maxName, nameBytes)
	}
	if s.short || end-i > maxName || harmless(s.text[i:end]) {
		return
	}
	if t == randoms {
		end = s.moreName(end)
	} else {
		end = s.qualified(end)
	}
	off, last, quoted := s.valueOf(from, end, end-i <= maxEnding, t)
	if off < 0 && !s.short {
		s.apartFrom(from, end, t)
		return
	}
	if s.short || last-off > maxSecret {
		return
	}
	for !quoted && last > off && s.text[last-1] == '.' { // the end of a sentence
		last--
	}
	if t == randoms && !quoted {
		last = off + drawn(s.text[off:last])
	}
	s.proposeAssigned(from, off, last, quoted, t)
}

// valueOf returns the value of the name that holds a word at from and ends at i: what is assigned to it, is handed over with it or stands beside it; off is -1 if
// there is none.
func (s *Scanner) valueOf(from, i int, short bool, t trust) (off, end int, quoted bool) {
	off, end, quoted = s.assignment(s.attributes(from, i))
	if off >= 0 && end > off && s.byteAt(off) != '{' {
		return off, end, quoted
	}
	if off < 0 {
		if off, end, quoted = s.argument(from, i, short, t); off >= 0 {
			return off, end, quoted
		}
	}
	return s.beside(from, i)
}

// maxKey is the bytes of the longest key that is told by its length: 64 in Base64.
const maxKey = 88

// proposeAssigned proposes text[off:last], which is that of the name that holds a word at from, as what it may be.
func (s *Scanner) proposeAssigned(from, off, last int, quoted bool, t trust) {
	v := s.text[off:last]
	if t == passwords && len(v) > maxKey && !s.told(ConnectionString, from, ContextBytes) {
		return // no password is so long
	}
	if len(v) < minPassword || placeholder(v) || isTime(v) || s.isDirectory(from, off) {
		return
	}
	s.knownKeys(v, off, last)
	if t == randoms && len(v) == awsSecretLen && hasSlash(v) && s.isKey(from) && random(v) && all(v, base64std) {
		s.propose(AWSSecretKey, off, last, 80)
	}
	if t == passwords && !quoted && s.proposeInString(v, from, off, last) || reference(v, quoted, t) {
		return
	}
	if t == passwords && s.byteAt(last) != '(' {
		s.proposePassword(v, from, off, last, quoted)
	}
	if t == randoms && (random(v) && !path(v) && (!slug(v) || restless(v)) || s.isSecret(from) && handSet(v)) {
		s.propose(Secret, off, last, 75)
	}
}

// isDirectory says whether the name that holds a word at from is that of the directory in which a shell is, and a path stands at off: PWD=/srv/x.
func (s *Scanner) isDirectory(from, off int) bool {
	if !s.saysFolded(from, "pwd") || isWord(s.byteAt(from+len("pwd"))) {
		return false
	}
	c := s.byteAt(off)
	return c == '/' || c == '~' || isLetter(c) && s.byteAt(off+1) == ':' && s.byteAt(off+2) == '\\'
}

// drawn returns how many bytes v begins with that a machine may have drawn: up to a letter beyond ASCII, a circumflex, or an escape (RFC 3986 §2.1) of what stands in no
// token.
func drawn(v []byte) int {
	for k, c := range v {
		if c >= 0x80 || c == '^' { // which parts the fields of LEEF
			return k
		}
		if c == '%' && k+2 < len(v) && isHex(v[k+1]) && isHex(v[k+2]) && !token68.has(hexValue(v[k+1])<<4|hexValue(v[k+2])) {
			return k
		}
	}
	return len(v)
}

// hexValue returns the value of a hexadecimal digit.
func hexValue(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}

// moreName returns the end of a name of several words that goes on at i: "secret access key", with "[None]" behind it as a program asks for it.
func (s *Scanner) moreName(i int) int {
	for range 2 {
		for _, word := range [...]string{" access", " key", " token"} {
			if s.saysFolded(i, word) && !isAlnum(s.byteAt(i+len(word))) {
				i += len(word)
			}
		}
	}
	if s.byteAt(i) == ' ' && s.byteAt(i+1) == '[' {
		if end := s.run(i+2, maxName, promptBytes); s.byteAt(end) == ']' {
			return end + 1
		}
	}
	return i
}

// promptBytes are those of an old value that a program shows when it asks for a new one.
var promptBytes = classOf("*")

// saysFolded says whether the text at i begins with what, in any case.
func (s *Scanner) saysFolded(i int, what string) bool {
	for k := range len(what) {
		if lower(s.byteAt(i+k)) != what[k] {
			return false
		}
	}
	return true
}

// proposeInString proposes v, which begins at off, as the password of a connection string if it is a field of one, whose name holds a word at from: what
// stands there is no name of a program's, be it of letters only.
func (s *Scanner) proposeInString(v []byte, from, off, last int) bool {
	before := s.byteAt(from - 1)
	if s.byteAt(off-1) != '=' || before != ';' && before != ' ' || computed(v) || expression(v) && mentions(v) || !s.told(ConnectionString, from, ContextBytes) {
		return false
	}
	if before == ' ' && s.byteAt(from-2) != ';' && !s.isField(from-1) {
		return false
	}
	s.propose(ConnectionString, off, last, 40)
	return true
}

// isField says whether before i, where a space stands, something is assigned: user=app.
func (s *Scanner) isField(i int) bool {
	at := s.nameStart(i)
	return at < i && s.byteAt(at-1) == '='
}

// nameStart returns where the name begins that holds a word at from.
func (s *Scanner) nameStart(from int) int {
	at := from
	for from-at < maxName && nameBytes.has(s.byteAt(at-1)) {
		at--
	}
	return at
}

// proposePassword proposes v, which is assigned to the name that holds a word at from: as that of a connection string only if it is called so before the name.
func (s *Scanner) proposePassword(v []byte, from, off, last int, quoted bool) {
	name := s.nameStart(from)
	if !quoted && (s.byteAt(last) == ';' || s.byteAt(off-1) == '=') && sorts(v) > 1 && s.toldOutside(ConnectionString, from, from-name) {
		s.propose(ConnectionString, off, last, 40)
	}
	if len(v) <= maxTestedBytes && (chosen(v) || phrase(v)) {
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
	case len(v) == maxKey && all(v, base64std) && is64Bytes(v):
		s.propose(AzureStorageKey, off, last, 45)
	}
}

// userAt looks for the password of a user on a command line: "curl -u user:password", "docker login -u user -p password", with the dash at i.
func userAt(s *Scanner, i int) {
	user := i + len("-u ")
	if !isSpace(s.byteAt(i - 1)) {
		return
	}
	if isQuote(s.byteAt(user)) {
		user++
	}
	off := s.run(user, maxUser+1, userBytes)
	if s.says(off, " -p ") && s.saysFolded(i-len("login "), "login ") { // docker
		s.proposeBare(s.word(off + len(" -p ")))
		return
	}
	if s.byteAt(off) != ':' || off == user || off-user > maxUser {
		return
	}
	off++
	end := s.until(off, endsField)
	if n := end - off; s.short || n < minPassword || n > maxTestedBytes {
		return
	}
	if v := s.text[off:end]; !placeholder(v) && !reference(v, false, passwords) && chosen(v) {
		s.propose(Secret, off, end, 60)
	}
}

// sharedAt looks for the signature of a link that opens a store (Azure Storage documentation, "Create a service SAS"), with the field of its version at i: 32
// bytes in Base64, with percent signs or without.
func sharedAt(s *Scanner, i int) {
	end := s.run(i, maxShared, sharedBytes)
	k := bytes.Index(s.text[i:min(end, len(s.text))], []byte("&sig="))
	if s.short || k < 0 {
		return
	}
	off := i + k + len("&sig=")
	end = s.run(off, maxSignature+1, signatureBytes)
	if n := end - off; s.short || n < 43 || n > maxSignature {
		return
	}
	if v := s.text[off:end]; sorts(v) > 2 && varied(v) && (v[len(v)-1] == '=' || bytes.EqualFold(v[len(v)-3:], []byte("%3d"))) {
		s.propose(Secret, off, end, 75)
	}
}

const (
	maxShared    = 200
	maxSignature = 43 * 3
)

var (
	signatureBytes = classOf("+/=%")
	sharedBytes    = classOf("+/=%&-_.:,~")
)

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
