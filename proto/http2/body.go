package http2

import (
	"slices"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/proto"
)

// A body is what a side remembers of the one that it is in.
type body struct {
	id     field.ID
	wanted bool   // somebody wants to see it
	offset int64  // of the first byte of text that was not shown, or is held
	seen   int    // bytes of text that were shown and are held
	fresh  int    // bytes held behind them that wait for others of the same call, to be shown with them
	kept   []byte // of those, what does not lie in the bytes that come again: the first ones, or all of a coded body
	left   int    // bytes at the head of kept that have left
	spare  bool   // what is held may leave
	coded  *coded // nil if it is not
}

const maxMarks = 256 // that are remembered of a direction

// A mark is bytes that were shown as what they mean.
type mark struct{ pos, end uint64 }

// mark says that bytes were shown, and need not be looked at as they are.
func (h *half) mark(f *feed, pos, end uint64) {
	if n := len(h.marks); n > 0 && h.marks[n-1].end == pos {
		h.marks[n-1].end = end
	} else if n < maxMarks {
		h.marks = append(h.marks, mark{pos, end})
	}
	proto.Mark(f.out, int(pos-f.base), int(end-f.base))
}

// markAgain says so again of bytes that come again.
func (p *parser) markAgain(h *half, f *feed) {
	h.marks = slices.DeleteFunc(h.marks, func(m mark) bool { return m.end <= f.base })
	for _, m := range h.marks {
		proto.Mark(f.out, int(max(m.pos, f.base)-f.base), int(m.end-f.base))
	}
}

// beginBody makes b the body behind the head.
func (p *parser) beginBody(f *feed, b *body, id field.ID) {
	hd := &p.g.head
	*b = body{id: id, wanted: p.want(f).Has(id)}
	if !b.wanted || !hd.coded {
		return
	}
	if hd.decodable() {
		b.coded = p.g.newCoded(hd.layers)
		return
	}
	p.tellCoding(f)
}

// dropBody gives back what a body holds.
func (g *Grammar) dropBody(b *body) {
	b.kept = g.kept.Keep(b.kept, nil)
	g.dropCoded(b.coded)
	*b = body{}
}

// beginData reads the head of a frame of DATA.
func (p *parser) beginData(h *half, f *feed, fr frame) bool {
	before, behind, known, ok := fr.padding(f.rest(h)[frameHeader:])
	if !ok {
		return f.unreadable(badFrame)
	}
	if !known {
		return false
	}
	size := fr.size - before - behind
	s := p.find(fr.stream)
	switch {
	case s == nil && p.isIdle(fr.stream):
		return f.unreadable(badStream)
	case s == nil || s.lost:
		s = nil
	default:
		sd := &s.side[f.in.Dir]
		if sd.place != inBody {
			return f.unreadable(badStream)
		}
		if sd.length >= 0 {
			if sd.length -= int64(size); sd.length < 0 {
				return f.unreadable(lengthDiffer)
			}
		}
	}
	start := h.pos
	h.pos += uint64(frameHeader + before)
	h.inData, h.data, h.skip, h.ends, h.cur = true, size, behind, fr.has(flagEndStream), s
	if s != nil && s.side[f.in.Dir].body.isShown() {
		h.mark(f, start, h.pos)
	}
	return true
}

// isShown reports whether the body's bytes are shown as they are.
func (b *body) isShown() bool { return b.wanted && b.coded == nil }

// readData reads on in a frame of DATA.
func (p *parser) readData(h *half, f *feed) bool {
	n := min(h.data, len(f.rest(h)))
	if n == 0 && h.data > 0 {
		return false
	}
	s, took := h.cur, n
	if s != nil && (n > 0 || h.ends) {
		took = p.readPart(h, f, s, piece{pos: h.pos, n: n}, h.ends && n == h.data)
	}
	h.pos += uint64(took)
	h.data -= took
	return p.endData(h, f)
}

