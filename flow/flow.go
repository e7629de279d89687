// Package flow answers who is talking: it gives the packets of one conversation, in
// both directions, the same Flow, and forgets the conversation when it is over.
//
// A Table belongs to one lane: it takes no lock, reads no clock, and allocates only when it
// grows towards its ceiling. It follows TCP only as far as a flow's life needs it (opening,
// established, closing). Sequence numbers belong to package stream: a forged RST that no
// endpoint heeds moves a flow to Closing here all the same.
package flow

import (
	"net/netip"
	"time"

	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
)

// Direction is the direction of a packet in its flow.
type Direction uint8

const (
	ToServer Direction = iota // from the side that began
	ToClient
)

// String returns "to-server" or "to-client".
func (d Direction) String() string {
	if d == ToServer {
		return "to-server"
	}
	return "to-client"
}

// Reverse returns the other direction.
func (d Direction) Reverse() Direction { return d ^ 1 }

// State is where a flow is in its life.
type State uint8

const (
	New         State = iota // one side has spoken: half open
	Established              // both sides have spoken; TCP: the handshake is over
	Closing                  // TCP: both sides have sent FIN, or one RST
)

var stateNames = [...]string{"new", "established", "closing"}

// String returns the state's name in events.
func (s State) String() string { return stateNames[s] }

// End says why a flow ended.
type End uint8

const (
	EndTimeout  End = iota // silent for longer than its state allows
	EndClosed              // TCP: closed by both sides or reset, and quiet since
	EndEvicted             // its place was needed; see Limits.RefuseNew
	EndReused              // TCP: a new connection with the same addresses and ports
	EndShutdown            // the lane stops
)

var endNames = [...]string{"timeout", "closed", "evicted", "reused", "shutdown"}

// String returns the reason's name in events.
func (e End) String() string { return endNames[e] }

// Sight says how much of a flow Weir could read.
type Sight uint8

const (
	SightNone     Sight = iota // no payload yet
	SightDark                  // payload of no known grammar, or encrypted throughout
	SightName                  // encrypted, but the server's name was seen (TLS SNI)
	SightReadable              // a grammar was recognised and its messages were parsed
)

var sightNames = [...]string{"no-payload", "dark", "name-only", "readable"}

// String returns the name in events and statistics.
func (s Sight) String() string { return sightNames[s] }

// Counters counts one direction of a flow.
type Counters struct {
	Packets uint64
	Bytes   uint64 // of IP datagrams, headers included
}

// A Flow is one conversation. What every packet touches comes first, in two cache lines; the
// whole fills four.
type Flow struct {
	Key  Key
	ID   uint64        // unique in the table; 0 once the flow has ended, until its place is used again
	Last time.Duration // lane time of the latest packet

	// What was decided for all later packets, by whom and why. Pass: nothing yet. Once it is
	// final, what the flow sends reaches nobody, and no longer moves its State.
	Verdict packet.Verdict
	Author  uint8
	State   State

	clientIsB bool
	listed    bool
	live      bool
	goesOn    bool               // see Table.GoesOn; valid iff Session is not 0
	tcp       [2]packet.TCPFlags // flags seen, by Direction
	isn       uint32             // of the SYN that has opened the connection; 0 if it was not seen

	Count    [2]Counters // by Direction
	Interest uint64      // bit i: inspector i of the chain still looks

	Generation uint32 // of the chain that the flow is inspected by
	App        uint8  // index of the recognised grammar in the engine's list plus one; 0 while unknown
	Tries      uint8  // units in which no grammar was recognised, or whose conversation could not read them
	Sight      Sight
	Settled    bool // nobody looks any more: may be handed back to the kernel

	First  time.Duration
	Labels uint64        // see inspect.Label
	Reason packet.Reason // of Verdict

	// The engine's notes: which inspectors have told of a verdict they would have given, which
	// directions were sent an answer (by 1<<Direction), and the first and last packet held, as
	// index plus one.
	Told                uint64
	Answered            uint8
	HeldFirst, HeldLast uint32
	Session             uint32 // the engine's memory of the stream, or of a conversation in datagrams, as index plus one; 0 if there is none

	Memory []uint64 // the inspectors' per-flow state; see inspect.State

	index uint32
	timer wheel.Timer
	older *Flow // valid iff listed; list of expendable flows
	newer *Flow
}

// Client returns the address and port of the side that began.
func (f *Flow) Client() netip.AddrPort {
	a, b := f.Key.Endpoints()
	if f.clientIsB {
		return b
	}
	return a
}

// Server returns the address and port of the side that was called.
func (f *Flow) Server() netip.AddrPort {
	a, b := f.Key.Endpoints()
	if f.clientIsB {
		return a
	}
	return b
}
