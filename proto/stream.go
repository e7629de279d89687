package proto

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
)

// A StreamGrammar is a protocol over TCP: it is read as two streams of ordered bytes, not as units.
// Its Recognise is asked about the first bytes of a stream, with more of them each time that it says
// Maybe.
type StreamGrammar interface {
	Grammar

	// Open returns a Parser for one connection from the grammar's pool; nil iff the pool is
	// exhausted. A pool grows to its ceiling and keeps what it has.
	Open() Parser
}

// A Parser reads one connection, both directions, and belongs to the lane of its grammar. It
// bounds what it remembers, and between two calls keeps no bytes of what it was fed beyond that:
// bytes that it still needs it leaves, and they come again.
type Parser interface {
	// Feed reads in.Bytes, which begins where the last Feed of the direction has ended, and tells out
	// what it finds. It allocates nothing once the pool is warm.
	//
	// For any way of cutting a stream into calls, the fields (parts of one joined), what a receiver
	// reads after the replacements, and the final state are the same. Framing that a grammar makes of its
	// own, such as the sizes of chunks, may differ.
	Feed(in Input, out Sink) Progress

	// Close gives the Parser back to its pool. It is not used any more.
	Close()
}

// A Reframer is a Parser that frames messages anew.
type Reframer interface {
	// Reframes reports whether a message that it has framed anew goes on, so that no other parser can go on with
	// the connection.
	Reframes() bool
}

// A Waiter is a Parser whose client waits for answers that a page of HTTP/1.1 can take the place of.
type Waiter interface {
	// Waits reports whether the client waits for one answer of which nothing has come, and has asked for no other.
	Waits() bool
}

// An Input is what a Parser is fed.
type Input struct {
	Bytes  []byte // read-only view; valid for the call
	Dir    flow.Direction
	End    bool      // the sender seems to have closed: Bytes leave, as if Late; if that was a fake, more comes behind them
	Late   bool      // time is up: what the parser is not done with leaves as it came, and comes again all the same
	Want   field.Set // somebody asks for these; others need not be made
	Edits  field.Set // of these, the inspectors may change bytes; known before their first byte leaves
	Resize field.Set // of these, they may also change the length; likewise
}

// Progress is how far Feed came.
type Progress struct {
	// N bytes are done with, [0, len(Bytes)]. The rest comes again with more behind it, and is held
	// back until then, as long as limits allow: bytes that were released meanwhile can no longer be
	// replaced (Sink.Replace then says so).
	N int

	// Spare bytes behind N may leave all the same: somebody wants to see them again (Answer.Spare).
	Spare int

	// Skip bytes behind N need not be fed: a body that nobody asks for. Forever: nothing of
	// this direction need be fed any more.
	Skip int64

	// More says that there is more to do with what was fed, and that others should have their turn first: the rest comes again soon,
	// also if nothing follows it.
	More bool

	// Next says that what follows in both directions is another protocol's, as both ends have agreed: behind the N bytes, and what is unread of the
	// other direction, a grammar is sought anew. The parser is used no more.
	Next bool

	// Why is not empty iff the stream cannot be read on. Then it is fed nothing any more, and the policy has the
	// outcome of As.
	Why packet.Reason
	As  Trouble

	// Broken says, beside Why, that what has left was altered and cannot be completed: the connection
	// must end, whatever the policy.
	Broken bool
}

// Forever as Progress.Skip is for the rest of a stream.
const Forever = int64(1) << 62

// Trouble is a kind of what can go wrong with a stream. For each the policy has an outcome.
type Trouble uint8

const (
	Unreadable Trouble = iota // it breaks its grammar, or receivers read it in different ways
	Beyond                    // a limit is reached, or it is more than Weir can undo
	Unedited                  // an edit that was asked for cannot be made
)

// A Sink takes what a Parser finds. It is the engine's, and valid for one call of Feed.
type Sink interface {
	// Show shows m to those who ask for its fields.
	//
	// A message with a body is shown as MessageStart, with the fields of its head; MessagePart, once
	// or more for the body as it comes, with one field of which Offset and More tell the place; and
	// MessageEnd, with what follows the body, maybe nothing. One without a body is MessageWhole.
	//
	// m.Unit may be any bytes that the fields' spans count in: those fed, or a text that the
	// parser has put together from them (a body without its chunk lines, decoded).
	Show(m *field.Message, phase field.Phase) Answer

	// Replace has the bytes [off, end) of Input.Bytes leave as with, which is copied. Ranges must not
	// overlap; they need not come in order. It reports false if the bytes have left already, or the edit cannot be
	// made for another reason, which the engine has counted; the parser then goes on as if with were
	// not wanted.
	Replace(off, end int, with []byte) bool
}

// A Teller is a Sink that takes what is wrong but does not keep the parser from reading on.
type Teller interface {
	// Tell tells of trouble, and reports whether the connection was dropped for it.
	Tell(t Trouble, why packet.Reason) (dropped bool)
}

// Tell tells out of trouble, if it is a Teller.
func Tell(out Sink, t Trouble, why packet.Reason) (dropped bool) {
	if s, ok := out.(Teller); ok {
		return s.Tell(t, why)
	}
	return false
}

// A Marker is a Sink that wants to know what the parts of bodies were made of.
type Marker interface {
	// Mark says that the bytes [off, end) of Input.Bytes leave as text that was shown as a part of a body, or not at all. Ranges
	// come in order; those that are held come again.
	Mark(off, end int)
}

// Mark marks bytes for out, if it is a Marker.
func Mark(out Sink, off, end int) {
	if m, ok := out.(Marker); ok {
		m.Mark(off, end)
	}
}

// A Namer is a Sink that wants to know what was read where, for those who look at the bytes.
type Namer interface {
	// Name says that the bytes [off, end) of Input.Bytes were read as that field. Ranges come in order, without overlap; they need not
	// hold all of what is read.
	Name(id field.ID, off, end int)
}

// Name names bytes for out, if it is a Namer.
func Name(out Sink, id field.ID, off, end int) {
	if n, ok := out.(Namer); ok && off < end {
		n.Name(id, off, end)
	}
}

// An Answer is what the inspectors say to what they were shown.
type Answer struct {
	// Edits are in the offsets of Message.Unit, in order, without overlap; valid until the next
	// Show. The parser makes them: it maps them to the stream, mends its framing, and calls
	// Sink.Replace.
	Edits []field.Edit

	// Hold is the number of bytes at the end of a body's part that somebody wants to see again, together
	// with what follows them. They are at the head of the next part, with Field.Seen to tell. The
	// parser leaves the bytes of the stream that they came from unread (Progress.N), or where
	// it cannot, because they were decoded or framed anew, keeps their text. If Input.Late or End, they
	// leave all the same (Field.Left). 0 where More is false.
	Hold int

	// Spare says that these bytes may leave meanwhile: nobody wants to alter or to stop them. The parser says so on
	// (Progress.Spare) where it can.
	Spare bool

	// Stop says that nobody wants to see any more of this connection, or that it was dropped. A parser
	// that has altered how a message is framed goes on to its end.
	Stop bool
}

// ReplaceAll makes edits of a unit that begins at offset base of the bytes fed, where no framing
// needs to be mended. It reports whether all could be made.
func ReplaceAll(out Sink, base int, edits []field.Edit) bool {
	all := true
	for i := range edits {
		e := &edits[i]
		all = out.Replace(base+e.Span.Off, base+e.Span.End, e.New) && all
	}
	return all
}
