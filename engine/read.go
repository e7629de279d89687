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
	hold     int  // what those who were shown it want to see again, and have wait
	keep     int  // what they want to see again
	spared   int  // bytes of messages that they want to see again and that may leave
	mayHold  bool
	late     bool // what is not decided now leaves as it is
	last     bool // bytes that somebody holds leave all the same
	message  bool // a parser shows it

	base   int           // where among the bytes unread as payload those begin that the parser is fed; negative if before
	bodies []field.Span  // those marked by the parser, likewise. As many as there can be pieces of a body in a window
	names  []field.Named // fields that the parser has read, likewise
}

// open begins a reading; late says that what is not decided now leaves as it is.
func (r *reading) begin(l *Lane, ss *session, dir flow.Direction, late bool, d inspect.Decision) {
	*r = reading{lane: l, ss: ss, dir: dir, decision: d, open: true, late: late, bodies: r.bodies[:0], names: r.names[:0]}
	if n := ss.names[dir]; n.end > 0 {
		r.names = append(r.names, field.Named{ID: n.id, Span: field.Span{Off: int(n.off), End: int(n.end)}})
	}
}

// read shows what is unread of a direction.
func (l *Lane) read(ss *session, dir flow.Direction, end bool, d inspect.Decision) inspect.Decision {
	r := &l.reading
	r.begin(l, ss, dir, false, d)
	l.readAll(end)
	r.open = false
	return r.decision
}

// readAll shows what is unread as messages, and then as bytes, with what of them was shown as bodies. The end waits while the parser has
// more to do.
func (l *Lane) readAll(end bool) {
	r := &l.reading
	l.readMessages(false)
	if end && !r.more() && !r.decision.Verdict.Final() {
		l.readMessages(true)
	}
	if !r.decision.Verdict.Final() {
		l.readPayload(end && !r.more() || r.late)
	}
}

// more reports whether the parser has more to do, when others have had their turn.
func (r *reading) more() bool { return r.ss.again&(1<<r.dir) != 0 }

// readPayload shows bytes. If there is no room for all that somebody holds, it shows that once more: there is no time.
func (l *Lane) readPayload(end bool) {
	r := &l.reading
	if n, hold := l.showBytes(end); hold > l.limits.Stream.Window && !r.decision.Verdict.Final() {
		l.mention(inspect.LayerStream, "held-for-match-exhausted", l.outcomes.Limit)
		for i := range r.bodies {
			s := &r.bodies[i]
			s.Off, s.End = max(0, s.Off-n), max(0, s.End-n)
		}
		for i := range r.names {
			s := &r.names[i].Span
			s.Off, s.End = max(0, s.Off-n), max(0, s.End-n)
		}
		l.showBytes(true)
		r.ss.conn.Done(r.dir, stream.Payload, r.hold)
		r.ss.left[r.dir] = 0
		r.ss.kept[r.dir] = 0
	}
}

// pending is how many of the n bytes that are unread as payload the parser is not done with, and has not marked; or, while there is none, are too
// few to say by which grammar they are. Where nothing is altered nothing waits for it.
func (r *reading) pending(n int) int {
	if r.lane.outcomes.Monitor {
		return 0
	}
	b, _ := r.ss.conn.Unread(r.dir, stream.Message)
	pending := min(len(b)-r.spared, n)
	if k := len(r.bodies); k > 0 {
		pending = min(pending, n-r.bodies[k-1].End)
	}
	return pending
}

// Mark implements proto.Marker.
func (r *reading) Mark(off, end int) {
	s := field.Span{Off: max(0, r.base+off), End: r.base + end}
	k := len(r.bodies)
	for k > 0 && r.bodies[k-1].Off >= s.Off { // it was fed once more
		k--
	}
	r.bodies = r.bodies[:k]
	switch {
	case s.End <= s.Off:
	case k > 0 && s.Off <= r.bodies[k-1].End:
		r.bodies[k-1].End = max(r.bodies[k-1].End, s.End)
	default:
		r.bodies = append(r.bodies, s)
	}
}

// maxNames is how many fields of one reading are named: more than there can be in what comes at once, since grammars read so many in one call.
const maxNames = 1 << 14

// Name implements proto.Namer.
func (r *reading) Name(id field.ID, off, end int) {
	n := field.Named{ID: id, Span: field.Span{Off: max(0, r.base+off), End: r.base + end}}
	k := len(r.names)
	if k == maxNames || n.Span.End <= n.Span.Off || k > 0 && n.Span.Off < r.names[k-1].Span.End {
		return
	}
	r.names = append(r.names, n)
}

