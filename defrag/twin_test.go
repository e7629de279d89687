package defrag

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
)

// A fragment is a piece as the twin reads it, from the bytes alone.
type fragment struct {
	key      string
	v6       bool
	header   []byte // of the reassembled datagram, lengths and sums not yet right
	off, end int
	last     bool
	data     []byte
}

// read reads a fragment, or a whole datagram as one that is first and last.
func read(raw []byte) fragment {
	if raw[0]>>4 == 4 {
		n := int(raw[0]&15) * 4
		word := binary.BigEndian.Uint16(raw[6:])
		f := fragment{
			header: slices.Clone(raw[:n]), off: int(word&0x1fff) * 8, last: word&moreFragments == 0,
			data: raw[n:binary.BigEndian.Uint16(raw[2:])],
		}
		f.header[6], f.header[7] = f.header[6]&0xc0, 0
		f.key = fmt.Sprint(4, raw[12:20], raw[4:6], raw[9])
		f.end = f.off + len(f.data)
		return f
	}
	next, at := 6, 40
	for raw[next] == byte(packet.DestinationOptions) {
		next, at = at, at+8
	}
	f := fragment{v6: true, last: true, header: slices.Clone(raw[:at]), data: raw[at:]}
	if raw[next] == byte(packet.FragmentHeader) {
		word := binary.BigEndian.Uint16(raw[at+2:])
		f.off, f.last, f.data = int(word&^7), word&1 == 0, raw[at+8:]
		f.header[next] = raw[at]
		f.key = fmt.Sprint(6, raw[8:40], raw[at+4:at+8])
	}
	f.end = f.off + len(f.data)
	return f
}

// twin is the fragment table byte by byte.
type twin struct {
	limits    Limits
	datagrams map[string]*twinDatagram
}

type twinDatagram struct {
	begun  time.Duration
	pieces []fragment
	bytes  map[int]byte
	length int // -1 while not known
	why    packet.Reason
}

func (t *twin) advance(now time.Duration) {
	for key, d := range t.datagrams {
		if d.begun+t.limits.Timeout <= now {
			delete(t.datagrams, key)
		}
	}
}

// add returns the whole datagram, or what is wrong; neither if the piece waits.
func (t *twin) add(raw []byte, now time.Duration) (whole []byte, why packet.Reason) {
	f := read(raw)
	d := t.datagrams[f.key]
	if d == nil {
		d = &twinDatagram{begun: now, bytes: map[int]byte{}, length: -1}
		t.datagrams[f.key] = d
	}
	switch {
	case d.why == TooMany:
		return nil, TooMany
	case d.why != "":
		return nil, Late
	}
	if why := d.judge(f, t.limits.Pieces); why != "" {
		if why != Duplicate {
			d.why = why
		}
		return nil, why
	}
	d.pieces = append(d.pieces, f)
	for i, c := range f.data {
		d.bytes[f.off+i] = c
	}
	if f.last {
		d.length = f.end
	}
	if d.length < 0 || len(d.bytes) != d.length {
		return nil, ""
	}
	delete(t.datagrams, f.key)
	return d.join(), ""
}

func (d *twinDatagram) first() *fragment {
	for i := range d.pieces {
		if d.pieces[i].off == 0 {
			return &d.pieces[i]
		}
	}
	return nil
}

func (d *twinDatagram) judge(f fragment, maxPieces int) packet.Reason {
	first := &f
	if g := d.first(); g != nil {
		first = g
	}
	reach, same, met, duplicate := f.end, true, false, false
	for at, c := range d.bytes {
		reach = max(reach, at+1)
		if at >= f.off && at < f.end {
			met = true
			same = same && f.data[at-f.off] == c
		}
	}
	for _, g := range d.pieces {
		duplicate = duplicate || f.off == g.off && f.end == g.end && f.last == g.last
	}
	total := reach
	switch {
	case !f.v6 && first.off == 0:
		total += len(first.header)
	case !f.v6:
		total += 20
	case first.off == 0:
		total += len(first.header) - 40
	}
	switch {
	case total > 65535:
		return TooLong
	case d.length >= 0 && reach > d.length, f.last && reach > f.end, f.last && d.length >= 0 && f.end != d.length:
		return BadEnd
	case !same:
		return Overlap
	case duplicate && !d.overlapping(f):
		return Duplicate
	case f.v6 && met:
		return Overlap
	case len(d.pieces) == maxPieces:
		return TooMany
	}
	return ""
}

