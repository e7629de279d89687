package stream

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// A work is what a half needs while not all of its bytes are read, or segments of it wait.
type work struct {
	buf   []byte // received [half.from, half.next), iff not all of it is in the packet on its way
	edits []edit // in order, not overlapping; of bytes that are not decided
	bytes []byte // what takes their places
	wait  []waiter

	waiting int // bytes of those who wait
	promise promise
}

// An edit replaces received [in, in+n) by size bytes.
type edit struct {
	in   seqnum.Value
	n    seqnum.Size
	size int
}

func (h *half) needWork(p *Pool) *work {
	if h.work == nil {
		if n := len(p.works); n > 0 {
			h.work = p.works[n-1]
			p.works = p.works[:n-1]
		} else {
			h.work = new(work)
		}
	}
	return h.work
}

// dropWork gives the work back, with what is in it.
func (h *half) dropWork(p *Pool) {
	w := h.work
	if w == nil {
		return
	}
	p.dropWindow(w.buf)
	*w = work{edits: w.edits[:0], bytes: w.bytes[:0], wait: w.wait[:0]}
	p.works = append(p.works, w)
	h.work = nil
}

// extend appends fresh bytes to those unread. It reports false, and does nothing, if the pool is
// exhausted.
func (p *Pool) extend(w *work, fresh []byte) bool {
	if need := len(w.buf) + len(fresh); need > cap(w.buf) {
		b := p.window(need)
		if b == nil {
			return false
		}
		b = append(b, w.buf...)
		p.dropWindow(w.buf)
		w.buf = b
	}
	w.buf = append(w.buf, fresh...)
	return true
}

// skipTo has all readers be done with what lies before to.
func (h *half) skipTo(to seqnum.Value) {
	for r := range h.read {
		h.read[r] = h.read[r].Max(to)
		h.shown[r] = h.shown[r].Max(to)
		h.spared[r] = h.read[r]
	}
}

// Unread returns the bytes that the reader has not done with, a read-only view until Decide, and how
// many of them it was shown before.
func (c *Conn) Unread(dir flow.Direction, r Reader) (b []byte, seen int) {
	h := &c.half[dir]
	if h.view == nil && h.work != nil && len(h.work.buf) > 0 {
		h.view = h.work.buf
	}
	at := int(h.from.Size(h.read[r]))
	if at >= len(h.view) {
		return nil, 0
	}
	return h.view[at:], int(h.read[r].Size(h.shown[r]))
}

// Done says that the reader was shown all that is unread, and is done with n bytes of it.
func (c *Conn) Done(dir flow.Direction, r Reader, n int) {
	h := &c.half[dir]
	h.read[r] = h.read[r].Add(seqnum.Size(n))
	h.shown[r] = h.next
	h.spared[r] = h.read[r]
}

// Spare says that n bytes that the reader is not done with may leave: it wants to see them once more, and not to alter them.
func (c *Conn) Spare(dir flow.Direction, r Reader, n int) {
	h := &c.half[dir]
	h.spared[r] = h.read[r].Add(seqnum.Size(n))
}

// Full reports whether more bytes are unread than the limits allow; the reader then has to do
// without those that follow, and says so with Done.
func (c *Conn) Full(dir flow.Direction, r Reader) bool {
	h := &c.half[dir]
	return int(h.read[r].Size(h.next)) > c.pool.limits.Window
}

// Replace has bytes [off, end) of the reader's unread ones leave as with, which is copied. It reports
// false if some of them were released before, the connection must not be altered, the range
// overlaps another, or the length must not change since what follows was released before.
func (c *Conn) Replace(dir flow.Direction, r Reader, off, end int, with []byte) bool {
	h := &c.half[dir]
	in := h.read[r].Add(seqnum.Size(off))
	if c.mode.Passive || c.locked || in.Less(h.decided) || off < 0 || end < off || h.next.Less(h.read[r].Add(seqnum.Size(end))) {
		return false
	}
	if end-off != len(with) && (h.unplaced() || h.rewinds > 0 && in.Less(h.fixed)) {
		return false
	}
	w := h.needWork(c.pool)
	e := edit{in: in, n: seqnum.Size(end - off), size: len(with)}
	at, byteAt := len(w.edits), len(w.bytes)
	for at > 0 && e.in.Add(e.n).LessEq(w.edits[at-1].in) && !(e.n == 0 && e.in == w.edits[at-1].in.Add(w.edits[at-1].n)) {
		at--
		byteAt -= w.edits[at].size
	}
	if at > 0 && e.in.Less(w.edits[at-1].in.Add(w.edits[at-1].n)) {
		return false
	}
	w.edits = append(w.edits, edit{})
	copy(w.edits[at+1:], w.edits[at:])
	w.edits[at] = e
	w.bytes = append(w.bytes, with...)
	copy(w.bytes[byteAt+len(with):], w.bytes[byteAt:])
	copy(w.bytes[byteAt:], with)
	return true
}

