package http2

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto/authority"
	"github.com/weir-project/weir/proto/coding"
)

// Reasons for which a list of fields is refused: receivers that put it on into HTTP/1, as most do, make different requests of it.
const (
	badHeader    packet.Reason = "http2-bad-header"        // a name in upper case or with bytes that no name has, a value with a line's end (RFC 9113 §8.2.1)
	badPseudo    packet.Reason = "http2-bad-pseudo-header" // unknown, twice, missing, empty, or behind others (§8.3)
	badPath      packet.Reason = "http2-bad-path"          // it does not begin with a slash, or has blanks or control bytes in it
	badHost      packet.Reason = "http2-bad-host"          // no name or address with port: user names, lists
	hostDiffers  packet.Reason = "http2-host-differs"      // :authority and host name different servers, or there are two of one (§8.3.1)
	hopByHop     packet.Reason = "http2-connection-header" // Connection, Transfer-Encoding, …, of which HTTP/2 knows nothing (§8.2.2)
	badLength    packet.Reason = "http2-bad-length"        // no number, or several that differ
	lengthDiffer packet.Reason = "http2-length-differs"    // from what the frames hold (§8.1.1)
	badStatus    packet.Reason = "http2-bad-status"
)

// A head is what was read of a list of fields. Spans are of its text; those not found have End 0.
type head struct {
	response, trailer                                 bool
	method, scheme, path, authority, protocol, status field.Span
	host, agent, length                               field.Span
	regular                                           int // where what is no pseudo-header field begins
	code                                              int // status
	contentLength                                     int64
	connects                                          bool // a tunnel (RFC 9113 §8.5), not one of RFC 8441

	coded   bool // there is a Content-Encoding
	layers  coding.Layers
	outcome coding.Outcome
	part    bool // of a range: 206, or Content-Range
}

// read reads a list.
func (h *head) read(g *Grammar, l *list, response, trailer bool) (why packet.Reason) {
	*h = head{response: response, trailer: trailer, contentLength: -1, regular: -1}
	for i := range l.headers {
		f := &l.headers[i]
		name, value := l.nameOf(f), l.valueOf(f)
		span := field.Span{Off: f.value.off, End: f.value.end}
		switch {
		case len(name) > 0 && name[0] == ':':
			if h.regular >= 0 || trailer {
				return badPseudo
			}
			why = h.pseudo(name, value, span)
		case !isName(name) || !isValue(value):
			return badHeader
		default:
			if h.regular < 0 {
				h.regular = f.name.off
			}
			why = h.known(name, value, span)
		}
		if why != "" {
			return why
		}
	}
	if h.regular < 0 {
		h.regular = len(l.text)
	}
	return h.check(g, l.text)
}

// isName reports whether b is a token in lower case.
func isName(b []byte) bool {
	for _, c := range b {
		if !inName[c] {
			return false
		}
	}
	return len(b) > 0
}

