// Package prototest feeds the parsers of grammars as the engine does, for their tests: bytes that a
// parser leaves come again with more behind them, what it is done with is released, replacements are made.
package prototest

import (
	"fmt"
	"strings"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// A Stream is one connection that a Parser reads.
type Stream struct {
	Parser proto.Parser
	Want   field.Set
	Why    packet.Reason // why the parser gave up

	// Answer, if it is not nil, is asked about all that is shown.
	Answer func(m *field.Message, phase field.Phase) proto.Answer

	Told  []packet.Reason // what is wrong and keeps nothing from being read
	Shown []string        // messages as text, unless Quiet
	Count int             // of messages shown
	Out   [2][]byte       // what was released of each direction, unless Quiet
	Quiet bool

	half [2]half
	dir  flow.Direction
}

type half struct {
	unread []byte
	skip   int64
	edits  []replacement // of unread
}

type replacement struct {
	off, end int
	with     []byte
}

// Unreleased is the number of bytes that the parser has left.
func (s *Stream) Unreleased(dir flow.Direction) int { return len(s.half[dir].unread) }

// Done reports whether the parser needs to see nothing more of a direction.
func (s *Stream) Done(dir flow.Direction) bool { return s.half[dir].skip >= proto.Forever/2 }

// Send feeds what comes next of a direction.
func (s *Stream) Send(dir flow.Direction, b []byte, end bool) {
	h := &s.half[dir]
	h.unread = append(h.unread, b...)
	for {
		n := int(min(h.skip, int64(len(h.unread))))
		h.skip -= int64(n)
		s.release(dir, n)
		if s.Why != "" {
			s.release(dir, len(h.unread))
		}
		if len(h.unread) == 0 && !end || s.Why != "" {
			return
		}
		s.dir = dir
		p := s.Parser.Feed(proto.Input{Bytes: h.unread, Dir: dir, End: end, Want: s.Want, Resize: s.Want}, s)
		if p.N < 0 || p.N > len(h.unread) || p.Skip < 0 {
			panic(fmt.Sprintf("Progress %+v of %d bytes", p, len(h.unread)))
		}
		s.Why, h.skip = p.Why, p.Skip
		s.release(dir, p.N)
		if p.Skip == 0 || len(h.unread) == 0 {
			break
		}
	}
	if end {
		s.release(dir, len(h.unread))
	}
}

// release has n bytes leave, with their replacements made.
func (s *Stream) release(dir flow.Direction, n int) {
	h := &s.half[dir]
	at := 0
	for len(h.edits) > 0 && h.edits[0].end <= n {
		e := h.edits[0]
		h.edits = h.edits[1:]
		if !s.Quiet {
			s.Out[dir] = append(append(s.Out[dir], h.unread[at:e.off]...), e.with...)
		}
		at = e.end
	}
	if !s.Quiet {
		s.Out[dir] = append(s.Out[dir], h.unread[at:n]...)
	}
	for i := range h.edits {
		h.edits[i].off -= n
		h.edits[i].end -= n
	}
	h.unread = h.unread[:copy(h.unread, h.unread[n:])]
}

// Show implements proto.Sink.
func (s *Stream) Show(m *field.Message, phase field.Phase) proto.Answer {
	s.Count++
	if !s.Quiet {
		s.Shown = append(s.Shown, Text(m))
	}
	if s.Answer != nil {
		return s.Answer(m, phase)
	}
	return proto.Answer{}
}

// Tell implements proto.Teller.
func (s *Stream) Tell(_ proto.Trouble, why packet.Reason) bool {
	s.Told = append(s.Told, why)
	return false
}

// Replace implements proto.Sink.
func (s *Stream) Replace(off, end int, with []byte) bool {
	h := &s.half[s.dir]
	if off < 0 || end < off || end > len(h.unread) {
		panic(fmt.Sprintf("Replace [%d, %d) of %d bytes", off, end, len(h.unread)))
	}
	h.edits = append(h.edits, replacement{off, end, append([]byte{}, with...)})
	return true
}

// Text is the fields of a message as text.
func Text(m *field.Message) string {
	var b strings.Builder
	for _, f := range m.Fields {
		_, name, _ := strings.Cut(f.ID.String(), ".")
		fmt.Fprintf(&b, "%s=%s ", name, f.Value)
	}
	if !m.Complete {
		b.WriteString("...")
	}
	return strings.TrimSpace(b.String())
}

// Cut calls f with pieces of b whose sizes pick chooses, and whether it is the last.
func Cut(b []byte, pick func(left int) int, f func(piece []byte, last bool)) {
	for len(b) > 0 {
		n := pick(len(b))
		f(b[:n], n == len(b))
		b = b[n:]
	}
}
