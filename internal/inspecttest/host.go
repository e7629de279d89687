package inspecttest

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
)

// Emit implements inspect.Host. It keeps e as a reader would see it.
func (l *Lane) Emit(cx *inspect.Context, e *event.Event) {
	l.Emitted++
	if l.Quiet {
		return
	}
	var kept event.Event
	if err := event.Decode(event.Append(nil, e), &kept); err != nil {
		l.t.Errorf("event does not pass the codec: %v", err)
		return
	}
	l.Events = append(l.Events, kept)
}

// Edit implements inspect.Host.
func (l *Lane) Edit(cx *inspect.Context, id field.ID, span field.Span, with []byte) bool {
	if l.Refuse || cx.Monitor {
		return false
	}
	l.Edited++
	if !l.Quiet {
		l.Edits = append(l.Edits, Edit{id, span, bytes.Clone(with)})
	}
	return true
}

// After implements inspect.Host: a lane without timers.
func (l *Lane) After(*inspect.Context, time.Duration, uint64) bool { return false }

// Release implements inspect.Host: nothing is held here.
func (l *Lane) Release(*inspect.Context) {}

// TakeEvents returns the events so far and forgets them.
func (l *Lane) TakeEvents() []event.Event {
	es := l.Events
	l.Events = nil
	return es
}

// Apply returns unit with the edits so far made, and forgets them. Edits that overlap or leave the unit fail
// the test.
func (l *Lane) Apply(unit []byte) []byte {
	l.t.Helper()
	slices.SortStableFunc(l.Edits, func(a, b Edit) int { return cmp.Compare(a.Span.Off, b.Span.Off) })
	out, at := []byte{}, 0
	for _, e := range l.Edits {
		if e.Span.Off < at || e.Span.End < e.Span.Off || e.Span.End > len(unit) {
			l.t.Fatalf("edit of [%d,%d) after byte %d of %d", e.Span.Off, e.Span.End, at, len(unit))
		}
		out = append(append(out, unit[at:e.Span.Off]...), e.New...)
		at = e.Span.End
	}
	l.Edits = nil
	return append(out, unit[at:]...)
}

// Pair returns the detail of e with the given key; the zero Pair if there is none.
func Pair(e *event.Event, key string) event.Pair {
	for _, p := range e.Pairs() {
		if p.Key == key {
			return p
		}
	}
	return event.Pair{}
}

// Hold reports false: the test lane shows everything once.
func (l *Lane) Hold(*inspect.Context, int) bool { return false }

// Keep reports false, likewise.
func (l *Lane) Keep(*inspect.Context, int) bool { return false }

// TooLate is not told of: nothing leaves the test lane.
func (l *Lane) TooLate(*inspect.Context) {}
