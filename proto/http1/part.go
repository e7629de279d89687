package http1

import (
	"strconv"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

const (
	maxHold = 16 << 10 // bytes of a body that are held, at most

	cannotResize packet.Reason = "http-cannot-resize" // the edit changes the length of a body that must keep it
	editLost     packet.Reason = "http-edit-too-late" // what was to be framed anew has left
	breaks       packet.Reason = "http-edit-breaks-message"
)

// join returns the text of the pieces, behind what the body keeps: what was fed, if that is one piece.
func (p *parser) join(b *body, f *feed) []byte {
	g := p.g
	if len(g.pieces) == 0 {
		return b.kept
	}
	if pc := &g.pieces[0]; len(g.pieces) == 1 && len(b.kept) == 0 {
		return f.in.Bytes[pc.in : pc.in+pc.n : pc.in+pc.n]
	}
	g.text = append(g.text[:0], b.kept...)
	for i := range g.pieces {
		pc := &g.pieces[i]
		g.text = append(g.text, f.in.Bytes[pc.in:pc.in+pc.n]...)
	}
	return g.text
}

// readText shows what was gathered of a body that is not coded, and has it leave.
func (p *parser) readText(h *half, f *feed, from int, before chunks, over bool) bool {
	b, g, full := h.body, p.g, len(p.g.pieces) == maxPieces
	unit, lead := p.join(b, f), len(b.kept)
	if b.plan == asIs {
		b.left = g.goneOf(h.gone)
	}
	if b.wanted && !p.stopped {
		p.mark(f)
	}
	hold, edits := p.showPart(b, f, unit, over, full)
	leaves := b.plan != asIs && b.plan != whole && f.soft()
	if leaves {
		if hold = min(hold, maxKept); !g.kept.Has(b.kept) {
			hold = 0
		}
	}
	keep := len(unit) - hold
	to := max(keep, lead) // of the text, up to where it leaves
	cut := f.at
	switch {
	case leaves:
		to = len(unit)
	case to < len(unit):
		if b.plan == asIs && g.spare {
			f.free = f.at
		}
		cut = p.back(b, to-lead)
		f.at = cut
	}
	if !p.send(b, f, part{from, cut, to - lead, edits, before, over}) {
		return false
	}
	b.offset += int64(keep)
	b.seen = hold
	g.tail = unit[keep:]
	if b.plan != asIs {
		kept := unit[keep:max(keep, lead)]
		if leaves {
			kept = unit[keep:]
		}
		b.left = len(kept)
		b.kept = g.kept.Keep(b.kept, kept)
	}
	if over {
		return p.endBody(h, f)
	}
	return full && f.at < len(f.in.Bytes)
}

// mark says that the text of the pieces is shown.
func (p *parser) mark(f *feed) {
	for i := range p.g.pieces {
		pc := &p.g.pieces[i]
		proto.Mark(f.out, pc.in, pc.in+pc.n)
	}
}

// goneOf returns how many bytes of the pieces lie in the first gone bytes that were fed.
func (g *Grammar) goneOf(gone int) (n int) {
	for i := range g.pieces {
		pc := &g.pieces[i]
		if pc.in >= gone {
			break
		}
		n += min(pc.n, gone-pc.in)
	}
	return n
}

// endBody goes on behind a body.
func (p *parser) endBody(h *half, f *feed) bool {
	if h.body.framing == byChunks {
		h.last = true
		return true
	}
	return p.endMessage(h, f, nil)
}

// showPart shows text, and returns how much of its end is held, and the edits of it, in the offsets of what is behind the
// text kept. less says that not all can be held.
func (p *parser) showPart(b *body, f *feed, text []byte, over, less bool) (hold int, edits []field.Edit) {
	if !b.wanted || len(text) == 0 && !over {
		return 0, nil
	}
	m := &p.g.msg
	m.Reset(p.g.Name(), text)
	m.Response = b.id == field.HTTPResponseBody
	seen := min(b.seen, len(text))
	m.Add(field.Field{
		ID: b.id, Value: text, Span: field.Span{End: len(text)}, Editable: b.layers.Len() == 0 || b.decodes,
		Offset: b.offset, Seen: seen, Left: min(b.left, seen), More: !over, Resizable: b.plan != asIs,
	})
	a := p.show(f, m, field.MessagePart)
	p.g.spare, f.free = a.Spare, 0
	if !over && !p.stopped {
		hold = min(a.Hold, len(text), maxHold)
	}
	if less {
		hold = min(hold, len(text)/2)
	}
	if n := len(a.Edits); n > 0 {
		hold = min(hold, len(text)-a.Edits[n-1].Span.End)
	}
	return hold, p.behind(b, f, a.Edits)
}

// behind returns the edits that lie behind the text kept, which has left, in offsets from there on.
func (p *parser) behind(b *body, f *feed, edits []field.Edit) []field.Edit {
	lead := len(b.kept)
	if b.layers.Len() > 0 {
		lead = b.left
	}
	if lead == 0 {
		return edits
	}
	for len(edits) > 0 && edits[0].Span.Off < lead {
		proto.Tell(f.out, proto.Unedited, editLost)
		edits = edits[1:]
	}
	for i := range edits {
		edits[i].Span.Off -= lead
		edits[i].Span.End -= lead
	}
	return edits
}

// A part is what is to leave: the bytes [from, cut) that were fed, which hold the first keep bytes of the text gathered.
type part struct {
	from, cut, keep int
	edits           []field.Edit
	before          chunks // where the reading stood at from
	over            bool   // the body ends with it
}

func grows(edits []field.Edit) (delta int) {
	for i := range edits {
		delta += len(edits[i].New) - edits[i].Span.Len()
	}
	return delta
}

// send has a part of a body that is not coded leave.
func (p *parser) send(b *body, f *feed, t part) bool {
	switch b.plan {
	case free:
		if !p.replaceText(f, t.edits) {
			proto.Tell(f.out, proto.Unedited, editLost)
		}
	case rechunk:
		if !p.sendChunk(b, f, t) {
			return f.broken(proto.Unedited, editLost)
		}
	case whole:
		p.sendWhole(b, f, t)
	default:
		p.replaceSame(f, t.edits)
	}
	return true
}

// replaceSame makes edits that keep the length.
func (p *parser) replaceSame(f *feed, edits []field.Edit) {
	resized, lost := false, false
	for i := range edits {
		if len(edits[i].New) != edits[i].Span.Len() {
			resized = true
			continue
		}
		lost = !p.replaceOver(f, edits[i].Span.Off, edits[i].New) || lost
	}
	if resized {
		proto.Tell(f.out, proto.Unedited, cannotResize)
	}
	if lost {
		proto.Tell(f.out, proto.Unedited, editLost)
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
		at := pc.in + off - pc.text
		if n > 0 && !f.out.Replace(at, at+n, with[:n]) {
			return false
		}
		off, with = off+n, with[n:]
		if len(with) == 0 {
			break
		}
	}
	return true
}

// replaceText makes edits of a text that is one piece.
func (p *parser) replaceText(f *feed, edits []field.Edit) bool {
	if len(edits) == 0 {
		return true
	}
	return proto.ReplaceAll(f.out, p.g.pieces[0].in, edits)
}

// atStart reports whether a chunk's line begins here.
func (c *chunks) atStart() bool { return c.place == inSize && c.line == 0 }

// sendChunk has a part leave as one chunk, whose last line end leaves with what follows: so no two insertions stand at one
// place. Chunks that are whole, and whose length stays, stay as they are.
func (p *parser) sendChunk(b *body, f *feed, t part) bool {
	g := p.g
	if b.framing == byChunks && t.before.atStart() && (t.over || b.atStart()) && p.sameLengths(t.edits) {
		ok := !b.open || f.out.Replace(t.from, t.from, crlf)
		b.open = false
		p.replaceSame(f, t.edits)
		return ok
	}
	size := t.keep + grows(t.edits)
	if size == 0 {
		g.out = b.finish(g.out[:0], t.over)
		return t.from == t.cut && len(g.out) == 0 || f.out.Replace(t.from, t.cut, g.out)
	}
	g.out = b.chunkLine(g.out[:0], size)
	if len(g.pieces) > 1 && g.pieces[1].text < t.keep {
		g.out = proto.Splice(g.out, p.join(b, f)[len(b.kept):][:t.keep], t.edits)
		return f.out.Replace(t.from, t.cut, b.finish(g.out, t.over))
	}
	in := g.pieces[0].in
	if !f.out.Replace(t.from, in, g.out) || !p.replaceText(f, t.edits) {
		return false
	}
	g.out = b.finish(g.out[:0], t.over)
	return in+t.keep == t.cut && len(g.out) == 0 || f.out.Replace(in+t.keep, t.cut, g.out)
}

var crlf = []byte("\r\n")

// chunkLine appends the line of a chunk, behind the end of the one before.
func (b *body) chunkLine(dst []byte, size int) []byte {
	if b.open {
		dst = append(dst, crlf...)
	}
	b.open = true
	return append(strconv.AppendInt(dst, int64(size), 16), crlf...)
}

// finish appends what ends the last chunk, and the body, if it is over.
func (b *body) finish(dst []byte, over bool) []byte {
	if !over {
		return dst
	}
	if b.open {
		dst = append(dst, crlf...)
	}
	b.open = false
	dst = append(dst, "0\r\n"...)
	if b.framing == byChunks {
		return dst // the trailer follows
	}
	return append(dst, crlf...)
}

func (p *parser) sameLengths(edits []field.Edit) bool {
	for i := range edits {
		if len(edits[i].New) != edits[i].Span.Len() {
			return false
		}
	}
	return true
}

// sendWhole has a body leave that is all there, behind its head.
func (p *parser) sendWhole(b *body, f *feed, t part) {
	g := p.g
	g.newLength = -1
	if len(t.edits) > 0 {
		g.newLength = int64(t.keep + grows(t.edits))
	}
	if p.makeHead(f, g.unit, g.start, b) && !p.replaceText(f, t.edits) {
		proto.Tell(f.out, proto.Unedited, editLost)
	}
}
