package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/defrag"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// TestPanicOnFragmentsAnswersAllPieces has a reassembled datagram cause a panic: each of its pieces
// waits in the kernel and must be answered.
func TestPanicOnFragmentsAnswersAllPieces(t *testing.T) {
	b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Error: packet.Drop}}},
		streamFunc{"ids", func(_ *inspect.Context, p []byte) inspect.Decision {
			if bytes.Contains(p, []byte("!")) {
				panic("boom")
			}
			return inspect.Decision{}
		}})
	pieces := craft.Fragments(craft.UDP(client4, server4, bytes.Repeat([]byte("!"), 100)), 1, 32)
	b.push(pieces...)
	b.push(craft.UDP(client6, server6, []byte("fine")))
	if got := verdicts(b.run()); got != "drop drop drop drop accept" {
		t.Errorf("verdicts %s", got)
	}
}

// careless panics wherever no packet waits for it.
type careless struct{ timers int }

func (c *careless) Name() string { return "careless" }

func (c *careless) InspectPacket(cx *inspect.Context, _ *packet.Packet) inspect.Decision {
	cx.After(time.Second, 7)
	return inspect.Decision{}
}
func (c *careless) FlowStart(*inspect.Context) inspect.Decision { return inspect.Decision{} }
func (c *careless) FlowEnd(*inspect.Context, flow.End)          { panic("flow end") }
func (c *careless) InspectIdle(*inspect.Context, bool)          { panic("idle") }
func (c *careless) InspectTimer(_ *inspect.Context, arg uint64) inspect.Decision {
	c.timers++
	panic(fmt.Sprint("timer ", arg))
}

func TestPanicsOutsidePacketsAreContained(t *testing.T) {
	c := &careless{}
	b := newBench(t, Config{}, c)
	b.push(craft.UDP(client4, server4, []byte("a")))
	b.pushAt(10*time.Minute, craft.UDP(client6, server6, []byte("b")))
	if got := verdicts(b.run()); got != "accept accept" {
		t.Errorf("verdicts %s", got)
	}
	s := b.lane.Snapshot()
	// A timer, a flow's end and an idle call between the packets; at the end the other flow and the
	// last idle call.
	if c.timers != 1 || s.Panics != 5 || s.Flows.Live != 0 || s.Flows.Ended[flow.EndTimeout] != 1 || s.Flows.Ended[flow.EndShutdown] != 1 {
		t.Errorf("%d timers, %d panics, flows %+v", c.timers, s.Panics, s.Flows)
	}
	for _, e := range b.events.Take() {
		if e.Name == "panic" && !strings.Contains(e.Pairs()[0].Text, "careless") {
			t.Errorf("the event names %q", e.Pairs()[0].Text)
		}
	}
}

// ticker counts idle calls.
type ticker struct{ calls, last int }

func (c *ticker) Name() string { return "ticker" }
func (c *ticker) InspectIdle(_ *inspect.Context, last bool) {
	c.calls++
	if last {
		c.last++
	}
}

// TestIdleFollowsTheCapture calls reporting inspectors once per second in which packets come,
// however the capture is cut into batches.
func TestIdleFollowsTheCapture(t *testing.T) {
	for _, batch := range []int{1, 64} {
		c := &ticker{}
		b := newBench(t, Config{Batch: batch}, c)
		b.at = 1e9 * time.Second // captures begin at some date
		for range 50 {
			b.pushAt(b.at+100*time.Millisecond, craft.UDP(client4, server4, []byte("x")))
		}
		b.run()
		if c.calls != 5 || c.last != 1 {
			t.Errorf("batch %d: %d calls, %d of them last; 4.9 s have 4 seconds and an end", batch, c.calls, c.last)
		}
	}
}

// TestAFloodOfAnomaliesIsMuted tells ten a second, and counts all.
func TestAFloodOfAnomaliesIsMuted(t *testing.T) {
	b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Malformed: packet.Drop}}})
	bad := craft.UDP(client4, server4, []byte("x"))
	bad[len(bad)-1] ^= 1
	for range 100 {
		b.push(bad)
	}
	b.pushAt(b.at+time.Second, bad)
	b.run()
	s := b.lane.Snapshot()
	if told := b.told(event.KindAnomaly); len(told) != 11 || s.EventsMuted != 90 || s.Anomalies["bad-checksum"] != 101 {
		t.Errorf("%d told, %d muted, %d counted", len(told), s.EventsMuted, s.Anomalies["bad-checksum"])
	}
}

// clumsy panics whenever it is told of an anomaly, and has all that it sees wait.
type clumsy struct{}

func (clumsy) Name() string { return "ids" }
func (clumsy) InspectAnomaly(*inspect.Context, inspect.Anomaly) inspect.Decision {
	panic("anomaly")
}

func (clumsy) InspectPacket(cx *inspect.Context, _ *packet.Packet) inspect.Decision {
	return inspect.DelayUntil(cx.Now+time.Second, "shaped")
}

