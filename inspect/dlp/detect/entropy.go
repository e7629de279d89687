package detect

import (
	"bytes"
	"math"
)

// harmless says whether a name that goes on like this is of something about a secret: its hash, its length, the file
// that it is in.
func harmless(name []byte) bool {
	return holdsAny(name, harmlessNames)
}

// holdsAny says whether v, of maxSecret bytes at most, holds one of some words, be it in capitals.
func holdsAny(v []byte, words [][]byte) bool {
	var l [maxSecret]byte
	for k, c := range v {
		l[k] = lower(c)
	}
	for _, word := range words {
		if bytes.Contains(l[:len(v)], word) {
			return true
		}
	}
	return false
}

var harmlessNames = bytes.Fields([]byte("hash digest type url uri file path field length size count expir policy hint label name version" +
	" class format regex pattern manager arn id_ .id _id -id id- _at prefix suffix event endpoint izer limit changed _min -min .min _max -max .max strength"))

// placeholder says whether v stands for a secret and is none: a variable, a template, a word of documentation.
func placeholder(v []byte) bool {
	switch v[0] {
	case '{', '<', '*', '[', '(':
		if len(v) < minDrawn || !restless(v) {
			return true
		}
	case '@', '#':
		if len(v) < 8 {
			return true
		}
	case '$', '%':
		if len(v) < 8 || !restless(v) || variable(v) {
			return true
		}
	}
	if bytes.Contains(v, []byte("${")) || bytes.Contains(v, []byte("#{")) || bytes.Contains(v, []byte("{{")) || bytes.Contains(v, []byte("***")) || bytes.Contains(v, []byte("...")) {
		return true
	}
	var l [maxSecret]byte
	n := 0
	for _, c := range v[:min(len(v), maxTestedBytes)] {
		l[n] = lower(c)
		n++
	}
	for _, word := range placeholders {
		if bytes.Contains(l[:n], word) {
			return true
		}
	}
	switch string(l[:n]) {
	case "password", "mypassword", "passwd", "pass", "secret":
		return true
	}
	return distinct(v) < 4
}

const minDrawn = 40 // bytes of a secret drawn from signs, such as Django's of 50, which may begin with any

// variable says whether v, which begins with a $ or %, is a variable of a shell or a template, or a password's hash: $NAME, %NAME%, %(name)s, $2b$10$….
func variable(v []byte) bool {
	return isName(bytes.TrimRight(v[1:], "%")) || isLetter(v[1]) && all(v[1:], memberBytes) || v[1] == '(' || v[1] == '{' || v[0] == '$' && bytes.Count(v, v[:1]) > 2
}

// memberBytes are those of a member of a variable.
var memberBytes = classOf("_:->.[]")

// isTime says whether v begins as a time of ISO 8601 does: 2024-03-11T.
func isTime(v []byte) bool {
	return len(v) > 10 && decimalOnly(v[:4]) && v[4] == '-' && decimalOnly(v[5:7]) && v[7] == '-' && decimalOnly(v[8:10]) && v[10] == 'T'
}

// slug says whether v is words of letters and numbers, with dashes or the like between: server-token-1.
func slug(v []byte) bool {
	words, letters, digits := 0, 0, 0
	for k := 0; k <= len(v); k++ {
		switch {
		case k == len(v) || v[k] == '-' || v[k] == '_' || v[k] == '.':
			if letters > 0 && digits > 0 || digits > maxSlugDigits {
				return false
			}
			words, letters, digits = words+1, 0, 0
		case isLetter(v[k]):
			letters++
		default:
			digits++
		}
	}
	return words > 1
}

const maxSlugDigits = 4

// restless says whether neighbours in v are mostly of different sorts, as in what is drawn at random and not in words.
func restless(v []byte) bool {
	changes := 0
	for k := 1; k < len(v); k++ {
		if sortOf(v[k]) != sortOf(v[k-1]) {
			changes++
		}
	}
	return 3*changes >= len(v)
}

var placeholders = bytes.Fields([]byte("xxxx your example changeme change_me change-me placeholder redacted dummy replace insert" +
	" process.env os.environ getenv undefined null -----begin todo_ lorem sample_ test_ mysecret secret_here password_here 12345678 abcdefg"))

// reference says whether v names a secret, as programs do, rather than being one.
func reference(v []byte, quoted bool, t trust) bool {
	if bytes.Contains(v, []byte("://")) || bytes.IndexByte([]byte("/.~"), v[0]) >= 0 && (!restless(v) || path(v) && bytes.IndexByte(v, '/') >= 0) || stored(v) || isUUID(v) || identifier(v) && !phrase(v) {
		return true
	}
	return !quoted && (v[0] == '!' && identifier(v[1:]) || expression(v) && (t == randoms || !disordered(v)))
}

