package seqnum

import (
	"testing"

	"pgregory.net/rapid"
)

func TestCompareAcrossTheWrap(t *testing.T) {
	for _, c := range []struct {
		v, w Value
		less bool
	}{
		{0, 1, true},
		{1, 0, false},
		{5, 5, false},
		{0xffffffff, 0, true},
		{0, 0xffffffff, false},
		{0xfffffff0, 0x10, true},
		{0x7fffffff, 0xfffffffe, true}, // 2^31-1 apart: still the shorter way
	} {
		if c.v.Less(c.w) != c.less {
			t.Errorf("%#x before %#x: %v", c.v, c.w, !c.less)
		}
		if want := c.less || c.v == c.w; c.v.LessEq(c.w) != want {
			t.Errorf("%#x before or at %#x: %v", c.v, c.w, !want)
		}
	}
}

func TestOrderIsKeptByShifting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := Value(rapid.Uint32().Draw(t, "v"))
		n := Size(rapid.Uint32Range(1, 1<<31-1).Draw(t, "n"))
		w := v.Add(n)
		if !v.Less(w) || w.Less(v) || v.Size(w) != n || w.Sub(n) != v {
			t.Fatalf("%#x + %#x = %#x: order or distance lost", v, n, w)
		}
		if v.Max(w) != w || w.Max(v) != w || v.Min(w) != v || w.Min(v) != v {
			t.Fatalf("%#x, %#x: wrong Max or Min", v, w)
		}
	})
}

func TestRangesAgainstCounting(t *testing.T) {
	// Small ranges around the wrap, so that counting every member is the twin.
	rapid.Check(t, func(t *rapid.T) {
		near := rapid.Custom(func(t *rapid.T) Value {
			return Value(0).Add(Size(rapid.Uint32Range(0, 40).Draw(t, "n"))).Sub(20)
		})
		first, at, other := near.Draw(t, "first"), near.Draw(t, "at"), near.Draw(t, "other")
		size := Size(rapid.Uint32Range(0, 30).Draw(t, "size"))
		osize := Size(rapid.Uint32Range(0, 30).Draw(t, "osize"))

		members := map[Value]bool{}
		for i := range size {
			members[first.Add(i)] = true
		}
		if at.InWindow(first, size) != members[at] || at.InRange(first, first.Add(size)) != members[at] {
			t.Fatalf("%#x in %#x+%d: want %v", at, first, size, members[at])
		}
		shared := false
		for i := range osize {
			shared = shared || members[other.Add(i)]
		}
		if Overlap(first, size, other, osize) != shared {
			t.Fatalf("%#x+%d and %#x+%d: want %v", first, size, other, osize, shared)
		}
	})
}

func TestAcceptableFourCases(t *testing.T) {
	for _, c := range []struct {
		name   string
		seq    Value
		length Size
		wnd    Size
		want   bool
	}{
		{"empty, no window, expected", 100, 0, 0, true},
		{"empty, no window, other", 101, 0, 0, false},
		{"empty, first of window", 100, 0, 10, true},
		{"empty, last of window", 109, 0, 10, true},
		{"empty, behind window", 110, 0, 10, false},
		{"data, no window", 100, 1, 0, false},
		{"data, left part old", 95, 6, 10, true},
		{"data, all old", 95, 5, 10, false},
		{"data, right part beyond", 109, 5, 10, true},
		{"data, all beyond", 110, 5, 10, false},
	} {
		if got := Acceptable(c.seq, c.length, 100, c.wnd); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