// TestPanicOverAnomaliesAnswersAllPieces has an inspector panic over fragments that time out, give
// way or find no room to wait: nobody's way leads past them, and the kernel still has them.
func TestPanicOverAnomaliesAnswersAllPieces(t *testing.T) {
	pieces := craft.Fragments(craft.UDP(client4, server4, make([]byte, 100)), 1, 32)
	other := craft.Fragments(craft.UDP(client6, server6, make([]byte, 3000)), 2, 1000)
	for name, c := range map[string]struct {
		limits Limits
		push   func(*bench)
	}{
		"timeout": {Limits{}, func(b *bench) {
			b.push(pieces[:2]...)
			b.pushAt(time.Minute, pieces[3])
		}},
		"eviction": {Limits{Fragments: defrag.Limits{Bytes: 3000}}, func(b *bench) {
			b.push(pieces[:2]...)
			b.push(other[:2]...)
		}},
		"no room to wait": {Limits{HeldBytes: 2000}, func(b *bench) { b.push(other...) }},
	} {
		for _, outcome := range []packet.Verdict{packet.Drop, packet.Accept} {
			b := newBench(t, Config{Limits: c.limits, Program: Program{Outcomes: Outcomes{Error: outcome}}}, clumsy{})
			c.push(b)
			n := strings.Count(verdicts(b.run()), outcome.String())
			if s := b.lane.Snapshot(); s.Panics == 0 || n < 2 {
				t.Errorf("%s: %d panics, %d times %v", name, s.Panics, n, outcome)
			}
		}
	}
}

// TestPanicBetweenLivePackets has the wheel turn outside any packet's way, as it does for live
// traffic.
func TestPanicBetweenLivePackets(t *testing.T) {
	b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Error: packet.Drop}}}, clumsy{})
	b.push(craft.Fragments(craft.UDP(client4, server4, make([]byte, 100)), 1, 32)[0])
	b.step()
	b.lane.now = time.Minute
	b.lane.advance()
	b.lane.flush()
	if got := verdicts(b.fake.Out()); got != "drop" {
		t.Errorf("verdicts %q", got)
	}
}

// A lateFailer has all bytes of TCP that it is shown wait, and panics when they may wait no longer.
type lateFailer struct{ late int }

func (*lateFailer) Name() string { return "dlp" }

func (f *lateFailer) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	if cx.Flow.Key.Proto == packet.TCP && !cx.Hold(len(b)) {
		f.late++
		panic("late")
	}
	return inspect.Decision{}
}

// failsLate is a bench on which an inspector has what a server says wait, and fails when it may wait no longer: time is up, or the flow is over.
func failsLate(t *testing.T, outcome packet.Verdict, over bool) (*bench, *lateFailer, string) {
	t.Helper()
	in := &lateFailer{}
	b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Error: outcome}}}, in, replace("urls", "secret", "XXXXXX"))
	k := newDialogue()
	k.say(true, "held")
	b.push(k.in...)
	b.step()
	out := b.fake.Out()
	if !over {
		b.lane.now = b.at + time.Second
		b.lane.advance()
		b.lane.flush()
		return b, in, b.toClient(append(out, b.fake.Out()...))
	}
	return b, in, b.toClient(append(out, b.run()...))
}

// TestPanicInTheLastLook: what was held of a flow on which Weir failed leaves if outcomes.error says so.
func TestPanicInTheLastLook(t *testing.T) {
	for _, over := range []bool{false, true} {
		for outcome, want := range map[packet.Verdict]string{packet.Drop: "", packet.Accept: "held"} {
			b, in, got := failsLate(t, outcome, over)
			if got != want || in.late != 1 || b.lane.Snapshot().Panics != 1 {
				t.Errorf("%v, over %v: %q leaves, looked late %d times", outcome, over, got, in.late)
			}
		}
	}
}

// TestPanicInTheLastLookOfAnother has nothing to do with a datagram that comes then, which is edited.
func TestPanicInTheLastLookOfAnother(t *testing.T) {
	b, _, _ := failsLate(t, packet.Drop, false)
	b.push(craft.UDP("192.0.2.99:4000", server4, []byte("a secret")))
	out := b.run()
	if got := out[len(out)-1].Bytes; !bytes.HasSuffix(got, []byte("a XXXXXX")) {
		t.Errorf("it leaves as %q", got)
	}
}

// TestPanicInTheLastLookOfARecording: the acknowledgement by which what was held can wait no longer is answered as its flow is.
func TestPanicInTheLastLookOfARecording(t *testing.T) {
	for _, outcome := range []packet.Verdict{packet.Drop, packet.Accept} {
		b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Error: outcome}}}, &lateFailer{})
		b.lane.recorded = true
		k := newDialogue()
		k.say(true, "held")
		k.say(false, "and acknowledged")
		b.push(k.in...)
		out := b.run()
		if last := out[len(out)-1].Verdict; last != outcome || b.lane.Snapshot().Panics != 1 {
			t.Errorf("%v: %v", outcome, verdicts(out))
		}
	}
}
