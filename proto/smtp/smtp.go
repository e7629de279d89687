// Package smtp reads SMTP and LMTP connections (RFC 5321, RFC 2033): who sends to whom, and the messages, which package mime takes
// apart. It knows pipelining (RFC 2920), BDAT (RFC 3030), STARTTLS (RFC 3207) and AUTH (RFC 4954).
//
// Its law: both directions are read in step. DATA begins a message iff the server says 354; AUTH's answers are taken for such only
// while the server says 334; behind STARTTLS and 220 nothing is read any more; BDAT counts only if the server has offered CHUNKING, since
// another takes its bytes for commands. A client that goes on where it has to wait for the server is refused ("smtp-ahead-of-reply"):
// what it sends could be read as two things. Credentials become no field.
//
// Where a message ends must not be in doubt (SMTP smuggling): the one end of DATA is CR LF dot CR LF. CR or LF alone, NUL, and lines of
// more than 64 KiB are refused, in messages sent by DATA and in commands. Those sent by BDAT may hold any bytes.
//
// A connection of which nobody wants a field is not read, and so not refused. The recipients' fields and the sender's can be edited as long as they stay one word. Edits of messages are package mime's. A chunk of BDAT
// gets its new size if all of it is there, and waits for that up to 32 KiB; the length of others stays ("mime-cannot-resize"), and so does
// that of chunks that are not the last, as far as it would shift what follows in base64.
//
// Limits: 16 KiB of a command's or reply's line; 32 changes of kind among pipelined commands, of 65,535 each; 4096 messages at a time; 8 MiB
// for the ends of BDAT's chunks; 32,768 connections. What is beyond is refused.
//
// It does not read what TLS or a security layer of AUTH hides, and is refused there if the server does not say 220 before; nor TURN and ATRN
// (RFC 2645), which make the server a client ("smtp-turned"); nor BURL's messages, which do not come this way.
package smtp

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/mime"
)

const (
	maxParsers = 32768
	maxLine    = 16 << 10 // of a command or reply
	maxText    = 64 << 10 // of a line of a message
	maxWait    = 32 << 10 // of a chunk that waits to be whole
	maxKept    = mime.MaxUnread + 16<<10
	allKept    = 8 << 20 / maxKept
)

// Reasons for which a connection is refused.
const (
	bareLineEnd packet.Reason = "smtp-bare-line-end"  // CR or LF alone
	controlByte packet.Reason = "smtp-control-byte"   // NUL
	lineTooLong packet.Reason = "smtp-line-too-long"  //
	badReply    packet.Reason = "smtp-bad-reply"      // not three digits and a blank, dash or line end
	ahead       packet.Reason = "smtp-ahead-of-reply" // the client did not wait for the server
	badCommand  packet.Reason = "smtp-bad-command"    // no word at its begin: receivers may find one
	badChunk    packet.Reason = "smtp-bad-bdat"       // no size
	unoffered   packet.Reason = "smtp-bdat-unoffered" // the server has not said CHUNKING
	tooDeep     packet.Reason = "smtp-pipeline-too-deep"
	turned      packet.Reason = "smtp-turned"
	exhausted   packet.Reason = "smtp-readers-exhausted"
	breaks      packet.Reason = "smtp-edit-breaks-command" // told
	editLost    packet.Reason = "smtp-edit-too-late"       // told, unless the message cannot be completed
)

// Grammar is the SMTP grammar of one lane.
type Grammar struct {
	parsers proto.Pool[parser]
	mails   *mime.Pool
	kept    proto.Texts

	// Scratch for one call.
	feed  feed
	msg   field.Message
	text  []byte // what is kept of a message, and what comes next of it
	bytes []byte // edits of a command
}

// New returns a Grammar.
func New() *Grammar {
	return &Grammar{mails: mime.NewPool("smtp"), kept: proto.Texts{Size: maxKept, Most: allKept}}
}

var _ proto.StreamGrammar = (*Grammar)(nil)

// Name returns "smtp".
func (g *Grammar) Name() string { return "smtp" }

// Fields returns the fields of envelopes and messages.
func (g *Grammar) Fields() field.Set { return envelope.Union(mime.Fields) }

var envelope = field.SetOf(field.SMTPHelo, field.SMTPMailFrom, field.SMTPRcptTo)

// Sight says that a flow of SMTP is readable.
func (g *Grammar) Sight() flow.Sight { return flow.SightReadable }

// Over reports whether p is TCP.
func (g *Grammar) Over(p packet.Proto) bool { return p == packet.TCP }

const needsStream packet.Reason = "smtp-needs-stream"

// Parse refuses: SMTP is read from streams only.
func (g *Grammar) Parse(m *field.Message, unit []byte, _ proto.Peer, _ field.Set) (int, packet.Reason) {
	m.Reset(g.Name(), unit)
	return 0, needsStream
}

// Repair refuses likewise.
func (g *Grammar) Repair(dst []byte, _ *field.Message, _ []field.Edit) ([]byte, packet.Reason) {
	return dst, needsStream
}

// Open implements proto.StreamGrammar.
func (g *Grammar) Open() proto.Parser {
	p := g.parsers.Take(maxParsers)
	if p == nil {
		return nil
	}
	p.g = g
	return p
}

// keep has the parser keep text, in place of what it kept. It reports false if there is no buffer for it.
func (g *Grammar) keep(p *parser, text []byte) bool {
	switch {
	case len(text) > maxKept || len(text) > 0 && !g.kept.Has(p.kept):
		return false
	case len(text) > 0 && p.kept != nil && &text[0] == &p.kept[0]:
		p.kept = text // it was joined in place
	default:
		p.kept = g.kept.Keep(p.kept, text)
	}
	return true
}
