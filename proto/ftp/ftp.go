// Package ftp reads the control connections of FTP (RFC 959, RFC 2428, RFC 4217): commands, and replies.
//
// Its law: what PASS and ACCT say becomes no field; that something was said is told by Field.Detail, its size. Behind AUTH and 234 nothing is read
// any more, and a client that goes on after AUTH before the server has replied is refused ("ftp-ahead-of-reply"). So are, in commands,
// CR or LF alone, NUL, and Telnet controls but in front of a line, where ABOR has them: servers read them in different ways.
//
// A connection of which nobody wants a field is not read. What a command says can be edited as long as it stays in its line; a verb, as long as it stays one word.
//
// Limits: 16 KiB of a command; 64 KiB of a reply, of which more is shown as another one, and told; 32,768 connections.
//
// It does not follow data connections, neither PORT and EPRT nor the answers to PASV and EPSV: what goes over them is plain payload. It
// does not undo MIC, CONF and ENC (RFC 2228). A greeting that does not say FTP is taken for one on port 21 only; elsewhere
// AUTH TLS makes the connection known, but not USER, since POP3 and IRC have it too.
package ftp

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

const (
	maxParsers = 32768
	maxLine    = 16 << 10
	maxReply   = 64 << 10
)

// Reasons for what is refused or told.
const (
	bareLineEnd  packet.Reason = "ftp-bare-line-end"
	controlByte  packet.Reason = "ftp-control-byte" // NUL or a Telnet control
	lineTooLong  packet.Reason = "ftp-line-too-long"
	badCommand   packet.Reason = "ftp-bad-command" // no word at its begin
	badReply     packet.Reason = "ftp-bad-reply"   // not three digits
	ahead        packet.Reason = "ftp-ahead-of-reply"
	replyTooLong packet.Reason = "ftp-reply-too-long"      // told
	breaks       packet.Reason = "ftp-edit-breaks-command" // told
	editLost     packet.Reason = "ftp-edit-too-late"       // told
)

// Grammar is the FTP grammar of one lane.
type Grammar struct {
	parsers proto.Pool[parser]
	feed    feed
	msg     field.Message
}

// New returns a Grammar.
func New() *Grammar { return &Grammar{} }

var _ proto.StreamGrammar = (*Grammar)(nil)

// Name returns "ftp".
func (g *Grammar) Name() string { return "ftp" }

// Fields returns the ftp fields.
func (g *Grammar) Fields() field.Set {
	return field.SetOf(field.FTPCommand, field.FTPCommandData, field.FTPReply)
}

// Sight says that a flow of FTP is readable.
func (g *Grammar) Sight() flow.Sight { return flow.SightReadable }

// Over reports whether p is TCP.
func (g *Grammar) Over(p packet.Proto) bool { return p == packet.TCP }

const needsStream packet.Reason = "ftp-needs-stream"

// Parse refuses: FTP is read from streams only.
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
