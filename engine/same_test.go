package engine_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/packet"
)

// TestSameResultsWhateverTheBatch replays mixed traffic: bytes, order, answers and events are the
// same for all sizes of batches and seeds of the hash.
func TestSameResultsWhateverTheBatch(t *testing.T) {
	p := load(t, "prevent", everything)
	var in []step
	var s secrets
	for round := range 3 {
		list, _ := play(scenes(t))
		in = append(append(in, list...), s.traffic(t)...)
		for n := range 30 {
			for _, port := range []int{5060, 5070, 5080} {
				in = append(in, steps(pair(200+n%7, port).udp(strings.Repeat(fmt.Sprint(round), 500)))...)
			}
		}
	}
	for _, m := range malformations() {
		in = append(in, m.in...)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	rng.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
	replay := func(batch int, seed uint64) *result {
		c := config(t, p, panicky{})
		c.Batch, c.Seed = batch, seed
		r := runLoosely(t, c, in)
		r.counts.Socket = divert.Stats{} // its batches
		return r
	}
	want := replay(64, 1)
	if len(want.events) < 200 || len(want.injected) < 10 || want.counts.Delayed < 10 {
		t.Fatalf("%d events, %d answers, %d delayed: nothing to compare", len(want.events), len(want.injected), want.counts.Delayed)
	}
	for _, batch := range []int{1, 7, 64, 1000} {
		for seed := range uint64(2) {
			if got := replay(batch, seed); !reflect.DeepEqual(got, want) {
				t.Errorf("batches of %d, seed %d: other results than with batches of 64", batch, seed)
			}
		}
	}
}

// endless gives the same packets for ever, as live traffic.
type endless struct {
	divert.Socket // nil: nothing else is called
	datagrams     [][]byte
	bufs          [64][1 << 16]byte
	next          int
}

func (s *endless) Recv(ps []*packet.Packet, _ time.Duration) (int, error) {
	for i, p := range ps {
		d := s.datagrams[s.next%len(s.datagrams)]
		s.next++
		p.Set(s.bufs[i][:copy(s.bufs[i][:], d)])
	}
	return len(ps), nil
}

func (s *endless) Finish(ps []*packet.Packet) error {
	for _, p := range ps {
		if p.Changed() {
			p.Repair()
		}
	}
	return nil
}

func (s *endless) Inject(*packet.Packet, divert.Injection) error { return nil }
func (s *endless) Stats() divert.Stats                           { return divert.Stats{} }
func (s *endless) Caps() divert.Caps                             { return divert.Caps{} }

// nowhere takes events as a ring would, encoding them.
type nowhere struct{ buf []byte }

func (n *nowhere) Put(e *event.Event) bool {
	n.buf = event.Append(n.buf[:0], e)
	return true
}

// turning returns a lane on which every Turn takes a batch of the datagrams.
func turning(t testing.TB, mode string, batch int, datagrams ...[]byte) *engine.Lane {
	c := config(t, load(t, mode, everything))
	now := time.Duration(0)
	c.Socket, c.Events, c.Batch = &endless{datagrams: datagrams}, &nowhere{make([]byte, 0, event.MaxBytes)}, batch
	c.Clock = func() (time.Duration, time.Time) { now += time.Microsecond; return now, time.Time{} }
	return engine.New(c)
}

// TestAllSixAllocateNothing takes the scenes round and round: the clean ones, and then those that
// alert, mask and reject. Fragments may allocate, and are left out.
func TestAllSixAllocateNothing(t *testing.T) {
	for _, mode := range []string{"prevent", "monitor"} {
		for _, clean := range []bool{true, false} {
			var datagrams [][]byte
			for _, s := range scenes(t) {
				if strings.HasPrefix(s.name, "clean") == clean && !strings.Contains(s.name, "pieces") {
					datagrams = append(datagrams, s.in...)
				}
			}
			lane := turning(t, mode, 64, datagrams...)
			for range 100 {
				lane.Turn()
			}
			if n := testing.AllocsPerRun(200, lane.Turn); n != 0 {
				t.Errorf("%s, clean %v: %v allocations for a batch of 64", mode, clean, n)
			}
		}
	}
}
