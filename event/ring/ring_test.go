package ring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
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

func TestCheckRefusesOtherMemory(t *testing.T) {
	for name, spoil := range map[string]func(*Mem){
		"magic":    func(m *Mem) { m.b[offMagic]++ },
		"version":  func(m *Mem) { m.b[offMagic+6]++ },
		"capacity": func(m *Mem) { m.b[offCapacity+3]++ },
		"size":     func(m *Mem) { m.b = m.b[:len(m.b)-8] },
	} {
		m := NewMem(MinCapacity)
		spoil(m)
		_, err := m.Writer()
		_, err2 := m.Reader()
		if !errors.Is(err, ErrFormat) || !errors.Is(err2, ErrFormat) {
			t.Errorf("%s: %v, %v", name, err, err2)
		}
	}
}

// TestHostileHeader gives the header values that a worker gone bad would, then lets an
// honest writer follow: the reader notices, and the ring heals.
func TestHostileHeader(t *testing.T) {
	for _, off := range []int{offHead, offTail} {
		for _, v := range []uint64{1, 7, 8, 24, MinCapacity - 8, MinCapacity + 8, 1 << 40, 1<<63 + 4, ^uint64(0), ^uint64(0) - 7} {
			t.Run(fmt.Sprintf("%d=%#x", off, v), func(t *testing.T) {
				m := NewMem(MinCapacity)
				w, r := open(t, m)
				e := sample(5, 50)
				w.Put(&e)
				m.word(off).Store(v)
				r2, err := m.Reader()
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range []*Reader{r, r2} {
					for range MinCapacity {
						if r.Next(&e) == ErrEmpty {
							break
						}
					}
				}
				r2.Release()
				w, err = m.Writer()
				if err != nil {
					t.Fatal(err)
				}
				e = sample(77, 50)
				if !w.Put(&e) {
					t.Fatal("does not heal")
				}
				var got event.Event
				if err := r2.Next(&got); err == ErrCorrupt {
					r2.Release()
					w.Put(&e)
					err = r2.Next(&got)
					if err != nil {
						t.Fatalf("still %v", err)
					}
				}
				if got.Packet != 77 {
					t.Fatalf("read %d", got.Packet)
				}
			})
		}
	}
}

// FuzzReader makes a whole ring of hostile bytes.
func FuzzReader(f *testing.F) {
	m := NewMem(MinCapacity)
	w, _ := m.Writer()
	for n := range uint64(3) {
		e := sample(n, 10)
		w.Put(&e)
	}
	f.Add(m.word(offHead).Load(), uint64(0), slices.Clone(m.b[headerSize:headerSize+512]))
	f.Add(uint64(MinCapacity), uint64(8), []byte{0, 0, 0, 0, 0, 0, 0, 0, 255, 15})
	f.Fuzz(func(t *testing.T, head, tail uint64, data []byte) {
		m := NewMem(MinCapacity)
		m.word(offHead).Store(head)
		m.word(offTail).Store(tail)
		copy(m.b[headerSize:], data)
		r, err := m.Reader()
		if err != nil {
			t.Fatal(err)
		}
		var e event.Event
		for range MinCapacity/recordHead + 1 {
			if err := r.Next(&e); err == ErrEmpty {
				r.Release()
				return
			}
		}
		t.Fatal("the reader does not come to an end")
	})
}

// TestTornRecordIsInvisible stops a writer at every byte of a record and lets another
// follow.
func TestTornRecordIsInvisible(t *testing.T) {
	torn := sample(1, 60)
	image := make([]byte, 256)
	n := len(event.Append(image[recordHead:recordHead], &torn)) + recordHead
	binary.NativeEndian.PutUint64(image[8:], uint64(n-recordHead))
	for at := range n {
		m := NewMem(MinCapacity)
		w, r := open(t, m)
		first, second := sample(0, 10), sample(1, 10)
		w.Put(&first)
		binary.NativeEndian.PutUint64(image, w.nextSeq())
		w.area.in(w.head, image[:at])
		w, err := m.Writer()
		if err != nil {
			t.Fatal(err)
		}
		var e event.Event
		if r.Next(&e) != nil || r.Next(&e) != ErrEmpty {
			t.Fatalf("stopped at %d: the torn record is seen", at)
		}
		w.Put(&second)
		if err := r.Next(&e); err != nil || e.Packet != 1 || len(e.Pairs()[0].Text) != 10 || r.Seq() != 1 {
			t.Fatalf("stopped at %d: then %v, number %d", at, err, r.Seq())
		}
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
