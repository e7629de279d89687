package engine

import (
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/stream"
)

// This file shows the ordered bytes of a TCP flow: as they are, to those who read payload, and as
// messages, which the flow's parser makes of them.

// A reading is the view of a stream that is open. It is the Sink of parsers.
type reading struct {
	lane     *Lane
	ss       *session
	dir      flow.Direction
	decision inspect.Decision
	open     bool // what is shown is a stream's
	hold     int  // what those who were shown it want to see again
	mayHold  bool
	message  bool // a parser shows it
}

// read shows what is unread of a direction.
func (l *Lane) read(ss *session, dir flow.Direction, end bool, d inspect.Decision) inspect.Decision {
	r := &l.reading
	*r = reading{lane: l, ss: ss, dir: dir, decision: d, open: true}
	l.readPayload(end)
	if !r.decision.Verdict.Final() {
		l.readMessages(end)
	}
	r.open = false
	return r.decision
}

// readPayload shows bytes.
func (l *Lane) readPayload(end bool) {
	r, f, conn := &l.reading, l.cx.Flow, l.reading.ss.conn
	b, seen := conn.Unread(r.dir, stream.Payload)
	r.hold, r.mayHold = 0, !end
	wantsField := l.chain.Wanted.Has(field.Payload)
	if len(b) > 0 && (len(b) > seen || end) && (len(l.chain.Stream) > 0 || wantsField) {
		l.cx.Seen = seen
		for i := range l.chain.Stream {
			v := &l.chain.Stream[i]
			if f.Interest&v.Bit != 0 && !r.decision.Verdict.Final() {
				l.call(v.Index)
				r.decision = l.combine(r.decision, v.I.InspectStream(&l.cx, b))
			}
		}
		l.cx.Seen = 0
		if wantsField && !r.decision.Verdict.Final() {
			l.showPayload(b, seen, end)
		}
	}
	hold := min(r.hold, len(b))
	if hold > l.limits.Stream.Window {
		l.mention(inspect.LayerStream, "held-for-match-exhausted", l.outcomes.Limit)
		hold = 0
	}
	conn.Done(r.dir, stream.Payload, len(b)-hold)
}

// showPayload shows bytes as the field of that name. Edits of it count in b.
func (l *Lane) showPayload(b []byte, seen int, end bool) {
	l.msg.Reset("", b)
	l.msg.Add(field.Field{
		ID: field.Payload, Value: b, Span: field.Span{End: len(b)}, Editable: true, Seen: seen, More: !end,
	})
	l.reading.decision = l.show(l.cx.Flow, l.reading.decision, field.MessagePart)
}

// readMessages feeds the parser, once a grammar has recognised the flow.
func (l *Lane) readMessages(end bool) {
	r := &l.reading
	ss, conn := r.ss, r.ss.conn
	for {
		b, _ := conn.Unread(r.dir, stream.Message)
		if ss.skip[r.dir] > 0 {
			n := int(min(ss.skip[r.dir], int64(len(b))))
			ss.skip[r.dir] -= int64(n)
			conn.Done(r.dir, stream.Message, n)
			b = b[n:]
		}
		if len(b) == 0 && !end {
			return
		}
		if known := l.recognise(ss, b, end); known != proto.Yes {
			n := len(b)
			if known == proto.Maybe && !conn.Full(r.dir, stream.Message) {
				n = 0
			}
			conn.Done(r.dir, stream.Message, n)
			return
		}
		if !l.feed(b, end) {
			return
		}
	}
}

