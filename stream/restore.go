package stream

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet/seqnum"
)

// remains is what is left of the bytes that were released before a connection was restored: those that edits put in (the others come
// from whoever sends them again); or, of those that were released before a direction was begun anew, all.
type remains struct {
	edits []oldEdit    // in order, not overlapping
	in    seqnum.Value // received: what lies before was released before
	end   seqnum.Value // released: the same place; all is forgotten once more than that is acknowledged
	prior kept         // released copy of a direction that was then begun anew at a place before
}

// An oldEdit says that received [in, in+n) left as text, at the released place out.
type oldEdit struct {
	in, out seqnum.Value
	n       seqnum.Size
	text    []byte
}

// dropOld forgets what remains.
func (h *half) dropOld(p *Pool) {
	if h.old != nil {
		h.old.prior.clear(p)
		h.old = nil
	}
}

func (r *remains) find(in seqnum.Value) *oldEdit {
	for i := range r.edits {
		if r.edits[i].in == in {
			return &r.edits[i]
		}
	}
	return nil
}

// Restore returns the connection that Save told of, or nil if it makes no sense. swapped says that its
// server is now taken for its client.
func (p *Pool) Restore(b []byte, mode Mode, swapped bool) *Conn {
	r := reader{b: b}
	version, flags := r.byte(), r.byte()
	if version != saveVersion || flags > 3 {
		return nil
	}
	c := p.New(mode)
	c.phase, c.middle, c.sack, c.locked = phaseOpen, true, flags&1 != 0, flags&2 != 0
	for d := range c.half {
		if !c.half[d].restore(p, &r) {
			c.Close()
			return nil
		}
	}
	if r.bad || len(r.b) > 0 {
		c.Close()
		return nil
	}
	if swapped {
		c.half[0], c.half[1] = c.half[1], c.half[0]
	}
	return c
}

func (h *half) restore(p *Pool, r *reader) bool {
	flags := r.uint16()
	h.scale = min(r.byte(), maxScale)
	h.mss = r.uint16()
	for _, v := range h.places() {
		*v = seqnum.Value(r.uint32())
	}
	h.ts, h.echo = r.uint32(), r.uint32()
	rewound := false
	for i, is := range [...]*bool{&h.unsure, &h.seen, &h.loose, &h.stamped, &h.ackSeen, &h.edgeKnown, &h.finSeen, &h.finSent, &h.guessed, &rewound, &h.toldAny} {
		*is = flags&(1<<i) != 0
	}
	if rewound {
		h.rewinds = 1
	}
	h.known = true
	h.edgeKnown, h.edgeStale = false, h.edgeKnown // windows are not saved each time that they move
	h.m.shift = seqnum.Size(r.uint32())
	edits := r.uint32()
	if r.bad || edits > 2*4096 {
		return false
	}
	h.old = &remains{edits: make([]oldEdit, 0, edits)}
	for range edits {
		if !h.restoreEdit(p, r) {
			return false
		}
	}
	h.next, h.from, h.old.in = h.decided, h.decided, h.decided
	out := h.m.toOutEnd(h.decided)
	h.kept.from, h.owed, h.owedTo, h.old.end = out, out, out, out
	for i := range h.read {
		h.read[i], h.shown[i], h.spared[i] = h.decided, h.decided, h.decided
	}
	// Nothing that was sent lies behind what was decided, and nothing acknowledged behind what was sent.
	return !out.Less(h.sent) && (h.rewinds > 0 || !out.Less(h.una)) && (!h.finSeen || !h.decided.Less(h.decided.Min(h.fin)))
}

func (h *half) restoreEdit(p *Pool, r *reader) bool {
	e := oldEdit{in: seqnum.Value(r.uint32()), out: seqnum.Value(r.uint32()), n: seqnum.Size(r.uint32())}
	size := r.uint32()
	if e.text = r.bytes(size); r.bad || e.n > 1<<28 {
		return false
	}
	if k := len(h.old.edits); k > 0 && e.in.Less(h.old.edits[k-1].in.Add(h.old.edits[k-1].n)) || h.decided.Less(e.in.Add(e.n)) {
		return false
	}
	e.text = append([]byte(nil), e.text...)
	h.old.edits = append(h.old.edits, e)
	at := h.m.toOutEnd(e.in) // behind what else was inserted at its place
	if e.n == seqnum.Size(size) {
		h.noteMask(p, &edit{in: e.in, n: e.n, size: int(size)})
	} else {
		h.m.add(p, e.in, e.n, seqnum.Size(size))
	}
	return at == e.out
}

// rebuild fills dst with the released bytes from the given place on, which stand for what the segment has
// brought once more. It reports false if they are not all there.
func (h *half) rebuild(dst []byte, s *segment, from seqnum.Value) bool {
	w := rebuilder{dst: dst, from: from}
	at, out := s.seq, h.place(s.seq)
	end := s.end.Min(h.old.in)
	raw := func(to seqnum.Value) []byte { return s.payload[s.seq.Size(at):s.seq.Size(to)] }
	for i := range h.old.edits {
		e := &h.old.edits[i]
		stop := e.in.Add(e.n)
		if stop.LessEq(s.seq) && (e.n > 0 || stop != s.seq) {
			continue
		}
		if end.LessEq(e.in) && (e.n > 0 || end != e.in) {
			break
		}
		if at.Less(e.in) {
			b := raw(e.in)
			w.put(e.out.Sub(seqnum.Size(len(b))), b)
		}
		w.put(e.out, e.text)
		at, out = stop, e.out.Add(seqnum.Size(len(e.text)))
	}
	if at.Less(end) {
		w.put(out, raw(end))
	}
	if to := from.Add(seqnum.Size(len(dst))); h.kept.from.Less(to) {
		w.keep(&h.kept, to)
	}
	return w.done == len(dst)
}

// A rebuilder collects released bytes from a place on, in order.
type rebuilder struct {
	dst  []byte
	from seqnum.Value
	done int
}

// put takes from b, which lies at the given place, what comes next.
func (w *rebuilder) put(at seqnum.Value, b []byte) {
	next := w.from.Add(seqnum.Size(w.done))
	end := at.Add(seqnum.Size(len(b)))
	if next.Less(at) || !next.Less(end) {
		return
	}
	w.done += copy(w.dst[w.done:], b[at.Size(next):])
}

// keep takes what comes next, up to to, from the released copy.
func (w *rebuilder) keep(k *kept, to seqnum.Value) {
	next := w.from.Add(seqnum.Size(w.done))
	if k.holds(next, to) {
		k.read(w.dst[w.done:], next)
		w.done = len(w.dst)
	}
}

// A reader takes numbers off bytes that may be anything.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}
