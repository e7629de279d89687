package stream

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// translateBack has a segment speak of the other direction's bytes, h, in the numbers of whoever
// sent those: acknowledgement, SACK blocks (RFC 2018, RFC 2883) and window.
func (c *Conn) translateBack(p *packet.Packet, h *half, s *segment) {
	if c.locked {
		return
	}
	given := h.m.toIn(s.h.Ack())
	ack := h.tell(given)
	p.SetAck(ack)
	if h.edgeKnown {
		wnd := s.h.Window()
		if less := ack.Size(given) >> h.scale; less > 0 { // the right edge stays, as far as the scale can say
			wnd = uint16(min(seqnum.Size(wnd)+less, 0xffff))
			p.SetWindow(wnd)
		}
		if !h.m.identity() {
			h.translateWindow(p, ack, wnd)
		}
	}
	c.dropIdle(h)
	opts := s.h.Options()
	if o, ok := opts.Find(packet.OptionSACK); ok && o.SACKBlocks() > 0 {
		h.translateSACK(p, o, ack, given)
	}
}

// translateWindow keeps the right edge where the sender was told it is, at least: a window never
// shrinks (RFC 9293 §3.8.6). Bytes that an edit has made more may then exceed what the receiver
// has room for; it takes them when they are sent again.
func (h *half) translateWindow(p *packet.Packet, ack seqnum.Value, wnd uint16) {
	edge := ack.Add(seqnum.Size(wnd) << h.scale)
	if h.offered.Less(edge) {
		h.offered = edge
		return
	}
	need := ack.Size(h.offered)
	w := min((need+(1<<h.scale)-1)>>h.scale, 0xffff)
	p.SetWindow(uint16(w))
	h.offered = h.offered.Max(ack.Add(w << h.scale))
}

// translateSACK moves both edges of each block. A block that is only part of an edit goes: the option
// gets shorter, and the place is filled with no-operations.
//
// Where the sender is told ack, and its receiver has given more, a block that lies between says again what was given (RFC 2883). To the sender it
// would be news, of the very bytes that it is not told of: it goes too.
func (h *half) translateSACK(p *packet.Packet, o packet.TCPOption, ack, given seqnum.Value) {
	var b [40]byte
	n := 2
	for i := range o.SACKBlocks() {
		left, right := o.SACKBlock(i)
		l, r := h.m.toInStart(left), h.m.toIn(right)
		if l.Less(r) && !(ack.Less(given) && r.LessEq(given)) {
			binary.BigEndian.PutUint32(b[n:], uint32(l))
			binary.BigEndian.PutUint32(b[n+4:], uint32(r))
			n += 8
		}
	}
	size := 2 + len(o.Data)
	if n == 2 {
		p.OverwriteOptions(o.At, nops[:size])
		return
	}
	b[0], b[1] = byte(packet.OptionSACK), byte(n)
	copy(b[n:size], nops[:])
	p.OverwriteOptions(o.At, b[:size])
}
