// Package http1 reads HTTP/1.0 and HTTP/1.1 messages (RFC 9110, RFC 9112) and repairs their framing around
// edited bodies.
//
// Its law: where receivers are known to disagree about a message, it is refused by a Reason and not guessed at. The
// reasons are in head.go and body.go. Read without complaint are empty lines before a request (RFC 9112
// §2.2), bare LF as the end of a line (§2.2), obsolete folding in responses (§5.2), and a body that ends
// with the connection (§6.3).
//
// Limits: 64 KiB and 256 lines of head, and again of trailer; 1024 chunks per unit; 4096 bytes of one chunk's first
// line. A message beyond them is refused: "http-head-too-large", "http-too-many-headers",
// "http-too-many-chunks", "http-bad-chunk".
//
// It reads what lies in one unit. It remembers no request, so it takes a response to HEAD for one whose body is
// yet to come. It undoes no content coding, and corrects no digest, ETag or range of an edited body.
package http1

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// Grammar is the HTTP/1 grammar. The zero Grammar is ready.
type Grammar struct {
	head  head
	text  []byte       // the host as it is shown
	edits []field.Edit // the edits asked for and those of the framing
	sizes []byte       // new lengths, which edits point into
}

// New returns a Grammar.
func New() *Grammar { return &Grammar{} }

var _ proto.Grammar = (*Grammar)(nil)

// Name returns "http".
func (g *Grammar) Name() string { return "http" }

// Fields returns the http fields.
func (g *Grammar) Fields() field.Set {
	return field.SetOf(field.HTTPMethod, field.HTTPURI, field.HTTPHost, field.HTTPUserAgent, field.HTTPHeaders, field.HTTPRequestBody,
		field.HTTPStatus, field.HTTPResponseBody)
}

// Sight says that a flow of HTTP/1 is readable.
func (g *Grammar) Sight() flow.Sight { return flow.SightReadable }

// Over reports whether p is TCP.
func (g *Grammar) Over(p packet.Proto) bool { return p == packet.TCP }

// Parse reads one message; n stops before the next one of a pipeline. Who speaks is told by the bytes. A chunked body has one
// body field for each chunk, or part of one, in the unit. HTTPHost is the name that the request
// is for, lower case, without port and final dot: of an absolute target if there is one (RFC 9112
// §3.2.2), else of the Host header; it cannot be edited. HTTPHeaders comes only whole.
func (g *Grammar) Parse(m *field.Message, unit []byte, from proto.Peer, want field.Set) (int, packet.Reason) {
	m.Reset(g.Name(), unit)
	h := &g.head
	if why := h.read(unit); why != "" {
		return 0, why
	}
	m.Response = h.response
	if why := g.headFields(m, unit, want); why != "" {
		m.Fields = m.Fields[:0]
		return 0, why
	}
	if !h.whole {
		return 0, proto.Incomplete
	}
	id := field.HTTPRequestBody
	if h.response {
		id = field.HTTPResponseBody
	}
	n, why := h.body(m, unit, id, want.Has(id))
	if n > 0 {
		m.Unit, m.Complete = unit[:n], true
	} else if why != proto.Incomplete {
		m.Fields = m.Fields[:0]
	}
	return n, why
}

func (g *Grammar) headFields(m *field.Message, unit []byte, want field.Set) packet.Reason {
	h := &g.head
	add := func(id field.ID, s field.Span) {
		if want.Has(id) && s.End > 0 {
			m.Add(field.Field{ID: id, Value: unit[s.Off:s.End:s.End], Span: s, Editable: true})
		}
	}
	host := func() {}
	if h.host.End > 0 {
		name, ok := g.normalHost(unit[h.host.Off:h.host.End])
		if !ok {
			return badHost
		}
		if want.Has(field.HTTPHost) && len(name) > 0 {
			host = func() { m.Add(field.Field{ID: field.HTTPHost, Value: name, Span: h.host}) }
		}
	}
	add(field.HTTPMethod, h.method)
	add(field.HTTPURI, h.target)
	add(field.HTTPStatus, h.status)
	if h.absolute {
		host()
	}
	if h.whole {
		add(field.HTTPHeaders, h.block)
	}
	if h.agent.Off < h.host.Off {
		add(field.HTTPUserAgent, h.agent)
	}
	if !h.absolute {
		host()
	}
	if h.agent.Off >= h.host.Off {
		add(field.HTTPUserAgent, h.agent)
	}
	return ""
}
