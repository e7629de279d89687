package mime

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// This file makes edits of a text in the bytes that it was made of.

const (
	wrapAt  = 76  // RFC 2045 §6.7, §6.8
	longest = 998 // RFC 5322 §2.1.1
)

// editing is what edits have left to be done in a body.
type editing struct {
	anew    bool // base64: what follows leaves encoded anew, behind
	carry   [4]byte
	carried int     // bytes that are not out yet: up to two, and two more of a last quantum whose place has left; and
	part    [3]byte // characters that have been taken in
	parted  int

	// Text whose bytes were taken in while somebody held it. It comes first in the next part.
	kept     [64]byte
	keeps    int
	keptLeft bool // it has left already; otherwise it is to leave behind carry

	rewritten int // of the text that was gathered, up to where it is decided how it leaves
}

// A place is one in the bytes fed, and in its line: as it came in, and as it goes out.
type place struct {
	at, in, out int
}

// to goes to at, over bytes that leave as they came.
func (p *place) to(raw []byte, at int) {
	seg := raw[p.at:at]
	if n := bytes.LastIndexByte(seg, '\n'); n >= 0 {
		p.in = len(seg) - n - 1
		p.out = p.in
	} else {
		p.in, p.out = p.in+len(seg), p.out+len(seg)
	}
	p.at = at
}

// over goes to at, over bytes that leave as with.
func (p *place) over(raw []byte, at int, with []byte) {
	seg := raw[p.at:at]
	if n := bytes.LastIndexByte(seg, '\n'); n >= 0 {
		p.in = len(seg) - n - 1
	} else {
		p.in += len(seg)
	}
	p.out = column(p.out, with)
	p.at = at
}

// column is where in its line the end of b is, if b begins at col.
func column(col int, b []byte) int {
	if n := bytes.LastIndexByte(b, '\n'); n >= 0 {
		return len(b) - n - 1
	}
	return col + len(b)
}

// restOfLine is how many bytes of the line lie behind at, as far as a line may be long.
func restOfLine(raw []byte, at int) int {
	b := raw[at:min(len(raw), at+maxLine)]
	n := bytes.IndexByte(b, '\n')
	if n < 0 {
		return len(b)
	}
	if n > 0 && b[n-1] == '\r' {
		n--
	}
	return n
}

// A cut is text [text, textEnd) and the bytes that it was made of. What is behind held of it is to leave later.
type cut struct{ text, textEnd, raw, end, held int }

// cutAt returns the least such that has the text [off, end), and can be replaced.
func (g *Pool) cutAt(off, end, at int) cut {
	c := cut{text: off, textEnd: end, raw: at, end: at}
	if len(g.pieces) == 0 {
		return c
	}
	p := &g.pieces[g.pieceAt(off)]
	switch in := off - p.text; {
	case in >= p.n:
		c.raw = p.end
	case p.shape == plain:
		c.raw = p.raw + in
	case p.shape == quanta:
		c.text, c.raw = p.text+in/3*3, p.raw+in/3*4
	default:
		c.text, c.raw = p.text, p.raw
	}
	if end <= c.text {
		c.textEnd, c.end = c.text, c.raw
		return c
	}
	p = &g.pieces[g.pieceAt(end-1)]
	switch in := end - p.text; p.shape {
	case plain:
		c.end = p.raw + in
	case quanta:
		in = (in + 2) / 3
		c.textEnd, c.end = p.text+3*in, p.raw+4*in
	default:
		c.textEnd, c.end = p.text+p.n, p.end
	}
	return c
}

// swallow has the cut end where the next text begins, behind what is no text: a soft line break, the dot in front of a line. end is where
// what was gathered ends.
func (g *Pool) swallow(c *cut, end int) {
	n := g.pieceAt(c.textEnd)
	switch {
	case c.textEnd == len(g.text):
		c.end = end
	case g.pieces[n].text == c.textEnd:
		c.end = g.pieces[n].raw
	}
	if c.textEnd == c.text {
		c.raw = c.end
	}
}

// rewrite makes the edits of the text that was gathered, of which what is behind until is held.
func (r *Reader) rewrite(f *feed, edits []field.Edit, until, end int) {
	g, b := r.pool, &r.body
	for i := 0; i < len(edits); {
		c := g.cutAt(edits[i].Span.Off, edits[i].Span.End, end)
		g.data = append(g.data[:0], g.text[c.text:edits[i].Span.Off]...)
		g.data = append(g.data, edits[i].New...)
		at := edits[i].Span.End
		for i++; i < len(edits); i++ { // those that meet in what cannot be divided are one
			d := g.cutAt(edits[i].Span.Off, edits[i].Span.End, end)
			if d.text >= c.textEnd {
				break
			}
			g.data = append(append(g.data, g.text[at:edits[i].Span.Off]...), edits[i].New...)
			at, c.textEnd, c.end = edits[i].Span.End, max(c.textEnd, d.textEnd), max(c.end, d.end)
		}
		c.held = c.textEnd
		if b.coding == base64 && until < c.textEnd && !f.Soft && !f.Fixed {
			c.held = max(at, until)
		}
		g.data = append(g.data, g.text[at:max(at, c.held)]...)
		if why := r.replace(f, c, end); why != "" {
			r.tell(f, proto.Unedited, why)
		}
	}
	f.vital = f.vital || b.anew
}

