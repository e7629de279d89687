package event

import "sync"

// DefaultBuffer is the number of events that a Buffer with a zero Max takes. Each
// costs about 1.4 KiB, so this is a ceiling of 90 MiB.
const DefaultBuffer = 65536

// A Buffer is a Queue in this process, for tests and replay. Events pass through the
// codec, so they are cut as a ring would cut them. When Max is reached, further events
// are counted as lost. The zero Buffer is ready for use, by any number of goroutines.
type Buffer struct {
	Max int // events; 0 means DefaultBuffer

	mu     sync.Mutex
	rec    [MaxBytes]byte
	events []Event
	lost   Counts
}

// Put keeps a copy of e, or counts it as lost and returns false.
func (b *Buffer) Put(e *Event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := b.Max
	if limit == 0 {
		limit = DefaultBuffer
	}
	var kept Event
	if len(b.events) >= limit || Decode(Append(b.rec[:0], e), &kept) != nil {
		b.lost.Add(e.Kind)
		return false
	}
	b.events = append(b.events, kept)
	return true
}

// Take returns the events put since the last Take, oldest first; the caller owns them.
func (b *Buffer) Take() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	es := b.events
	b.events = nil
	return es
}

// Lost returns how many events found no place.
func (b *Buffer) Lost() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost
}
