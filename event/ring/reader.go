package ring

import (
	"encoding/binary"
	"errors"
	"sync/atomic"

	"github.com/weir-project/weir/event"
)

var (
	// ErrEmpty says that there is nothing to read for now.
	ErrEmpty = errors.New("ring: empty")

	// ErrCorrupt says that the writer left something that is no event, and that it has
	// been stepped over and counted. The next call goes on behind it.
	ErrCorrupt = errors.New("ring: corrupt record skipped")
)

// Stats counts what one Reader has seen.
type Stats struct {
	Read    uint64 // events read, repeated ones included
	Missing uint64 // events missing between those read, by their sequence numbers
	Corrupt uint64 // times that ErrCorrupt was returned, or a sequence ran backwards
}

// A Reader takes events out of a ring. It belongs to one goroutine.
type Reader struct {
	mem   *Mem
	area  area
	head  *atomic.Uint64
	tail  *atomic.Uint64
	doze  *atomic.Uint64
	next  uint64 // position of the next record
	seq   uint64 // of the last record read
	any   bool   // seq is valid
	stats Stats
	rec   [event.MaxBytes]byte
}

// Reader attaches to the ring at the first event that no earlier reader released.
func (m *Mem) Reader() (*Reader, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	r := &Reader{mem: m, area: area{m.b[headerSize:]}, head: m.word(offHead), tail: m.word(offTail), doze: m.word(offDozing)}
	r.next = align(r.tail.Load())
	return r, nil
}

// Next reads one event into e. Its strings stay valid for good. It returns nil,
// ErrEmpty or ErrCorrupt.
func (r *Reader) Next(e *event.Event) error {
	used := align(r.head.Load()) - r.next
	if used == 0 {
		return ErrEmpty
	}
	if used > uint64(len(r.area.data)) || used < recordHead {
		return r.resync()
	}
	var head [recordHead]byte
	r.area.out(r.next, head[:])
	seq := binary.NativeEndian.Uint64(head[:])
	n := binary.NativeEndian.Uint64(head[8:])
	if n > event.MaxBytes || align(recordHead+n) > used {
		return r.resync()
	}
	rec := r.rec[:n]
	r.area.out(r.next+recordHead, rec)
	r.next += align(recordHead + n)
	r.follow(seq)
	if event.Decode(rec, e) != nil {
		r.stats.Corrupt++
		return ErrCorrupt
	}
	r.stats.Read++
	return nil
}

// Seq returns the sequence number of the event that Next returned last. Numbers
// increase by one per event that was put, found room or not; the first is 0.
func (r *Reader) Seq() uint64 { return r.seq }

// Release gives the room of all events read so far back to the writer. A reader that
// starts later begins behind them, so call it when they are where they should go.
func (r *Reader) Release() { r.tail.Store(r.next) }

// Pending returns the bytes that wait to be read, at most the ring's capacity.
func (r *Reader) Pending() int {
	return int(min(r.head.Load()-r.next, uint64(len(r.area.data))))
}

// Doze has the writer strike its bell for the next event. It is false if there is something to read now.
func (r *Reader) Doze() bool {
	r.doze.Store(1) // before the look: an event that the look does not see finds the mark
	return r.Pending() == 0
}

// Rouse ends what Doze began, struck or not.
func (r *Reader) Rouse() { r.doze.Store(0) }

// Stats returns this reader's counters.
func (r *Reader) Stats() Stats { return r.stats }

// Lost returns the events lost since the ring was made, as its writers count them.
func (r *Reader) Lost() event.Counts { return r.mem.counts(offLost) }

// Unreported returns the lost events that no MarkReported has covered, also not one of
// an earlier reader.
func (r *Reader) Unreported() event.Counts {
	lost, done := r.Lost(), r.mem.counts(offReported)
	for i := range lost {
		if lost[i] >= done[i] {
			lost[i] -= done[i]
		} else {
			lost[i] = 0 // counters ran backwards: nobody knows, so claim nothing
		}
	}
	return lost
}

// MarkReported notes that people have been told of these lost events.
func (r *Reader) MarkReported(told event.Counts) {
	for i, n := range told {
		c := r.mem.counter(offReported, i)
		c.Store(c.Load() + n)
	}
}

// follow compares a sequence number with the one expected.
func (r *Reader) follow(seq uint64) {
	switch {
	case !r.any || seq == r.seq+1:
	case seq > r.seq:
		r.stats.Missing += seq - r.seq - 1
	default:
		r.stats.Corrupt++
	}
	r.seq, r.any = seq, true
}

// resync gives up all that waits: without its length, a record's end is unknown.
func (r *Reader) resync() error {
	r.next = align(r.head.Load())
	r.stats.Corrupt++
	return ErrCorrupt
}
