package engine

import (
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/stream"
)

// This file answers rejected requests in the server's place: the server is reset, and the connection with the client goes on here
// until the client has read the page. Nothing is sent but in answer to a packet of the client, so there is no timer: until the client has the page,
// which is one segment, nothing else acknowledges what it says, so it says it again. Who does not get it, however often it is sent, is reset.

// A reply is a page on its way.
type reply struct {
	page     []byte
	begun    bool
	forth    divert.Injection // of the reset that the server gets
	server   seqnum.Value     // what comes next for the server
	entrance divert.Injection // of segments to the client
	first    seqnum.Value     // of the page
	acked    seqnum.Value     // of it, by the client
	next     seqnum.Value     // what comes next of the client
	sent     time.Duration    // when it was sent last
	tries    uint8            // since something was acknowledged
	stamped  bool             // segments carry timestamps
	ts, echo seqnum.Value     // the newest ones, of the server and of the client
}

const (
	maxReplies    = 1024 // clients that read a page
	replyTries    = 12
	holeTries     = 3                     // likewise, to a client that lacks what the server said before it
	replyPause    = 50 * time.Millisecond // at least, before it is sent again
	replyWindow   = 0xffff                // the rest of an upload is taken, and forgotten
	maxReplyAhead = 1 << 20
)

// promise has the flow in the context be answered by a page, if its client waits for an answer and for nothing else. Otherwise it is reset.
func (l *Lane) promise(page *inspect.Page) {
	f, ss := l.cx.Flow, l.sessions.of(l.cx.Flow)
	if ss == nil || l.cx.Dir != flow.ToServer || !l.waits(ss) {
		return
	}
	if len(l.replies) == maxReplies {
		for other := range l.replies { // most of them are read, by clients that keep their end open
			other.Answered = 0 // who is not done learns it by a reset
			delete(l.replies, other)
			break
		}
	}
	r := &reply{page: page.Response(), entrance: ss.entrance(flow.ToClient), forth: ss.entrance(flow.ToServer)}
	r.server, _ = ss.conn.Flight(flow.ToServer)
	r.first, _ = ss.conn.Flight(flow.ToClient)
	if ts, ok := ss.conn.Stamp(flow.ToClient); ok {
		r.stamped, r.ts = true, seqnum.Value(ts)
		ts, _ = ss.conn.Stamp(flow.ToServer)
		r.echo = seqnum.Value(ts)
	}
	l.replies[f] = r
}

// waits reports whether the client waits for an answer to the request in the context, and for nothing else. One whose handshake was not seen may be
// somebody who does not know that he waits.
func (l *Lane) waits(ss *session) bool {
	w, ok := ss.parser.(proto.Waiter)
	if !ok || !w.Waits() || ss.flow.State != flow.Established || ss.conn.PickedUp() {
		return false
	}
	if begun, _ := ss.conn.Unread(flow.ToClient, stream.Message); len(begun) > 0 {
		return false // the server has begun to say something
	}
	next, _ := ss.conn.Unread(flow.ToServer, stream.Message)
	return l.reading.message || len(next) == 0 // else there is the begin of another request, of which this is
}

