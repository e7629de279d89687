package stream

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// maxSACK is how many blocks fit beside timestamps (RFC 2018 §3).
const maxSACK = 3

// Duplicate appends to dst the acknowledgement with which the receiver of dir's bytes would ask for
// what is missing (RFC 5681 §4.2, RFC 2018 §4), had it seen the segments that wait here: it says again
// what the receiver has acknowledged, and which bytes are here behind the gap. Without it a sender would
// learn of a loss only when its timer runs out. of is a segment of either direction.
//
// It is told only when the receiver has all that was released, so that nothing that is on its way
// is asked for.
func (c *Conn) Duplicate(dst []byte, of *packet.Packet, dir, ofDir flow.Direction) []byte {
	h, back := &c.half[dir], &c.half[dir.Reverse()]
	if c.phase != phaseOpen || c.locked || !h.ackSeen {
		return dst
	}
	a := packet.Ack{
		Seq: back.sent, Ack: h.ackIn(h.una), Window: c.window(h), Stamped: back.stamped, TS: back.ts, Echo: back.echo,
		ToSender: dir == ofDir,
	}
	if back.finSent {
		a.Seq = a.Seq.Add(1)
	}
	if c.sack {
		a.Blocks = h.blocks(c.pool.blocks[:0])
		c.pool.blocks = a.Blocks[:0]
	}
	return packet.Acknowledge(dst, of, &a)
}

// window is what the sender was told last, as far as that can be known: its right edge stays.
func (c *Conn) window(h *half) uint16 {
	if !h.edgeKnown {
		return 0xffff
	}
	return uint16(min(h.ackIn(h.una).Size(h.limit())>>h.scale, 0xffff))
}

// blocks appends the ranges of bytes that wait behind a gap, the first ones first.
func (h *half) blocks(bs [][2]seqnum.Value) [][2]seqnum.Value {
	for i := range h.work.wait {
		w := &h.work.wait[i]
		switch n := len(bs); {
		case w.read || w.seq == w.end:
		case n > 0 && w.seq.LessEq(bs[n-1][1]):
			bs[n-1][1] = bs[n-1][1].Max(w.end)
		case n == maxSACK:
			return bs
		default:
			bs = append(bs, [2]seqnum.Value{w.seq, w.end})
		}
	}
	return bs
}
