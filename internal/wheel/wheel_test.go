package wheel

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A deadline is what the twin knows of a timer.
type deadline struct{ tick, order uint64 }

func (d deadline) before(e deadline) bool {
	return d.tick < e.tick || d.tick == e.tick && d.order < e.order
}

// TestAgainstSortedList holds the wheel against the obvious twin: a map of deadlines. What fires
// within one tick fires in the order of scheduling.
func TestAgainstSortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "start")) * time.Microsecond
		w, now := New(start), start
		timers := make([]Timer, 40)
		due := map[uint32]deadline{}
		order := uint64(0)
		for i := range timers {
			timers[i].Index = uint32(i)
		}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			i := rapid.IntRange(0, len(timers)-1).Draw(t, "timer")
			switch rapid.IntRange(0, 3).Draw(t, "do") {
			case 0, 1:
				magnitude := rapid.IntRange(0, 40).Draw(t, "magnitude")
				d := time.Duration(rapid.Int64Range(-5, 1<<magnitude).Draw(t, "d")) * time.Microsecond
				w.Schedule(&timers[i], now+d)
				ticks := uint64(0)
				if now+d > 0 {
					ticks = uint64((now + d + Tick - 1) / Tick)
				}
				order++
				due[uint32(i)] = deadline{max(ticks, uint64(now/Tick)+1), order}
			case 2:
				w.Cancel(&timers[i])
				delete(due, uint32(i))
			case 3:
				magnitude := rapid.IntRange(0, 40).Draw(t, "magnitude")
				now += time.Duration(rapid.Int64Range(0, 1<<magnitude).Draw(t, "d")) * time.Microsecond
				var last deadline
				w.Advance(now, func(tm *Timer) {
					at, ok := due[tm.Index]
					if !ok || at.tick > uint64(now/Tick) || at.before(last) {
						t.Fatalf("timer %d fired: known %v, due %v, now %d, after %v",
							tm.Index, ok, at, now/Tick, last)
					}
					last = at
					delete(due, tm.Index)
				})
			}
			if w.Len() != len(due) {
				t.Fatalf("wheel holds %d timers, the list %d", w.Len(), len(due))
			}
			for i := range w.heads {
				level, slot := i>>slotBits, i&slotMask
				marked := w.used[level][slot/64]&(1<<(slot%64)) != 0
				if marked == (w.heads[i].next == &w.heads[i]) {
					t.Fatalf("level %d, slot %d: marked as used %v", level, slot, marked)
				}
			}
			next, any := w.Next()
			for i, at := range due {
				if at.tick <= uint64(now/Tick) {
					t.Fatalf("timer %d was due at %d and did not fire by %d", i, at.tick, now/Tick)
				}
				if !any || uint64(next/Tick) > at.tick {
					t.Fatalf("Next says %v, but timer %d is due at %d", next, i, at.tick)
				}
			}
		}
	})
}

// TestOneTickInOrder has timers reach the same tick from every level, each set nearer to it.
func TestOneTickInOrder(t *testing.T) {
	const at = 1<<24 + 1<<16 + 1<<8 + 7
	w := New(0)
	var timers [64]Timer
	n := uint32(0)
	for _, stop := range []int64{
		0, 1, 255, 256, 65535, 1 << 16, 1<<24 - 1, 1 << 24, 1<<24 + 1<<16 - 1,
		1<<24 + 1<<16, 1<<24 + 1<<16 + 1<<8, at - 1,
	} {
		w.Advance(time.Duration(stop)*Tick, func(*Timer) { t.Fatal("fired early") })
		for range 3 {
			timers[n].Index = n
			w.Schedule(&timers[n], at*Tick)
			n++
		}
	}
	var fired uint32
	w.Advance(at*Tick, func(tm *Timer) {
		if tm.Index != fired {
			t.Errorf("timer %d fired as number %d", tm.Index, fired)
		}
		fired++
	})
	if fired != n {
		t.Errorf("%d timers of %d fired", fired, n)
	}
}

// TestReach cuts deadlines that no wheel can hold, and takes times before the beginning as it.
func TestReach(t *testing.T) {
	for _, start := range []time.Duration{-time.Hour, 0, 1<<24*Tick - Tick, 1<<32*Tick - 1} {
		w := New(start)
		var far, past Timer
		w.Schedule(&far, 1<<63-1)
		w.Schedule(&past, -1<<63)
		from := max(start, 0)
		fired := 0
		w.Advance(from-time.Hour, func(*Timer) { t.Error("fired before the present") })
		w.Advance(from+Tick, func(*Timer) { fired++ })
		if fired != 1 || past.Scheduled() {
			t.Errorf("start %v: %d timers fired for a deadline in the past", start, fired)
		}
		w.Advance(from+(reach-1)*Tick, func(*Timer) { t.Errorf("start %v: fired within reach", start) })
		w.Advance(from+(reach+1)*Tick, func(*Timer) { fired++ })
		if fired != 2 || w.Len() != 0 {
			t.Errorf("start %v: the far deadline did not come at the wheel's reach", start)
		}
	}
}

// TestFireMaySchedule reschedules inside the callback, as flow expiry does.
func TestFireMaySchedule(t *testing.T) {
	w := New(0)
	var tm Timer
	w.Schedule(&tm, time.Second)
	fired := 0
	for now := time.Duration(0); now <= 10*time.Second; now += 300 * time.Millisecond {
		w.Advance(now, func(tm *Timer) {
			fired++
			w.Schedule(tm, now+time.Second)
		})
	}
	if fired != 8 {
		t.Errorf("fired %d times in 10 s at steps of 300 ms, want 8", fired)
	}
}

func TestNoAllocation(t *testing.T) {
	w := New(0)
	timers := make([]Timer, 1000)
	now := time.Duration(0)
	if n := testing.AllocsPerRun(100, func() {
		for i := range timers {
			w.Schedule(&timers[i], now+time.Duration(i)*7*time.Millisecond)
		}
		now += 3 * time.Second
		w.Advance(now, func(*Timer) {})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSchedule(b *testing.B) {
	w := New(0)
	timers := make([]Timer, 65536)
	for i := range b.N {
		w.Schedule(&timers[i&65535], time.Duration(i)*time.Microsecond+time.Minute)
	}
}
