package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
)

// TestLaneSleepsThroughFlowExpiry has a lane with flows that expire soon sleep until its next
// look-up, and one with a packet that waits only until that packet's time.
func TestLaneSleepsThroughFlowExpiry(t *testing.T) {
	for _, c := range []struct {
		decision inspect.Decision
		want     time.Duration
	}{
		{inspect.Decision{}, idle},
		{inspect.DelayUntil(20*time.Millisecond, "shaped"), 20 * time.Millisecond},
	} {
		var many [][]byte
		for i := range 64 {
			many = append(many, craft.UDP(fmt.Sprintf("192.0.2.%d:1000", i+1), server4, []byte("x")))
		}
		l, _ := loopLane(t, many, always("qos", c.decision))
		l.nextIdle = l.now + idle
		l.turn()
		got := l.wait() + l.now
		if l.flows.Stats().Live != 64 || got > c.want+2*time.Millisecond || got < c.want-2*time.Millisecond {
			t.Errorf("%v: would sleep until %v with %d flows, want %v", c.decision.Verdict, got, l.flows.Stats().Live, c.want)
		}
	}
}