// stored says whether v names the place where a secret is kept: a file (@name.txt), a member (@Model.Password) or a path in a store (vault:app/data#password).
func stored(v []byte) bool {
	if v[0] == '@' {
		dot := bytes.LastIndexByte(v, '.')
		return dot > 1 && all(v[1:], pathBytes) && isName(v[dot+1:]) && (len(v)-dot <= 5 || path(v[1:]))
	}
	colon := bytes.IndexByte(v, ':')
	return colon > 1 && bytes.IndexByte(v[colon:], '/') > 0 && all(v[:colon], schemeBytes) && (!restless(v[colon:]) || path(v))
}

// path says whether v is words with slashes, dots, dashes or the like between, as in projects/p/secrets/db1/versions/3.
func path(v []byte) bool {
	words, from := 0, 0
	for k := 0; k <= len(v); k++ {
		if k < len(v) && !partsPath.has(v[k]) {
			continue
		}
		if k > from {
			if !wordy(v[from:k]) {
				return false
			}
			words++
		}
		from = k + 1
	}
	return words > 1 || words > 0 && v[0] == '/'
}

// partsPath are bytes that part the words of a path.
var partsPath = classWhere(func(c byte) bool { return bytes.IndexByte([]byte("/.-_:#@~"), c) >= 0 })

// wordy says whether v is a word as names have it, with a number behind it or not, or a number: work2, MyModel, 17.
func wordy(v []byte) bool {
	letters, changes := 0, 0
	for letters < len(v) && isLetter(v[letters]) {
		if letters > 0 && (v[letters]^v[letters-1])&0x20 != 0 {
			changes++
		}
		letters++
	}
	n := len(v) - letters
	return 3*changes <= letters+3 && (n == 0 || decimalOnly(v[letters:]) && (letters == 0 || n <= maxSlugDigits))
}

// disordered says whether v, which reads as a member of something, is rather a password with a dot in it: not all that the dots part are words, and
// the last is no ending of a file.
func disordered(v []byte) bool {
	if path(v) || computed(v) || mentions(v) {
		return false
	}
	switch string(v[bytes.LastIndexByte(v, '.')+1:]) {
	case "conf", "config", "cfg", "yaml", "yml", "json", "txt", "ini", "pem", "key", "env", "xml", "toml", "properties", "sh", "py", "js", "ts", "go", "java", "php", "rb", "html", "result":
		return false
	}
	return true
}

// mentions says whether v holds a word that programs call a secret by, or what it is a member of.
func mentions(v []byte) bool {
	return holdsAny(v, mentioned)
}

var mentioned = bytes.Fields([]byte("pass pwd secret token config setting param value user"))

var (
	pathBytes   = classOf("_-./")
	schemeBytes = classWhere(func(c byte) bool { return c-'a' < 26 || c == '-' || c == '_' })
)

// phrase says whether v is a password of four words or more with dashes between, and none of them a word that those use who write about passwords.
func phrase(v []byte) bool {
	words, n := 0, 0
	for k := 0; k <= len(v); k++ {
		switch {
		case k < len(v) && v[k]-'a' < 26:
			n++
			continue
		case k < len(v) && v[k] != '-', n < minPhraseWord, aboutSecrets(v[k-n : k]):
			return false
		}
		words, n = words+1, 0
	}
	return words >= 4
}

const minPhraseWord = 4 // letters

func aboutSecrets(word []byte) bool {
	switch string(word) {
	case "password", "passwords", "passphrase", "secret", "secrets", "token", "tokens", "credential", "credentials", "login", "user", "username", "account", "field",
		"form", "input", "label", "error", "enter", "here", "your", "must", "should", "reset", "change", "changed", "forgot", "required", "missing", "invalid",
		"length", "least", "page", "view", "text", "confirm", "update", "prod", "production", "staging", "service", "database", "master", "admin", "default",
		"authentication", "expired", "wrong", "match", "value", "type", "name", "file", "show", "hide", "toggle", "icon", "button", "settings":
		return true
	}
	return false
}

// expression says whether v reads as a program's: a call, an element of an array, a member, a name that begins with
// "password".
func expression(v []byte) bool {
	if computed(v) {
		return true
	}
	dot := bytes.IndexByte(v, '.')
	return dot > 0 && dot < maxMember && isName(v[:dot]) && isName(v[dot+1:]) && (len(v)-dot < maxMember+8 || all(v, constantBytes))
}

