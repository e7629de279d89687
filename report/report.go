// Package report is the reporter process as a library: it drains the event rings of all
// lanes into sinks, counts, and says when events were lost.
//
//  1. Each round takes at most Config.Batch events from each ring, in the rings' order,
//     and writes each to every sink.
//  2. It flushes the sinks.
//  3. It releases what it has read, so that a reporter killed before repeats it and one
//     killed after does not.
//  4. Once per Config.LossEvery it writes an engine event about what was lost.
//  5. With nothing to read it sleeps, 1 ms at first and twice as long each time, up to
//     Config.Poll; with a bell, in place of that, until it is struck.
//
// One goroutine does all of this, so a sink must return in bounded time; while one is
// slow, rings fill and their writers count what they lose. Traffic never waits for a
// reporter, living or dead. A sink that fails is flushed again after a pause that doubles
// up to Config.RetryMax, and meanwhile keeps what it can; the others do not notice.
//
// Events that a failing sink holds are released in the ring all the same: one sink's
// full disk must not starve the others. Those events do not survive a kill of the
// reporter. The package adds nothing of a packet's payload to any event.
package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/ring"
)

// Defaults of Config.
const (
	DefaultBatch     = 512
	DefaultPoll      = 25 * time.Millisecond
	DefaultLossEvery = 10 * time.Second
	DefaultRetryMax  = 10 * time.Second
	DefaultStopIn    = 2 * time.Second

	pollMin  = time.Millisecond
	dozeMost = time.Second // what is not told by a bell is seen to within it
	retryMin = 100 * time.Millisecond
)

// A Sink is an event.Sink with the name that status and events call it by.
type Sink struct {
	Name string
	event.Sink
}

// Config says what a Reporter does. Zero durations and numbers mean the defaults.
type Config struct {
	Rings []*ring.Reader // one per lane; the Reporter owns them
	Sinks []Sink         // closed when Run returns

	// Bell says that a writer has struck; see ring.Listen. nil or closed: there is none, and the rings are looked at every Poll.
	Bell <-chan struct{}

	Batch     int           // events per ring and round
	Poll      time.Duration // longest sleep without a bell, so the longest delay of an event
	LossEvery time.Duration // least time between two events about losses
	RetryMax  time.Duration // longest pause before a failing sink is tried again
	StopIn    time.Duration // longest time that Run takes to drain when it ends

	// Now is the clock, for pauses and for events that carry no time of their own; nil
	// means time.Now.
	Now func() time.Time
}

// A Reporter drains rings into sinks. Run or Step belong to one goroutine; Status and
// Reopen are for any.
type Reporter struct {
	config Config
	rings  []*ring.Reader
	sinks  []*output
	event  event.Event // the one in hand
	loss   losses

	reopens  atomic.Uint32 // asked for
	asked    chan struct{} // wakes Run for it
	reopened uint32        // done

	mu   sync.Mutex
	snap snapshot
}

// New checks the configuration and returns a Reporter that has done nothing yet.
func New(config Config) (*Reporter, error) {
	config.defaults()
	r := &Reporter{config: config, rings: config.Rings, asked: make(chan struct{}, 1)}
	seen := make(map[string]bool)
	for _, s := range config.Sinks {
		if s.Name == "" || s.Sink == nil || seen[s.Name] {
			return nil, fmt.Errorf("report: sink %q: needs a name of its own, and a sink", s.Name)
		}
		seen[s.Name] = true
		r.sinks = append(r.sinks, &output{Sink: s})
	}
	now := config.Now()
	r.loss.next = now.Add(config.LossEvery)
	r.publish(now)
	return r, nil
}

func (c *Config) defaults() {
	if c.Batch <= 0 {
		c.Batch = DefaultBatch
	}
	for _, d := range []struct {
		d     *time.Duration
		usual time.Duration
	}{
		{&c.Poll, DefaultPoll},
		{&c.LossEvery, DefaultLossEvery},
		{&c.RetryMax, DefaultRetryMax},
		{&c.StopIn, DefaultStopIn},
	} {
		if *d.d <= 0 {
			*d.d = d.usual
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Run drains until ctx ends, then what still waits in the rings, for at most
// Config.StopIn, and closes the sinks. It returns what the sinks said to that.
func (r *Reporter) Run(ctx context.Context) error {
	pause := pollMin
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for ctx.Err() == nil {
		if r.Step(r.config.Now()) > 0 {
			pause = pollMin
			continue
		}
		if pause < r.config.Poll || !r.doze() {
			timer.Reset(pause)
		} else {
			timer.Reset(dozeMost)
		}
		select {
		case <-ctx.Done():
		case <-timer.C:
			pause = min(2*pause, r.config.Poll)
		case _, ok := <-r.config.Bell:
			if !ok {
				r.config.Bell = nil
			}
			pause = pollMin
		case <-r.asked:
		}
		r.rouse()
	}
	return r.stop()
}

// doze has every ring's writer strike the bell from now on. It is false if there is none, or something to do sooner.
func (r *Reporter) doze() bool {
	if r.config.Bell == nil || slices.ContainsFunc(r.sinks, func(o *output) bool { return o.pause > 0 }) {
		return false
	}
	for _, q := range r.rings {
		if !q.Doze() {
			return false
		}
	}
	return true
}

func (r *Reporter) rouse() {
	for _, q := range r.rings {
		q.Rouse()
	}
}

// Step does one round and returns the number of events read.
func (r *Reporter) Step(now time.Time) int {
	n := 0
	for _, q := range r.rings {
		n += r.drain(q, now)
	}
	told := r.tellLosses(now)
	reopens := r.reopens.Load()
	for _, s := range r.sinks {
		if reopens != r.reopened {
			s.reopen()
		}
		s.flush(now, r.config.RetryMax)
	}
	r.reopened = reopens
	for _, q := range r.rings {
		q.Release()
	}
	if told {
		r.loss.commit(r.rings)
	}
	r.publish(now)
	return n
}

func (r *Reporter) drain(q *ring.Reader, now time.Time) int {
	n := 0
	for range r.config.Batch {
		err := q.Next(&r.event)
		if errors.Is(err, ring.ErrEmpty) {
			break
		}
		if err != nil {
			continue // counted by the ring; Batch bounds a writer that makes nothing else
		}
		if r.event.Time.IsZero() {
			r.event.Time = now
		}
		r.write(&r.event)
		n++
	}
	return n
}

func (r *Reporter) write(e *event.Event) {
	r.loss.events.Add(e.Kind)
	for _, s := range r.sinks {
		s.write(e)
	}
}

// stop is Run's end. A writer that goes on for ever does not keep it.
func (r *Reporter) stop() error {
	end := r.config.Now().Add(r.config.StopIn)
	for r.Step(r.config.Now()) > 0 && r.config.Now().Before(end) {
	}
	r.loss.next = time.Time{} // what is not told now is not told
	r.Step(r.config.Now())
	var errs []error
	for _, s := range r.sinks {
		if err := s.Close(); err != nil {
			s.errors++
			s.last = err.Error()
			errs = append(errs, fmt.Errorf("report: close sink %s: %w", s.Name, err))
		}
	}
	r.publish(r.config.Now())
	return errors.Join(errs...)
}

// Reopen asks for every sink that can (eve.Writer) to open its file or connection anew, in the next round.
func (r *Reporter) Reopen() {
	r.reopens.Add(1)
	select {
	case r.asked <- struct{}{}:
	default:
	}
}
