package http1

import (
	"math/rand/v2"
	"testing"
)

// TestQueue: requests come out as they went in, whatever their kinds and however many wait, and room comes back.
func TestQueue(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		var q queue
		var want []asked
		kind := asked(0)
		most := []int{1, 20, 300, 5000}[seed%4]
		for range 20_000 {
			if r.IntN(1+most/8) == 0 {
				kind = asked(r.IntN(16))
			}
			if len(want) < most && r.IntN(2+len(want)/most) != 0 {
				if q.push(kind) {
					want = append(want, kind)
				} else if q.n != maxWaiting {
					t.Fatalf("seed %d: no room with %d digits", seed, q.n)
				}
			} else {
				q.pop()
				if len(want) > 0 {
					want = want[1:]
				}
			}
			if len(want) > 0 && q.first() != want[0] || (len(want) == 0) != (q.n == 0) {
				t.Fatalf("seed %d: first is %d, wants %v", seed, q.first(), want[:min(len(want), 1)])
			}
		}
	}
}

// TestQueueHolds: 32 changes of kind, and of one kind more than anybody waits for.
func TestQueueHolds(t *testing.T) {
	var q queue
	for i := range 32 {
		if !q.push(asked(i % 2)) {
			t.Fatalf("no room for change %d", i)
		}
	}
	if q.push(0) {
		t.Error("room for a 33rd change")
	}
	q = queue{}
	for i := range 1 << 20 {
		if !q.push(askedHead) {
			t.Fatalf("no room for request %d of one kind", i)
		}
	}
	for range 1 << 20 {
		if q.first() != askedHead {
			t.Fatal("one is missing")
		}
		q.pop()
	}
	if q.n != 0 {
		t.Error("one is left")
	}
}
