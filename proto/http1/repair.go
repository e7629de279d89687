package http1

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// Reasons for which Repair refuses edits.
const (
	needsStream packet.Reason = "http-length-edit-needs-stream" // the length to correct lies in another unit
	breaks      packet.Reason = "http-edit-breaks-message"      // the head would be read otherwise than before
)

// Repair makes edits anywhere in the message. In the body they may change its length: Content-Length is corrected, also
// when the body goes on behind the unit, and the sizes of chunks that lie in the unit whole; a chunk that
// becomes empty goes, since it would end the body. Edits in the head may change its length, but not
// where it ends or how the body is framed.
func (g *Grammar) Repair(dst []byte, m *field.Message, edits []field.Edit) ([]byte, packet.Reason) {
	h := &g.head
	if why := h.read(m.Unit); why != "" {
		return dst, why
	}
	g.edits, g.sizes = g.edits[:0], g.sizes[:0]
	headDelta, bodyDelta := 0, 0
	for i := range edits {
		e := &edits[i]
		delta := len(e.New) - e.Span.Len()
		switch {
		case !h.whole || e.Span.End <= h.end && e.Span.Off < h.end:
			headDelta += delta
		case e.Span.Off < h.end:
			return dst, breaks
		default:
			bodyDelta += delta
		}
	}
	if why := g.frame(m.Unit, edits, &headDelta, bodyDelta); why != "" {
		return dst, why
	}
	start := len(dst)
	out := proto.Splice(dst, m.Unit, g.edits)
	if len(edits) > 0 && (!h.whole || edits[0].Span.Off < h.end) && !g.sameHead(m.Unit, out[start:], headDelta, bodyDelta) {
		return dst, breaks
	}
	return out, ""
}

// frame fills g.edits with edits and what they make necessary.
func (g *Grammar) frame(unit []byte, edits []field.Edit, headDelta *int, bodyDelta int) packet.Reason {
	h := &g.head
	kind := noBody
	if h.whole {
		kind = h.framing(unit)
	}
	switch kind {
	case byLength:
		g.edits = append(g.edits, edits...)
		if bodyDelta != 0 {
			with := g.number(h.contentLength+int64(bodyDelta), 10)
			*headDelta += len(with) - h.length.Len()
			g.edits = append(g.edits, field.Edit{Span: h.length, New: with})
		}
	case byChunks:
		if why := g.frameChunks(unit, edits); why != "" {
			return why
		}
	default:
		g.edits = append(g.edits, edits...)
	}
	slices.SortStableFunc(g.edits, func(a, b field.Edit) int { return cmp.Compare(a.Span.Off, b.Span.Off) })
	for i := 1; i < len(g.edits); i++ {
		if g.edits[i-1].Span.End > g.edits[i].Span.Off {
			return breaks // an edit of the headers and the correction of a length meet
		}
	}
	return ""
}

// number writes n where it stays until the next Repair.
func (g *Grammar) number(n int64, base int) []byte {
	from := len(g.sizes)
	g.sizes = strconv.AppendInt(g.sizes, n, base)
	return g.sizes[from:len(g.sizes):len(g.sizes)]
}

func (g *Grammar) frameChunks(unit []byte, edits []field.Edit) packet.Reason {
	i := 0
	for i < len(edits) && edits[i].Span.Off < g.head.end {
		g.edits = append(g.edits, edits[i])
		i++
	}
	for at := g.head.end; i < len(edits); {
		c, why := readChunk(unit, at)
		if why != "" && why != proto.Incomplete {
			return why
		}
		from, delta := i, 0
		for i < len(edits) && edits[i].Span.Off >= c.data.Off && edits[i].Span.End <= c.data.End {
			delta += len(edits[i].New) - edits[i].Span.Len()
			i++
		}
		if i < len(edits) && (why != "" || c.size == 0 || edits[i].Span.Off < c.next) {
			return breaks // not in any chunk's data
		}
		g.edits = g.chunkEdits(&c, edits[from:i], delta)
		if delta != 0 && why != "" {
			return needsStream
		}
		at = c.next
	}
	return ""
}

// chunkEdits returns g.edits with those of one chunk's data, and of its size or the whole of it.
func (g *Grammar) chunkEdits(c *chunk, edits []field.Edit, delta int) []field.Edit {
	size := c.size + int64(delta)
	switch {
	case delta == 0:
		return append(g.edits, edits...)
	case size == 0:
		return append(g.edits, field.Edit{Span: field.Span{Off: c.line, End: c.next}})
	}
	g.edits = append(g.edits, field.Edit{Span: c.digits, New: g.number(size, 16)})
	return append(g.edits, edits...)
}

// sameHead reports whether out's head ends where the edits put its end, and frames the body as before.
func (g *Grammar) sameHead(unit, out []byte, headDelta, bodyDelta int) bool {
	old := g.head
	h := &g.head
	if h.read(out) != "" || h.response != old.response || h.whole != old.whole {
		return false
	}
	if !h.whole {
		return true
	}
	kind := old.framing(unit)
	return h.end == old.end+headDelta && h.framing(out) == kind &&
		(kind != byLength || h.contentLength == old.contentLength+int64(bodyDelta))
}
