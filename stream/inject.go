package stream

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// This file makes segments of our own, for what no segment of an endpoint can say. They have the numbers,
// timestamps and windows that the end in whose name they speak said last.

// maxSACK is how many blocks fit beside timestamps (RFC 2018 §3).
const maxSACK = 3

// Duplicate appends to dst the acknowledgement with which the receiver of dir's bytes would ask for
// what is missing (RFC 5681 §4.2, RFC 2018 §4), had it seen the segments that wait here: it says again
// what the receiver has acknowledged, and which bytes are here behind the gap, those next to newest
// first. Without it a sender would learn of a loss only when its timer runs out. of is a segment of
// direction ofDir.
func (c *Conn) Duplicate(dst []byte, of *packet.Packet, dir, ofDir flow.Direction, newest seqnum.Value) []byte {
	h := &c.half[dir]
	if c.phase != phaseOpen || c.locked || !h.ackSeen || !h.gap() {
		return dst
	}
	s := c.speak(dir.Reverse())
	s.ToSender = dir == ofDir
	if c.sack {
		s.Blocks = h.blocks(c.pool.blocks[:0], newest)
		c.pool.blocks = s.Blocks[:0]
	}
	return packet.AppendSegment(dst, of, &s)
}

// Probe appends to dst a segment long past, to which the receiver of dir's bytes answers with where it stands
// (RFC 9293 §3.10.7.4); nothing if the connection was followed from its beginning. It has a byte, since hosts answer but
// few segments without (Linux: tcp_oow_rate_limited). of is a segment of that direction.
func (c *Conn) Probe(dst []byte, of *packet.Packet, dir flow.Direction) []byte {
	h, back, seen := &c.half[dir], &c.half[dir.Reverse()], of.TCP()
	if c.locked || !h.unsure && !(c.mode.Successor && h.loose) {
		return dst
	}
	s := packet.Segment{
		Seq: seen.Seq().Sub(longPast), Ack: back.m.toIn(seen.Ack()), Window: seen.Window(), Stamped: h.stamped, TS: h.ts, Echo: h.echo,
		Payload: nudgeByte[:],
	}
	return packet.AppendSegment(dst, of, &s)
}

// longPast is more than a receiver may lack: no window is larger (RFC 7323 §2.3). A byte within its window would be taken for one of the
// sender's.
const longPast = 1 << 30

// speak returns a segment without data as the sender of dir's bytes would send it now.
func (c *Conn) speak(dir flow.Direction) packet.Segment {
	h, back := &c.half[dir], &c.half[dir.Reverse()]
	s := packet.Segment{
		Seq: h.sent, Ack: back.tell(back.m.toIn(back.una)), Stamped: h.stamped, TS: h.ts, Echo: h.echo,
	}
	s.Window = back.window(s.Ack)
	if back.finAcked {
		s.Ack = back.fin.Add(1)
	}
	if h.finSent && (h.finSure || h.finAcked) { // a fake that never came would have the receiver think that bytes are missing
		s.Seq = s.Seq.Add(1)
	}
	return s
}

// window is what the sender was told last, as far as that can be known: its right edge stays, with this acknowledgement.
func (h *half) window(ack seqnum.Value) uint16 {
	if !h.edgeKnown {
		return h.wnd
	}
	return uint16(min(ack.Size(h.limit())>>h.scale, 0xffff))
}

// blocks appends the ranges of bytes that wait behind a gap: first the one with newest in it, then
// the others in order.
func (h *half) blocks(bs [][2]seqnum.Value, newest seqnum.Value) [][2]seqnum.Value {
	for i := range h.work.wait {
		w := &h.work.wait[i]
		switch n := len(bs); {
		case w.read || w.seq == w.top():
		case n > 0 && w.seq.LessEq(bs[n-1][1]):
			bs[n-1][1] = bs[n-1][1].Max(w.top())
		case n == maxSACK && newest.Less(w.seq):
		case n == maxSACK:
			bs[n-1] = [2]seqnum.Value{w.seq, w.top()}
		default:
			bs = append(bs, [2]seqnum.Value{w.seq, w.top()})
		}
	}
	for i := range h.work.wait {
		w := &h.work.wait[i]
		for _, b := range bs {
			w.told = w.told || !w.read && b[0].LessEq(w.seq) && w.top().LessEq(b[1]) && w.seq != w.top()
		}
	}
	for i := range bs {
		if b := bs[i]; b[0].LessEq(newest) && newest.Less(b[1]) {
			copy(bs[1:i+1], bs[:i])
			bs[0] = b
		}
	}
	return bs
}

