package mime

import (
	"bytes"
)

// A collector gathers a part of a body.
type collector struct {
	r    *Reader
	f    *feed
	at   int  // done with
	wait bool // lines are read once they are whole: somebody may edit them

	tail   int // where the last line of the text ends
	eol    int // bytes of its end
	level  int // of the boundary that was found
	behind int // where what follows it begins
	closes bool

	q      quantum
	parted int // its characters that were taken in before, and
	passed int // where the text of such a quantum ends; negative if none did
}

// gather reads on until there is too little or too much, or the body is over.
func (c *collector) gather() state {
	b, g := &c.r.body, c.r.pool
	c.q.start = c.at
	if b.keeps > 0 {
		c.add(b.kept[:b.keeps], c.at, c.at, atom)
	}
	c.parted, c.passed = b.parted, -1
	for _, ch := range b.part[:b.parted] {
		c.q.add(ch)
	}
	for {
		if len(g.pieces) > maxPieces-8 || len(g.text) > maxText {
			return c.pause(full)
		}
		if b.fresh {
			if st, ok := c.startLine(c.at, 0); !ok {
				return st
			}
			continue
		}
		end, eol := c.line()
		if end < 0 {
			return c.pause(wanting)
		}
		if !c.content(end, eol > 0) {
			return c.pause(full)
		}
		if c.at < end || eol == 0 && !c.f.End { // the end of what there is of the line must wait
			return c.pause(wanting)
		}
		if st, ok := c.startLine(c.at, eol); !ok {
			return st
		}
	}
}

// line returns up to where there is text of the line, and how many bytes the line's end has that follows it, if it does. end is negative if
// the line is to be waited for.
func (c *collector) line() (end, eol int) {
	raw := c.f.Raw
	n := bytes.IndexByte(raw[c.at:], '\n')
	switch end = len(raw); {
	case n > 0 && raw[c.at+n-1] == '\r':
		return c.at + n - 1, 2
	case n >= 0:
		return c.at + n, 1
	case c.wait && end-c.at < maxLine:
		return -1, 0
	case end > c.at && raw[end-1] == '\r' && !c.f.End:
		end--
	}
	return end, 0
}

// pause ends the gathering, in front of a quantum that is not whole.
func (c *collector) pause(st state) state {
	b := &c.r.body
	if b.coding != base64 || c.q.size() == c.parted {
		return st
	}
	if c.f.Soft {
		return st // finish decides, when it is known whether what follows is encoded anew
	}
	c.at, b.fresh = c.q.start, false
	return st
}

// startLine goes over a line's end, of eol bytes, and what stands in front of the next line; or finds that the body is over.
func (c *collector) startLine(at, eol int) (state, bool) {
	f, b, r := c.f, &c.r.body, c.r
	line := at + eol
	dots := 0
	if f.Stuffed && line < len(f.Raw) && f.Raw[line] == '.' {
		dots = 1
	}
	if line == len(f.Raw) && f.End {
		c.flushQuantum()
		c.lineEnd(at, eol)
		c.at, c.tail, c.eol = line, at, eol
		return ended, false
	}
	if f.Stuffed && line == len(f.Raw) {
		return c.pause(wanting), false // it may begin with a dot
	}
	if r.depth > 0 {
		switch known, found := c.boundary(line + dots); {
		case !known:
			return c.pause(wanting), false
		case found:
			if eol == 1 || c.bare() {
				f.refuse(bareLineEnd)
			}
			c.flushQuantum()
			c.tail, c.eol = at, eol
			return divided, false
		}
	}
	c.lineEnd(at, eol)
	c.at, b.fresh, b.soft = line+dots, false, false
	return wanting, true
}

// bare reports whether the line of the boundary ends with LF alone.
func (c *collector) bare() bool {
	raw := c.f.Raw
	return c.behind >= 2 && raw[c.behind-1] == '\n' && raw[c.behind-2] != '\r'
}

// boundary looks for one at a line. known says that there is enough of it to tell.
func (c *collector) boundary(at int) (known, found bool) {
	b := c.f.Raw[at:]
	for i := range min(2, len(b)) {
		if b[i] != '-' {
			return true, false
		}
	}
	n := bytes.IndexByte(b, '\n')
	switch {
	case n < 0 && c.f.End:
		n = len(b)
		c.behind = at + n
	case n < 0 && len(b) < maxLine:
		return false, false
	case n < 0:
		return true, false
	default:
		c.behind = at + n + 1
	}
	line := b[:n]
	if n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	c.level, c.closes = c.r.boundary(c.f, line)
	return true, c.level >= 0
}

// add appends a piece, to the last one if it goes on with that.
func (c *collector) add(text []byte, raw, end int, s shape) {
	g := c.r.pool
	at := len(g.text)
	g.text = append(g.text, text...)
	if n := len(g.pieces); n > 0 && s != atom {
		if last := &g.pieces[n-1]; last.shape == s && last.end == raw {
			last.n, last.end = last.n+len(text), end
			return
		}
	}
	g.pieces = append(g.pieces, piece{text: at, n: len(text), raw: raw, end: end, shape: s})
}