// computed says whether v is what a program computes: a call, an element of an array, a member, or a name that begins with "password".
func computed(v []byte) bool {
	return bytes.IndexByte(v, '(') >= 0 || bytes.IndexByte(v, '[') >= 0 || bytes.Contains(v, []byte("->")) || bytes.HasPrefix(v, []byte("password"))
}

// constantBytes are those of a constant's name, as C has them.
var constantBytes = classWhere(func(c byte) bool { return c-'A' < 26 || isDigit(c) || c == '_' || c == '.' })

const maxMember = 16 // bytes of a variable's name before the dot of a member

// isName says whether v may be the name of a variable or a member of one.
func isName(v []byte) bool {
	for _, c := range v {
		if !isWord(c) && c != '.' {
			return false
		}
	}
	return len(v) > 0 && !isDigit(v[0])
}

// identifier says whether v is words of letters, with or without dots, dashes or underscores between: user.password,
// my_secret, MyToken. In random letters every second one changes case; in words few do.
func identifier(v []byte) bool {
	changes := 0
	for k, c := range v {
		switch {
		case isLetter(c):
			if k > 0 && isLetter(v[k-1]) && (c^v[k-1])&0x20 != 0 {
				changes++
			}
		case c < 0x80 && !joins(c):
			return false
		}
	}
	return len(v) < 20 || 3*changes <= len(v)+3
}

// joins says whether c may stand between the words of an expression.
func joins(c byte) bool {
	switch c {
	case '.', '_', '-', ':', '/', '>', '[', ']':
		return true
	}
	return false
}

// isUUID says whether v is of the form of RFC 9562 §4.
func isUUID(v []byte) bool {
	if len(v) != 36 {
		return false
	}
	for k, c := range v {
		if dash := k == 8 || k == 13 || k == 18 || k == 23; dash && c != '-' || !dash && !isHex(c) {
			return false
		}
	}
	return true
}

// chosen says whether v may be a password that somebody chose: letters, and digits or signs among them.
func chosen(v []byte) bool {
	var letters, others bool
	for _, c := range v {
		if isLetter(c) || c >= 0x80 {
			letters = true
		} else {
			others = true
		}
	}
	return letters && others && sorts(v) >= 2 && entropy(v) >= 2.2
}

// random says whether v may have been drawn by a machine: long, of the characters of an encoding, several sorts of
// them, as even as random ones are. A row of n different characters has at most log2 n bits each.
func random(v []byte) bool {
	if len(v) < minSecret || !all(v, token68) || sorts(v) < 2 || decimalOnly(v) {
		return false
	}
	hasDigit := false
	for _, c := range v {
		hasDigit = hasDigit || isDigit(c)
	}
	least := 3.5
	if all(v, lowerHex) {
		least = 2.8
	}
	return entropy(v) >= min(least, 0.8*math.Log2(float64(len(v)))) && (hasDigit || sorts(v) > 2 || len(v) >= 24)
}

// sorts returns how many sorts of characters v has: small letters, capitals, digits, others.
func sorts(v []byte) int {
	var has [4]int
	for _, c := range v {
		has[sortOf(c)] = 1
	}
	return has[0] + has[1] + has[2] + has[3]
}

// sortOf returns the sort of c, 0 to 3.
func sortOf(c byte) int {
	switch {
	case c-'a' < 26 || c >= 0x80:
		return 0
	case c-'A' < 26:
		return 1
	case isDigit(c):
		return 2
	}
	return 3
}

func all(v []byte, of *class) bool {
	for _, c := range v {
		if !of.has(c) {
			return false
		}
	}
	return true
}

func distinct(v []byte) (n int) {
	var seen [256]bool
	for _, c := range v {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}

// entropy returns the entropy of v's characters in bits each (C. E. Shannon, A Mathematical Theory of Communication,
// 1948): log2 n - Σ c log2 c / n for characters that occur c times each.
func entropy(v []byte) float64 {
	var count [256]uint16
	for _, c := range v {
		count[c]++
	}
	sum := 0.0
	for _, c := range v { // each of c occurrences adds log2 c
		sum += logs[min(int(count[c]), maxSecret)]
	}
	n := float64(len(v))
	return math.Log2(n) - sum/n
}

var logs = func() (t [maxSecret + 1]float64) {
	for k := 1; k < len(t); k++ {
		t[k] = math.Log2(float64(k))
	}
	return t
}()
