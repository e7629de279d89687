// Package tls reads what a TLS handshake says before it is encrypted: the ClientHello (RFC 8446 §4.1.2,
// RFC 5246 §7.4.1.2) with its server name (RFC 6066 §3), protocols (RFC 7301) and versions, and the version that the
// ServerHello chooses.
//
// Its law: a hello is read over any number of records (RFC 8446 §5.1), and refused by a Reason where
// endpoints could read it in two ways: an extension or a name that comes twice, a name of bytes that no name
// has, records of another type within it. Values reserved by GREASE (RFC 8701) are overlooked.
//
// Limits: 64 KiB of hello ("tls-hello-too-large"), 16 KiB of record ("tls-record-too-large").
//
// It reads what lies in one unit, changes nothing, and does not see into an encrypted ClientHello (RFC 9849):
// where tls.ech is present, tls.sni is the outer name, and whether there is an inner one at all cannot be
// told, for browsers send the extension at random too.
package tls

import (
	"encoding/binary"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// Grammar is the TLS grammar. The zero Grammar is ready.
type Grammar struct {
	joined []byte // a hello that lies in several records
	text   []byte // values of fields
}

// New returns a Grammar.
func New() *Grammar { return &Grammar{} }

var _ proto.Grammar = (*Grammar)(nil)

// Name returns "tls".
func (g *Grammar) Name() string { return "tls" }

// Fields returns the tls fields.
func (g *Grammar) Fields() field.Set {
	return field.SetOf(field.TLSSNI, field.TLSALPN, field.TLSVersion, field.TLSECH)
}

// Sight says that of a flow of TLS only the name can be read.
func (g *Grammar) Sight() flow.Sight { return flow.SightName }

// Over reports whether p is TCP.
func (g *Grammar) Over(p packet.Proto) bool { return p == packet.TCP }

// Recognise looks for a handshake record that begins with a ClientHello or ServerHello.
func (g *Grammar) Recognise(unit []byte, _ proto.Peer) proto.Match {
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

// Parse reads the hello that unit begins with; n is at the end of the record in which it ends. All else that stands in
// records is one message without fields, as long as the unit.
//
// No field can be edited: the handshake is authenticated. A field's Span is where it lies in the unit, with the headers of
// records that it may stretch over.
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
	msg, n, why := g.join(unit)
	if why != "" && why != proto.Incomplete {
		return 0, why
	}
	h := hello{unit: unit, msg: msg, cut: why != ""}
	if bad := h.read(); bad != "" {
		return 0, bad
	}
	if len(msg) > 0 {
		m.Response = msg[0] == serverHello
		g.fields(m, &h, want)
	}
	if why != "" {
		return 0, why
	}
	m.Unit, m.Complete = unit[:n], true
	return n, ""
}

// Repair makes edits that keep their length, as someone may ask for who sees mere payload, and refuses
// others: "tls-not-editable".
func (g *Grammar) Repair(dst []byte, m *field.Message, edits []field.Edit) ([]byte, packet.Reason) {
	for i := range edits {
		if len(edits[i].New) != edits[i].Span.Len() {
			return dst, notEditable
		}
	}
	return proto.Splice(dst, m.Unit, edits), ""
}
