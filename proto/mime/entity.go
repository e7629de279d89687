package mime

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// This file reads heads from what comes, and begins what follows them.

// readHead reads a head, once it is whole.
func (r *Reader) readHead(f *feed) bool {
	end, next, why := r.scanHead(f)
	if f.why != "" || next < 0 {
		return false
	}
	g, start := r.pool, f.at
	unit, editable := g.unstuff(f.Raw[start:end], f.Stuffed), true
	if len(unit) != end-start {
		editable = false
	}
	g.heads = append(g.heads, field.Span{Off: start, End: end})
	m := &g.msg
	m.Reset(g.name, unit)
	h := &g.head
	h.read(g, unit, r.inDigest(), m, f.Want)
	if !editable {
		for i := range m.Fields {
			m.Fields[i].Editable = false
		}
	}
	a := r.show(f, m, field.MessageStart)
	r.editHead(f, unit, start, a.Edits)
	if why != "" {
		r.tell(f, troubleOf(why), why)
	}
	for _, why := range h.trouble[:h.troubles] {
		r.tell(f, troubleOf(why), why)
	}
	f.at, r.scanned = next, 0
	r.begin(f, h, next == end)
	return true
}

func troubleOf(why packet.Reason) proto.Trouble {
	switch why {
	case headTooLarge, tooManyParts, tooDeep, unknownEncoding:
		return proto.Beyond
	}
	return proto.Unreadable
}

// begin begins what follows the head h. cut says that no empty line stands between them.
func (r *Reader) begin(f *feed, h *head, cut bool) {
	r.inBody, r.body = true, body{fresh: true, wanted: f.Want.Has(field.EmailBody)}
	switch {
	case h.kind == leaf && r.body.wanted:
		r.body.coding = h.coding
	case h.kind == message && !cut:
		r.showEnd(f)
		r.inBody, r.inMessage = false, true
	case h.kind == multipart:
		if r.depth == maxDepth {
			r.tell(f, proto.Beyond, tooDeep)
			return
		}
		for i := range r.depth { // some readers go out to the outer one
			if d := &r.stack[i]; string(d.text[:d.n]) == string(h.boundary.text[:h.boundary.n]) {
				r.tell(f, proto.Unreadable, badBoundary)
			}
		}
		r.stack[r.depth] = h.boundary
		r.depth++
	}
}

// inDigest reports whether a part of a digest begins, and not the message in it.
func (r *Reader) inDigest() bool { return !r.inMessage && r.depth > 0 && r.stack[r.depth-1].digest }

// showEnd shows that what belongs to a head is over.
func (r *Reader) showEnd(f *feed) {
	m := &r.pool.msg
	m.Reset(r.pool.name, nil)
	m.Complete = true
	r.show(f, m, field.MessageEnd)
}

// scanHead looks for the end of a head: where its lines end, and where what follows them begins. next is negative if that is not
// there yet. why says that the head was ended by something else than an empty line.
func (r *Reader) scanHead(f *feed) (end, next int, why packet.Reason) {
	b := f.Raw[f.at:]
	for {
		at := r.scanned
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 && !f.End {
			if len(b)-at > maxHead {
				return f.at + at, f.at + at, headTooLarge
			}
			return 0, -1, ""
		}
		line, size := b[at:], len(b)-at
		if n >= 0 {
			line, size = b[at:at+n], n+1
		}
		end := f.at + at
		switch verdict := r.headLine(f, line, n >= 0, at == 0); {
		case verdict == lineRefused:
			return 0, -1, ""
		case verdict == lineEmpty && n < 0:
			return end, len(f.Raw), ""
		case verdict == lineEmpty:
			return end, end + size, ""
		case verdict == lineBoundary:
			return end, end, ""
		case verdict == lineOther:
			return end, end, badHeader
		case at+size > maxHead:
			return end, end, headTooLarge
		}
		r.scanned += size
	}
}

type lineKind uint8

const (
	lineField lineKind = iota
	lineEmpty
	lineBoundary
	lineOther
	lineRefused
)

// headLine says what a line of a head is. whole says that LF ended it, first that no line came before.
func (r *Reader) headLine(f *feed, line []byte, whole, first bool) lineKind {
	if f.Stuffed && len(line) > 0 && line[0] == '.' {
		line = line[1:]
	}
	bare := false
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	} else {
		bare = whole
	}
	switch {
	case bytes.IndexByte(line, 0) >= 0:
		f.refuse(controlByte)
	case bare || bytes.IndexByte(line, '\r') >= 0:
		f.refuse(bareLineEnd)
	case len(line) == 0:
		return lineEmpty
	case line[0] == '-' && r.divides(f, line) >= 0:
		return lineBoundary
	case (line[0] == ' ' || line[0] == '\t') && !first, fieldName(line) > 0:
		return lineField
	default:
		return lineOther
	}
	return lineRefused
}

// fieldName is the number of bytes of the field name that the line begins with; 0 if it is no field (RFC 5322 §3.6.8, with the blanks
// before the colon of §4.5).
func fieldName(line []byte) int {
	n := 0
	for n < len(line) && line[n] > ' ' && line[n] < 127 && line[n] != ':' {
		n++
	}
	for i := n; i < len(line); i++ {
		switch line[i] {
		case ':':
			return n
		case ' ', '\t':
		default:
			return 0
		}
	}
	return 0
}

// unstuff returns a head without the dots that lines have more: b itself if there are none.
func (g *Pool) unstuff(b []byte, stuffed bool) []byte {
	if !stuffed || !bytes.HasPrefix(b, dot) && !bytes.Contains(b, lineDot) {
		return b[:len(b):len(b)]
	}
	g.unit = g.unit[:0]
	for start, i := true, 0; i < len(b); i++ {
		if !start || b[i] != '.' {
			g.unit = append(g.unit, b[i])
		}
		start = b[i] == '\n'
	}
	return g.unit
}

var (
	dot     = []byte(".")
	lineDot = []byte("\n.")
)
