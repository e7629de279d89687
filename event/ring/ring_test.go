package ring

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/event"
)

func open(t testing.TB, m *Mem) (*Writer, *Reader) {
	t.Helper()
	w, err := m.Writer()
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Reader()
	if err != nil {
		t.Fatal(err)
	}
	return w, r
}

func sample(n uint64, text int) event.Event {
	e := event.Event{Kind: event.Kind(1 + n%uint64(event.KindEngine)), Packet: n, Author: "ring"}
	e.Text("text", strings.Repeat(string(rune('a'+n%26)), text))
	return e
}

// TestAgainstASlice compares the ring with a queue that cannot be wrong, over any
// sequence of puts, reads, releases and restarts of either side.
func TestAgainstASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := NewMem(MinCapacity)
		w, _ := m.Writer()
		r, _ := m.Reader()
		var queue []uint64 // not released
		var read, n, lost int
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				e := sample(uint64(n), rapid.IntRange(0, 4000).Draw(t, "text"))
				n++
				if w.Put(&e) {
					queue = append(queue, e.Packet)
				} else {
					lost++
				}
			},
			"read": func(t *rapid.T) {
				var e event.Event
				err := r.Next(&e)
				if read == len(queue) {
					if err != ErrEmpty {
						t.Fatalf("of an empty ring: %v", err)
					}
					return
				}
				if err != nil || e.Packet != queue[read] || r.Seq() != e.Packet {
					t.Fatalf("read %d as %d, %v; want %d", e.Packet, r.Seq(), err, queue[read])
				}
				read++
			},
			"release":        func(*rapid.T) { r.Release(); queue = queue[read:]; read = 0 },
			"restart writer": func(*rapid.T) { w, _ = m.Writer() },
			"restart reader": func(*rapid.T) { r, _ = m.Reader(); read = 0 },
			"": func(t *rapid.T) {
				c := r.Lost()
				if int(c.Total()) != lost || r.Stats().Corrupt != 0 {
					t.Fatalf("lost %d, counted %d, corrupt %d", lost, c.Total(), r.Stats().Corrupt)
				}
			},
		})
	})
}

// TestFullCountsByKindAndPlace fills the ring with the reader away.
func TestFullCountsByKindAndPlace(t *testing.T) {
	w, r := open(t, NewMem(MinCapacity))
	put := 0
	for n := range uint64(1000) {
		e := sample(n, 100)
		if w.Put(&e) {
			put++
		}
	}
	if want := MinCapacity / 200; put > MinCapacity/100 || put < want/2 {
		t.Fatalf("%d events in %d bytes", put, MinCapacity)
	}
	var e event.Event
	for range put {
		if err := r.Next(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Next(&e); err != ErrEmpty {
		t.Fatalf("after the last: %v", err)
	}
	lost := r.Lost()
	for k := event.KindAlert; k <= event.KindEngine; k++ {
		if lost.Of(k) == 0 {
			t.Errorf("none lost of %v", k)
		}
	}
	if int(lost.Total()) != 1000-put {
		t.Errorf("lost %d of 1000 with %d put", lost.Total(), put)
	}
	r.Release()
	last := sample(1000, 0)
	if !w.Put(&last) || r.Next(&e) != nil {
		t.Fatal("no room after Release")
	}
	if r.Seq() != 1000 || r.Stats().Missing != lost.Total() {
		t.Errorf("number %d, missing %d", r.Seq(), r.Stats().Missing)
	}
}

func TestReportedLossesOutliveTheReader(t *testing.T) {
	m := NewMem(0)
	w, r := open(t, m)
	for range 3 {
		w.Put(&event.Event{}) // no kind: lost
	}
	told := r.Unreported()
	if told.Total() != 3 {
		t.Fatalf("%d unreported", told.Total())
	}
	r.MarkReported(told)
	w.Put(&event.Event{})
	_, again := open(t, m)
	if left := again.Unreported(); left.Total() != 1 || left.Of(0) != 1 {
		t.Errorf("%v unreported", left.Map())
	}
}

func TestPutAllocatesNothing(t *testing.T) {
	w, r := open(t, NewMem(0))
	e := sample(1, 100)
	if n := testing.AllocsPerRun(1000, func() { w.Put(&e) }); n != 0 {
		t.Errorf("Put: %v allocations", n)
	}
	full, _ := NewMem(MinCapacity).Writer()
	for full.Put(&e) {
	}
	if n := testing.AllocsPerRun(100, func() { full.Put(&e) }); n != 0 {
		t.Errorf("Put into a full ring: %v allocations", n)
	}
	var got event.Event
	if n := testing.AllocsPerRun(100, func() { _ = r.Next(&got) }); n > 1 {
		t.Errorf("Next: %v allocations", n)
	}
}

// TestConcurrent is for the race detector: both sides at full speed over a small ring.
func TestConcurrent(t *testing.T) {
	const events = 50_000
	w, r := open(t, NewMem(MinCapacity))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range uint64(events) {
			e := sample(n, int(n%300))
			w.Put(&e)
		}
	}()
	var e event.Event
	read, next, last := 0, uint64(0), false
	for {
		err := r.Next(&e)
		if err == nil {
			if e.Packet < next || e.Packet != r.Seq() || len(e.Pairs()[0].Text) != int(e.Packet%300) {
				t.Fatalf("event %d after %d as %d", e.Packet, next, r.Seq())
			}
			next = e.Packet + 1
			read++
			r.Release()
			continue
		}
		if err != ErrEmpty {
			t.Fatal(err)
		}
		if last {
			break
		}
		select {
		case <-done:
			last = true // one more look: done came after the last Put
		default:
		}
	}
	if lost := r.Lost(); read+int(lost.Total()) != events {
		t.Errorf("%d read and %d lost of %d", read, lost.Total(), events)
	}
}

func BenchmarkPut(b *testing.B) {
	w, r := open(b, NewMem(0))
	e := sample(1, 100)
	b.ReportAllocs()
	for b.Loop() {
		if !w.Put(&e) {
			r.resync()
			r.Release()
		}
	}
}

func BenchmarkPutFull(b *testing.B) {
	w, _ := open(b, NewMem(MinCapacity))
	e := sample(1, 100)
	for w.Put(&e) {
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Put(&e)
	}
}

func BenchmarkNext(b *testing.B) {
	w, r := open(b, NewMem(0))
	e := sample(1, 100)
	b.ReportAllocs()
	for b.Loop() {
		if r.Next(&e) != nil {
			r.Release()
			for w.Put(&e) {
			}
		}
	}
}
