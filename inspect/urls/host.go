package urls

import "bytes"

// appendHost appends to dst the host of an HTTP Host field or a request target's authority, as lists name it: in lower
// case, without user, port, final dot and brackets. It returns dst unchanged for what is no host.
func appendHost(dst, value []byte) []byte {
	if name, ok := appendPlain(dst, value); ok {
		return name
	}
	value = bytes.Trim(value, " \t")
	if i := bytes.LastIndexByte(value, '@'); i >= 0 {
		value = value[i+1:]
	}
	if len(value) > 0 && value[0] == '[' {
		end := bytes.IndexByte(value, ']')
		if end < 0 {
			return dst
		}
		return lowered(dst, value[1:end])
	}
	if i := bytes.IndexByte(value, ':'); i >= 0 {
		value = value[:i]
	}
	if n := len(value); n > 0 && value[n-1] == '.' {
		value = value[:n-1]
	}
	return lowered(dst, value)
}

// plain says of each byte which it is in lower case, if it has no meaning but its own in a host; 0 for the others.
var plain = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= 'A' && c <= 'Z':
			t[c] = byte(c) | 0x20
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '.', c == '_':
			t[c] = byte(c)
		}
	}
	return t
}()

// appendPlain is appendHost for the usual: a name and nothing else. It reports false for all others.
func appendPlain(dst, value []byte) ([]byte, bool) {
	n := len(value)
	if n == 0 || n > maxName || value[n-1] == '.' {
		return dst, false
	}
	for _, c := range value {
		l := plain[c]
		if l == 0 {
			return dst, false
		}
		dst = append(dst, l)
	}
	return dst, true
}

// lowered appends value in lower case, unless it is too long to be a name.
func lowered(dst, value []byte) []byte {
	if len(value) > maxName {
		return dst
	}
	return appendLower(dst, value)
}

// authority returns the authority of a request target in absolute form, which takes the place of the Host field
// (RFC 9112 §3.2.2), or of CONNECT (§3.2.3); nil for other targets.
func authority(method, target []byte) []byte {
	if string(method) == "CONNECT" {
		return target
	}
	if len(target) == 0 || target[0] == '/' {
		return nil
	}
	i := bytes.Index(target, []byte("://"))
	if i <= 0 || bytes.IndexByte(target[:i], '?') >= 0 {
		return nil
	}
	rest := target[i+3:]
	if end := bytes.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}
