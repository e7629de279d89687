package stream

import "github.com/weir-project/weir/packet/seqnum"

// A splice is one edit that changed the length of the stream: bytes [in, in+inLen) as they were
// received leave as [out, out+outLen).
type splice struct {
	in, out       seqnum.Value
	inLen, outLen seqnum.Size
}

func (s *splice) inEnd() seqnum.Value  { return s.in.Add(s.inLen) }
func (s *splice) outEnd() seqnum.Value { return s.out.Add(s.outLen) }

// spliceRoom is how many splices of one direction are told apart at first, and where that is not
// enough. If there is no memory, or the last room is full, one more joins with the last: the bytes
// between the two then count as edited, and an acknowledgement among them as one of the start. That
// costs a sender retransmissions at worst.
var spliceRoom = [...]int{16, 256, 4096}

// A spliceList is the memory of a seqMap, of one of the sizes of spliceRoom.
type spliceList = []splice

// splices returns an empty list of the given size; nil if the pool is exhausted. The smallest are part of
// a connection, and not counted.
func (p *Pool) splices(size int) spliceList {
	if size > 0 && !p.chunksLeft(spliceRoom[size]*16/4096) {
		return nil
	}
	p.countSplices(size, 1)
	if n := len(p.lists[size]); n > 0 {
		l := p.lists[size][n-1]
		p.lists[size] = p.lists[size][:n-1]
		return l
	}
	return make(spliceList, 0, spliceRoom[size])
}

func (p *Pool) countSplices(size, sign int) {
	if size > 0 {
		p.bytes += sign * spliceRoom[size] * 16
	}
}

func (p *Pool) dropSplices(l spliceList) {
	for size, room := range spliceRoom {
		if cap(l) == room {
			p.countSplices(size, -1)
			p.lists[size] = append(p.lists[size], l[:0])
		}
	}
}

// A seqMap translates places of one direction between the two sequence spaces of a connection:
// that of the sender, in which segments are received, and that of the receiver, in which they are
// released. Outside of splices both run alike, so a place is shifted by the sum of the changes
// before it. Splices that the receiver has acknowledged are forgotten, and only their sum stays; the
// map is right for places from there on, and for older ones errs to the harmless side (they are
// acknowledged already, and stay so).
type seqMap struct {
	shift seqnum.Size // out minus in of places before the first splice, modulo 2^32
	list  spliceList  // in order, not overlapping; nil if there are none
}

// identity reports whether both spaces are the same from here on.
func (m *seqMap) identity() bool { return m.shift == 0 && len(m.list) == 0 }

// straight reports whether places are only shifted.
func (m *seqMap) straight() bool { return len(m.list) == 0 }

// add notes a splice behind all others.
func (m *seqMap) add(p *Pool, in seqnum.Value, inLen, outLen seqnum.Size) {
	ok := true
	if len(m.list) == cap(m.list) {
		m.list, ok = p.grown(m.list)
	}
	if !ok {
		last := &m.list[len(m.list)-1]
		gap := last.inEnd().Size(in)
		last.inLen += gap + inLen
		last.outLen += gap + outLen
		return
	}
	m.list = append(m.list, splice{in: in, out: m.toOutEnd(in), inLen: inLen, outLen: outLen})
}

// grown returns old with room for more; ok is false if there is none.
func (p *Pool) grown(old spliceList) (l spliceList, ok bool) {
	size := 0
	for size < len(spliceRoom) && spliceRoom[size] <= cap(old) {
		size++
	}
	if size == len(spliceRoom) {
		return old, false
	}
	if l = p.splices(size); l == nil {
		return old, false
	}
	l = append(l, old...)
	p.dropSplices(old)
	return l, true
}

// pruned returns the list without its first n splices.
func (p *Pool) pruned(l spliceList, n int) spliceList {
	if n == len(l) {
		p.dropSplices(l)
		return nil
	}
	return l[:copy(l, l[n:])]
}

// clear forgets everything.
func (m *seqMap) clear(p *Pool) {
	p.dropSplices(m.list)
	*m = seqMap{}
}

// last returns the index of the last splice that begins before v, or at it if atToo; -1 if there is
// none.
func (m *seqMap) last(v seqnum.Value, atToo bool) int {
	lo, hi := 0, len(m.list)
	for lo < hi {
		mid := (lo + hi) / 2
		if in := m.list[mid].in; in.Less(v) || atToo && in == v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// inside reports whether a received place lies strictly inside of a splice.
func (m *seqMap) inside(v seqnum.Value) bool {
	i := m.last(v, false)
	return i >= 0 && v.Less(m.list[i].inEnd())
}

// toOut returns where a received place leaves, before anything that was inserted there. A place
// inside a splice leaves as far from the splice's start, at most at its end.
func (m *seqMap) toOut(v seqnum.Value) seqnum.Value { return m.place(v, m.last(v, false)) }

// toOutEnd is toOut, but behind what was inserted there: where the bytes up to v end.
func (m *seqMap) toOutEnd(v seqnum.Value) seqnum.Value { return m.place(v, m.last(v, true)) }

// toOutWhole is toOutEnd, but of a place inside a splice the splice's end: one who sends the first bytes of
// it again may never send the others in the same segment, and wants all that took their place
// acknowledged.
func (m *seqMap) toOutWhole(v seqnum.Value) seqnum.Value {
	if m.inside(v) {
		return m.list[m.last(v, false)].outEnd()
	}
	return m.toOutEnd(v)
}

func (m *seqMap) place(v seqnum.Value, i int) seqnum.Value {
	if i < 0 {
		return v.Add(m.shift)
	}
	s := &m.list[i]
	off := s.in.Size(v)
	if off >= s.inLen {
		return s.outEnd().Add(off - s.inLen)
	}
	return s.out.Add(min(off, s.outLen))
}

// toIn returns the received place that an acknowledgement of the released place w stands for: the
// start of a splice until all of it is there, then its end. What was deleted at w counts as there.
func (m *seqMap) toIn(w seqnum.Value) seqnum.Value {
	lo := m.firstEnding(w)
	var base, in seqnum.Value // the last splice that is there as a whole
	if lo == 0 {
		base, in = seqnum.Value(m.shift), 0
	} else {
		base, in = m.list[lo-1].outEnd(), m.list[lo-1].inEnd()
	}
	v := in.Add(base.Size(w))
	if lo < len(m.list) && m.list[lo].in.Less(v) {
		return m.list[lo].in
	}
	return v
}

// firstEnding returns the index of the first splice that ends behind the released place w.
func (m *seqMap) firstEnding(w seqnum.Value) int {
	lo, hi := 0, len(m.list)
	for lo < hi {
		mid := (lo + hi) / 2
		if m.list[mid].outEnd().LessEq(w) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// toInStart is toIn for the left edge of a range: the end of a splice that it begins in, since the
// receiver lacks its start.
func (m *seqMap) toInStart(w seqnum.Value) seqnum.Value {
	i := m.firstEnding(w)
	if i < len(m.list) && m.list[i].out.Less(w) {
		return m.list[i].inEnd()
	}
	return m.toIn(w)
}

// acked forgets the splices that the receiver has acknowledged up to una.
func (m *seqMap) acked(p *Pool, una seqnum.Value) {
	if n := m.firstEnding(una); n > 0 {
		s := &m.list[n-1]
		m.shift = s.inEnd().Size(s.outEnd())
		m.list = p.pruned(m.list, n)
	}
}