// reply goes on with a connection that is answered by a page; p is a packet of it.
func (l *Lane) reply(r *reply, p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	l.flush() // what was decided before leaves before
	switch {
	case p.TCPFlags.Has(packet.SYN):
		return
	case p.TCPFlags.Has(packet.RST):
		if dir == flow.ToServer && r.begun && p.TCP().Seq() == r.next { // others are of nobody who knows better (RFC 5961 §3.2)
			l.endReply(f)
		}
		return
	case dir == flow.ToClient:
		if f.Answered&(1<<dir) == 0 {
			f.Answered |= 1 << dir
			l.inject(packet.Reset(l.scratch.answer[:0], p), p, r.forth)
		}
		return
	}
	fresh := !r.begun
	if fresh {
		r.begin(p)
	}
	h, n := p.TCP(), p.SegmentLen()
	r.stamp(p)
	if end := h.Seq().Add(n); h.Seq().LessEq(r.next) && r.next.Less(end) {
		r.next = end
	}
	if ack := h.Ack(); r.acked.Less(ack) && ack.LessEq(r.end()) {
		r.acked, r.tries = ack, 0
	}
	switch {
	case r.acked == r.end() && n > 0:
		l.sendReply(r, p, r.end(), nil, 0)
	case r.acked == r.end() || !fresh && l.now < r.sent+replyPause:
	case r.tries < r.most(h.Ack()):
		r.sent, r.tries = l.now, r.tries+1
		l.sendReply(r, p, r.first, r.page, packet.PSH|packet.FIN)
	default:
		l.inject(packet.Reset(l.scratch.answer[:0], p), p, r.entrance)
		l.endReply(f)
	}
	if fresh {
		l.resetServer(r, p, f)
	}
	if r.acked == r.end() && p.TCPFlags.Has(packet.FIN) && h.Seq().Add(n) == r.next {
		l.endReply(f) // both ends have said that they are done
	}
}

// most is how often the page is sent to a client that acknowledges ack. What the server said and was lost nobody sends again, since the server is reset;
// but it may be on its way still.
func (r *reply) most(ack seqnum.Value) uint8 {
	if ack.Less(r.first) {
		return holeTries
	}
	return replyTries
}

// endReply forgets a reply. Nobody is told of anything more, since a reset would take from the client what it has not read yet.
func (l *Lane) endReply(f *flow.Flow) {
	f.Answered = 1<<flow.ToServer | 1<<flow.ToClient
	delete(l.replies, f)
}

// end is behind the page and the FIN that ends it.
func (r *reply) end() seqnum.Value { return r.first.Add(seqnum.Size(len(r.page)) + 1) }

// begin finds where in the connection the page stands: behind what the client has acknowledged, and what it has been sent. p is of the client.
func (r *reply) begin(p *packet.Packet) {
	h := p.TCP()
	if ack := h.Ack(); !ack.Less(r.first) || ack.Size(r.first) > maxReplyAhead {
		r.first = ack
	}
	r.begun, r.acked, r.next = true, r.first, h.Seq().Add(p.SegmentLen())
}

// resetServer ends the connection at the server. p, of the client, does not leave, and is renumbered as the server counts.
func (l *Lane) resetServer(r *reply, p *packet.Packet, f *flow.Flow) {
	f.Answered |= 1 << flow.ToServer
	p.SetSeq(r.server)
	l.inject(packet.ResetReceiver(l.scratch.answer[:0], p), p, r.forth)
}

// stamp notes the timestamps of a packet of the client. What was sent long ago and waited has old ones, and a client discards what is older than what
// it has seen (RFC 7323 §5).
func (r *reply) stamp(p *packet.Packet) {
	options := p.TCP().Options()
	o, ok := options.Find(packet.OptionTimestamps)
	if !ok {
		return
	}
	val, echo, ok := o.Timestamps()
	switch {
	case !ok:
	case !r.stamped:
		r.stamped, r.ts, r.echo = true, seqnum.Value(echo), seqnum.Value(val)
	default:
		r.ts, r.echo = r.ts.Max(seqnum.Value(echo)), r.echo.Max(seqnum.Value(val))
	}
}

// sendReply sends a segment that acknowledges all that has come of the client.
func (l *Lane) sendReply(r *reply, p *packet.Packet, seq seqnum.Value, payload []byte, flags packet.TCPFlags) {
	s := packet.Segment{Seq: seq, Ack: r.next, Window: replyWindow, Flags: flags, ToSender: true, Payload: payload}
	s.Stamped, s.TS, s.Echo = r.stamped, uint32(r.ts), uint32(r.echo)
	l.inject(packet.AppendSegment(l.scratch.answer[:0], p, &s), p, r.entrance)
}
