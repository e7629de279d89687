// Package wheel is a hierarchical timing wheel (Varghese & Lauck, SOSP 1987) for the
// one goroutine of a lane: scheduling and cancelling cost O(1) and allocate nothing,
// because the timers lie inside what they time. Time is an argument; the wheel reads no
// clock. Its resolution is Tick, its reach about 49 days; a longer deadline is cut to that.
// Negative times count as 0.
package wheel

import (
	"math/bits"
	"time"
)

// Tick is the resolution of deadlines: a timer fires up to one Tick late, never early.
const Tick = time.Millisecond

const (
	levels    = 4
	slotBits  = 8
	slots     = 1 << slotBits
	slotMask  = slots - 1
	reach     = 1<<(levels*slotBits) - slots // ticks
	neverTick = 1<<64 - 1
)

// A Timer is one deadline. It is embedded in its owner, which Kind and Index let the
// wheel's user find again. The zero Timer is idle; a Timer must not be copied while
// scheduled.
type Timer struct {
	next, prev *Timer
	tick       uint64 // absolute tick of the deadline
	slot       uint16 // level<<slotBits | slot; valid iff next is not nil
	Kind       uint8  // what the owner is
	Index      uint32 // which one
}

// Scheduled reports whether the timer waits for its deadline.
func (t *Timer) Scheduled() bool { return t.next != nil }

// A Wheel holds timers. Make one with New.
type Wheel struct {
	now   uint64 // ticks that have been fired up to, inclusive
	heads [levels * slots]Timer
	used  [levels][slots / 64]uint64 // which slots are not empty
	count int
}

// New returns an empty wheel that stands at now.
func New(now time.Duration) *Wheel {
	w := &Wheel{now: ticks(now)}
	for i := range w.heads {
		h := &w.heads[i]
		h.next, h.prev = h, h
	}
	return w
}

// ticks returns the last tick that has come by now.
func ticks(now time.Duration) uint64 { return uint64(max(now, 0) / Tick) }

// Len returns the number of scheduled timers.
func (w *Wheel) Len() int { return w.count }

// Schedule sets t to fire at the given time, which may lie in the past (then at the next
// Advance), and cancels what it was set to before.
func (w *Wheel) Schedule(t *Timer, at time.Duration) {
	w.Cancel(t)
	tick := ticks(at)
	if at%Tick > 0 {
		tick++
	}
	t.tick = min(max(tick, w.now+1), w.now+reach)
	w.insert(t)
	w.count++
}

// Cancel stops t. An idle timer stays idle.
func (w *Wheel) Cancel(t *Timer) {
	if t.next != nil {
		w.remove(t)
		w.count--
	}
}

// Advance moves the wheel to now and calls fire for each timer whose deadline has come,
// in the order of ticks and, within one tick, of scheduling. fire may schedule and cancel timers;
// a timer is idle when fire is called with it.
func (w *Wheel) Advance(now time.Duration, fire func(*Timer)) {
	target := ticks(now)
	for w.now < target {
		next := w.nextEvent()
		if next > target {
			w.now = target
			return
		}
		w.now = next
		w.cascade()
		head := &w.heads[next&slotMask]
		for head.next != head {
			t := head.next
			w.Cancel(t)
			fire(t)
		}
	}
}

// Next returns a time before which no timer fires, and whether any is scheduled. It
// may be earlier than the first deadline, never later.
func (w *Wheel) Next() (time.Duration, bool) {
	if w.count == 0 {
		return 0, false
	}
	return time.Duration(w.nextEvent()) * Tick, true
}

// insert files t by the distance of its deadline: the level is the highest one at which
// deadline and present differ.
func (w *Wheel) insert(t *Timer) {
	level := 0
	if d := t.tick ^ w.now; d >= slots {
		level = min((bits.Len64(d)-1)/slotBits, levels-1)
	}
	i := int(t.tick>>(level*slotBits)) & slotMask
	t.slot = uint16(level<<slotBits | i)
	head := &w.heads[t.slot]
	t.prev, t.next = head.prev, head
	head.prev.next, head.prev = t, t
	w.used[level][i/64] |= 1 << (i % 64)
}

func (w *Wheel) remove(t *Timer) {
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
	if head := &w.heads[t.slot]; head.next == head {
		level, i := int(t.slot)>>slotBits, int(t.slot)&slotMask
		w.used[level][i/64] &^= 1 << (i % 64)
	}
}

// cascade moves timers down from each level whose slot begins at the present tick.
func (w *Wheel) cascade() {
	for level := 1; level < levels; level++ {
		if w.now&(1<<(level*slotBits)-1) != 0 {
			return
		}
		head := &w.heads[level<<slotBits|int(w.now>>(level*slotBits))&slotMask]
		for head.next != head {
			t := head.next
			w.remove(t)
			w.insert(t)
		}
	}
}

// nextEvent returns the next tick at which a slot must be fired or moved down.
func (w *Wheel) nextEvent() uint64 {
	best := uint64(neverTick)
	for level := range levels {
		shift := level * slotBits
		at := int(w.now>>shift) & slotMask
		if i, ok := w.nextUsed(level, at); ok {
			turn := w.now >> shift &^ slotMask
			if i <= at {
				turn += slots
			}
			best = min(best, (turn+uint64(i))<<shift)
		}
	}
	return best
}

// nextUsed returns the first slot after at, going round, that holds a timer.
func (w *Wheel) nextUsed(level, at int) (int, bool) {
	used := &w.used[level]
	for k := range len(used) + 1 {
		word := (at+1)/64 + k
		set := used[word%len(used)]
		if k == 0 {
			set &= ^uint64(0) << ((at + 1) % 64)
		}
		if k == len(used) {
			set &= 1<<((at+1)%64) - 1
		}
		if set != 0 {
			return word%len(used)*64 + bits.TrailingZeros64(set), true
		}
	}
	return 0, false
}