// replace has the bytes of the cut leave so that they are read as g.data.
func (r *Reader) replace(f *feed, c cut, end int) packet.Reason {
	g, b := r.pool, &r.body
	if c.raw < f.Lead || b.keptLeft && c.text < b.keeps {
		return editLost
	}
	var why packet.Reason
	switch b.coding {
	case base64:
		if b.anew {
			r.encode(f, b.rewritten, c.text)
		}
		return r.replaceBase64(f, c)
	case quoted:
		why = r.replaceQuoted(f, &c, end)
	default:
		why = r.replacePlain(f, &c, end)
	}
	if why == "" && f.Fixed && len(g.unit) != c.end-c.raw {
		why = cannotResize
	}
	if why == "" {
		g.edit(c.raw, c.end, g.unit)
		b.place.over(f.Raw, c.end, g.unit)
	}
	return why
}

// replacePlain puts into g.unit how g.data leaves in a text that is not coded.
func (r *Reader) replacePlain(f *feed, c *cut, end int) packet.Reason {
	g, b := r.pool, &r.body
	g.swallow(c, end)
	b.place.to(f.Raw, c.raw)
	old := b.place.out + restOfLine(f.Raw, c.raw)
	col, ok := g.stuff(f, b.place.out, old)
	if !ok {
		return breaks
	}
	if f.Stuffed && col == 0 && c.end == len(f.Raw) && !f.End {
		return breaks // what follows may begin with a dot
	}
	if f.Stuffed && col == 0 && c.end < len(f.Raw) && f.Raw[c.end] == '.' {
		g.unit = append(g.unit, '.')
		col++
	}
	if n := col + restOfLine(f.Raw, c.end); n > longest && n > old || r.wouldDivide(f, c) {
		return breaks
	}
	return ""
}

// stuff puts g.data into g.unit, from column col on, with a dot in front of each line that begins with one; if lines must be well-formed and not
// longer than old. It returns the column behind it.
func (g *Pool) stuff(f *feed, col, old int) (int, bool) {
	g.unit = g.unit[:0]
	for i, ch := range g.data {
		pair := i > 0 && g.data[i-1] == '\r' && ch == '\n'
		switch {
		case !f.Stuffed:
		case ch == '\n' && !pair, i > 0 && g.data[i-1] == '\r' && !pair, ch == '\r' && i == len(g.data)-1, ch == 0:
			return 0, false
		case ch == '.' && col == 0:
			g.unit = append(g.unit, '.')
		}
		g.unit = append(g.unit, ch)
		if col++; ch == '\n' {
			if col > longest+2 && col > old {
				return 0, false
			}
			col = 0
		}
	}
	return col, true
}

// wouldDivide reports whether a line would be a boundary, if the bytes of the cut were g.unit.
func (r *Reader) wouldDivide(f *feed, c *cut) bool {
	g, b := r.pool, &r.body
	if r.depth == 0 {
		return false
	}
	g.plain = g.plain[:0]
	switch start := c.raw - b.place.in; {
	case start >= f.at:
		g.plain = append(g.plain, f.Raw[start:c.raw]...)
	case b.dashed && b.place.in < maxBoundary+4:
		return true // the line's begin has left
	default:
		g.plain = append(g.plain, ' ')
	}
	g.plain = append(g.plain, g.unit...)
	g.plain = append(g.plain, f.Raw[c.end:c.end+restOfLine(f.Raw, c.end)]...)
	for at := 0; at < len(g.plain); at = lineEnd(g.plain, at) {
		line := g.plain[at:lineEnd(g.plain, at)]
		if f.Stuffed && line[0] == '.' {
			line = line[1:]
		}
		if r.beginsBoundary(line) {
			return true
		}
	}
	return false
}

// beginsBoundary reports whether a line begins like any boundary of the stack.
func (r *Reader) beginsBoundary(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, dashes)
	for i := 0; ok && i < r.depth; i++ {
		d := &r.stack[i]
		if bytes.HasPrefix(rest, d.text[:d.n]) {
			return true
		}
	}
	return false
}

var dashes = []byte("--")

// finish has leave what the edits have left to be done of the text up to until, and what of what follows cannot wait.
func (r *Reader) finish(f *feed, c *collector, until int, over bool) {
	g, b := r.pool, &r.body
	if b.coding != base64 {
		return
	}
	if b.anew {
		r.encode(f, b.rewritten, until)
	}
	if c.passed >= 0 && until >= c.passed {
		b.parted = 0
	}
	if until < len(g.text) {
		return
	}
	switch {
	case b.anew && over:
		r.flush(f, c.tail, c.eol)
	case b.anew && f.Soft && f.endBehind(c.at) > 0: // a boundary begins, and would leave before it is known
		if eol := f.endBehind(c.at); r.flush(f, c.at, eol) {
			c.at, b.fresh = c.at+eol, true
		}
	case b.anew && f.Soft && c.q.size() > c.parted:
		b.parted = copy(b.part[:], c.q.chars[:c.q.size()])
		g.edit(c.q.start, c.at, nil)
		b.place.to(f.Raw, c.q.start)
		b.place.over(f.Raw, c.at, nil)
	case !b.anew && f.Soft && c.q.n > 0 && c.at > c.q.start: // what there is of a quantum is read again
		c.at, b.fresh = c.q.start, false
	}
}

// endBehind is the size of the line's end at at, if what stands behind it may be a boundary or the message's end.
func (f *feed) endBehind(at int) (eol int) {
	b := f.Raw[at:]
	switch {
	case bytes.HasPrefix(b, []byte("\r\n")):
		eol = 2
	case bytes.HasPrefix(b, lf):
		eol = 1
	}
	if b = b[eol:]; len(b) == 0 && f.Ending || len(b) > 0 && b[0] == '-' {
		return eol
	}
	return 0
}
