package engine

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// TestWaitingIsTheSameInAllBatches has packets of many flows and sizes wait, with little room, some
// longer than the capture lasts: what finds room, and the order in which all leave, must not depend
// on how many packets a batch has.
func TestWaitingIsTheSameInAllBatches(t *testing.T) {
	replay := func(batch int) []divert.Finished {
		rng := rand.New(rand.NewPCG(3, 4))
		b := newBench(t, Config{
			Batch: batch, Limits: Limits{HeldBytes: 20000}, Program: Program{Outcomes: Outcomes{Limit: packet.Drop}},
		}, packetFunc{"qos", func(cx *inspect.Context, p *packet.Packet) inspect.Decision {
			if wait := time.Duration(p.Payload()[0]); wait > 50 {
				return inspect.DelayUntil(cx.Now+wait*time.Millisecond/4, "shaped")
			}
			return inspect.Decision{}
		}})
		for range 2000 {
			payload := make([]byte, 1+rng.IntN(1400))
			payload[0] = byte(rng.IntN(256))
			b.push(craft.UDP(fmt.Sprintf("192.0.2.%d:1000", 1+rng.IntN(40)), server4, payload))
		}
		return b.run()
	}
	want := replay(64)
	n := 0
	for _, f := range want {
		if f.Verdict.Final() {
			n++
		}
	}
	if n < 100 || n > 1900 {
		t.Fatalf("%d of 2000 dropped: the limit does not matter", n)
	}
	for _, batch := range []int{1, 3, 500} {
		if got := replay(batch); !reflect.DeepEqual(got, want) {
			t.Errorf("batches of %d give other results than those of 64", batch)
		}
	}
}

// TestSpareBuffersAreBounded has packets of each size wait in turn, as many as there is room for.
func TestSpareBuffersAreBounded(t *testing.T) {
	const limit = 1 << 18
	b := newBench(t, Config{Limits: Limits{HeldBytes: limit}}, packetFunc{"qos", func(cx *inspect.Context, p *packet.Packet) inspect.Decision {
		return inspect.DelayUntil(cx.Now+time.Second, "shaped")
	}})
	for size := 32; size < 40000; size *= 2 {
		for i := range limit / size {
			b.pushAt(b.at, craft.UDP(fmt.Sprintf("192.0.2.%d:%d", i%250+1, i), server4, make([]byte, size)))
		}
		b.at += time.Minute
	}
	b.run()
	kept := 0
	for _, buffers := range b.lane.held.buffers {
		for _, buf := range buffers {
			kept += len(buf)
		}
	}
	if kept > limit || kept != b.lane.held.spare {
		t.Errorf("%d bytes kept, %d counted, the limit is %d", kept, b.lane.held.spare, limit)
	}
}

// TestEndReleasesByDeadline ends a run while two flows wait: the one that is due first goes first.
func TestEndReleasesByDeadline(t *testing.T) {
	b := newBench(t, Config{}, packetFunc{"qos", func(cx *inspect.Context, p *packet.Packet) inspect.Decision {
		return inspect.DelayUntil(cx.Now+time.Duration(p.Payload()[0])*time.Minute, "shaped")
	}})
	b.push(craft.UDP(client4, server4, []byte{2}), craft.UDP(client6, server6, []byte{1}))
	if out := b.run(); out[0].Token.ID != 2 || out[1].Token.ID != 1 {
		t.Errorf("packets %d and %d, want 2 and 1", out[0].Token.ID, out[1].Token.ID)
	}
}
