package http2

import "github.com/weir-project/weir/packet"

// This file reads header blocks (HPACK, RFC 7541). What comes of one is bounded in bytes and fields, so that a short block of indices
// cannot become much text; and work is counted, since many such blocks can.

const (
	maxHead   = 64 << 10 // bytes of a list of fields, as text
	maxFields = 512      // of a list: browsers send each cookie as a field of its own

	badBlock      packet.Reason = "http2-bad-header-block" // it breaks RFC 7541
	lateSize      packet.Reason = "http2-late-table-size"  // behind a field: receivers differ (RFC 7541 §4.2)
	tableTooLarge packet.Reason = "http2-table-too-large"  // than can be followed
	tablesFull    packet.Reason = "http2-tables-exhausted"
	headTooLarge  packet.Reason = "http2-head-too-large"
	tooManyFields packet.Reason = "http2-too-many-headers"
)

// A header is one field of a list. Spans are of the list's text, those of wire of the block that it was read from.
type header struct {
	name, value struct{ off, end int }
	wire        struct{ off, end int }
	how         how
	count       uint64 // of the table, once it is in it; valid iff how is inserted
}

// how a field is written (RFC 7541 §6).
type how uint8

const (
	indexed  how = iota
	inserted     // with incremental indexing
	plain        // without
	never        // likewise, and whoever sends it on must not either
)

// A list is what a block says: lines like those of HTTP/1, "name: value" CR LF, pseudo-header fields among them.
type list struct {
	text    []byte
	headers []header
}

func (l *list) nameOf(h *header) []byte  { return l.text[h.name.off:h.name.end] }
func (l *list) valueOf(h *header) []byte { return l.text[h.value.off:h.value.end] }

// A decoder reads the blocks of one direction.
type decoder struct {
	table table
	limit uint32 // of the table, as its receiver has said; of several that may be in force the largest
	must  bool   // the next block must begin with the table's size, which has to become smaller (RFC 7541 §4.2)
}

// A reader is the place in a block.
type reader struct {
	b  []byte
	at int
}

// integer reads one, of less than 2²⁸ + 2⁸, whose first byte has the given number of bits for it (RFC 7541 §5.1).
func (r *reader) integer(bits uint) (n int, ok bool) {
	if r.at == len(r.b) {
		return 0, false
	}
	mask := 1<<bits - 1
	n = int(r.b[r.at]) & mask
	r.at++
	if n < mask {
		return n, true
	}
	for shift := 0; r.at < len(r.b) && shift < 28; shift += 7 {
		c := r.b[r.at]
		r.at++
		n += int(c&0x7f) << shift
		if c&0x80 == 0 {
			return n, true
		}
	}
	return 0, false
}

// appendString appends a string (§5.2).
func (r *reader) appendString(dst []byte) ([]byte, bool) {
	if r.at == len(r.b) {
		return dst, false
	}
	coded := r.b[r.at]&0x80 != 0
	n, ok := r.integer(7)
	if !ok || n > len(r.b)-r.at {
		return dst, false
	}
	s := r.b[r.at : r.at+n]
	if r.at += n; coded {
		return appendPlain(dst, s)
	}
	return append(dst, s...), true
}

// read reads the block b into l, which is emptied. The table can be followed on iff why is empty.
func (d *decoder) read(g *Grammar, b []byte, l *list) (why packet.Reason) {
	l.text, l.headers = l.text[:0], l.headers[:0]
	r := reader{b: b}
	for r.at < len(b) && b[r.at]&0xe0 == 0x20 {
		if why := d.resize(g, &r); why != "" {
			return why
		}
	}
	if d.must {
		return badBlock
	}
	for r.at < len(b) {
		if why := d.readOne(g, &r, l); why != "" {
			return why
		}
		switch {
		case len(l.text) > maxHead:
			return headTooLarge
		case len(l.headers) > maxFields:
			return tooManyFields
		}
	}
	return ""
}

// resize reads the size of the table (§6.3).
func (d *decoder) resize(g *Grammar, r *reader) packet.Reason {
	n, ok := r.integer(5)
	switch {
	case !ok || n > int(d.limit):
		return badBlock
	case n > maxSize:
		return tableTooLarge
	case d.table.store != nil && n > len(d.table.store.bytes):
		s := g.store(uint32(n))
		if s == nil {
			return tablesFull
		}
		small := d.table.store
		d.table.move(s)
		g.dropStore(small)
	}
	d.table.resize(uint32(n))
	d.must = false
	return ""
}

// readOne reads a field.
func (d *decoder) readOne(g *Grammar, r *reader, l *list) packet.Reason {
	h := header{}
	h.wire.off = r.at
	bits := uint(4)
	switch c := r.b[r.at]; {
	case c&0x80 != 0:
		h.how, bits = indexed, 7
	case c&0x40 != 0:
		h.how, bits = inserted, 6
	case c&0x20 != 0:
		return lateSize
	case c&0x10 != 0:
		h.how = never
	default:
		h.how = plain
	}
	index, ok := r.integer(bits)
	if !ok || !d.appendName(r, l, &h, index) || !d.appendValue(r, l, &h, index) {
		return badBlock
	}
	h.wire.end = r.at
	if h.how == inserted {
		if !d.hasStore(g) {
			return tablesFull
		}
		d.table.insert(l.nameOf(&h), l.valueOf(&h))
		h.count = d.table.count
	}
	l.headers = append(l.headers, h)
	return ""
}

// hasStore gives the table its memory when it is first needed.
func (d *decoder) hasStore(g *Grammar) bool {
	if d.table.store == nil {
		d.table.store = g.store(d.table.max)
	}
	return d.table.store != nil
}

// appendName appends the field's name.
func (d *decoder) appendName(r *reader, l *list, h *header, index int) (ok bool) {
	h.name.off = len(l.text)
	switch {
	case index == 0:
		if h.how == indexed {
			return false
		}
		if l.text, ok = r.appendString(l.text); !ok {
			return false
		}
	case index <= len(static):
		l.text = append(l.text, static[index-1].name...)
	case index-len(static) <= d.table.n:
		l.text = d.table.appendName(l.text, index-len(static)-1)
	default:
		return false
	}
	h.name.end = len(l.text)
	l.text = append(l.text, ": "...)
	return true
}

// appendValue appends the field's value.
func (d *decoder) appendValue(r *reader, l *list, h *header, index int) (ok bool) {
	h.value.off, ok = len(l.text), true
	switch {
	case h.how != indexed:
		l.text, ok = r.appendString(l.text)
	case index <= len(static):
		l.text = append(l.text, static[index-1].value...)
	default:
		l.text = d.table.appendValue(l.text, index-len(static)-1)
	}
	h.value.end = len(l.text)
	l.text = append(l.text, "\r\n"...)
	return ok
}

// appendField appends a field written out, as how says.
func appendField(dst []byte, how how, name, value []byte) []byte {
	first := [...]byte{indexed: 0x00, inserted: 0x40, plain: 0x00, never: 0x10}[how]
	return appendRaw(appendRaw(append(dst, first), name), value)
}

// appendRaw appends a string that is not coded.
func appendRaw(dst, s []byte) []byte {
	n := len(s)
	if n < 0x7f {
		return append(append(dst, byte(n)), s...)
	}
	dst = append(dst, 0x7f)
	for n -= 0x7f; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(append(dst, byte(n)), s...)
}
