package http1

import (
	"slices"
	"strconv"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/proto"
)

// This file alters heads: by the edits that inspectors ask for, and so that they say how the body leaves.

// saveEdits copies the edits asked for in a head, until it is made.
func (p *parser) saveEdits(edits []field.Edit) {
	g := p.g
	g.asked, g.bytes = g.asked[:0], g.bytes[:0]
	for i := range edits {
		e := edits[i]
		at := len(g.bytes)
		g.bytes = append(g.bytes, e.New...)
		e.New = g.bytes[at:len(g.bytes):len(g.bytes)]
		g.asked = append(g.asked, e)
	}
}

// startBody makes the head of a message with a body, unless it leaves with the body.
func (p *parser) startBody(h *half, f *feed, unit []byte, start int) bool {
	b := h.body
	if b.plan == whole {
		p.g.unit, p.g.start = unit, start
		return true
	}
	if !p.makeHead(f, unit, start, b) {
		if f.dead {
			return false
		}
		b.plan, b.decodes = asIs, false
	}
	return true
}

// makeHead has a head leave that says how the body does; b is nil if there is none. It reports false if the head stays as it
// was, but had to change.
func (p *parser) makeHead(f *feed, unit []byte, start int, b *body) bool {
	g := p.g
	g.lines = g.lines[:0]
	if b != nil {
		g.headLines(unit, b, f)
	}
	need := len(g.lines)
	if len(g.asked) > 0 && !g.agree(unit) {
		proto.Tell(f.out, proto.Unedited, breaks)
		g.asked = g.asked[:0]
	}
	g.lines = append(g.lines, g.asked...)
	if need > 0 && len(g.asked) > 0 {
		slices.SortStableFunc(g.lines, func(a, b field.Edit) int { return a.Span.Off - b.Span.Off })
	}
	for i := range g.lines {
		e := &g.lines[i]
		if f.out.Replace(start+e.Span.Off, start+e.Span.End, e.New) || need == 0 {
			continue
		}
		if i > 0 {
			f.broken(proto.Unedited, editLost)
		}
		return false
	}
	return true
}

// agree reports whether the edits asked for leave the head's lines and framing as they were, and do not meet those that are to
// be made.
func (g *Grammar) agree(unit []byte) bool {
	for i := range g.asked {
		for j := range g.lines {
			if g.asked[i].Span.Overlaps(g.lines[j].Span) {
				return false
			}
		}
	}
	old := g.head
	defer func() { g.head = old }()
	h := &g.head
	g.out = proto.Splice(g.out[:0], unit, g.asked)
	if end, _ := headEnd(g.out, 0); end != len(g.out) || h.read(g.out, 0) != "" {
		return false
	}
	if _, ok := g.normalHost(g.out[h.host.Off:h.host.End]); !ok {
		return false
	}
	return h.response == old.response && h.old == old.old && h.code == old.code && h.connects == old.connects &&
		h.framing(0) == old.framing(0) && h.contentLength == old.contentLength && h.layers == old.layers && h.outcome == old.outcome
}

const (
	teField  = "Transfer-Encoding: chunked"
	weakMark = "W/"
)

// headLines fills g.lines with what of a head must change for the body b to leave as planned.
func (g *Grammar) headLines(unit []byte, b *body, f *feed) {
	h := &g.head
	drop := b.plan == free && b.framing == byLength
	frames := b.plan == rechunk && b.framing == byLength
	counts := b.plan == whole && g.newLength >= 0
	if drop || frames || counts || b.decodes {
		g.eachLine(unit, h.block.Off, func(name []byte, line, value field.Span) {
			switch {
			case b.decodes && equalFold(name, "content-encoding"):
				g.line(line, "")
			case !equalFold(name, "content-length") || !(drop || frames || counts):
			case value != h.length || drop:
				g.line(line, "")
			case frames:
				g.line(field.Span{Off: line.Off, End: value.End}, teField)
			default:
				g.line(value, strconv.FormatInt(g.newLength, 10))
			}
		})
	}
	switch {
	case !h.validated:
	case counts, b.plan == rechunk || b.plan == free:
		g.validators(unit, h.block.Off, true)
	case b.plan == asIs && f.in.Edits.Union(f.in.Resize).Has(b.id):
		g.hideDigests(unit, h.block.Off)
	}
	if len(g.lines) > 1 {
		slices.SortStableFunc(g.lines, func(a, b field.Edit) int { return a.Span.Off - b.Span.Off })
	}
}

func (g *Grammar) line(s field.Span, with string) {
	at := len(g.bytes)
	g.bytes = append(g.bytes, with...)
	g.lines = append(g.lines, field.Edit{Span: s, New: g.bytes[at:len(g.bytes):len(g.bytes)]})
}

// validators adds to g.lines what takes back, in the fields from off on, what an edited body makes untrue: digests go, a strong
// ETag becomes weak, and no ranges are offered.
func (g *Grammar) validators(unit []byte, off int, isHead bool) {
	g.eachLine(unit, off, func(name []byte, line, value field.Span) {
		switch {
		case isValidator(name):
			g.line(line, "")
		case isHead && equalFold(name, "etag") && value.Len() > 0 && unit[value.Off] == '"':
			g.line(field.Span{Off: value.Off, End: value.Off}, weakMark)
		}
	})
}

// hideDigests gives the digests names that nobody knows, where the length must stay.
func (g *Grammar) hideDigests(unit []byte, off int) {
	g.eachLine(unit, off, func(name []byte, line, _ field.Span) {
		if isValidator(name) && !equalFold(name, "accept-ranges") {
			g.line(field.Span{Off: line.Off, End: line.Off + 1}, "X")
		}
	})
}

// eachLine calls do for the fields from off on. A line is with its end, and with what is folded behind it.
func (g *Grammar) eachLine(unit []byte, off int, do func(name []byte, line, value field.Span)) {
	for at := off; at < len(unit); {
		end, next, _ := readLine(unit, at)
		if next == 0 || end == at {
			return
		}
		n := tokenSize(unit[at:end])
		line, value := field.Span{Off: at, End: next}, trim(unit, min(at+n+1, end), end)
		for next < len(unit) && (unit[next] == ' ' || unit[next] == '\t') {
			if _, next, _ = readLine(unit, next); next == 0 {
				return
			}
			line.End = next
		}
		do(unit[at:at+n], line, value)
		at = next
	}
}
