package ring

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/weir-project/weir/event"
)

// A Writer puts events into a ring. It belongs to one goroutine.
type Writer struct {
	mem  *Mem
	area area
	head uint64 // our own; shared memory gets a copy at each commit
	tail uint64 // the reader's, as last seen
	pub  *atomic.Uint64
	seen *atomic.Uint64
	doze *atomic.Uint64
	bell func() // nil: nobody is to be woken
	rec  [maxRecord + wordSize]byte
}

var _ event.Queue = (*Writer)(nil)

// Writer attaches to the ring and goes on where its last writer stopped.
func (m *Mem) Writer() (*Writer, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	w := &Writer{
		mem:  m,
		area: area{m.b[headerSize:]},
		pub:  m.word(offHead),
		seen: m.word(offTail),
		doze: m.word(offDozing),
	}
	// A head that no writer of ours would have left was written by a worker gone bad.
	// The reader steps to it all the same; only alignment is ours to keep.
	w.head = align(w.pub.Load())
	w.pub.Store(w.head)
	w.tail = w.seen.Load()
	return w, nil
}

// Put copies e into the ring, or counts it as lost and returns false if the reader has
// left no room, or if its Kind is invalid.
func (w *Writer) Put(e *event.Event) bool {
	if !e.Kind.Valid() {
		return w.lose(0)
	}
	rec := event.Append(w.rec[:recordHead], e)
	n := align(uint64(len(rec)))
	if !w.room(n + wordSize) {
		return w.lose(int(e.Kind))
	}
	seq := w.nextSeq()
	binary.NativeEndian.PutUint64(rec, seq)
	binary.NativeEndian.PutUint64(rec[8:], uint64(len(rec)-recordHead))
	clear(w.rec[len(rec):n])
	binary.NativeEndian.PutUint64(w.rec[n:], seq+1)
	w.area.in(w.head, w.rec[:n+wordSize])
	w.head += n
	w.pub.Store(w.head)
	if w.bell != nil && w.doze.Load() != 0 && w.doze.Swap(0) != 0 {
		w.bell()
	}
	return true
}

// Lost returns the events lost since the ring was made, by all its writers.
func (w *Writer) Lost() event.Counts { return w.mem.counts(offLost) }

// room reports whether n bytes are free behind head. A tail that makes no sense gives
// no room: the reader's next Release mends it.
func (w *Writer) room(n uint64) bool {
	size := uint64(len(w.area.data))
	if used := w.head - w.tail; used <= size && n <= size-used {
		return true
	}
	w.tail = w.seen.Load()
	used := w.head - w.tail
	return used <= size && n <= size-used
}

func (w *Writer) lose(kind int) bool {
	var word [wordSize]byte
	binary.NativeEndian.PutUint64(word[:], w.nextSeq()+1)
	w.area.in(w.head, word[:])
	c := w.mem.counter(offLost, kind)
	c.Store(c.Load() + 1)
	return false
}

func (w *Writer) nextSeq() uint64 {
	i := w.head & uint64(len(w.area.data)-1)
	return binary.NativeEndian.Uint64(w.area.data[i:])
}

func (m *Mem) counts(off int) event.Counts {
	var c event.Counts
	for i := range c {
		c[i] = m.counter(off, i).Load()
	}
	return c
}
