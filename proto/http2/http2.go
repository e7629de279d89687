// Package http2 reads HTTP/2 in clear text (RFC 9113, with HPACK, RFC 7541), shows the messages of its streams, and makes edits in them
// without either end's count of flow control, or its table of header fields, getting out of step.
//
// It recognises a connection by the client's preface, or by the server's SETTINGS if they come first. Its law is that of http1: what
// receivers are known to read in different ways is refused by a Reason and not guessed at. The reasons are in frame.go, hpack.go and
// head.go. Among them are what becomes another request where HTTP/2 is put on as HTTP/1: :authority beside another Host, a path that is
// none, fields of a connection, line ends in values, a Content-Length that the frames do not keep.
//
// Fields are those of HTTP/1: :path is http.uri, :authority is the host, and http2.head is a whole list of fields as text. A pushed
// request is shown where its promise stands. Each stream's messages have its number (field.Message.Stream), since their parts come
// interleaved.
//
// Edits of a body must keep its length: DATA counts in windows that both ends keep, and in Content-Length. So a body that is coded is
// shown decoded and cannot be edited; whoever would mask in it is told so. Therefore, where bodies of responses may be edited, requests
// leave with an Accept-Encoding in which the server knows no coding: see accept.go. Edits of values in lists of fields are made by
// writing the field anew, without Huffman's code, in frames of new lengths, which nobody counts. A field that enters the dynamic table
// must keep its length, so that both ends drop the same entries: the receiver's table then has the edited value, and each later reference
// to it means that. Other fields may become longer or shorter. Of pseudo-header fields only :path can be edited; of others, none that
// frames a body.
//
// A value that may go on in the stream's next frame holds back all that follows, also of other streams, as long as limits allow: frames
// leave in the order in which they came. Meanwhile they are read. A sender that has more of other streams to send first than it may have on
// its way (its congestion window) cannot go on with the value before that time is up; then its begin has left, and cannot be edited.
//
// Limits: 8192 connections, 256 streams open in one, 65,536 in all; 64 KiB and 512 fields of a list, 64 KiB in 64 frames of its block;
// lists that are 200 times as long as all that came, and 4 MiB; a table of 64 KiB, 32 MiB of all that are larger than 4 KiB; 8 SETTINGS
// that wait for their acknowledgement; 16 KiB of a body held, 4 KiB of one whose bytes have left or are coded, of 1024 such; 256 pieces
// held; 256 KiB of text in one turn, or 8 MiB if time is up. Beyond them a connection is refused; held is what fits. Requests that are
// taken back cost no memory, and are told of once there are 128 more of them than were answered.
//
// A connection that an HTTP/1.1 Upgrade to h2c begins (RFC 7540 §3.2, which RFC 9113 gave up) has its first response on stream 1, which
// nothing else begins. It does not read a connection that is met in its middle: the tables of its fields are not known.
package http2

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/coding"
)

// Grammar is the HTTP/2 grammar of one lane.
type Grammar struct {
	parsers  proto.Pool[parser]
	streams  []*stream
	opened   int                  // streams that were made
	stores   [tableSizes][]*store // free, by class
	large    int                  // bytes of those beyond the smallest class that were made
	decoders *coding.Pool
	coders   []*coded
	kept     proto.Texts // that are held

	// Scratch for one call.
	feed    feed
	msg     field.Message
	list    list
	head    head
	name    []byte // the host as it is shown
	block   []byte // a header block that came in several frames
	text    []byte // a part of a body
	pieces  []piece
	edits   []field.Edit
	codings []byte // what Accept-Encoding becomes
	fields  []byte // a header block that is written anew
	value   []byte
	out     []byte // and its frames
}

// The ceilings of a lane.
const (
	maxParsers = 8192
	allStreams = 65536
	allLarge   = 32 << 20 // bytes of tables that are larger than defaultSize
	allKept    = 1024
)

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
	p.begin()
	return p
}

// Name returns "http2".
func (g *Grammar) Name() string { return "http2" }

// Fields returns the http fields.
func (g *Grammar) Fields() field.Set {
	return field.SetOf(field.HTTPMethod, field.HTTPURI, field.HTTPHost, field.HTTPUserAgent, field.HTTPHeaders, field.HTTPRequestBody,
		field.HTTPStatus, field.HTTPResponseBody, field.HTTP2Head)
}

// Sight says that a flow of HTTP/2 is readable.
func (g *Grammar) Sight() flow.Sight { return flow.SightReadable }

// Over reports whether p is TCP.
func (g *Grammar) Over(p packet.Proto) bool { return p == packet.TCP }

// Parse refuses: no message can be read without those before it.
func (g *Grammar) Parse(m *field.Message, unit []byte, _ proto.Peer, _ field.Set) (int, packet.Reason) {
	m.Reset(g.Name(), unit)
	return 0, needsStream
}

// Repair refuses: messages are edited in streams only.
func (g *Grammar) Repair(dst []byte, _ *field.Message, _ []field.Edit) ([]byte, packet.Reason) {
	return dst, needsStream
}
