package report

import (
	"errors"
	"io/fs"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/eve"
)

// An output is a sink and how it fares.
type output struct {
	Sink
	events uint64 // taken by Write
	lost   uint64 // refused by Write
	told   uint64 // of lost, in events about losses
	errors uint64 // of Flush and Close
	last   string // the last error; "" since the last Flush that worked
	absent bool   // the last error was that a file or directory is not there, or closed to us
	pause  time.Duration
	retry  time.Time // no Flush before; valid iff pause > 0
	since  time.Time // of the first Flush that failed; valid iff pause > 0
}

func (o *output) write(e *event.Event) {
	if err := o.Write(e); err != nil {
		o.lost++
		if o.last == "" {
			o.last = err.Error() // else what Flush said explains more
		}
		return
	}
	o.events++
}

// lostSoFar counts what Write refused, and what the sink gave up later.
func (o *output) lostSoFar() uint64 {
	if w, ok := o.Sink.Sink.(interface{ Counters() eve.Counters }); ok {
		return w.Counters().Lost
	}
	return o.lost
}

// reopen has the sink, if it can, begin afresh at the next Flush, which is now due.
func (o *output) reopen() {
	if s, ok := o.Sink.Sink.(interface{ Reopen() }); ok {
		s.Reopen()
		o.retry = time.Time{}
	}
}

func (o *output) flush(now time.Time, retryMax time.Duration) {
	if o.pause > 0 && now.Before(o.retry) {
		return
	}
	err := o.Flush()
	if err == nil {
		o.pause, o.last, o.absent = 0, "", false
		return
	}
	if o.pause == 0 {
		o.since = now
	}
	o.errors++
	o.last = err.Error()
	o.absent = errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)
	o.pause = min(max(2*o.pause, retryMin), retryMax)
	o.retry = now.Add(o.pause)
}
