package wheel

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAgainstSortedList holds the wheel against the obvious twin: a map of deadlines.
func TestAgainstSortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "start")) * time.Microsecond
		w, now := New(start), start
		timers := make([]Timer, 40)
		due := map[uint32]uint64{}
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
				due[uint32(i)] = max(ticks, uint64(now/Tick)+1)
			case 2:
				w.Cancel(&timers[i])
				delete(due, uint32(i))
			case 3:
				magnitude := rapid.IntRange(0, 40).Draw(t, "magnitude")
				now += time.Duration(rapid.Int64Range(0, 1<<magnitude).Draw(t, "d")) * time.Microsecond
				var last uint64
				w.Advance(now, func(tm *Timer) {
					at, ok := due[tm.Index]
					if !ok || at > uint64(now/Tick) || at < last {
						t.Fatalf("timer %d fired: known %v, due %d, now %d, after %d", tm.Index, ok, at, now/Tick, last)
					}
					last = at
					delete(due, tm.Index)
				})
			}
			if w.Len() != len(due) {
				t.Fatalf("wheel holds %d timers, the list %d", w.Len(), len(due))
			}
			next, any := w.Next()
			for i, at := range due {
				if at <= uint64(now/Tick) {
					t.Fatalf("timer %d was due at %d and did not fire by %d", i, at, now/Tick)
				}
				if !any || uint64(next/Tick) > at {
					t.Fatalf("Next says %v, but timer %d is due at %d", next, i, at)
				}
			}
		}
	})
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
