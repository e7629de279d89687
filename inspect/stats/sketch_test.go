package stats

import (
	"testing"

	"pgregory.net/rapid"
)

func keyOf(n int) (k key) {
	k[0], k[15] = byte(n>>8), byte(n)
	return k
}

// TestSketchKeepsItsPromise compares with exact counts: no count is too low, none too high by more than its error, no
// error exceeds total/counters, and heap and index agree.
func TestSketchKeepsItsPromise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counters := rapid.IntRange(1, 16).Draw(t, "counters")
		s := newSketch(counters)
		exact, total := map[key]uint64{}, uint64(0)
		for range rapid.IntRange(0, 300).Draw(t, "packets") {
			k := keyOf(rapid.IntRange(0, 40).Draw(t, "key"))
			w := rapid.Uint64Range(1, 1500).Draw(t, "bytes")
			s.add(k, w)
			exact[k] += w
			total += w
		}
		found := map[key]bool{}
		for i := range s.heap[:s.n] {
			c := &s.heap[i]
			found[c.key] = true
			if c.count < exact[c.key] || c.count-c.err > exact[c.key] || c.err > total/uint64(counters) {
				t.Fatalf("%x: count %d, error %d, exactly %d of %d", c.key, c.count, c.err, exact[c.key], total)
			}
			if i > 0 && s.heap[(i-1)/2].count > c.count {
				t.Fatal("not a heap")
			}
			if s.index[c.slot] != int32(i+1) || s.find(c.key) != c.slot {
				t.Fatalf("counter %d is not where the index says", i)
			}
		}
		for k, n := range exact {
			if n > total/uint64(counters) && !found[k] {
				t.Fatalf("%x with %d of %d is not in the sketch", k, n, total)
			}
		}
		used := 0
		for _, at := range s.index {
			if at != 0 {
				used++
			}
		}
		if used != s.n {
			t.Fatalf("%d slots for %d counters", used, s.n)
		}
		top := s.top(make([]counter, 0, 5))
		for i := range top {
			if i > 0 && heavier(&top[i], &top[i-1]) {
				t.Fatal("top is not in order")
			}
		}
		if len(top) != min(5, s.n) {
			t.Fatalf("top has %d of %d", len(top), s.n)
		}
	})
}

func BenchmarkSketch(b *testing.B) {
	s := newSketch(256)
	n := 0
	for b.Loop() {
		s.add(keyOf(n*7919%5000), 1500)
		n++
	}
}
