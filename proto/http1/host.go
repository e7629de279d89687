package http1

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
)

// targetHost holds the target against the four forms of RFC 9112 §3.2 and finds the host that it names.
func (h *head) targetHost(unit []byte) packet.Reason {
	t := unit[h.target.Off:h.target.End]
	connect := string(unit[h.method.Off:h.method.End]) == "CONNECT"
	switch {
	case connect:
		h.host, h.absolute, h.connects = h.target, true, true
		return ""
	case t[0] == '/' || len(t) == 1 && t[0] == '*':
		return ""
	}
	scheme := bytes.Index(t, []byte("://"))
	if scheme <= 0 || tokenSize(t[:scheme]) != scheme {
		return badTarget
	}
	authority := t[scheme+3:]
	if n := bytes.IndexAny(authority, "/?#"); n >= 0 {
		authority = authority[:n]
	}
	if len(authority) == 0 {
		return badTarget
	}
	off := h.target.Off + scheme + 3
	h.host, h.absolute = field.Span{Off: off, End: off + len(authority)}, true
	return ""
}

// normalHost takes the port and the final dot off a host and lowers its case. IPv6 addresses keep their brackets.
func (g *Grammar) normalHost(b []byte) (name []byte, ok bool) {
	end := bytes.IndexByte(b, ':')
	if len(b) > 0 && b[0] == '[' {
		end = bytes.IndexByte(b, ']') + 1
		if end == 0 || end < len(b) && b[end] != ':' {
			return nil, false
		}
	}
	if end < 0 {
		end = len(b)
	}
	if end < len(b) {
		if _, ok := decimal(b[end+1:]); !ok && end+1 < len(b) {
			return nil, false
		}
	}
	b = b[:end]
	if end > 1 && b[end-1] == '.' {
		b = b[:end-1]
	}
	g.name = g.name[:0]
	for i, c := range b {
		if !inHost(c, b[0] == '[', i == 0 || i == len(b)-1) {
			return nil, false
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		g.name = append(g.name, c)
	}
	return g.name, true
}

// inHost takes the bytes of names as receivers accept them: unreserved, percent-encoded, some sub-delimiters,
// and raw UTF-8; no user name, list, or path.
func inHost(c byte, address, edge bool) bool {
	if address && (c == ':' || edge && (c == '[' || c == ']')) {
		return true
	}
	return c >= 0x80 || c != '#' && c != '^' && c != '`' && c != '|' && token[c]
}
