package http2

import (
	"slices"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/proto"
)

// This file has bytes of bodies come again that somebody wants to see again, with what follows them.

const (
	maxHold   = 16 << 10 // bytes of a body that are held, at most
	maxKept   = 4 << 10  // of them, of which the bytes have left, or are coded
	maxPieces = 256      // that are held in a direction
	maxFresh  = 64       // of them, up to which others of the same call are waited for
)

// A held is bytes of a body that are not done with. Those of a coded one have no text here.
type held struct {
	s   *stream
	pos uint64
	n   int
}

// A piece is bytes of a body that lie together.
type piece struct {
	pos  uint64
	n    int
	text int // where they are in the text that they are shown as
}

// holdBack has the last hold of the n bytes of text that were joined come again.
func (p *parser) holdBack(h *half, f *feed, s *stream, n, hold int) {
	g, b := p.g, &s.side[f.in.Dir].body
	p.unhold(h, s)
	keep := n - hold
	first := 0 // of the pieces, that which is held
	for first < len(g.pieces) && g.pieces[first].text+g.pieces[first].n <= keep {
		first++
	}
	if len(h.held)+len(g.pieces)-first > maxPieces {
		f.tell(proto.Beyond, heldFull)
		keep, hold, first = n, 0, len(g.pieces)
	}
	if lead := len(b.kept); lead > 0 {
		b.kept = g.kept.Keep(b.kept, b.kept[min(keep, lead):])
		b.left = len(b.kept)
	}
	b.offset += int64(keep)
	b.seen = hold
	for _, pc := range g.pieces[first:] {
		cut := max(0, keep-pc.text)
		h.hold(held{s, pc.pos + uint64(cut), pc.n - cut})
	}
}

// hold notes what is held, in the order of places.
func (h *half) hold(one held) {
	at := len(h.held)
	for at > 0 && h.held[at-1].pos > one.pos {
		at--
	}
	h.held = slices.Insert(h.held, at, one)
}

// unhold has nothing of a stream be held any more.
func (p *parser) unhold(h *half, s *stream) {
	if len(h.held) > 0 {
		h.held = slices.DeleteFunc(h.held, func(one held) bool { return one.s == s })
	}
}

// holds reports whether something of the stream is held.
func (p *parser) holds(h *half, s *stream) bool {
	return slices.ContainsFunc(h.held, func(one held) bool { return one.s == s })
}

// lastLook shows once more what is held, since it leaves now, and keeps its text.
func (p *parser) lastLook(h *half, f *feed) {
	g := p.g
	for len(h.held) > 0 && f.why == "" {
		s := h.held[0].s
		b := &s.side[f.in.Dir].body
		p.readPart(h, f, s, piece{}, false)
		text := b.kept
		if b.coded == nil {
			text = p.join(h, f, s, piece{})
		}
		if over := len(text) - maxKept; over > 0 {
			text = text[over:]
			b.offset += int64(over)
			b.seen -= over
		}
		if len(text) > 0 && !g.kept.Has(b.kept) {
			f.tell(proto.Beyond, heldFull)
			b.offset += int64(len(text))
			b.seen, text = 0, nil
		}
		b.kept = g.kept.Keep(b.kept, text)
		b.left = len(b.kept)
		p.unhold(h, s)
	}
}

// readFresh shows what has waited for others of the same call.
func (p *parser) readFresh(h *half, f *feed) {
	for i := 0; i < len(h.held) && !p.stopped; {
		if s := h.held[i].s; s.side[f.in.Dir].body.fresh > 0 {
			p.readHeld(h, f, s, piece{}, false)
			i = 0 // what is held is other than it was
		} else {
			i++
		}
	}
}

// spare reports whether all that is held may leave.
func (h *half) spare(dir flow.Direction) bool {
	return !slices.ContainsFunc(h.held, func(one held) bool {
		b := &one.s.side[dir].body
		return !b.spare || b.fresh > 0
	})
}

// goneOf is how much of the text that was joined has left: up to that place.
func (g *Grammar) goneOf(gone uint64) (n int) {
	for i := range g.pieces {
		pc := &g.pieces[i]
		if pc.pos >= gone {
			break
		}
		n = pc.text + min(pc.n, int(gone-pc.pos))
	}
	return n
}

// join returns the text of what is held of a body, and of pc behind it.
func (p *parser) join(h *half, f *feed, s *stream, pc piece) []byte {
	g, b := p.g, &s.side[f.in.Dir].body
	g.pieces = g.pieces[:0]
	n := len(b.kept)
	add := func(pos uint64, size int) {
		g.pieces = append(g.pieces, piece{pos: pos, n: size, text: n})
		n += size
	}
	for i := range h.held {
		if h.held[i].s == s {
			add(h.held[i].pos, h.held[i].n)
		}
	}
	if pc.n > 0 {
		add(pc.pos, pc.n)
	}
	if len(g.pieces) == 1 && len(b.kept) == 0 {
		return f.bytes(&g.pieces[0])
	}
	g.text = append(g.text[:0], b.kept...)
	for i := range g.pieces {
		g.text = append(g.text, f.bytes(&g.pieces[i])...)
	}
	return g.text
}
