// Package tls reads what a TLS handshake says before it is encrypted: the ClientHello (RFC 8446 §4.1.2,
// RFC 5246 §7.4.1.2) with its server name (RFC 6066 §3), protocols (RFC 7301), versions and fingerprint
// (JA4, of FoxIO), the version that the ServerHello chooses, and up to TLS 1.2 the server's certificate.
//
// Its law: a hello is read over any records and segments (RFC 8446 §5.1), is shown when it is whole, and is
// refused by a Reason where endpoints could read it in two ways: an extension or a name that comes twice, a name of
// bytes that no name has, records of another type within it. Its last byte is not released before
// it was shown. Values reserved by GREASE (RFC 8701) are overlooked. After a HelloRetryRequest the
// second ClientHello is shown too; the request itself is not.
//
// Limits: 64 KiB of handshake message ("tls-hello-too-large", "tls-certificate-too-large"), 16 KiB of record
// ("tls-record-too-large"), Grammar.MaxBytes of messages that are not whole yet ("tls-buffers-exhausted"). The first
// 12 KiB of a hello are held until it is whole; of a longer one they leave before, for its sender may wait for
// their acknowledgement (RFC 6928), and its last byte is held.
//
// It changes nothing and does not see into an encrypted ClientHello (RFC 9849): where tls.ech is present,
// tls.sni is the outer name, and whether there is an inner one at all cannot be told, for browsers send the
// extension at random too. It verifies no certificate.
package tls

import (
	"encoding/binary"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// Grammar is the TLS grammar. The zero Grammar is ready; set its limits before the first use.
type Grammar struct {
	// MaxBytes bounds the handshake messages of all connections that are not whole yet. 0 means 8 MiB.
	MaxBytes int
	// MaxConns is the number of connections that are read at the same time. 0 means 65,536.
	MaxConns int

	reader  Reader
	msg     field.Message
	buffers buffers
	parsers []*parser // free
	conns   int       // parsers that were made
}

// New returns a Grammar with the default limits.
func New() *Grammar { return &Grammar{} }

var _ proto.StreamGrammar = (*Grammar)(nil)

// Name returns "tls".
func (g *Grammar) Name() string { return "tls" }

// Fields returns the tls fields.
func (g *Grammar) Fields() field.Set { return HelloFields | certificateFields }

// Sight says that of a flow of TLS only the name can be read.
func (g *Grammar) Sight() flow.Sight { return flow.SightName }

// Over reports whether p is TCP.
func (g *Grammar) Over(p packet.Proto) bool { return p == packet.TCP }

// Recognise looks for a handshake record that begins with a ClientHello or ServerHello. Alerts that only warn
// may stand before it: there are servers that overlook them.
func (g *Grammar) Recognise(unit []byte, _ proto.Peer) proto.Match {
	for range maxPassed {
		if !warning(unit) {
			break
		}
		unit = unit[min(len(unit), warningSize):]
	}
	for i, c := range unit[:min(len(unit), 11)] {
		var ok bool
		switch i {
		case 0:
			ok = c == handshake
		case 1:
			ok = c == 3
		case 2:
			ok = c <= 4
		case 3:
			ok = int(c) <= maxRecord>>8
		case 5:
			ok = c == clientHello || c == serverHello
		case 9: // the hello's own version, unless the first record holds less than it
			ok = c == 3 || binary.BigEndian.Uint16(unit[3:]) < 5
		default:
			ok = true
		}
		if !ok {
			return proto.No
		}
	}
	if len(unit) < 6 {
		return proto.Maybe
	}
	return proto.Yes
}

const warningSize = recordHeader + 2

// warning reports whether b begins with an alert of the level that ends nothing (RFC 5246 §7.2), as far as it is
// there.
func warning(b []byte) bool {
	const like = "\x15\x03\x00\x00\x02\x01"
	for i := range min(len(b), len(like)) {
		if b[i] != like[i] && (i != 2 || b[i] > 4) {
			return false
		}
	}
	return len(b) > 0
}

// Parse reads the hello that unit begins with, as the parser of a stream does that is fed nothing
// else; n is behind its last byte. m.Unit is the handshake message without the headers of its records. All else
// that stands in records is one message without fields, as long as the unit.
func (g *Grammar) Parse(m *field.Message, unit []byte, from proto.Peer, want field.Set) (int, packet.Reason) {
	m.Reset(g.Name(), unit)
	if len(unit) < recordHeader {
		return 0, proto.Incomplete
	}
	if !isRecord(unit) {
		return 0, badRecord
	}
	if g.Recognise(unit, from) == proto.No {
		m.Complete = true
		return len(unit), ""
	}
	var h half
	defer h.forget(g)
	whole, why := h.gather(g, unit)
	if why != "" || !whole {
		return 0, orIncomplete(why)
	}
	if why := g.reader.Read(m, h.buf, packet.TCP, want); why != "" {
		m.Reset(g.Name(), unit)
		return 0, why
	}
	return h.at, ""
}

func orIncomplete(why packet.Reason) packet.Reason {
	if why == "" {
		return proto.Incomplete
	}
	return why
}

// Repair refuses all edits, for the handshake is authenticated: "tls-not-editable".
func (g *Grammar) Repair(dst []byte, _ *field.Message, _ []field.Edit) ([]byte, packet.Reason) {
	return dst, notEditable
}
