// Package dns reads DNS messages (RFC 1035, EDNS of RFC 6891) and repairs them around edited
// answers: record count, name compression, length prefix.
//
// Its law: a name is read as a resolver reads it, or the message is refused by a Reason. Compression
// pointers lead strictly backwards and never into the header, so no name loops; labels of other types
// than RFC 1035's are refused (RFC 6891 §5). Bytes behind the last record belong to the message and
// are kept, since common servers overlook them.
//
// Limits: 128 pointer jumps and 255 bytes per name, 16 questions, and 64 questions and records, per message
// (Grammar.MaxRecords). A message beyond them is refused: "dns-long-name", "dns-too-many-records".
//
// It does not judge DNSSEC, or match answers to questions. Whoever edits signed answers removes their RRSIG
// records too.
package dns

import (
	"encoding/binary"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// Grammar is the DNS grammar, over UDP and, with the two bytes of length before each message
// (RFC 1035 §4.2.2), over TCP. The zero Grammar is ready; set its limits before the first use.
type Grammar struct {
	// MaxUDP is the largest datagram payload, in bytes, to which Repair lets a message grow. 0 means 1232
	// if the message carries an OPT record, else 512: a response does not tell how much its client
	// can take, and these are what every client with and without EDNS takes. A message that was
	// larger before may stay as large as it was. A larger result is sent truncated, so that the client
	// asks again over TCP.
	MaxUDP int

	// MaxRecords is the greatest number of questions and records in a message; 0 means 64.
	MaxRecords int

	layout  layout
	text    []byte     // values of name and type fields
	first   field.Span // in text: the name of the first question; there is one wherever names are asked for
	patched []byte     // a unit with its equal-length edits made
	rebuild rebuild
	parser  *parser // reads all connections
}

// New returns a Grammar with the default limits.
func New() *Grammar { return &Grammar{} }

// Name returns "dns".
func (g *Grammar) Name() string { return "dns" }

// Fields returns the dns fields.
func (g *Grammar) Fields() field.Set {
	return field.SetOf(field.DNSQuery, field.DNSType, field.DNSRCode, field.DNSAnswer)
}

// Sight says that a flow of DNS is readable.
func (g *Grammar) Sight() flow.Sight { return flow.SightReadable }

// Over reports whether p is UDP or TCP.
func (g *Grammar) Over(p packet.Proto) bool { return p == packet.UDP || p == packet.TCP }

func (g *Grammar) maxRecords() int {
	if g.MaxRecords > 0 {
		return g.MaxRecords
	}
	return 64
}

// Parse reads one message. Over UDP it is the whole unit. Over TCP the unit begins with the length, and a
// message that is longer than the unit is Incomplete, with the fields of its whole questions
// and records in m.
//
// m.Detail is the number of bytes of length prefix: 0 over UDP, 2 over TCP. A DNSAnswer's Value is
// the record's RDATA as on the wire; see ParseRecord for the rest of it.
func (g *Grammar) Parse(m *field.Message, unit []byte, from proto.Peer, want field.Set) (int, packet.Reason) {
	m.Reset(g.Name(), unit)
	base, n := 0, len(unit)
	if from.Transport == packet.TCP {
		if len(unit) < 2 {
			return 0, proto.Incomplete
		}
		base, n = 2, 2+int(binary.BigEndian.Uint16(unit))
	}
	m.Detail = uint32(base)
	m.Unit = unit[:min(n, len(unit))]
	msg := m.Unit[base:]
	why := g.layout.read(msg, g.maxRecords())
	cut := why == short && n > len(unit)
	if why != "" && !cut {
		return 0, why
	}
	if len(msg) >= headerSize {
		g.fields(m, msg, base, want)
	}
	if n > len(unit) {
		return 0, proto.Incomplete
	}
	m.Complete = true
	return n, ""
}

// fields makes the fields of all that the layout found.
func (g *Grammar) fields(m *field.Message, msg []byte, base int, want field.Set) {
	l := &g.layout
	g.text = g.text[:0]
	m.Response = isResponse(msg)
	// An extended code is known only once the additional section was read.
	if want.Has(field.DNSRCode) && m.Response && l.whole {
		m.Add(field.Field{ID: field.DNSRCode, Value: g.rcodeText(l.rcode(msg)), Span: field.Span{Off: base + 2, End: base + 4}})
	}
	for _, q := range l.questions {
		if want.Has(field.DNSQuery) {
			m.Add(field.Field{ID: field.DNSQuery, Value: g.nameText(msg, q.off), Span: field.Span{Off: base + q.off, End: base + q.fixed}})
		}
		if want.Has(field.DNSType) {
			m.Add(field.Field{ID: field.DNSType, Value: g.typeText(q.typ), Span: field.Span{Off: base + q.fixed, End: base + q.fixed + 2}})
		}
	}
	if !want.Has(field.DNSAnswer) {
		return
	}
	for _, r := range l.records {
		if r.section != answer {
			break
		}
		m.Add(field.Field{
			ID: field.DNSAnswer, Value: msg[r.rdata:r.end:r.end], Span: field.Span{Off: base + r.off, End: base + r.end},
			Editable: true, Detail: uint32(r.typ)<<16 | uint32(r.class),
		})
	}
}
