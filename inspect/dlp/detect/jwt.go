package detect

import "bytes"

// maxJOSE is the bytes in Base64 of the longest header of a JWT that is looked at.
const maxJOSE = 400

// jwtAt looks for a JSON Web Token whose header begins at i: three parts in Base64 with dots between them, or the five
// of an encrypted one (RFC 7515 §7.1, RFC 7516 §7.1). The header is a JSON object that names an algorithm.
func jwtAt(s *Scanner, i int) {
	if c := s.byteAt(i - 1); !s.fresh(i) || c == '.' || c == '-' || c == '_' {
		return
	}
	dot := s.run(i, maxJOSE+1, base64url)
	if s.short || dot-i > maxJOSE || s.byteAt(dot) != '.' || !isJOSE(s.text[i:dot]) {
		return
	}
	end := s.run(i, maxJWT, nameBytes)
	if s.short {
		return
	}
	for s.text[end-1] == '.' && end > dot { // a token without a signature, or the end of a sentence
		end--
	}
	if parts := bytes.Count(s.text[i:end], []byte(".")); parts < 1 || parts > 4 || end-dot < 9 {
		return
	}
	s.propose(JWT, i, end, 97)
}

// isJOSE says whether header is a JSON object with an "alg" in it, as far as can be said without reading it all.
func isJOSE(header []byte) bool {
	var text [maxJOSE]byte
	n, ok := decode64(text[:], header)
	v := bytes.TrimRight(text[:n], " \r\n\t")
	return ok && len(v) > 2 && v[0] == '{' && v[len(v)-1] == '}' && bytes.Contains(v, []byte(`"alg"`)) && utf8Text(v)
}

func utf8Text(b []byte) bool {
	for _, c := range b {
		if c < ' ' && !isSpace(c) {
			return false
		}
	}
	return true
}
