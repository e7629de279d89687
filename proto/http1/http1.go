// Package http1 reads the requests and responses of HTTP/1.0 and HTTP/1.1 connections (RFC 9110, RFC 9112), shows their bodies without
// chunks and content codings, and repairs the framing around edits.
//
// Its law: where receivers are known to disagree about a message, it is refused by a Reason and not guessed at. The
// reasons are in head.go and framing.go; the policy says what becomes of the connection. Read without complaint are: up to 16
// bytes of empty lines before a message, and bare LF as the end of a header line (RFC 9112 §2.2); an absolute target, whose host
// counts and not the Host field (§3.2.2); obsolete folding in responses, not of fields that frame them (§5.2); a Content-Length that is
// repeated (RFC 9110 §8.6); a body that ends with the connection (§6.3). Who speaks first settles which direction
// has the requests. What answers a request is framed as its sender frames it: HEAD, CONNECT, 1xx, 204, 304. 101 counts
// only if it was asked for by Upgrade. Behind it, and behind a CONNECT that succeeded, nothing is read as HTTP; but behind an upgrade to h2c
// another grammar is sought, which is http2's.
//
// Content codings are undone by package coding, up to two. A body that is not in the coding that it claims to be in is shown as it
// is, and so is one in a coding that is not known; of one that cannot be decoded to its end, that much is shown.
// Ranges of coded bodies are not decoded. Each of these is told with its reason.
//
// How a body leaves is decided with its head. If nobody may edit it, and if edits keep the length of one that is not coded:
// as it came. Otherwise, one that is there as a whole gets its new Content-Length, one of HTTP/1.1 leaves in chunks, one that
// ends with the connection still does; one of or to a peer of HTTP/1.0 ends with the connection if that closes behind it, or waits to be
// whole up to 32 KiB. Coded bodies that may be edited leave decoded. Digests of what may be edited go, a strong ETag becomes weak, and
// Accept-Ranges goes, if the framing is altered; if the length stays, digests get a name that nobody knows. Never reframed are parts
// of a range (206), and bodies that Cache-Control: no-transform keeps coded; then, and where else none of the ways is open,
// edits that change the length are refused ("http-cannot-resize"). The operator's edits of the same length are made in
// no-transform bodies too, if they are not coded.
//
// Limits: 64 KiB and 256 lines of head, and of trailer; 4096 bytes of a chunk's line; 32 changes of kind among pipelined requests;
// 16 KiB of a body held, 4 KiB of a decoded one, of 1024 such; decoding at a time that is worth 1 MiB of text, or 8 MiB if time is
// up; 32,768 connections. Beyond the limits of heads and of the pipeline a connection is refused; held is what fits.
//
// It undoes no transfer coding but chunked, and reads no HTTP/0.9.
package http1

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/coding"
)

// Grammar is the HTTP/1 grammar of one lane.
type Grammar struct {
	parsers  proto.Pool[parser]
	bodies   []*body // free
	decoders *coding.Pool
	kept     proto.Texts // that are held

	// Scratch for one call.
	head      head
	feed      feed
	msg       field.Message
	name      []byte       // the host as it is shown
	pieces    []piece      // of a body
	text      []byte       // the body's text
	tail      []byte       // the end of it that is held
	out       []byte       // what takes its place
	asked     []field.Edit // edits asked for in a head
	lines     []field.Edit // edits of a head
	bytes     []byte       // which asked and lines point into
	unit      []byte       // the head of a body that leaves as a whole
	start     int          // where it begins
	newLength int64        // of that body; negative if it stays
	spare     bool         // what is held of the part shown last may leave
}

// maxParsers is how many connections can be open.
const maxParsers = 32768

// New returns a Grammar.
func New() *Grammar {
	return &Grammar{decoders: coding.NewPool(coding.Limits{}), kept: proto.Texts{Size: maxKept, Most: allKept}, text: make([]byte, 0, maxText)}
}

var _ proto.StreamGrammar = (*Grammar)(nil)

// Open implements proto.StreamGrammar.
func (g *Grammar) Open() proto.Parser {
	p := g.parsers.Take(maxParsers)
	if p == nil {
		return nil
	}
	p.g = g
	return p
}

// drop gives back what a body holds.
func (g *Grammar) drop(h *half) {
	b := h.body
	if b == nil {
		return
	}
	if b.stream != nil {
		b.stream.Close()
	}
	g.kept.Keep(b.kept, nil)
	*b = body{}
	g.bodies = append(g.bodies, b)
	h.body = nil
}

// newBody returns one that is free: a connection that waits for its next message needs none.
func (g *Grammar) newBody() *body {
	n := len(g.bodies)
	if n == 0 {
		return new(body)
	}
	b := g.bodies[n-1]
	g.bodies = g.bodies[:n-1]
	return b
}

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

// Parse reads the head of one message. Bodies are read from streams only: n is 0 if there is one. Who speaks is told by the
// bytes. HTTPHost is the name that the request is for, lower case, without port and final dot: of an absolute target if there
// is one (RFC 9112 §3.2.2), else of the Host header; it cannot be edited.
func (g *Grammar) Parse(m *field.Message, unit []byte, _ proto.Peer, want field.Set) (int, packet.Reason) {
	m.Reset(g.Name(), unit)
	at := emptyLines(unit)
	end, _ := headEnd(unit[at:], 0)
	if end == 0 {
		return 0, proto.Incomplete
	}
	h := &g.head
	if why := h.read(unit, at); why != "" {
		return 0, why
	}
	m.Response = h.response
	if why := g.headFields(m, unit, want); why != "" {
		m.Fields = m.Fields[:0]
		return 0, why
	}
	if h.framing(0) > switches {
		return 0, proto.Incomplete
	}
	m.Unit, m.Complete = unit[:h.end], true
	return h.end, ""
}

const needsStream packet.Reason = "http-edit-needs-stream"

// Repair refuses: messages are edited in streams only.
func (g *Grammar) Repair(dst []byte, _ *field.Message, _ []field.Edit) ([]byte, packet.Reason) {
	return dst, needsStream
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
	add(field.HTTPHeaders, h.block)
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
