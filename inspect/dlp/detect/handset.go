package detect

import "bytes"

// isSecret says whether the word at from is "secret", and the name that holds it ends with it, or says that it is a key: JWT_SECRET, SECRET_KEY.
func (s *Scanner) isSecret(from int) bool {
	if !s.saysFolded(from, "secret") {
		return false
	}
	end := from + len("secret")
	if c := s.byteAt(end); c == '_' || c == '-' || c == ' ' {
		end++
	}
	if s.saysFolded(end, "key") {
		end += len("key")
	}
	if s.saysFolded(end, "_base") {
		end += len("_base")
	}
	return !nameBytes.has(s.byteAt(end))
}

// isKey says whether the word at from is "secret" and its name goes on as that of a key: secretKey.
func (s *Scanner) isKey(from int) bool {
	at := from + len("secret")
	if c := s.byteAt(at); c == '_' || c == '-' {
		at++
	}
	return s.isSecret(from) && s.saysFolded(at, "key")
}

// hasSlash says whether v has a sign of Base64, as three in four of 40 characters have, and tokens of letters and digits do not.
func hasSlash(v []byte) bool { return bytes.ContainsAny(v, "+/") }

// handSet says whether v may be a secret that somebody made up, as passwords are, or that is drawn from signs too: of three sorts of characters, with a
// sign that stands in no name and no path.
func handSet(v []byte) bool {
	return len(v) >= minSafe && len(v) <= maxKey && sorts(v) > 2 && chosen(v) && hasSign(v) && hasDigit(v) && !path(v) && (len(v) >= minDrawn || !escapes(v))
}

// escapes says whether v holds an escape of RFC 3986 §2.1, whose sign and digits are none of a secret's.
func escapes(v []byte) bool {
	for k := 0; k+2 < len(v); k++ {
		if v[k] == '%' && isHex(v[k+1]) && isHex(v[k+2]) {
			return true
		}
	}
	return false
}

func hasSign(v []byte) bool {
	return bytes.ContainsAny(v, "!#$%^&*+?") || sorts(v) > 3 && bytes.IndexByte(v, '@') >= 0
}

func hasDigit(v []byte) bool { return bytes.ContainsAny(v, "0123456789") }
