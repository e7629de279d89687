package detect

const (
	maxLocal  = 64  // bytes of a mailbox: RFC 5321 §4.5.3.1.1
	maxDomain = 253 // RFC 1035 §2.3.4, as it is written
	maxLabel  = 63
)

// isLocal says whether c may stand in a mailbox, of those bytes of RFC 5321's that people's mailboxes have.
func isLocal(c byte) bool {
	switch c {
	case '.', '_', '%', '+', '-', '\'':
		return true
	}
	return isAlnum(c)
}

// emailAt looks for the mail address with the @ at i.
func emailAt(s *Scanner, i int) {
	off := i
	for i-off <= maxLocal && isLocal(s.byteAt(off-1)) {
		off--
	}
	s.from = off
	if i-off > maxLocal {
		return
	}
	for off < i && (s.byteAt(off) == '\'' || s.byteAt(off) == '-') { // quotes and dashes before it
		off++
	}
	if off < 0 || s.byteAt(off-1) == '/' && s.byteAt(off-2) == '/' || !mailbox(s.text[off:i]) {
		return
	}
	end, ok := s.domainEnd(i + 1)
	if ok && end-off <= maxToken {
		s.propose(Email, off, end, 80)
	}
}

// mailbox says whether b may be a mailbox: dots stand alone and inside. The one with which Git reaches its hosts is
// nobody's.
func mailbox(b []byte) bool {
	if len(b) == 0 || b[0] == '.' || b[len(b)-1] == '.' || b[0] == '%' || string(b) == "git" {
		return false
	}
	for k := 1; k < len(b); k++ {
		if b[k] == '.' && b[k-1] == '.' {
			return false
		}
	}
	return true
}

// domainEnd returns where the domain ends that begins at i, and whether it is one in which mail may arrive.
func (s *Scanner) domainEnd(i int) (end int, ok bool) {
	at, labels, last := i, 0, i
	for {
		end := s.run(at, maxLabel+1, hostLabel)
		if n := end - at; s.short || n == 0 || n > maxLabel || s.text[at] == '-' || s.text[end-1] == '-' || end-i > maxDomain {
			return 0, false
		}
		labels, last = labels+1, at
		if s.byteAt(end) != '.' || !isAlnum(s.byteAt(end+1)) {
			at = end
			break
		}
		at = end + 1
	}
	c := s.byteAt(at)
	if s.short || labels < 2 || c == '@' || c == '_' || c == '(' || c == '=' || s.isLetterBehind(at) || s.short {
		return 0, false
	}
	return at, topLevel(s.text[last:at])
}

var hostLabel = classOf("-")

// topLevel says whether b may be a top-level domain: letters, and not the ending of a file's name or of a name of a
// program.
func topLevel(b []byte) bool {
	if len(b) < 2 || len(b) > 18 {
		return false
	}
	var l [18]byte
	for k, c := range b {
		if !isLetter(c) {
			return string(b[:min(4, len(b))]) == "xn--"
		}
		l[k] = lower(c)
	}
	if len(b) == 2 {
		return countries[uint(l[0]-'a')*26+uint(l[1]-'a')]
	}
	switch string(l[:len(b)]) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "bmp", "ico", "css", "html", "htm", "php", "json", "xml", "txt", "pdf", "exe", "dll", "jar", "tar",
		"tgz", "zip", "local", "localhost", "localdomain", "internal", "lan", "invalid", "class", "java", "jsx", "tsx", "vue", "yml", "yaml", "log",
		"mp3", "mp4", "woff", "ttf", "csv", "sql", "conf", "min", "map", "mjs", "get", "post", "put", "route", "test", "setter", "property", "prop",
		"target", "service", "socket", "mount", "timer", "slice", "scope", "len", "value", "name", "length", "push", "call", "apply", "bind":
		return false
	}
	return true
}

// countries are the top-level domains of two letters, by number to the base of 26 (IANA, Root Zone Database).
var countries = func() (t [26 * 26]bool) {
	const all = "acadaeafagaialamaoaqarasatauawaxazbabbbdbebfbgbhbibjbmbnbobrbsbtbwbybzcacccdcfcgchcickclcmcncocrcucvcwcxcyczdedjdkdmdodzecee" +
		"egereseteufifjfkfmfofrgagbgdgegfggghgiglgmgngpgqgrgsgtgugwgyhkhmhnhrhthuidieiliminioiqirisitjejmjojpkekgkhkikmknkpkrkwkykzlalb" +
		"lclilklrlsltlulvlymamcmdmemgmhmkmlmmmnmompmqmrmsmtmumvmwmxmymznancnenfngninlnonpnrnunzompapepfpgphpkplpmpnprpsptpwpyqarerorsru" +
		"rwsasbscsdsesgshsiskslsmsnsosrssstsusvsxsysztctdtftgthtjtktltmtntotrtttvtwtzuaugukusuyuzvavcvevgvivnvuwfwsyeytzazmzw"
	for k := 0; k < len(all); k += 2 {
		t[uint(all[k]-'a')*26+uint(all[k+1]-'a')] = true
	}
	return t
}()
