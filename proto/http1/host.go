package http1

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto/authority"
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

// normalHost is the host as it is shown.
func (g *Grammar) normalHost(b []byte) (name []byte, ok bool) {
	g.name, ok = authority.AppendHost(g.name[:0], b)
	return g.name, ok
}
