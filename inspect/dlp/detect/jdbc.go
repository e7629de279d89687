package detect

import "bytes"

// jdbcAt looks for the password of a string of Java's, with its "jdbc:" at i: "jdbc:postgresql://host/x?user=u&password=p",
// "jdbc:oracle:thin:u/p@host".
func jdbcAt(s *Scanner, i int) {
	if !s.fresh(i) {
		return
	}
	end := s.run(i, maxJDBC, jdbcBytes)
	if s.short {
		return
	}
	text := s.text[i:end]
	if k := bytes.Index(text, []byte("password=")); k > 0 && (text[k-1] == '&' || text[k-1] == '?' || text[k-1] == ';') {
		s.proposeJDBC(i+k+len("password="), "&;)")
		return
	}
	const thin = "jdbc:oracle:thin:"
	if slash := bytes.IndexByte(text, '/'); bytes.HasPrefix(text, []byte(thin)) && slash > len(thin) && all(text[len(thin):slash], nameBytes) {
		s.proposeJDBC(i+slash+1, "@")
	}
}

// maxJDBC is the bytes of such a string that are looked at.
const maxJDBC = 160

// jdbcBytes are those of such a string, of which none ends it.
var jdbcBytes = classWhere(func(c byte) bool { return visible.has(c) && !isQuote(c) && c != '<' && c != '\\' })

// proposeJDBC proposes the password that begins at off and ends before one of these bytes.
func (s *Scanner) proposeJDBC(off int, ends string) {
	end := off
	for end-off <= maxPassword && jdbcBytes.has(s.byteAt(end)) && bytes.IndexByte([]byte(ends), s.byteAt(end)) < 0 {
		end++
	}
	if n := end - off; s.short || n < 3 || n > maxPassword || ends == "@" && s.byteAt(end) != '@' || placeholder(s.text[off:end]) {
		return
	}
	s.propose(ConnectionString, off, end, 92)
}
