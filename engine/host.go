package engine

import (
	"net/netip"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/stream"
)

// A Lane is the host of its inspectors.
var _ inspect.Host = (*Lane)(nil)

// eventsPerPacket is how many events inspectors can tell about one packet, in all; more are counted
// as muted. A packet holds thousands of small messages, each of which may match thousands of rules.
const eventsPerPacket = 64

// Emit completes an inspector's event and puts it into the queue.
func (l *Lane) Emit(cx *inspect.Context, e *event.Event) {
	if cx.Packet != nil && l.emitted >= eventsPerPacket {
		l.counters.EventsMuted++
		return
	}
	l.emitted++
	l.emit(cx, e)
}

func (l *Lane) emit(cx *inspect.Context, e *event.Event) {
	author := l.chain.Entries[cx.Author].Inspector.Name()
	if e.Author == "" {
		e.Author = author
	}
	if cx.Monitor && e.Verdict != "" && e.Verdict != "accept" {
		e.Would = true
	}
	l.redact(e)
	l.tell(e)
}

// tell fills in when, and about which flow and packet, and puts the event into the queue.
func (l *Lane) tell(e *event.Event) {
	cx := &l.cx
	e.Time, e.Packet = l.wall, 0
	if cx.Packet != nil {
		e.Packet = l.counters.Packets
	}
	if f := cx.Flow; f != nil {
		e.FlowID, e.Proto = f.ID, uint8(f.Key.Proto)
		e.Src, e.Dst = f.Client(), f.Server()
		if cx.Dir != 0 && cx.Packet != nil {
			e.Src, e.Dst = e.Dst, e.Src
		}
		e.ToServer = cx.Dir == 0
		if f.App != 0 {
			e.AppProto = l.grammars[f.App-1].Name()
		}
	} else if p := cx.Packet; p != nil && p.Version != 0 {
		e.Proto = uint8(p.Proto)
		e.Src, e.Dst = netip.AddrPortFrom(p.SrcAddr(), p.SrcPort), netip.AddrPortFrom(p.DstAddr(), p.DstPort)
	}
	if !l.events.Put(e) {
		l.counters.EventsLost++
	}
}

// Edit notes an edit of the payload on its way.
func (l *Lane) Edit(cx *inspect.Context, id field.ID, span field.Span, with []byte) bool {
	if cx.Monitor {
		return false
	}
	if l.reading.open {
		return l.editStream(cx, id, span, with)
	}
	if cx.Packet == nil {
		return false
	}
	span.Off += l.base
	span.End += l.base
	if span.Off < 0 || span.End < span.Off || span.End > len(cx.Packet.Payload()) {
		return false
	}
	ed := edit{Edit: field.Edit{Span: span, Author: cx.Author, Field: id}}
	if cx.Shown != nil && cx.Shown.Proto != "" {
		ed.message, ed.base = true, l.base
	}
	if l.edits.closed {
		return false
	}
	if !l.edits.add(ed, with) {
		l.mention(inspect.LayerEdit, "edit-list-full", packet.Pass)
		return false
	}
	return true
}

// After sets a timer for the flow on its way.
func (l *Lane) After(cx *inspect.Context, d time.Duration, arg uint64) bool {
	if cx.Flow == nil || l.chain.Timer[cx.Author] == nil {
		return false
	}
	t := l.timers.take()
	if t == nil {
		l.mention(inspect.LayerFlow, "timers-exhausted", packet.Pass)
		return false
	}
	t.flow, t.flowID, t.author, t.arg, t.generation = cx.Flow, cx.Flow.ID, cx.Author, arg, l.chain.Generation
	l.wheel.Schedule(&t.Timer, l.now+d)
	return true
}

// Release releases what is held of the flow on its way.
func (l *Lane) Release(cx *inspect.Context) {
	if cx.Flow != nil {
		l.releaseFlow(cx.Flow)
	}
}

// Hold notes how much of what is shown the inspector wants to see again.
func (l *Lane) Hold(_ *inspect.Context, n int) bool {
	r := &l.reading
	if !r.open || !r.mayHold || n < 0 {
		return false
	}
	r.hold = max(r.hold, n)
	return !r.last
}

// Keep notes how much of what is shown the inspector wants to see again, whether it has left or not.
func (l *Lane) Keep(_ *inspect.Context, n int) bool {
	r := &l.reading
	if !r.open || !r.mayHold || n < 0 {
		return false
	}
	r.keep = max(r.keep, n)
	return !r.last
}

// TooLate implements inspect.Host.
func (l *Lane) TooLate(*inspect.Context) { l.mention(inspect.LayerEdit, "edit-too-late", packet.Pass) }

// editStream notes an edit of what is shown of a stream.
func (l *Lane) editStream(cx *inspect.Context, id field.ID, span field.Span, with []byte) bool {
	r := &l.reading
	if span.Off < 0 || span.End < span.Off {
		return false
	}
	if !r.message {
		if !r.ss.conn.Replace(r.dir, stream.Payload, span.Off, span.End, with) {
			l.TooLate(cx)
			return false
		}
		l.counters.Edits++
		return true
	}
	if cx.Shown == nil || span.End > len(cx.Shown.Unit) {
		return false
	}
	if !l.edits.add(edit{Edit: field.Edit{Span: span, Author: cx.Author, Field: id}}, with) {
		l.mention(inspect.LayerEdit, "edit-list-full", packet.Pass)
		return false
	}
	return true
}