// feed gives the parser what is unread, and reports whether there is more to do.
func (l *Lane) feed(b []byte, end bool) bool {
	r := &l.reading
	ss := r.ss
	r.message, r.mayHold = true, !end
	got := ss.parser.Feed(proto.Input{
		Bytes: b, Dir: r.dir, End: end, Want: l.chain.Wanted, Resize: l.chain.Resize,
	}, r)
	r.message = false
	n := min(max(got.N, 0), len(b))
	if n < len(b) && got.Skip == 0 && got.Why == "" && len(b)-n > l.limits.Stream.Window {
		got.Why = "stream-window-full"
	}
	if got.Why != "" {
		l.refused(got.Why)
		n = len(b)
	}
	ss.skip[r.dir] = got.Skip
	r.ss.conn.Done(r.dir, stream.Message, n)
	if ss.skip[0] >= proto.Forever/2 && ss.skip[1] >= proto.Forever/2 {
		l.giveUpParsing(ss)
	}
	return got.Skip > 0 && n < len(b) && !r.decision.Verdict.Final()
}

// refused tells of a stream that breaks its grammar, and reads no more messages of it.
func (l *Lane) refused(why packet.Reason) {
	l.reading.decision = graver(l.reading.decision, l.anomaly(inspect.LayerApp, why, packet.Pass))
	l.giveUpParsing(l.reading.ss)
}

// giveUpParsing reads no more messages of the flow.
func (l *Lane) giveUpParsing(ss *session) {
	if ss.parser != nil {
		ss.parser.Close()
		ss.parser = nil
	}
	ss.dark = true
}

// recognise looks for the grammar of a flow in what a direction begins with, and opens its parser.
// Maybe is for too few bytes to say.
func (l *Lane) recognise(ss *session, b []byte, end bool) proto.Match {
	f, dir := l.cx.Flow, l.reading.dir
	switch {
	case f.Interest&l.chain.Reads == 0:
		return proto.No
	case ss.parser != nil:
		return proto.Yes
	case ss.dark || l.chain.Wanted&^field.SetOf(field.Payload) == 0:
		l.see(f, flow.SightDark)
		return proto.No
	case len(b) == 0 || ss.spoken[dir]:
		return proto.No
	}
	peer := proto.Peer{Transport: f.Key.Proto, Dir: dir, ServerPort: f.Server().Port()}
	maybe := false
	for i, g := range l.grammars {
		if !g.Over(f.Key.Proto) {
			continue
		}
		switch g.Recognise(b, peer) {
		case proto.Yes:
			ss.parser = l.streams[i].Open()
			if ss.parser == nil {
				l.refused("parsers-exhausted")
				return proto.No
			}
			f.App = uint8(i + 1)
			l.see(f, g.Sight())
			return proto.Yes
		case proto.Maybe:
			maybe = true
		}
	}
	if maybe && !end {
		return proto.Maybe
	}
	l.see(f, flow.SightDark)
	ss.tries++
	switch {
	case !ss.conn.PickedUp():
		ss.spoken[dir] = true
		ss.dark = ss.spoken[0] && ss.spoken[1]
	case int(ss.tries) >= l.limits.Tries: // of one that was met in its middle, any unit may begin a message
		ss.dark = true
	}
	return proto.No
}

// Show implements proto.Sink.
func (r *reading) Show(m *field.Message, phase field.Phase) proto.Answer {
	l := r.lane
	l.edits.reset()
	r.hold = 0
	r.mayHold = false
	for i := range m.Fields {
		r.mayHold = r.mayHold || m.Fields[i].More
	}
	r.decision = l.showMessage(m, l.cx.Flow, r.decision, phase)
	e := &l.edits
	if len(e.list) > 1 {
		e.merge(l.tellOverlap)
	}
	e.group = e.group[:0]
	for i := range e.list {
		e.group = append(e.group, e.list[i].Edit)
	}
	stop := r.decision.Verdict.Final() || l.cx.Flow.Interest&l.chain.Reads == 0
	return proto.Answer{Edits: e.group, Hold: r.hold, Stop: stop}
}

// Replace implements proto.Sink.
func (r *reading) Replace(off, end int, with []byte) bool {
	if !r.ss.conn.Replace(r.dir, stream.Message, off, end, with) {
		r.lane.mention(inspect.LayerEdit, "edit-too-late", packet.Pass)
		return false
	}
	r.lane.counters.Edits++
	return true
}
