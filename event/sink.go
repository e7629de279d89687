package event

// A Sink takes events out of Weir: a file, a socket, a store. One goroutine of the
// reporter process calls it; it may take a bounded time, but must not wait for a
// reader that has gone.
type Sink interface {
	// Write takes one event and does not keep e; its strings may be kept. An error
	// means that this event is lost to this sink.
	Write(e *Event) error

	// Flush hands what Write has buffered to the system. An error loses nothing by
	// itself: what could not be handed over is kept, within the sink's bound, for the
	// next Flush.
	Flush() error

	// Close flushes once more and lets go. What could not be flushed is lost.
	Close() error
}

// Direct returns a Queue that gives each event to s at once, for replay and tools,
// where nothing waits behind the caller. The event passes through the codec, so that
// s sees exactly what it would see behind a ring: the same cuts, the same bytes. Its
// Put belongs to one goroutine and allocates.
func Direct(s Sink) *DirectQueue { return &DirectQueue{sink: s} }

// A DirectQueue is made by Direct.
type DirectQueue struct {
	sink Sink
	rec  [MaxBytes]byte
	e    Event
	lost Counts
	err  error
}

// Put writes e to the sink; false means that the sink, or the codec, refused it.
func (q *DirectQueue) Put(e *Event) bool {
	err := Decode(Append(q.rec[:0], e), &q.e)
	if err == nil {
		err = q.sink.Write(&q.e)
	}
	if err != nil {
		q.lost.Add(e.Kind)
		if q.err == nil {
			q.err = err
		}
	}
	return err == nil
}

// Lost returns how many events were refused, and why the first of them was.
func (q *DirectQueue) Lost() (Counts, error) { return q.lost, q.err }