// overlapping reports whether any two pieces, f among them, overlap and are no duplicates.
func (d *twinDatagram) overlapping(f fragment) bool {
	all := append(slices.Clone(d.pieces), f)
	for i, g := range all {
		for _, h := range all[:i] {
			if g.off < h.end && h.off < g.end && (g.off != h.off || g.end != h.end || g.last != h.last) {
				return true
			}
		}
	}
	return false
}

// join puts the datagram together.
func (d *twinDatagram) join() []byte {
	f := d.first()
	b := slices.Clone(f.header)
	for at := range d.length {
		b = append(b, d.bytes[at])
	}
	if f.v6 {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	} else {
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		sumHeader(b)
	}
	return b
}

// A bench runs a table and keeps account of who answers which piece.
type bench struct {
	table   *Table
	wheel   *wheel.Wheel
	serial  uint32
	pending map[uint32]bool // tokens of pieces that wait
	dropped []packet.Reason // of datagrams, as they were given up
	fatalf  func(string, ...any)
}

func newBench(limits Limits, fatalf func(string, ...any)) *bench {
	b := &bench{wheel: wheel.New(0), pending: map[uint32]bool{}, fatalf: fatalf}
	b.table = NewTable(limits, b.wheel, func(d *Datagram, why packet.Reason) {
		b.dropped = append(b.dropped, why)
		b.answer(d)
	})
	return b
}

func (b *bench) answer(d *Datagram) {
	for _, piece := range d.Pieces {
		id := piece.Packet.Token.ID
		if !b.pending[id] {
			b.fatalf("piece %d is answered twice, or was never taken", id)
		}
		delete(b.pending, id)
		if !piece.Packet.Fragment.IsFragment() || piece.Packet.Verdict != packet.Pass {
			b.fatalf("piece %d is not as it came", id)
		}
	}
}

func (b *bench) advance(now time.Duration) {
	b.wheel.Advance(now, b.table.Expire)
}

// add gives a fragment to the table, from memory that is then used again.
func (b *bench) add(raw []byte, now time.Duration) (*Datagram, packet.Reason) {
	b.serial++
	p := decoded(raw)
	p.Token.ID = b.serial
	b.pending[b.serial] = true
	d, why := b.table.Add(p, now)
	if why != "" {
		if d != nil || !b.pending[b.serial] || !bytes.Equal(p.Bytes(), raw) {
			b.fatalf("%s, and yet the piece was taken or changed", why)
		}
		delete(b.pending, b.serial)
	}
	scribble(p)
	if d != nil {
		b.answer(d)
		for i, piece := range d.Pieces {
			if i > 0 && piece.Packet.Token.ID <= d.Pieces[i-1].Packet.Token.ID {
				b.fatalf("pieces are not in order of arrival")
			}
		}
	}
	b.check()
	return d, why
}

// check holds the table's account against what it has.
func (b *bench) check() {
	t := b.table
	waiting, sum := 0, 0
	for d := t.oldest; d != nil; d = d.newer {
		waiting++
		sum += bookkeeping
		for _, piece := range d.Pieces {
			sum += bookkeeping + len(piece.Packet.Bytes())
		}
		if t.datagrams[d.key] != d || t.byIndex[d.index] != d || d.newer == nil && t.newest != d {
			b.fatalf("datagram %d is filed wrongly", d.index)
		}
	}
	if s := t.Stats(); s.Waiting != waiting || s.Bytes != sum || sum > t.limits.Bytes {
		b.fatalf("%+v, but %d datagrams of %d bytes wait", s, waiting, sum)
	}
	if len(t.datagrams) != waiting || len(t.byIndex) != waiting+len(t.free) || b.wheel.Len() != waiting {
		b.fatalf("%d datagrams in the map, %d places, %d free, %d timers for %d datagrams",
			len(t.datagrams), len(t.byIndex), len(t.free), b.wheel.Len(), waiting)
	}
}

// flush ends the table and wants every piece answered.
func (b *bench) flush() {
	b.table.Flush()
	b.check()
	if len(b.pending) != 0 || b.table.Stats().Waiting != 0 {
		b.fatalf("%d pieces were never answered", len(b.pending))
	}
}
