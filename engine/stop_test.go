package engine

import (
	"bytes"
	"testing"
	"time"

	"github.com/weir-project/weir/inspect"
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

// A stopping inspector holds what may become a word, stops who says it, and counts what becomes of packets.
type verdictCounter struct{ accepted, dropped int }

func (c *verdictCounter) Name() string { return "dlp" }

func (c *verdictCounter) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	if bytes.Contains(b, []byte("needle")) {
		return inspect.Reject(inspect.ScopeFlow, "stopped")
	}
	cx.Hold(min(len(b), 5))
	return inspect.Decision{}
}

func (c *verdictCounter) InspectOutcome(_ *inspect.Context, _ *packet.Packet, d inspect.Decision) inspect.Decision {
	if d.Verdict.Final() {
		c.dropped++
	} else {
		c.accepted++
	}
	return inspect.Decision{}
}

// TestPanicAtWhatIsDropped: all is answered, the session is over, and the panic is told.
func TestPanicAtWhatIsDropped(t *testing.T) {
	b := newBench(t, Config{}, &panickingCounter{})
	k := newDialogue()
	for _, s := range []string{"a", "nee", "dl", "e"} {
		k.say(true, s)
	}
	b.push(k.in...)
	b.run() // wants each packet answered
	if s := b.lane.Snapshot(); s.Panics == 0 || len(b.lane.sessions.free) != len(b.lane.sessions.list) {
		t.Errorf("%d panics, %d of %d sessions are over", s.Panics, len(b.lane.sessions.free), len(b.lane.sessions.list))
	}
}

type panickingCounter struct{ verdictCounter }

func (c *panickingCounter) InspectOutcome(_ *inspect.Context, _ *packet.Packet, d inspect.Decision) inspect.Decision {
	if d.Verdict.Final() {
		panic("at the end")
	}
	return inspect.Decision{}
}

// TestWhatWaitedIsCounted when it is dropped, with the flow that it is of.
func TestWhatWaitedIsCounted(t *testing.T) {
	in := &verdictCounter{}
	b := newBench(t, Config{}, in)
	k := newDialogue()
	for _, s := range []string{"a", "nee", "dl", "e"} {
		k.say(true, s)
	}
	b.push(k.in...)
	b.run()
	if in.accepted != 4 || in.dropped != 3 {
		t.Errorf("%d accepted, %d dropped of %d packets; want those of the handshake and the first one, and the others", in.accepted, in.dropped, len(k.in))
	}
}
