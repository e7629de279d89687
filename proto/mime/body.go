package mime

import (
	"bytes"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// A coding is a transfer encoding.
type coding uint8

const (
	identity coding = iota
	base64
	quoted
)

// A body is the text that a Reader is in: of a leaf, or around parts. Where it is read on is at a line's start, or in a line, maybe at
// the end of it: what a line's end is part of the next line tells.
type body struct {
	coding coding
	wanted bool
	fresh  bool // at a line's start
	dashed bool // the line began with a dash
	soft   bool // the line of quoted-printable goes on in the next
	place

	offset int64 // of the first byte of text that was not shown, or is held
	seen   int   // bytes of text that were shown and are held
	skip   int   // bytes of text in front of those, which come again

	padded bool // base64 ended by its padding
	bad    bool // it was told that the text is not in its encoding
	editing
}

// A piece is text that was made of bytes that lie together.
type piece struct {
	text, n  int
	raw, end int
	shape    shape
}

// A shape is how the text of a piece lies in its bytes.
type shape uint8

const (
	plain  shape = iota // byte by byte
	quanta              // three for four
	atom                // not to be divided
)

// A state is why gathering ended.
type state uint8

const (
	wanting state = iota // for more bytes
	full
	divided // by a boundary
	ended   // with the message
)

// readBody reads on in a body.
func (r *Reader) readBody(f *feed) bool {
	b, g := &r.body, r.pool
	from := f.at
	b.place.at, b.rewritten = from, 0
	if f.kept = nil; b.keptLeft {
		b.rewritten = b.keeps
	}
	c := collector{r: r, f: f, at: from, wait: b.wanted && f.Edits.Has(field.EmailBody) && !f.Soft && !f.End}
	g.text, g.pieces = g.text[:0], g.pieces[:0]
	st := c.gather()
	if f.why != "" {
		return false
	}
	if b.seen > 0 && len(g.text)-b.skip <= b.seen && st < divided && !(f.Soft && b.anew) {
		b.fresh = false // the line that was shown without its end is waited for again
		return false
	}
	r.part(f, &c, st)
	f.at = c.at
	switch st {
	case divided:
		return r.next(f, &c)
	case ended:
		r.showEnd(f)
		r.over = true
		if r.depth > 0 {
			r.tell(f, proto.Unreadable, unclosed)
		}
		return true
	}
	return st == full && f.at > from
}

// part shows what c has gathered, has it edited, and has c stand where what is held begins.
func (r *Reader) part(f *feed, c *collector, st state) {
	b, g := &r.body, r.pool
	over, from, keep := st >= divided, f.at, len(g.text)
	if b.wanted && !r.stopped {
		keep = r.showText(f, c.at, over, st == full)
	}
	until := len(g.text)
	switch {
	case keep == until:
		b.hold(keep, keep, until)
		b.keeps, b.keptLeft = 0, false
	case len(f.kept) > 0: // an edit has taken in what is held first
		until = b.rewritten
		b.hold(keep, keep, len(g.text))
		b.keeps, b.keptLeft = copy(b.kept[:], f.kept), false
		c.at, b.fresh = b.place.at, false
	case b.anew && f.Soft: // it leaves
		b.hold(keep, keep, until)
		b.keeps, b.keptLeft = copy(b.kept[:], g.text[keep:]), true
	default:
		until = c.back(keep)
	}
	r.finish(f, c, until, over)
	if b.wanted && !r.stopped && c.at > from {
		g.mark(from, c.at)
	}
	if !over {
		b.follow(f.Raw, from, c.at)
	}
}

// hold notes that the text from keep to end is held, which will be read again from start on.
func (b *body) hold(keep, start, end int) {
	b.offset += int64(keep - b.skip)
	b.seen, b.skip = end-keep, keep-start
}

// mark notes that bytes leave as they were shown.
func (g *Pool) mark(off, end int) {
	if n := len(g.marks); n > 0 && g.marks[n-1].End == off {
		g.marks[n-1].End = end
		return
	}
	g.marks = append(g.marks, field.Span{Off: off, End: end})
}

// follow has the place go to at, and notes how the line there began.
func (b *body) follow(raw []byte, from, at int) {
	if n := bytes.LastIndexByte(raw[from:at], '\n'); n >= 0 {
		b.dashed = from+n+1 < at && raw[from+n+1] == '-'
	} else if b.place.in == 0 && at > from {
		b.dashed = raw[from] == '-'
	}
	b.place.to(raw, at)
}

// next goes on behind the boundary that c stands at.
func (r *Reader) next(f *feed, c *collector) bool {
	r.showEnd(f)
	f.at = c.behind
	r.depth, r.inMessage = c.level+1, false
	switch {
	case c.closes:
		r.depth--
	case r.parts == maxParts:
		r.tell(f, proto.Beyond, tooManyParts)
		r.depth = 0
	default:
		r.parts++
		r.inBody, r.scanned = false, 0
		return true
	}
	m := &r.pool.msg // of text without a head
	m.Reset(r.pool.name, nil)
	r.show(f, m, field.MessageStart)
	r.body = body{fresh: true, wanted: f.Want.Has(field.EmailBody)}
	return true
}

// showText shows what was gathered, has it edited, and returns how much of it was not held.
func (r *Reader) showText(f *feed, end int, over, isFull bool) (keep int) {
	b, g := &r.body, r.pool
	text, skip := g.text, b.skip
	if len(text) == skip && !over {
		return len(text)
	}
	m := &g.msg
	m.Reset(g.name, text)
	seen := min(b.seen, len(text)-skip)
	m.Add(field.Field{
		ID: field.EmailBody, Value: text[skip:len(text):len(text)], Span: field.Span{Off: skip, End: len(text)}, Editable: true,
		Offset: b.offset, Seen: seen, Left: min(seen, max(0, r.left(f)-skip)), More: !over, Resizable: !f.Fixed,
	})
	a := r.show(f, m, field.MessagePart)
	hold := 0
	if !over && !r.stopped {
		hold = min(a.Hold, len(text)-skip, maxHold)
	}
	if isFull {
		hold = min(hold, (len(text)-skip)/2)
	}
	r.rewrite(f, a.Edits, len(text)-hold, end)
	if n := len(a.Edits); n > 0 && hold > 0 && len(f.kept) == 0 {
		hold = r.behind(f, &a.Edits[n-1], end, hold)
	}
	if hold > len(b.kept) && b.anew && f.Soft {
		r.tell(f, proto.Unedited, heldWhileEncoded)
		hold = 0
	}
	return len(text) - hold
}

// left is how much of the text that was gathered has left.
func (r *Reader) left(f *feed) int {
	n := r.pool.textBefore(f.Lead)
	if r.body.keptLeft {
		n = max(n, r.body.keeps)
	}
	return n
}

// behind returns how much of the end of the text can be held where the edit e was made: not what shares a quantum with it.
func (r *Reader) behind(f *feed, e *field.Edit, end, hold int) int {
	g := r.pool
	can := hold
	for can > 0 {
		if _, raw := g.rawAt(len(g.text) - can); raw >= r.body.place.at {
			break
		}
		can = min(can-1, len(g.text)-g.cutAt(e.Span.Off, e.Span.End, end).textEnd)
	}
	if can < hold {
		r.tell(f, proto.Unedited, heldWhileEncoded)
	}
	return max(0, can)
}

// rawAt returns where the bytes are that the text at t was made of, and what text these begin with.
func (g *Pool) rawAt(t int) (start, raw int) {
	switch p := &g.pieces[g.pieceAt(t)]; p.shape {
	case plain:
		return t, p.raw + t - p.text
	case quanta:
		n := (t - p.text) / 3
		return p.text + 3*n, p.raw + 4*n
	default:
		return p.text, p.raw
	}
}

// textBefore is how much of the text was made, at least in part, of the first lead bytes that were fed.
func (g *Pool) textBefore(lead int) (n int) {
	for i := range g.pieces {
		p := &g.pieces[i]
		switch {
		case p.raw >= lead:
			return n
		case p.end <= lead || p.shape == atom:
			n = p.text + p.n
		case p.shape == plain:
			return p.text + lead - p.raw
		default:
			return p.text + (lead-p.raw+3)/4*3
		}
	}
	return n
}

// back has the reading stand where the text from keep on was made, and returns where the text begins that is made there.
func (c *collector) back(keep int) (start int) {
	b, g := &c.r.body, c.r.pool
	start, raw := g.rawAt(keep)
	if raw > c.f.at && raw < len(c.f.Raw) && c.f.Raw[raw] == '\n' && c.f.Raw[raw-1] == '\r' && start > 0 {
		start, raw = start-1, raw-1 // a line's end is read whole
	}
	b.hold(keep, start, len(g.text))
	c.at, b.fresh = raw, false
	if start >= b.keeps {
		b.keeps, b.keptLeft = 0, false
	}
	return start
}

// pieceAt returns the index of the piece that text offset t lies in.
func (g *Pool) pieceAt(t int) int {
	low, high := 0, len(g.pieces)
	for high-low > 1 {
		if mid := (low + high) / 2; g.pieces[mid].text <= t {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// divides returns which boundary of the stack divides at the line, which is without its end; negative if none does.
func (r *Reader) divides(f *feed, line []byte) int {
	level, _ := r.boundary(f, line)
	return level
}

// boundary is divides; closes says that it is the last one of its multipart.
func (r *Reader) boundary(f *feed, line []byte) (level int, closes bool) {
	if len(line) < 2 || line[0] != '-' || line[1] != '-' {
		return -1, false
	}
	for i := r.depth - 1; i >= 0; i-- {
		d := &r.stack[i]
		rest, ok := bytes.CutPrefix(line[2:], d.text[:d.n])
		if !ok {
			continue
		}
		if len(rest) == 0 || rest[0] == '-' || isBlank(rest[0]) {
			switch rest = bytes.TrimRight(rest, " \t"); string(rest) {
			case "":
				return i, false
			case "--":
				return i, true
			}
		}
		if !r.alike && !r.longer(line, i) {
			r.alike = true
			r.tell(f, proto.Unreadable, boundaryLike)
		}
	}
	return -1, false
}

// longer reports whether the line is that of another boundary, of which that at level i is but the begin.
func (r *Reader) longer(line []byte, i int) bool {
	line = bytes.TrimRight(line, " \t")
	for j := range r.depth {
		d := &r.stack[j]
		rest, ok := bytes.CutPrefix(line[2:], d.text[:d.n])
		if j != i && ok && (len(rest) == 0 || string(rest) == "--") {
			return true
		}
	}
	return false
}

// badText tells, once in a message, that a text is not in the encoding that it claims to be in. It may be asked of each byte.
func (r *Reader) badText(f *feed, why packet.Reason) {
	if !r.body.bad {
		r.body.bad = true
		r.tell(f, proto.Unreadable, why)
	}
}
