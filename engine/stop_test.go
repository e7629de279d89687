package engine

import (
	"testing"
	"time"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// TestStopLeavesNothingWaiting stops a live lane before it has read: whatever waits is answered, in
// several batches, and then Run returns by itself.
func TestStopLeavesNothingWaiting(t *testing.T) {
	b := newBench(t, Config{Batch: 8, Clock: ticking(time.Microsecond)})
	for range 100 {
		b.push(craft.UDP(client4, server4, []byte("hello")))
	}
	b.lane.Stop()
	if err := b.lane.Run(); err != nil {
		t.Fatal(err)
	}
	out := b.fake.Out()
	if len(out) != 100 {
		t.Fatalf("%d packets were answered", len(out))
	}
	for i, f := range out {
		if f.Verdict != packet.Accept {
			t.Errorf("packet %d: %v", i, f.Verdict)
		}
	}
}

// TestStopUnderLoadEnds stops a lane whose socket always has more: it gives up after a while.
func TestStopUnderLoadEnds(t *testing.T) {
	l, _ := loopLane(t, traffic())
	l.clock = ticking(time.Millisecond)
	l.Stop()
	ended := make(chan error)
	go func() { ended <- l.Run() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the lane runs on")
	}
}

// ticking is a clock that goes on by step whenever it is read.
func ticking(step time.Duration) Clock {
	now := time.Duration(0)
	return func() (time.Duration, time.Time) {
		now += step
		return now, time.Time{}
	}
}
