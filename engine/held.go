package engine

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
)

// This file is step 8: packets whose time has not come wait here, as copies, while the socket's
// memory goes on. The kernel still holds the originals; each is answered exactly once, at its
// deadline, when its flow ends, or at the end of the run.

const (
	timerHeld    = 3 // wheel.Timer.Kind, beside flow.TimerKind and defrag.TimerKind
	timerInspect = 4
	timerStream  = 5
)

// A heldPacket is one packet that waits.
type heldPacket struct {
	timer  wheel.Timer
	packet packet.Packet
	buf    []byte
	flow   *flow.Flow
	until  time.Duration
	serial uint64 // of all that ever waited
	next   uint32 // the flow's next held packet, as index plus one

	// Of segments that wait for their stream. A ghost has passed, and is only to be read.
	decision inspect.Decision
	ghost    bool
}

// heldBookkeeping is what a waiting packet costs beside its bytes, about.
const heldBookkeeping = 512

func (hp *heldPacket) cost() int { return len(hp.buf) + heldBookkeeping }

// heldPool is the packets that wait, bounded in bytes. Buffers come in powers of two. What a batch
// releases stays in memory until it is answered and counts no more: so the limit gives the same
// results whatever the size of batches.
type heldPool struct {
	limit, bytes int // of packets that wait
	spare        int // bytes of the buffers that wait for packets
	serial       uint64
	list         []*heldPacket
	free         []uint32
	buffers      [17][][]byte // by log2 of their size
	released     []uint32     // in Lane.done; their memory is free after the flush
}

func (h *heldPool) init(limit int) { h.limit = limit }

// waiting returns how many packets wait for their time.
func (h *heldPool) waiting() int { return len(h.list) - len(h.free) - len(h.released) }

// take returns a place with a buffer of n bytes; nil if the limit would be passed.
func (h *heldPool) take(n int) (*heldPacket, uint32) {
	class := bits.Len(uint(max(n, 64) - 1))
	if class >= len(h.buffers) || h.bytes+1<<class+heldBookkeeping > h.limit {
		return nil, 0
	}
	if len(h.free) == 0 {
		h.list = append(h.list, new(heldPacket))
		h.free = append(h.free, uint32(len(h.list)-1))
	}
	i := h.free[len(h.free)-1]
	h.free = h.free[:len(h.free)-1]
	hp := h.list[i]
	hp.buf = h.buffer(class)
	h.bytes += hp.cost()
	h.serial++
	hp.serial = h.serial
	return hp, i
}

// buffer returns one of 1<<class bytes. Spare ones of other sizes go when they would pass the
// limit.
func (h *heldPool) buffer(class int) []byte {
	if k := len(h.buffers[class]); k > 0 {
		buf := h.buffers[class][k-1]
		h.buffers[class] = h.buffers[class][:k-1]
		h.spare -= len(buf)
		return buf
	}
	if h.bytes+h.spare+1<<class > h.limit {
		clear(h.buffers[:])
		h.spare = 0
	}
	return make([]byte, 1<<class)
}

// putBack returns a place that was taken and is not needed.
func (h *heldPool) putBack(i uint32) {
	h.bytes -= h.list[i].cost()
	h.released = append(h.released, i)
}

// reuse takes back the memory of packets that have been answered.
func (h *heldPool) reuse() {
	for _, i := range h.released {
		hp := h.list[i]
		if h.bytes+h.spare+len(hp.buf) <= h.limit {
			class := bits.Len(uint(len(hp.buf) - 1))
			h.buffers[class] = append(h.buffers[class], hp.buf)
			h.spare += len(hp.buf)
		}
		hp.buf, hp.flow = nil, nil
		h.free = append(h.free, i)
	}
	h.released = h.released[:0]
}

