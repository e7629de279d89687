// Package quic reads the Initial packets of QUIC version 1 (RFC 9000, RFC 9001) and 2 (RFC 9369), whose keys anybody
// can derive from what they say, and shows the TLS hellos that they carry (package tls).
//
// Its law: a ClientHello is put together from the CRYPTO frames of any packets and datagrams in any order, and
// shown before the datagram that completes it leaves. Of each byte the first copy counts: a datagram with
// another copy is refused ("quic-crypto-differs"), as is one of a connection that is being read which does
// not open ("quic-unreadable"), or whose Initial packets name different destinations ("quic-coalesced-differs", RFC 9000
// §12.2). So the receiver has either what was shown or nothing. A flow may carry any number of connections, one
// after the other or at once; a change of connection identifiers, a Retry, another version in the answer and 0-RTT
// packets beside are followed. It is recognised by its long header, on any port.
//
// Limits, each with its reason: 32 KiB of handshake in a direction of a connection ("quic-crypto-too-large"), 32
// Initial packets in a datagram ("quic-too-many-packets"), 8 connections of a flow that wait for their answer
// ("quic-too-many-connections"), 64 packets of a flow in succession that do not open ("quic-attempts-exhausted"),
// Grammar.MaxBytes ("quic-buffers-exhausted").
//
// It does not see into packets after the hellos, and edits nothing. Connections whose beginning was not
// seen are not read, nor are other versions.
package quic

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/tls"
)

// Grammar is the QUIC grammar. The zero Grammar is ready; set its limit before the first use.
type Grammar struct {
	// MaxBytes bounds the memory of all connections that are being read. 0 means 16 MiB.
	MaxBytes int

	reader  tls.Reader
	msg     field.Message
	box     box
	pool    pool
	version [1]byte // the value of a field
}

// New returns a Grammar with the default limit.
func New() *Grammar { return &Grammar{} }

var _ proto.DatagramGrammar = (*Grammar)(nil)

// Name returns "quic".
func (g *Grammar) Name() string { return "quic" }

// Fields returns the fields of TLS hellos, and quic.version.
func (g *Grammar) Fields() field.Set { return tls.HelloFields | field.SetOf(field.QUICVersion) }

// Sight says that of a flow of QUIC only the name can be read.
func (g *Grammar) Sight() flow.Sight { return flow.SightName }

// Over reports whether p is UDP.
func (g *Grammar) Over(p packet.Proto) bool { return p == packet.UDP }

// Recognise looks for an Initial packet. The fixed bit may be clear (RFC 9287).
func (g *Grammar) Recognise(unit []byte, _ proto.Peer) proto.Match {
	var h header
	for w := (walker{unit}); w.next(&h); {
		if h.kind == initial {
			return proto.Yes
		}
	}
	return proto.No
}

// Parse makes a message without fields of the datagram: those that can be read are read by a Conversation.
func (g *Grammar) Parse(m *field.Message, unit []byte, _ proto.Peer, _ field.Set) (int, packet.Reason) {
	m.Reset(g.Name(), unit)
	m.Complete = true
	return len(unit), ""
}

// Repair refuses all edits, for packets are authenticated: "quic-not-editable".
func (g *Grammar) Repair(dst []byte, _ *field.Message, _ []field.Edit) ([]byte, packet.Reason) {
	return dst, "quic-not-editable"
}
