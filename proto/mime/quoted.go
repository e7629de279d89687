package mime

import (
	"bytes"

	"github.com/weir-project/weir/packet"
)

// This file writes quoted-printable (RFC 2045 §6.7).

// A quotedWriter appends to dst, whose end stands at a column of its line.
type quotedWriter struct {
	dst        []byte
	col, limit int
}

func (w *quotedWriter) softBreak() { w.dst, w.col = append(w.dst, "=\r\n"...), 0 }

// put appends a byte, escaped unless it may be a literal. Dots and dashes are so too where a line begins: they need no stuffing, and
// are no boundary.
func (w *quotedWriter) put(ch byte, literal bool) {
	size := 3
	if literal && (w.col > 0 || ch != '.' && ch != '-') {
		size = 1
	}
	switch {
	case w.col > 0 && w.col+size > w.limit-1:
		w.softBreak()
		w.put(ch, literal)
		return
	case size == 1:
		w.dst = append(w.dst, ch)
	default:
		w.dst = append(w.dst, '=', upperHex[ch>>4], upperHex[ch&15])
	}
	w.col += size
}

const upperHex = "0123456789ABCDEF"

func isLiteral(ch byte) bool { return ch > ' ' && ch < 127 && ch != '=' }

// replaceQuoted puts into g.unit how g.data leaves in quoted-printable.
func (r *Reader) replaceQuoted(f *feed, c *cut, end int) packet.Reason {
	g, b, raw := r.pool, &r.body, f.Raw
	if !b.soft || c.textEnd < len(g.text) {
		g.swallow(c, end)
	}
	b.place.to(raw, c.raw)
	rest := restOfLine(raw, c.end)
	atEnd := len(bytes.Trim(raw[c.end:c.end+rest], " \t")) == 0
	w := quotedWriter{dst: g.unit[:0], col: b.place.out, limit: wrapLimit(raw, b.place)}
	for i, ch := range g.data {
		lineEnds := i+1 < len(g.data) && g.data[i+1] == '\n'
		switch {
		case ch == '\n' && i > 0 && g.data[i-1] == '\r':
		case ch == '\r' && lineEnds:
			w.lineEnd(f, c.raw)
			w.dst, w.col = append(w.dst, "\r\n"...), 0
		default:
			last := i == len(g.data)-1 && atEnd || i+2 < len(g.data) && g.data[i+1] == '\r' && g.data[i+2] == '\n'
			w.put(ch, isLiteral(ch) || (ch == ' ' || ch == '\t') && !last)
		}
	}
	switch {
	case atEnd:
		w.lineEnd(f, c.raw)
	case w.col > 0 && w.col+rest > w.limit:
		w.softBreak()
	}
	if w.col == 0 && rest > 0 && (raw[c.end] == '.' || raw[c.end] == '-') {
		w.put(raw[c.end], true)
		c.end++
	}
	g.unit = w.dst
	return ""
}

// lineEnd keeps a blank that stands, or may stand, where a line is to end: there it would be taken away. What was written leaves from at on.
func (w *quotedWriter) lineEnd(f *feed, at int) {
	n := len(w.dst)
	last := byte(' ')
	switch {
	case n > 0:
		last = w.dst[n-1]
	case at > f.at:
		last = f.Raw[at-1]
	}
	if last == ' ' || last == '\t' {
		w.softBreak()
	}
}
