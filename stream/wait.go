package stream

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// A waiter is a segment that the kernel holds and whose bytes somebody else keeps: it waits for
// a segment before it, or for a decision about what it brought.
type waiter struct {
	seq, end seqnum.Value // received; a FIN counts as a byte
	handle   uint32       // by which the caller knows it
	size     uint32
	read     bool // its bytes were shown
	fin      bool // it ends with a FIN
	told     bool // its sender was told that it is here
}

// top is the end of its bytes.
func (w *waiter) top() seqnum.Value {
	if w.fin {
		return w.end.Sub(1)
	}
	return w.end
}

// Park has a segment wait, under the caller's handle, until Next returns that. read says that its bytes
// were shown. It reports false if there is no room: the packet is best dropped, for its sender will
// send it again.
func (c *Conn) Park(p *packet.Packet, dir flow.Direction, handle uint32, read bool) bool {
	h := &c.half[dir]
	w := h.needWork(c.pool)
	size := len(p.Bytes())
	if len(w.wait) >= c.pool.limits.Segments || w.waiting+size > c.pool.limits.Waiting && len(w.wait) > 0 {
		return false
	}
	s := readSegment(p)
	fin := s.has(packet.FIN)
	if fin {
		s.end = s.end.Add(1)
	}
	at := len(w.wait)
	for at > 0 && s.seq.Less(w.wait[at-1].seq) {
		at--
	}
	w.wait = append(w.wait, waiter{})
	copy(w.wait[at+1:], w.wait[at:])
	w.wait[at] = waiter{seq: s.seq, end: s.end, handle: handle, size: uint32(size), read: read, fin: fin}
	w.waiting += size
	if read {
		c.pool.Stats.Held++
	} else {
		c.pool.Stats.OutOfOrder++
	}
	return true
}

// Next returns a segment whose time has come, and has it wait no longer: one to Resume, or, if read is
// true, one to Depart.
func (c *Conn) Next(dir flow.Direction) (handle uint32, read, ok bool) {
	h := &c.half[dir]
	if h.work == nil || h.unsure {
		return 0, false, false
	}
	for i := range h.work.wait {
		w := &h.work.wait[i]
		if w.read && h.due(w) || !w.read && w.seq.LessEq(h.next) {
			handle, read = w.handle, w.read
			if w.told {
				h.promised(w.seq, w.top())
			}
			h.unwait(i)
			return handle, read, true
		}
		if h.next.Less(w.seq) {
			break
		}
	}
	return 0, false, false
}

// NextRead returns the next segment to Depart, and has it wait no longer.
func (c *Conn) NextRead(dir flow.Direction) (handle uint32, ok bool) {
	h := &c.half[dir]
	if h.work == nil {
		return 0, false
	}
	for i := range h.work.wait {
		if w := &h.work.wait[i]; w.read && h.due(w) {
			handle = w.handle
			h.unwait(i)
			return handle, true
		}
	}
	return 0, false
}

// due reports whether all that a segment brought is decided. A FIN is with the bytes before it.
func (h *half) due(w *waiter) bool {
	return w.end.LessEq(h.decided) || h.decided == h.next && w.end == h.decided.Add(1)
}

func (h *half) unwait(i int) {
	w := h.work
	w.waiting -= int(w.wait[i].size)
	w.wait = append(w.wait[:i], w.wait[i+1:]...)
}

// Take takes one that waits, of whatever kind: the last one first, so that those that came first go on
// waiting longest.
func (c *Conn) Take(dir flow.Direction) (handle uint32, ok bool) {
	h := &c.half[dir]
	if h.work == nil || len(h.work.wait) == 0 {
		return 0, false
	}
	n := len(h.work.wait) - 1
	handle = h.work.wait[n].handle
	h.unwait(n)
	return handle, true
}

// Waiting returns how many segments of a direction wait, and whether bytes wait for a decision.
func (c *Conn) Waiting(dir flow.Direction) (segments int, undecided bool) {
	h := &c.half[dir]
	if h.work != nil {
		segments = len(h.work.wait)
	}
	return segments, h.decided != h.next || h.unsure && segments > 0
}

// Ready reports whether all that the segment brought is decided, so that it can depart.
func (c *Conn) Ready(p *packet.Packet, dir flow.Direction, fresh bool) bool {
	if !fresh || c.mode.Passive {
		return true
	}
	s := readSegment(p)
	return s.end.LessEq(c.half[dir].decided)
}

// First returns the segment that has waited for a decision longest, which goes on waiting.
func (c *Conn) First(dir flow.Direction) (handle uint32, ok bool) {
	h := &c.half[dir]
	if h.work == nil || len(h.work.wait) == 0 || !h.work.wait[0].read {
		return 0, false
	}
	return h.work.wait[0].handle, true
}

// Behind returns a segment that waits for one before it, or for the receiver to say whether there is one, and goes on
// waiting.
func (c *Conn) Behind(dir flow.Direction) (handle uint32, ok bool) {
	h := &c.half[dir]
	if !h.gap() && !(h.unsure && h.work != nil && len(h.work.wait) > 0) {
		return 0, false
	}
	return h.work.wait[len(h.work.wait)-1].handle, true
}

// Unsure reports whether it is for the receiver to say where the direction stands.
func (c *Conn) Unsure(dir flow.Direction) bool { return c.half[dir].unsure }