var inName = func() (t [256]bool) {
	for c := '0'; c <= 'z'; c++ {
		t[c] = c <= '9' || 'a' <= c
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// isToken is isName for methods, whose case counts.
func isToken(b []byte) bool {
	for _, c := range b {
		if !inName[c] && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(b) > 0
}

func isValue(b []byte) bool {
	for _, c := range b {
		if c == 0 || c == '\r' || c == '\n' {
			return false
		}
	}
	return len(b) == 0 || !isBlank(b[0]) && !isBlank(b[len(b)-1])
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isVisible reports whether b has neither blanks nor control bytes.
func isVisible(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// pseudo notes a pseudo-header field.
func (h *head) pseudo(name, value []byte, span field.Span) packet.Reason {
	var to *field.Span
	switch string(name) {
	case ":method":
		to = &h.method
	case ":scheme":
		to = &h.scheme
	case ":path":
		to = &h.path
	case ":authority":
		to = &h.authority
	case ":protocol":
		to = &h.protocol
	case ":status":
		to = &h.status
	}
	switch {
	case to == nil || to.End > 0 || (to == &h.status) != h.response:
		return badPseudo
	case to == &h.path && !isVisible(value):
		return badPath
	case !isVisible(value) || len(value) == 0 && to != &h.authority:
		return badPseudo
	}
	*to = span
	return ""
}

// known notes the fields that matter here.
func (h *head) known(name, value []byte, span field.Span) packet.Reason {
	switch string(name) {
	case "host":
		if h.host.End > 0 && !h.response {
			return hostDiffers
		}
		h.host = span
	case "user-agent":
		if h.agent.End == 0 {
			h.agent = span
		}
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		return hopByHop
	case "te":
		if string(value) != "trailers" {
			return hopByHop
		}
	case "content-length":
		return h.lengthIs(value, span)
	case "content-encoding":
		h.coded = true
		h.outcome = max(h.outcome, h.layers.Add(value))
	case "content-range":
		h.part = true
	}
	return ""
}

// lengthIs takes a Content-Length. It may be there again, the same.
func (h *head) lengthIs(b []byte, span field.Span) packet.Reason {
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return badLength
		}
		n = 10*n + int64(c-'0')
	}
	if len(b) == 0 || len(b) > 18 || h.contentLength >= 0 && h.contentLength != n {
		return badLength
	}
	h.length, h.contentLength = span, n
	return ""
}

// check holds the fields against each other.
func (h *head) check(g *Grammar, text []byte) packet.Reason {
	switch {
	case h.trailer:
		return ""
	case h.response:
		return h.checkStatus(text)
	case h.method.End == 0 || !isToken(text[h.method.Off:h.method.End]):
		return badPseudo
	}
	h.connects = string(text[h.method.Off:h.method.End]) == "CONNECT" && h.protocol.End == 0
	switch {
	case h.connects && (h.scheme.End > 0 || h.path.End > 0 || h.authority.End == 0):
		return badPseudo
	case !h.connects && (h.scheme.End == 0 || h.path.End == 0):
		return badPseudo
	case !h.connects && text[h.path.Off] != '/' && (h.path.Len() != 1 || text[h.path.Off] != '*'):
		return badPath
	}
	return h.checkHost(g, text)
}

// checkHost finds the host's name. If there are two fields with one, they must mean the same (RFC 9113 §8.3.1, RFC 3986 §6.2).
func (h *head) checkHost(g *Grammar, text []byte) (why packet.Reason) {
	a, b := text[h.authority.Off:h.authority.End], text[h.host.Off:h.host.End]
	var ok, other bool
	g.value, other = authority.AppendHost(g.value[:0], b)
	g.name, ok = authority.AppendHost(g.name[:0], a)
	switch {
	case !ok || !other:
		return badHost
	case h.authority.End == 0:
		g.name = append(g.name[:0], g.value...)
	case h.host.End > 0 && (!bytes.Equal(g.name, g.value) || !bytes.Equal(port(a), port(b))):
		return hostDiffers
	}
	return ""
}

// port returns the port of an authority; nil for those that http and https have if none is written.
func port(b []byte) []byte {
	i := bytes.LastIndexByte(b, ':')
	if i < bytes.LastIndexByte(b, ']') {
		return nil
	}
	if p := b[i+1:]; i >= 0 && len(p) > 0 && string(p) != "80" && string(p) != "443" {
		return p
	}
	return nil
}

// checkStatus reads the status. There is no 101 in HTTP/2 (§8.6).
func (h *head) checkStatus(text []byte) packet.Reason {
	s := text[h.status.Off:h.status.End]
	if len(s) == 0 {
		return badPseudo
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return badStatus
		}
		h.code = 10*h.code + int(c-'0')
	}
	if len(s) != 3 || h.code < 100 || h.code == 101 {
		return badStatus
	}
	h.part = h.part || h.code == 206
	return ""
}

// decodable reports whether the body's codings are known, and all of it is there to be decoded.
func (h *head) decodable() bool { return h.layers.Len() > 0 && h.outcome == coding.Known && !h.part }

// fields fills m with what somebody wants to see of the list.
func (h *head) fields(g *Grammar, m *field.Message, want field.Set) {
	text := m.Unit
	add := func(id field.ID, s field.Span, editable bool) {
		if want.Has(id) && s.End > 0 {
			m.Add(field.Field{ID: id, Value: text[s.Off:s.End:s.End], Span: s, Editable: editable})
		}
	}
	target := h.path
	if h.connects {
		target = h.authority
	}
	add(field.HTTP2Head, field.Span{End: len(text)}, true)
	add(field.HTTPMethod, h.method, false)
	add(field.HTTPURI, target, !h.connects)
	add(field.HTTPStatus, h.status, false)
	if !h.response && !h.trailer && len(g.name) > 0 && want.Has(field.HTTPHost) {
		at := h.authority
		if at.End == 0 {
			at = h.host
		}
		m.Add(field.Field{ID: field.HTTPHost, Value: g.name, Span: at})
	}
	if h.regular < len(text) {
		add(field.HTTPHeaders, field.Span{Off: h.regular, End: len(text)}, true)
	}
	add(field.HTTPUserAgent, h.agent, true)
}
