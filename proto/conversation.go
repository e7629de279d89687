package proto

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
)

// A DatagramGrammar is a protocol over UDP whose messages lie in several datagrams, so that none can be read
// alone. Its Recognise is asked about each datagram of a flow, and says Yes to those that its conversations have
// to hear; the others cost nothing more.
type DatagramGrammar interface {
	Grammar

	// Converse returns a Conversation for one flow from the grammar's pool; nil iff the pool is exhausted.
	Converse() Conversation
}

// A Conversation reads the datagrams of one flow, and belongs to the lane of its grammar. It bounds what it
// remembers.
type Conversation interface {
	// Hear reads one datagram that was recognised, and shows what becomes whole by it, before the datagram
	// leaves. want is what somebody asks for. Edits in answers are not made.
	Hear(datagram []byte, dir flow.Direction, want field.Set, out Audience) Heard

	// Close gives the Conversation back to its pool. It is not used any more.
	Close()
}

// An Audience takes what a Conversation finds, for one call of Hear. A Sink is one.
type Audience interface {
	Show(m *field.Message, phase field.Phase) Answer
}

// Heard is what became of a datagram.
type Heard struct {
	// Over says that nothing is awaited any more: what is recognised later begins another conversation.
	Over bool
	// Idle says that nothing in the datagram could be read.
	Idle bool

	// Full says that the pool is exhausted: with another conversation closed, the datagram may be heard again.
	Full bool

	// Why is what is wrong; empty iff nothing is. The policy has the outcome of As.
	Why packet.Reason
	As  Trouble
	// Contrary says, beside Why, that a receiver could take the datagram for something else than was shown: it
	// must not arrive, whatever the policy.
	Contrary bool
}
