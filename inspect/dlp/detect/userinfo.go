package detect

const (
	maxUser     = 64
	maxPassword = 128
)

// userinfoAt looks for the password of a URI, scheme://user:password@host, with its :// at i. RFC 3986 §3.2.1 says why
// it should not be there.
func userinfoAt(s *Scanner, i int) {
	if !isAlnum(s.byteAt(i - 1)) {
		return
	}
	user := i + len("://")
	off := s.run(user, maxUser+1, userBytes)
	if s.byteAt(off) != ':' || off-user > maxUser {
		return
	}
	off++
	end := s.run(off, maxPassword+1, passwordBytes)
	n := end - off
	if s.short || n < 3 || n > maxPassword || s.byteAt(end) != '@' || !isAlnum(s.byteAt(end+1)) && s.byteAt(end+1) != '[' {
		return
	}
	if !placeholder(s.text[off:end]) {
		s.propose(ConnectionString, off, end, 92)
	}
}

var (
	userBytes     = classOf("-._~%!$&'*+,;=")    // RFC 3986 §3.2.1, without the colon
	passwordBytes = classOf("-._~%!$&'*+,;=:^#") // and what people do not escape
)
