// Package proto is the contract of grammars: bytes into messages made of named fields
// on the way in, and the repair of the framing around edited fields on the way out. Each grammar is
// one room below this one and one line in the list of package proto/all; adding one touches nothing
// else.
//
// A grammar recognises its protocol by content, never by port alone, and reads hostile
// bytes: it is bounded, allocates nothing per unit, and says what it refuses by a Reason.
package proto

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
)

// A Grammar is one protocol. A Grammar value serves one lane and may keep scratch memory, but
// nothing about flows.
type Grammar interface {
	Name() string           // "dns", "http", "tls": Message.Proto and the events' app_proto
	Fields() field.Set      // all fields it can make
	Sight() flow.Sight      // of a flow that speaks it: readable, or by name only
	Over(packet.Proto) bool // which transports it runs over

	// Recognise looks at the first bytes of a unit that the given side sent.
	Recognise(unit []byte, from Peer) Match

	// Parse reads the message that unit begins with into m, which is reset, and returns how many
	// bytes belong to it. It makes at least the fields in want that it finds. n is 0 iff the
	// message cannot be read; then why says so ("incomplete" for one that continues beyond the unit
	// but whose fields so far are in m).
	Parse(m *field.Message, unit []byte, from Peer, want field.Set) (n int, why packet.Reason)

	// Repair appends to dst the message m with edits made and the framing around them put right
	// (lengths, counts, name compression). edits are sorted and do not overlap. It returns dst
	// unchanged and why iff that cannot be done.
	Repair(dst []byte, m *field.Message, edits []field.Edit) (out []byte, why packet.Reason)
}

// Peer is who sent a unit: over what, in which direction, and to which port, as a hint only.
type Peer struct {
	Transport  packet.Proto
	Dir        flow.Direction
	ServerPort uint16
}

// Match is how sure a grammar is that it recognised its protocol.
type Match uint8

const (
	No    Match = iota
	Maybe       // too few bytes to say
	Yes
)

// Incomplete is the reason of Parse for a message that continues beyond its unit.
const Incomplete packet.Reason = "incomplete"

// Splice appends to dst the unit with the edits made and nothing repaired: the Repair of grammars
// without framing. edits are sorted and do not overlap.
func Splice(dst, unit []byte, edits []field.Edit) []byte {
	at := 0
	for i := range edits {
		e := &edits[i]
		dst = append(dst, unit[at:e.Span.Off]...)
		dst = append(dst, e.New...)
		at = e.Span.End
	}
	return append(dst, unit[at:]...)
}
