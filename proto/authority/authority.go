// Package authority reads the host that a request names: in its target, in a Host field, or in :authority (RFC 9110 §7.2, RFC 3986 §3.2.2).
//
// It refuses what receivers read in different ways: user names, lists, and bytes that no name has. It does not look names up, and
// does not decode percent-encoding.
package authority

import "bytes"

// AppendHost appends the host of b, which may be followed by a port, to dst: in lower case, without the port and the final dot. IPv6 addresses keep
// their brackets. ok is false if b is no host; then dst may have grown.
func AppendHost(dst, b []byte) (host []byte, ok bool) {
	end := bytes.IndexByte(b, ':')
	if len(b) > 0 && b[0] == '[' {
		end = bytes.IndexByte(b, ']') + 1
		if end == 0 || end < len(b) && b[end] != ':' {
			return dst, false
		}
	}
	if end < 0 {
		end = len(b)
	}
	if end < len(b) && !isPort(b[end+1:]) {
		return dst, false
	}
	b = b[:end]
	if end > 1 && b[end-1] == '.' {
		b = b[:end-1]
	}
	for i, c := range b {
		if !inHost(c, b[0] == '[', i == 0 || i == len(b)-1) {
			return dst, false
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst, true
}

// isPort reports whether b is empty, or has up to 18 digits and nothing else.
func isPort(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) <= 18
}

// inHost takes the bytes of names as receivers accept them: unreserved, percent-encoded, some sub-delimiters,
// and raw UTF-8; no user name, list, or path.
func inHost(c byte, address, edge bool) bool {
	if address && (c == ':' || edge && (c == '[' || c == ']')) {
		return true
	}
	return c >= 0x80 || named[c]
}

var named = func() (t [256]bool) {
	for c := '0'; c <= 'z'; c++ {
		t[c] = c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c
	}
	for _, c := range "!$%&'*+-._~" {
		t[c] = true
	}
	return t
}()