// Injected segments fit wherever IPv6 does (RFC 8200 §5).
const (
	minMTU       = 1280
	maxTCPHeader = 20 + 12 // with timestamps
)

// owe notes released bytes [from, to) that had no room where they should have gone.
func (h *half) owe(from, to seqnum.Value, fin bool) {
	if h.owed != h.owedTo {
		from, to, fin = from.Min(h.owed), to.Max(h.owedTo), fin || h.owedFin
	}
	h.owed, h.owedTo, h.owedFin = from, to, fin
}

// paid notes that [from, to) leaves.
func (h *half) paid(from, to seqnum.Value) {
	if h.owed != h.owedTo && from.LessEq(h.owed) && h.owed.Less(to) {
		h.owed = to.Min(h.owedTo)
	}
}

// Owes reports whether released bytes of a direction had no room in the segments that should have
// carried them, and its receiver takes them now.
func (c *Conn) Owes(dir flow.Direction) bool {
	h := &c.half[dir]
	return h.owed.Less(h.allowed(h.owedTo)) || h.owesFIN() && h.owed == h.owedTo || h.repeats()
}

// owesFIN reports whether a FIN that had no room is to follow in a segment of our own. That it is the
// sender's and no fake, which was never to reach the receiver, only what comes after it tells; until then it waits
// to be sent again.
func (h *half) owesFIN() bool { return h.owedFin && h.finSure }

// allowed returns how far towards to the receiver has room, as far as is known.
func (h *half) allowed(to seqnum.Value) seqnum.Value {
	if h.edgeKnown || h.edgeStale || h.ackSeen && h.widest > 0 {
		return to.Min(h.edge)
	}
	return to
}

// Owed appends to dst a segment with the first bytes that are owed, as long as Owes. of is a
// segment of direction ofDir.
func (c *Conn) Owed(dst []byte, of *packet.Packet, dir, ofDir flow.Direction) []byte {
	h := &c.half[dir]
	if !c.Owes(dir) {
		return dst
	}
	if h.repeats() {
		if from, to := h.repeat(); from != to {
			return c.again(dst, of, dir, ofDir, from, to, false)
		}
		return dst
	}
	from := h.owed.Max(h.una).Max(h.kept.from)
	if h.owedTo.Less(from) {
		from = h.owedTo
	}
	to := h.allowed(h.owedTo)
	if size := h.full(); size < from.Size(to) && from.Less(to) {
		to = from.Add(size)
	}
	if to.Less(from) {
		to = from
	}
	fin := h.owesFIN() && to == h.owedTo
	h.owed = to
	if from == to && !fin || !h.kept.holds(from, to) {
		h.owed, h.owedFin = h.owedTo, h.owedFin && h.kept.holds(from, to)
		return dst
	}
	if fin {
		h.owedFin = false
	}
	return c.again(dst, of, dir, ofDir, from, to, fin)
}

// again appends to dst a segment with released bytes.
func (c *Conn) again(dst []byte, of *packet.Packet, dir, ofDir flow.Direction, from, to seqnum.Value, fin bool) []byte {
	h := &c.half[dir]
	s := c.speak(dir)
	s.Seq, s.ToSender = from, dir != ofDir
	s.Payload = c.pool.scratch(int(from.Size(to)))
	h.kept.read(s.Payload, from)
	if fin {
		s.Flags = packet.FIN
	}
	h.sent, h.finSent = h.sent.Max(to), h.finSent || fin
	c.unsaved = true
	c.pool.Stats.Extra++
	return packet.AppendSegment(dst, of, &s)
}
