package report

import (
	"time"

	"github.com/weir-project/weir/event"
)

// An output is a sink and how it fares.
type output struct {
	Sink
	events uint64 // taken by Write
	lost   uint64 // refused by Write
	told   uint64 // of lost, in events about losses
	errors uint64 // of Flush and Close
	last   string // the last error; "" since the last Flush that worked
	pause  time.Duration
	retry  time.Time // no Flush before; valid iff pause > 0
}

func (o *output) write(e *event.Event) {
	if err := o.Write(e); err != nil {
		o.lost++
		o.last = err.Error()
		return
	}
	o.events++
}

func (o *output) flush(now time.Time, retryMax time.Duration) {
	if o.pause > 0 && now.Before(o.retry) {
		return
	}
	err := o.Flush()
	if err == nil {
		o.pause, o.last = 0, ""
		return
	}
	o.errors++
	o.last = err.Error()
	o.pause = min(max(2*o.pause, retryMin), retryMax)
	o.retry = now.Add(o.pause)
}