// release carries out a packet's verdict as far as the lane can: it waits, or it is ready to be
// answered.
func (l *Lane) release(p *packet.Packet) {
	f := l.cx.Flow
	switch {
	case p.Verdict == packet.Delay && l.delay(p, f, l.until):
		return
	case p.Verdict == packet.Accept && f != nil && f.HeldLast != 0 && l.delay(p, f, 0):
		return // it would overtake the packets of its flow that wait
	case p.Verdict == packet.Reject:
		l.answer(p, f, l.cx.Dir)
	}
	l.ready(p)
}

// ready counts what becomes of p, and has it answered with the next flush.
func (l *Lane) ready(p *packet.Packet) {
	if p.Verdict.Final() {
		l.counters.drop(p.Reason)
	} else {
		l.counters.Accepted++
	}
	l.done = append(l.done, p)
}

// delay has p wait until the given time, or as long as the packets of its flow before it. If there
// is no room it gives p the outcome of limits and reports false.
func (l *Lane) delay(p *packet.Packet, f *flow.Flow, until time.Duration) bool {
	p.Verdict = packet.Accept
	hp, i := l.held.take(len(p.Bytes()))
	if hp == nil {
		if d := l.anomaly(inspect.LayerFlow, "held-bytes-exhausted", l.outcomes.Limit); d.Verdict.Final() {
			p.Verdict, p.Reason = d.Verdict, d.Reason
		}
		return false
	}
	hp.packet.CopyFrom(p, hp.buf)
	hp.flow, hp.next, hp.ghost = f, 0, false
	if f != nil {
		if f.HeldLast != 0 {
			last := l.held.list[f.HeldLast-1]
			last.next = i + 1
			until = max(until, last.until)
		} else {
			f.HeldFirst = i + 1
		}
		f.HeldLast = i + 1
	}
	hp.until = until
	hp.timer = wheel.Timer{Kind: timerHeld, Index: i}
	l.wheel.Schedule(&hp.timer, until)
	l.counters.Delayed++
	return true
}

// releaseHeld makes a waiting packet ready to be answered.
func (l *Lane) releaseHeld(i uint32) {
	hp := l.held.list[i]
	l.wheel.Cancel(&hp.timer)
	if f := hp.flow; f != nil {
		// Deadlines within a flow do not decrease: the one whose time comes is the first.
		f.HeldFirst = hp.next
		if hp.next == 0 {
			f.HeldLast = 0
		}
	}
	if l.clock == nil { // a capture's time goes in steps: the wheel's tick lies in the last one
		due := (hp.until + wheel.Tick - 1).Truncate(wheel.Tick)
		hp.packet.Meta.Captured = max(hp.packet.Meta.Captured, min(l.now, due))
	}
	l.held.bytes -= hp.cost()
	l.held.released = append(l.held.released, i)
	l.ready(&hp.packet)
}

func (l *Lane) releaseFlow(f *flow.Flow) {
	for f.HeldFirst != 0 {
		l.releaseHeld(f.HeldFirst - 1)
	}
}

// releaseAll releases whatever waits, in the order of deadlines.
func (l *Lane) releaseAll() {
	var waiting []uint32
	for i, hp := range l.held.list {
		if hp.timer.Scheduled() {
			waiting = append(waiting, uint32(i))
		}
	}
	slices.SortFunc(waiting, func(i, j uint32) int {
		a, b := l.held.list[i], l.held.list[j]
		return cmp.Or(cmp.Compare(a.until, b.until), cmp.Compare(a.serial, b.serial))
	})
	for _, i := range waiting {
		l.releaseHeld(i)
	}
}

// fire sees to a timer whose time has come.
func (l *Lane) fire(t *wheel.Timer) {
	switch t.Kind {
	case flow.TimerKind:
		l.flows.Expire(t, l.now)
	case timerHeld:
		l.releaseHeld(t.Index)
	case timerInspect:
		l.timerDue(t.Index)
	case timerStream:
		l.streamDue(t.Index)
	default:
		l.frags.Expire(t)
	}
}
