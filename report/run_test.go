package report

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-project/weir/event"
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

// TestRunDozes: with a bell an idle reporter wakes once a second, and at once when that is struck, when its files are to be opened anew, or at its end;
// without one it looks every Poll. While a sink fails it goes on trying.
func TestRunDozes(t *testing.T) {
	for _, c := range []struct {
		name      string
		bell      bool
		err       error
		from, to  int64         // flushes in ten idle seconds
		arrivesIn time.Duration // behind the strike
	}{
		{"a bell", true, nil, 10, 20, 0},
		{"none", false, nil, 390, 420, DefaultPoll},
		{"a failing sink", true, errors.New("full"), 30, 35, DefaultPoll},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, w, q := newRing(t)
				s := &countingSink{err: c.err}
				bell := make(chan struct{}, 1)
				config := Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", s}}, Now: time.Now, RetryMax: 300 * time.Millisecond}
				if c.bell {
					config.Bell = bell
				}
				r := newReporter(t, config)
				settle := func(d time.Duration) {
					time.Sleep(d)
					synctest.Wait()
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- r.Run(ctx) }()
				settle(time.Second)
				before := s.flushes.Load()
				settle(10 * time.Second)
				if n := s.flushes.Load() - before; n < c.from || n > c.to {
					t.Errorf("%d flushes in ten idle seconds, want %d to %d", n, c.from, c.to)
				}
				w.Put(alert("x"))
				bell <- struct{}{}
				settle(c.arrivesIn)
				if s.got.Load() != 1 {
					t.Errorf("%d events have arrived", s.got.Load())
				}
				settle(5 * time.Second)
				reopened := s.reopens.Load()
				r.Reopen()
				settle(c.arrivesIn)
				if s.reopens.Load() != reopened+1 {
					t.Errorf("opened anew %d times", s.reopens.Load()-reopened)
				}
				if c.bell { // one that is broken leaves it as one without
					close(bell)
					settle(time.Second)
					before = s.flushes.Load()
					settle(10 * time.Second)
					if n := s.flushes.Load() - before; c.err == nil && (n < 390 || n > 420) {
						t.Errorf("%d flushes in ten seconds with a broken bell", n)
					}
				}
				at := time.Now()
				cancel()
				<-done
				if took := time.Since(at); took > 0 {
					t.Errorf("its end took %v", took)
				}
			})
		})
	}
}

// A countingSink is looked at while Run goes on.
type countingSink struct {
	got, flushes, reopens atomic.Int64
	err                   error
}

func (s *countingSink) Write(*event.Event) error { s.got.Add(1); return nil }
func (s *countingSink) Flush() error             { s.flushes.Add(1); return s.err }
func (s *countingSink) Close() error             { return nil }
func (s *countingSink) Reopen()                  { s.reopens.Add(1) }