// Decide releases what all readers are done with, or spare, or, if all is true, whatever has come. It returns
// why if memory is exhausted. Then all is released, and either bytes are lost to whoever would have
// read them again, or those released are no longer covered: they cannot be checked if they are
// sent again.
func (c *Conn) Decide(dir flow.Direction, all bool) (why packet.Reason) {
	h := &c.half[dir]
	if h.unsure {
		if all && h.work != nil && len(h.work.wait) > 0 {
			h.unsure, h.guessed = false, true
			h.begin(h.work.wait[0].seq)
		}
		return ""
	}
	if h.view == nil && h.work != nil && len(h.work.buf) > 0 {
		h.view = h.work.buf
	}
	read, to := h.next, h.next
	for r := range h.read {
		read, to = read.Min(h.read[r]), to.Min(h.spared[r])
	}
	if all {
		to = h.next
	} else if w := h.work; w != nil && len(w.edits) > 0 {
		to = w.clip(to)
	}
	from := read.Min(h.decided.Max(to)) // what is kept to be shown once more begins there
	if from != h.next && (h.work == nil || len(h.work.buf) == 0) && !c.pool.extend(h.needWork(c.pool), h.view[h.from.Size(from):]) {
		h.skipTo(h.next)
		from, to, why = h.next, h.next, "stream-window-exhausted"
	}
	if h.decided.Less(to) && !c.commit(h, to) {
		why = "stream-copy-exhausted"
	}
	c.keepUnread(h, from)
	return why
}

// clip moves a place back out of an edit, which is released whole.
func (w *work) clip(to seqnum.Value) seqnum.Value {
	for i := range w.edits {
		if e := &w.edits[i]; e.in.Less(to) && to.Less(e.in.Add(e.n)) {
			return e.in
		}
	}
	return to
}

// keepUnread keeps the bytes from the given place on for the time after this packet; there is room for them.
func (c *Conn) keepUnread(h *half, from seqnum.Value) {
	rest := h.view
	if n := int(h.from.Size(from)); n < len(rest) {
		rest = rest[n:]
	} else {
		rest = nil
	}
	h.from, h.view = from, nil
	w := h.work
	switch {
	case len(rest) > 0:
		w.buf = w.buf[:copy(w.buf, rest)]
	case w != nil:
		c.pool.dropWindow(w.buf)
		w.buf = nil
		if len(w.wait) == 0 && len(w.edits) == 0 && !w.promise.open() {
			h.dropWork(c.pool)
		}
	}
}

// commit makes the released bytes of received [decided, to). It reports false if there was no memory
// for them.
func (c *Conn) commit(h *half, to seqnum.Value) bool {
	k := keeper{pool: c.pool, kept: &h.kept, ok: true, idle: c.mode.Passive}
	at, end := h.decided, h.kept.end()
	if w := h.work; w != nil && len(w.edits) > 0 {
		at = c.commitEdits(h, w, &k, to)
	}
	k.put(h.raw(at, to))
	if h.rewinds > 0 && k.ok {
		h.again(end)
	}
	h.decided = to
	if !to.Less(h.fixed) {
		h.rewinds = 0
	}
	if h.told.LessEq(h.sent) { // it says no more, and would be out of the reach of comparisons
		h.toldAny = false
	}
	if c.mode.Passive {
		h.sent = to
	}
	if h.edited.Size(to) > 1<<30 { // places compare only within half of the space
		h.edited = to.Sub(1 << 29)
	}
	if !h.ackSeen && h.first.Size(to) > 1<<30 { // otherwise it follows what is acknowledged
		h.first = to.Sub(1 << 29)
	}
	if !k.ok {
		h.kept.clear(c.pool)
		h.kept.from = h.m.toOutEnd(to)
	}
	return k.ok
}

// raw returns the received bytes [from, to), which lie in view.
func (h *half) raw(from, to seqnum.Value) []byte { return h.view[h.from.Size(from):h.from.Size(to)] }

// commitEdits makes the edits before to, and returns where it came to.
func (c *Conn) commitEdits(h *half, w *work, k *keeper, to seqnum.Value) seqnum.Value {
	at, n, used := h.decided, 0, 0
	for ; n < len(w.edits); n++ {
		e := &w.edits[n]
		end := e.in.Add(e.n)
		if to.Less(end) || e.n == 0 && e.in == to && to != h.next {
			break
		}
		k.put(h.raw(at, e.in))
		k.put(w.bytes[used : used+e.size])
		used += e.size
		if int(e.n) != e.size {
			if h.m.identity() {
				h.offered = h.edge
			}
			h.m.add(c.pool, e.in, e.n, seqnum.Size(e.size))
			c.pool.Stats.Resized++
		} else if c.mode.Journal {
			h.noteMask(c.pool, e)
		}
		c.unsaved = true
		at, h.edited = end, end
	}
	w.edits = w.edits[:copy(w.edits, w.edits[n:])]
	w.bytes = w.bytes[:copy(w.bytes, w.bytes[used:])]
	return at
}

// A keeper appends to a released copy as long as there is memory.
type keeper struct {
	pool *Pool
	kept *kept
	ok   bool
	idle bool // nothing will be answered from it
}

func (k *keeper) put(b []byte) {
	if k.ok && len(b) > 0 && !k.idle {
		k.ok = int(k.kept.size)+len(b) <= k.pool.limits.Flight && k.kept.append(k.pool, b)
	}
}
