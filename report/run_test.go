package report

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/event/ring"
)

// TestRunDrainsAndCloses: what was put before the end arrives, and the sinks are closed.
func TestRunDrainsAndCloses(t *testing.T) {
	_, w, q := newRing(t)
	s := &fakeSink{}
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", s}}, Batch: 3, Now: time.Now})
	ctx, cancel := context.WithCancel(t.Context())
	for range 100 {
		if !w.Put(alert("x")) {
			t.Fatal("the ring is too small for this test")
		}
	}
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if !s.closed || len(s.got) != 100 {
		t.Errorf("closed %v, %d events", s.closed, len(s.got))
	}
}

// TestRunWakesUp: an event put while the reporter sleeps arrives.
func TestRunWakesUp(t *testing.T) {
	_, w, q := newRing(t)
	arrived := make(chan struct{}, 1)
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", signalSink{arrived}}}, Now: time.Now})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	for range 5 {
		w.Put(alert("x"))
		<-arrived
		_ = r.Status()
		r.Reopen()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type signalSink struct{ c chan struct{} }

// TestStopIsBounded: a writer that never stops does not keep Run.
func TestStopIsBounded(t *testing.T) {
	_, w, q := newRing(t)
	now := start
	s := &refillSink{w: w}
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", s}}, Now: func() time.Time {
		now = now.Add(10 * time.Millisecond)
		return now
	}})
	w.Put(alert("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if s.n < 10 {
		t.Errorf("gave up after %d rounds", s.n)
	}
}

// A refillSink puts an event for each one it gets.
type refillSink struct {
	fakeSink
	w *ring.Writer
	n int
}

func TestCloseErrorsNameTheSink(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := newReporter(t, Config{Sinks: []Sink{{"disk", &fakeSink{flushErr: errors.New("no space")}}}})
	if err := r.Run(ctx); err == nil || !strings.Contains(err.Error(), "disk: no space") {
		t.Errorf("%v", err)
	}
}