// lineEnd adds a line's end to the text, where it is one.
func (c *collector) lineEnd(at, eol int) {
	b := &c.r.body
	if eol == 0 || b.coding == base64 || b.coding == quoted && b.soft {
		return
	}
	c.add(c.f.Raw[at:at+eol], at, at+eol, plain)
}

// content reads up to end in a line; whole says that the line ends there. It reports false if there is no more room.
func (c *collector) content(end int, whole bool) bool {
	switch c.r.body.coding {
	case base64:
		return c.base64(end)
	case quoted:
		return c.quoted(end, whole || c.f.End)
	}
	n := min(end-c.at, maxText+maxLine-len(c.r.pool.text))
	if n > 0 {
		c.add(c.f.Raw[c.at:c.at+n], c.at, c.at+n, plain)
		c.at += n
	}
	return c.at == end
}

// A quantum is four characters of base64, as far as they are there.
type quantum struct {
	chars [4]byte
	n     int // of the alphabet
	pad   int // and behind them
	start int
}

func (q *quantum) size() int { return q.n + q.pad }

func (q *quantum) add(ch byte) {
	q.chars[q.size()] = ch
	if ch == '=' {
		q.pad++
	} else {
		q.n++
	}
}

func (c *collector) base64(end int) bool {
	raw, q, g := c.f.Raw, &c.q, c.r.pool
	for ; c.at < end; c.at++ {
		ch := raw[c.at]
		switch {
		case sextet[ch] >= 0:
			if q.pad > 0 {
				c.shortQuantum(c.at)
			}
			if q.n == 0 && (len(g.text)+3 > maxText+maxLine || len(g.pieces) > maxPieces-8) {
				return false
			}
			if c.startQuantum(); q.n == 0 && c.r.body.padded {
				c.r.badText(c.f, badBase64)
			}
			if q.add(ch); q.n == 4 {
				c.quantum(c.at+1, c.at+1-q.start == 4)
			}
		case ch == '=' && q.n > 0:
			c.startQuantum()
			if q.add(ch); q.size() == 4 {
				c.r.body.padded = true
				c.quantum(c.at+1, false)
			}
		case ch == ' ' || ch == '\t' || ch == '\r':
		default:
			c.r.badText(c.f, badBase64)
		}
	}
	return true
}

// shortQuantum ends one that is not whole at end.
func (c *collector) shortQuantum(end int) {
	c.r.badText(c.f, badBase64)
	c.r.body.padded = c.r.body.padded || c.q.pad > 0
	c.startQuantum()
	c.quantum(end, false)
}

// startQuantum notes where one begins, of which nothing is there but what was taken in before.
func (c *collector) startQuantum() {
	if c.q.size() == c.parted {
		c.q.start = c.at
	}
}

// quantum ends one.
func (c *collector) quantum(end int, tight bool) {
	q := &c.q
	var v uint32
	for i := range 4 {
		v <<= 6
		if i < q.n {
			v |= uint32(sextet[q.chars[i]])
		}
	}
	three := [3]byte{byte(v >> 16), byte(v >> 8), byte(v)}
	s := atom
	if tight {
		s = quanta
	}
	c.add(three[:max(0, q.n-1)], q.start, end, s)
	if c.parted > 0 {
		c.parted, c.passed = 0, len(c.r.pool.text)
	}
	q.n, q.pad = 0, 0
}

// flushQuantum decodes what there is of a last quantum.
func (c *collector) flushQuantum() {
	if c.r.body.coding == base64 && c.q.n > 0 {
		c.shortQuantum(c.at)
	}
}

// quoted reads quoted-printable (RFC 2045 §6.7). Blanks at the end of a line are not of the text.
func (c *collector) quoted(end int, whole bool) bool {
	raw, b, g := c.f.Raw, &c.r.body, c.r.pool
	last := end
	for last > c.at && (raw[last-1] == ' ' || raw[last-1] == '\t' || raw[last-1] == '\r') {
		last--
	}
	if whole && last > c.at && raw[last-1] == '=' {
		last--
		b.soft = true
	}
	for c.at < last {
		if len(g.pieces) > maxPieces-8 || len(g.text) >= maxText+maxLine {
			return false
		}
		n := bytes.IndexByte(raw[c.at:last], '=')
		if n < 0 {
			n = last - c.at
		}
		if n = min(n, maxText+maxLine-len(g.text)); n > 0 {
			c.add(raw[c.at:c.at+n], c.at, c.at+n, plain)
			c.at += n
			continue
		}
		if c.at+3 > last && !whole {
			return true
		}
		if c.at+3 <= last && hex[raw[c.at+1]] >= 0 && hex[raw[c.at+2]] >= 0 {
			c.add([]byte{byte(hex[raw[c.at+1]]<<4 | hex[raw[c.at+2]])}, c.at, c.at+3, atom)
			c.at += 3
			continue
		}
		c.r.badText(c.f, badQuoted)
		c.add(raw[c.at:c.at+1], c.at, c.at+1, plain)
		c.at++
	}
	if whole {
		c.at = end
	}
	return true
}
