package mime

import (
	"github.com/weir-project/weir/packet"
)

// This file encodes base64 anew.

// replaceBase64 has g.data leave in place of the cut.
func (r *Reader) replaceBase64(f *feed, c cut) packet.Reason {
	g, b := r.pool, &r.body
	was := b.place
	b.place.to(f.Raw, c.raw)
	limit := wrapLimit(f.Raw, b.place)
	short := c.held == c.textEnd && g.short(c.textEnd)
	left := (b.carried + len(g.data)) % 3
	col := b.place.out
	g.unit, col = b.appendBase64(g.unit[:0], g.data, col, limit, short)
	rest := restOfLine(f.Raw, c.end)
	if (left == 0 || short) && c.held == c.textEnd && rest > 0 && col > 0 && col+rest > limit {
		g.unit = append(g.unit, "\r\n"...)
	}
	if f.Fixed && len(g.unit) != c.end-c.raw || f.Fixed && b.carried > 0 {
		b.place, b.carried = was, 0 // it was 0, for so it is while the length is fixed
		return cannotResize
	}
	g.edit(c.raw, c.end, g.unit)
	b.place.over(f.Raw, c.end, g.unit)
	b.anew, b.rewritten = b.carried > 0 || c.held < c.textEnd, c.textEnd
	if c.held < c.textEnd {
		f.kept = g.text[c.held:c.textEnd]
	}
	return ""
}

// short reports whether the text up to end is all of what its padding ended.
func (g *Pool) short(end int) bool {
	if end == 0 {
		return false
	}
	p := &g.pieces[g.pieceAt(end-1)]
	return p.shape == atom && p.n < 3 && p.raw < p.end && p.text+p.n == end
}

// wrapLimit is how long the line of a place may become.
func wrapLimit(raw []byte, p place) int {
	if p.in+restOfLine(raw, p.at) > wrapAt {
		return longest
	}
	return wrapAt
}

// appendBase64 appends data, behind what is carried, and carries what is left of it, unless it is the last.
func (b *body) appendBase64(dst, data []byte, col, limit int, last bool) ([]byte, int) {
	var three [3]byte
	n := 0
	for _, part := range [...][]byte{b.carry[:b.carried], data} {
		for _, ch := range part {
			three[n] = ch
			if n++; n == 3 {
				dst, col = appendQuantum(dst, three, 3, col, limit)
				n = 0
			}
		}
	}
	b.carried = 0
	switch {
	case n == 0:
	case last:
		clear(three[n:])
		dst, col = appendQuantum(dst, three, n, col, limit)
	default:
		b.carried = copy(b.carry[:], three[:n])
	}
	return dst, col
}

// appendQuantum appends n bytes of three as four characters.
func appendQuantum(dst []byte, three [3]byte, n, col, limit int) ([]byte, int) {
	if col > 0 && col+4 > limit {
		dst, col = append(dst, "\r\n"...), 0
	}
	v := uint32(three[0])<<16 | uint32(three[1])<<8 | uint32(three[2])
	for i := range 4 {
		if i > n {
			dst = append(dst, '=')
		} else {
			dst = append(dst, alphabet[v>>(18-6*i)&63])
		}
	}
	return dst, col + 4
}

// encode has the text [from, to) leave encoded anew, piece by piece, so that lines stay lines.
func (r *Reader) encode(f *feed, from, to int) {
	g, b := r.pool, &r.body
	f.vital = true
	for i := g.pieceAt(from); i < len(g.pieces) && from < to && b.anew; i++ {
		p := &g.pieces[i]
		off, end := max(from, p.text), min(to, p.text+p.n)
		if off >= end {
			continue
		}
		c := g.cutAt(off, end, 0)
		if c.raw < f.Lead { // of a quantum that was taken in before: flush finds a place for it
			b.carried += copy(b.carry[b.carried:], g.text[off:end])
			from = end
			continue
		}
		b.place.to(f.Raw, c.raw)
		g.unit, _ = b.appendBase64(g.unit[:0], g.text[off:end], b.place.out, wrapLimit(f.Raw, b.place), g.short(end))
		if c.raw < c.end || len(g.unit) > 0 {
			g.editOn(f.Raw, c.raw, c.end, g.unit)
			b.place.over(f.Raw, c.end, g.unit)
		}
		b.anew, from = b.carried > 0, end
	}
	b.rewritten = max(b.rewritten, from)
}

// editOn is edit, as one with the edit before, if no more than a line's end lies between them.
func (g *Pool) editOn(raw []byte, off, end int, with []byte) {
	n := len(g.edits)
	if n == 0 || off-g.edits[n-1].Span.End > 2 {
		g.edit(off, end, with)
		return
	}
	last := &g.edits[n-1]
	at := len(g.bytes) - len(last.New)
	g.bytes = append(append(g.bytes, raw[last.Span.End:off]...), with...)
	last.New, last.Span.End = g.bytes[at:len(g.bytes):len(g.bytes)], end
}

// flush has what is carried leave, in front of a line's end of eol bytes at at; or, if that has left, behind it, as a line of its own.
func (r *Reader) flush(f *feed, at, eol int) (behind bool) {
	g, b := r.pool, &r.body
	behind = at < f.Lead
	if behind {
		at += eol
	}
	b.place.to(f.Raw, at)
	g.unit, _ = b.appendBase64(g.unit[:0], nil, b.place.out, wrapAt, true)
	if behind {
		g.unit = append(g.unit, "\r\n"...)
	}
	g.edit(at, at, g.unit)
	b.place.over(f.Raw, at, g.unit)
	b.anew = false
	return behind
}