// keepName remembers the last name of bytes that are shown once more, n bytes of those shown being done with.
func (r *reading) keepName(n int) {
	kept := &r.ss.names[r.dir]
	*kept = keptName{}
	if k := len(r.names); k > 0 && r.names[k-1].Span.End > n {
		last := &r.names[k-1]
		*kept = keptName{last.ID, int32(max(0, last.Span.Off-n)), int32(last.Span.End - n)}
	}
}

// showBytes shows what is unread as payload. It is done with n bytes, and hold more are held.
func (l *Lane) showBytes(end bool) (n, hold int) {
	r, f, conn := &l.reading, l.cx.Flow, l.reading.ss.conn
	b, seen := conn.Unread(r.dir, stream.Payload)
	left := int(r.ss.left[r.dir])
	r.hold, r.keep, r.mayHold, r.last = 0, 0, true, end // a FIN may be a fake, and more bytes follow
	wantsField := l.chain.Wanted.Has(field.Payload)
	if len(b) > 0 && (len(b) > seen || end) && (len(l.chain.Stream) > 0 || wantsField) {
		l.cx.Seen, l.cx.Left = seen, min(left, seen)
		l.cx.Bodies, l.cx.Names, l.cx.Pending, l.cx.Unknown = r.bodies, r.names, r.pending(len(b)), r.ss.parser == nil
		for i := range l.chain.Stream {
			v := &l.chain.Stream[i]
			if f.Interest&v.Bit != 0 && !r.decision.Verdict.Final() {
				l.call(v.Index)
				r.decision = l.combine(r.decision, v.I.InspectStream(&l.cx, b))
			}
		}
		l.cx.Seen, l.cx.Left, l.cx.Bodies, l.cx.Names, l.cx.Pending, l.cx.Unknown = 0, 0, nil, nil, 0, false
		if wantsField && !r.decision.Verdict.Final() {
			l.showPayload(b, seen, end)
		}
	}
	hold = min(max(r.hold, r.keep), len(b))
	n = len(b) - hold
	r.keepName(n)
	conn.Done(r.dir, stream.Payload, n)
	spared := hold - min(r.hold, len(b))
	conn.Spare(r.dir, stream.Payload, spared)
	if left = max(0, left-n, spared); end {
		left = hold
	}
	r.ss.left[r.dir] = uint32(left)
	if r.ss.kept[r.dir] = 0; (hold > 0 || r.spared > 0) && !end {
		r.ss.kept[r.dir] = max(l.now, 1)
	}
	r.hold, r.last = hold, false
	return n, hold
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
	got, n := l.feedParser(b, end, r.late)
	if got.N < len(b) && got.Skip == 0 && got.Why == "" && len(b)-n > l.limits.Stream.Window && !r.late {
		ss.conn.Done(r.dir, stream.Message, n)
		b = b[n:]
		got, n = l.feedParser(b, end, true) // no room, so no time
	}
	if n < len(b) && got.Skip == 0 && got.Why == "" && len(b)-n > l.limits.Stream.Window {
		got.Why, got.As = "stream-window-full", proto.Beyond
	}
	if got.Why != "" {
		l.refused(got)
		n = len(b)
	}
	atOnce := got.More && l.outcomes.Monitor // what nobody waits for: the segments have passed
	if got.More && !atOnce && !r.late && !end {
		l.goOnLater(ss, r.dir)
	}
	ss.skip[r.dir], r.spared = got.Skip, 0
	ss.conn.Done(r.dir, stream.Message, n)
	if got.Spare > 0 && got.Why == "" {
		r.spared = min(got.Spare, len(b)-n)
		ss.conn.Spare(r.dir, stream.Message, r.spared)
	}
	if got.Next {
		l.parseAnew(ss)
		return n < len(b) && !r.decision.Verdict.Final()
	}
	if ss.skip[0] >= proto.Forever/2 && ss.skip[1] >= proto.Forever/2 {
		l.giveUpParsing(ss)
	}
	return (got.Skip > 0 && n < len(b) || atOnce) && !r.decision.Verdict.Final()
}

