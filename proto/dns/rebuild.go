package dns

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
)

// A rebuild is a message being written anew from an old one, record by record, with a map of where
// the old one's bytes went, so that pointers to them can follow. It is scratch memory of a Grammar.
type rebuild struct {
	msg     []byte // the old message, checked
	out     []byte // the new one from start on
	start   int
	moved   []run
	patched layout // of an old message with its equal-length edits made
}

// A run says that old bytes [old, old+size) lie at [new, new+size) now, or at least that a name
// beginning there does.
type run struct{ old, size, new int }

func (b *rebuild) begin(dst, msg []byte) {
	b.msg, b.out, b.start, b.moved = msg, dst, len(dst), b.moved[:0]
}

// take returns what was written and lets go of it.
func (b *rebuild) take() []byte {
	out := b.out
	b.msg, b.out = nil, nil
	return out
}

// message is the new message so far.
func (b *rebuild) message() []byte { return b.out[b.start:] }

// keep copies old bytes [from, to) as they are.
func (b *rebuild) keep(from, to int) {
	b.moved = append(b.moved, run{from, to - from, len(b.out) - b.start})
	b.out = append(b.out, b.msg[from:to]...)
}

// record copies an old record that lies behind an edit.
func (b *rebuild) record(r *record) {
	b.name(b.msg, r.off, true)
	at := b.fixed(b.msg, r)
	b.rdata(b.msg, r, true)
	binary.BigEndian.PutUint16(b.out[at+8:], uint16(len(b.out)-at-10))
	b.moved = append(b.moved, run{r.fixed, 10, at - b.start})
}

// fixed copies r's type, class and TTL from src, leaves room for its length, and returns where. Until the length
// is known it is one that no message can have, so that no pointer which led through the old length
// finds the same name here.
func (b *rebuild) fixed(src []byte, r *record) int {
	at := len(b.out)
	b.out = append(b.out, src[r.fixed:r.fixed+8]...)
	b.out = append(b.out, 0xff, 0xff)
	return at
}

// rdata copies r's RDATA from src. old says that src is the old message.
func (b *rebuild) rdata(src []byte, r *record, old bool) {
	s := shapeOf(r.typ, r.class, r.end == r.rdata)
	at := r.rdata
	if s.names > 0 {
		at = s.firstName(src, r)
		b.bytes(src, r.rdata, at, old)
		for range s.names {
			at = b.name(src, at, old)
		}
	}
	b.bytes(src, at, r.end, old)
}

func (b *rebuild) bytes(src []byte, from, to int, old bool) {
	if old {
		b.keep(from, to)
		return
	}
	b.out = append(b.out, src[from:to]...)
}

// name copies the name at off of src, whose pointers lead into the old message, and returns the offset
// behind it in src.
func (b *rebuild) name(src []byte, off int, old bool) int {
	size, pointer := ownPart(src[off:])
	end := off + size
	if !pointer {
		b.bytes(src, off, end, old)
		return end
	}
	at := len(b.out) - b.start
	b.out = append(b.out, src[off:end-2]...)
	if old { // one byte more than was copied: names may lead to the pointer itself
		b.moved = append(b.moved, run{off, end - 1 - off, at})
	}
	b.pointer(int(src[end-2])&0x3f<<8 | int(src[end-1]))
	return end
}

// pointer writes what leads to the name at old offset p: a pointer if that name still stands somewhere, else
// the name itself.
func (b *rebuild) pointer(p int) {
	if q, ok := b.find(p); ok && q < reach && sameName(b.msg, p, b.message(), q) {
		b.out = append(b.out, 0xc0|byte(q>>8), byte(q))
		return
	}
	b.moved = append(b.moved, run{p, 1, len(b.out) - b.start})
	b.out = appendName(b.out, b.msg, p)
}

func (b *rebuild) find(p int) (int, bool) {
	for i := len(b.moved) - 1; i >= 0; i-- {
		if r := &b.moved[i]; r.old <= p && p < r.old+r.size {
			return r.new + p - r.old, true
		}
	}
	return 0, false
}

// insert writes the records in wire, which replace those at old offset off, and returns their number, at most room.
func (b *rebuild) insert(wire []byte, off, room int) (n int, why packet.Reason) {
	for at := 0; at < len(wire); n++ {
		if n >= room {
			return 0, tooMany
		}
		r, ok := b.checkNew(wire, at, off)
		if !ok {
			return 0, badRecord
		}
		b.name(wire, r.off, false)
		fixed := b.fixed(wire, &r)
		b.rdata(wire, &r, false)
		binary.BigEndian.PutUint16(b.out[fixed+8:], uint16(len(b.out)-fixed-10))
		at = r.end
	}
	return n, ""
}

// checkNew reads the record at offset at of wire. Its names may point to old offsets below limit.
func (b *rebuild) checkNew(wire []byte, at, limit int) (r record, ok bool) {
	n := b.checkNewName(wire, at, limit)
	if n < 0 || n+10 > len(wire) {
		return r, false
	}
	r = record{off: at, fixed: n, rdata: n + 10, typ: binary.BigEndian.Uint16(wire[n:]), class: binary.BigEndian.Uint16(wire[n+2:])}
	r.end = r.rdata + int(binary.BigEndian.Uint16(wire[n+8:]))
	if r.end > len(wire) || r.typ == typeOPT {
		return r, false
	}
	s := shapeOf(r.typ, r.class, r.end == r.rdata)
	if at = s.firstName(wire, &r); at < 0 {
		return r, false
	}
	for range s.names {
		if at = b.checkNewName(wire[:r.end], at, limit); at < 0 {
			return r, false
		}
	}
	return r, s.tail == anyTail || r.end-at == int(s.tail)
}

// checkNewName returns the offset behind the name at off of wire, or -1 iff it is none.
func (b *rebuild) checkNewName(wire []byte, off, limit int) int {
	size, pointer := ownPart(wire[off:])
	if size < 0 || !pointer && size > maxName {
		return -1
	}
	end := off + size
	if !pointer {
		return end
	}
	p := int(wire[end-2])&0x3f<<8 | int(wire[end-1])
	if p < headerSize || p >= limit {
		return -1
	}
	if _, why := checkName(b.msg, p, len(b.msg), nil); why != "" || size-2+nameSize(b.msg, p) > maxName {
		return -1
	}
	return end
}