// endData goes on behind a frame of DATA, if all of it was read.
func (p *parser) endData(h *half, f *feed) bool {
	if h.stall != nil || h.data > 0 {
		return h.stall == nil
	}
	s := h.cur
	h.inData, h.cur = false, nil
	if s != nil && h.ends {
		return p.endSide(f, s, f.in.Dir)
	}
	return f.why == ""
}

// readPart reads a part of a body, and returns how many bytes of pc were read. Frames of one stream in one call are shown as one text, with what is held of
// the body. over says that the body ends with it.
func (p *parser) readPart(h *half, f *feed, s *stream, pc piece, over bool) (took int) {
	b := &s.side[f.in.Dir].body
	switch {
	case !b.wanted || p.stopped:
		return pc.n
	case b.coded != nil:
		return p.readCoded(h, f, s, pc, over)
	}
	if pc.n > 0 {
		h.mark(f, pc.pos, pc.pos+uint64(pc.n))
		if !over && len(h.held) < maxFresh {
			h.hold(held{s, pc.pos, pc.n})
			b.fresh += pc.n
			return pc.n
		}
	}
	p.readHeld(h, f, s, pc, over)
	return pc.n
}

// readHeld shows what is held of a body, with pc behind it.
func (p *parser) readHeld(h *half, f *feed, s *stream, pc piece, over bool) {
	b := &s.side[f.in.Dir].body
	b.fresh = 0
	text := p.join(h, f, s, pc)
	hold, edits := p.showPart(f, s, text, over)
	p.replace(f, b, edits)
	p.holdBack(h, f, s, len(text), hold)
}

func (f *feed) bytes(pc *piece) []byte {
	at := int(pc.pos - f.base)
	return f.in.Bytes[at : at+pc.n : at+pc.n]
}

// showPart shows text, and returns how much of its end is held, and the edits of it.
func (p *parser) showPart(f *feed, s *stream, text []byte, over bool) (hold int, edits []field.Edit) {
	b := &s.side[f.in.Dir].body
	if len(text) == 0 && !over {
		return 0, nil
	}
	m := &p.g.msg
	m.Reset(p.g.Name(), text)
	m.Response, m.Stream = f.in.Dir == p.server, s.id
	seen, left := min(b.seen, len(text)), b.left
	if b.coded == nil {
		left = max(left, p.g.goneOf(p.half[f.in.Dir].gone))
	}
	m.Add(field.Field{
		ID: b.id, Value: text, Span: field.Span{End: len(text)}, Editable: b.coded == nil,
		Offset: b.offset, Seen: seen, Left: min(left, seen), More: !over,
	})
	a := p.show(f, m, field.MessagePart)
	b.spare = a.Spare
	if !over && !p.stopped {
		hold = min(a.Hold, len(text), maxHold)
	}
	if n := len(a.Edits); n > 0 {
		hold = min(hold, len(text)-a.Edits[n-1].Span.End)
	}
	return hold, a.Edits
}

// replace makes edits that keep the length.
func (p *parser) replace(f *feed, b *body, edits []field.Edit) {
	resized, lost := false, false
	for i := range edits {
		switch e := &edits[i]; {
		case len(e.New) != e.Span.Len():
			resized = true
		case e.Span.Off < len(b.kept):
			lost = true
		default:
			lost = !p.replaceOver(f, e.Span.Off, e.New) || lost
		}
	}
	if resized {
		f.tell(proto.Unedited, cannotResize)
	}
	if lost {
		f.tell(proto.Unedited, editLost)
	}
}

// replaceOver replaces bytes of the text by as many, over the pieces in which they lie.
func (p *parser) replaceOver(f *feed, off int, with []byte) bool {
	for i := range p.g.pieces {
		pc := &p.g.pieces[i]
		if off >= pc.text+pc.n {
			continue
		}
		n := min(len(with), pc.text+pc.n-off)
		at := int(pc.pos-f.base) + off - pc.text
		if n > 0 && !f.out.Replace(at, at+n, with[:n]) {
			return false
		}
		if off, with = off+n, with[n:]; len(with) == 0 {
			break
		}
	}
	return true
}