func (l *Lane) feedParser(b []byte, end, late bool) (got proto.Progress, n int) {
	r := &l.reading
	in := proto.Input{Bytes: b, Dir: r.dir, End: end, Late: late, Want: l.chain.Wanted}
	if !l.outcomes.Monitor {
		in.Edits, in.Resize = l.chain.Edits, l.chain.Resize
	}
	was := r.late
	payload, _ := r.ss.conn.Unread(r.dir, stream.Payload)
	r.base = len(payload) - len(b)
	r.message, r.late = true, late || end // a FIN may be a fake, and more bytes follow
	got = r.ss.parser.Feed(in, r)
	r.message, r.late = false, was
	return got, min(max(got.N, 0), len(b))
}

// outcomeOf is what the policy says to trouble of a parser.
func (l *Lane) outcomeOf(t proto.Trouble) packet.Verdict {
	switch t {
	case proto.Unreadable:
		return l.outcomes.Malformed
	case proto.Beyond:
		return l.outcomes.Limit
	}
	return l.outcomes.Edit
}

// refused tells of a stream that cannot be read on, and reads no more messages of it. If it was altered and cannot be
// completed, the connection ends.
func (l *Lane) refused(got proto.Progress) {
	outcome := l.outcomeOf(got.As)
	if got.Broken {
		outcome = packet.Drop
	}
	l.trouble(got.As, got.Why, outcome)
	l.giveUpParsing(l.reading.ss)
}

// trouble tells of what is wrong with a stream. What was dropped of a stream comes again, so the flow is dropped with it.
func (l *Lane) trouble(t proto.Trouble, why packet.Reason, outcome packet.Verdict) {
	layer := inspect.LayerApp
	if t == proto.Unedited {
		layer = inspect.LayerEdit
	}
	l.reading.decision = graver(l.reading.decision, l.anomaly(layer, why, outcome))
}

// Tell implements proto.Teller.
func (r *reading) Tell(t proto.Trouble, why packet.Reason) (dropped bool) {
	r.lane.trouble(t, why, r.lane.outcomeOf(t))
	return r.decision.Verdict.Final()
}

// parseAnew seeks another grammar for what follows in both directions.
func (l *Lane) parseAnew(ss *session) {
	ss.parser.Close()
	ss.parser = nil
	ss.skip, ss.spoken, ss.tries = [2]int64{}, 0, 0
}

// giveUpParsing reads no more messages of the flow.
func (l *Lane) giveUpParsing(ss *session) {
	if ss.parser != nil {
		ss.parser.Close()
		ss.parser = nil
	}
	l.darken(ss)
}

// darken gives up seeking grammars: those who want messages and nothing else want nothing more of the flow.
func (l *Lane) darken(ss *session) {
	ss.dark = true
	ss.flow.Interest &^= l.chain.Hears
}

// recognise looks for the grammar of a flow in what a direction begins with, and opens its parser.
// Maybe is for too few bytes to say.
func (l *Lane) recognise(ss *session, b []byte, end bool) proto.Match {
	f, dir := l.cx.Flow, l.reading.dir
	switch {
	case ss.parser != nil:
		return proto.Yes // also if nobody reads any more: what it has begun to alter it goes on with
	case f.Interest&l.chain.Reads == 0:
		return proto.No
	case ss.dark || l.chain.Wanted&^field.SetOf(field.Payload) == 0:
		l.see(f, flow.SightDark)
		return proto.No
	case len(b) == 0 || ss.spoken&(1<<dir) != 0:
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
				l.refused(proto.Progress{Why: "parsers-exhausted", As: proto.Beyond})
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
		ss.spoken |= 1 << dir
		if ss.spoken == 3 {
			l.darken(ss)
		}
	case int(ss.tries) >= l.limits.Tries: // of one that was met in its middle, any unit may begin a message
		l.darken(ss)
	}
	return proto.No
}

// Show implements proto.Sink.
func (r *reading) Show(m *field.Message, phase field.Phase) proto.Answer {
	l := r.lane
	l.edits.reset()
	r.hold, r.keep = 0, 0
	r.mayHold = false
	for i := range m.Fields {
		r.mayHold = r.mayHold || m.Fields[i].More
	}
	r.last = r.late
	r.decision = l.showMessage(m, l.cx.Flow, r.decision, phase)
	r.last = false
	e := &l.edits
	if len(e.list) > 1 {
		e.merge(l.tellOverlap)
	}
	e.group = e.group[:0]
	for i := range e.list {
		e.group = append(e.group, e.list[i].Edit)
	}
	stop := r.decision.Verdict.Final() || l.cx.Flow.Interest&l.chain.Reads == 0
	return proto.Answer{Edits: e.group, Hold: max(r.hold, r.keep), Spare: r.hold == 0, Stop: stop}
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
