//go:build linux || freebsd || openbsd

package worker

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/internal/link"
)

// Status is the lanes' counters, as holder.State has them.
type Status struct {
	Generation uint32
	Lanes      []*engine.Snapshot
	RSSBytes   int64 // resident memory; on a BSD the most that it was so far
}

const (
	reportEvery = time.Second
	// hangsAfter is how long a lane may be silent: it publishes its counters every second, busy or
	// not.
	hangsAfter = 4 * time.Second
)

// A pulse is when a lane last showed that it lives.
type pulse struct {
	seen *engine.Snapshot
	at   time.Time
}

// report sends the counters every second until the link ends. A worker with a lane that hangs says
// so, and then nothing more: the holder takes that for what it is.
func (w *worker) report() {
	pulses := make([]pulse, len(w.lanes))
	for now := range time.Tick(reportEvery) {
		for i, lane := range w.lanes {
			s := lane.Snapshot()
			if p := &pulses[i]; p.seen != s || p.at.IsZero() {
				p.seen, p.at = s, now
			} else if now.Sub(p.at) > hangsAfter {
				_ = w.link.Send(link.KindFailed, fmt.Sprintf("lane %d hangs", i))
				return
			}
		}
		if w.tell() != nil {
			return
		}
	}
}

// tell sends every lane's counters.
func (w *worker) tell() error {
	w.mu.Lock()
	s := link.Status{Generation: w.generation, RSSBytes: w.memory.resident()}
	w.mu.Unlock()
	for i, lane := range w.lanes {
		counters, err := json.Marshal(lane.Snapshot())
		if err != nil {
			return err
		}
		s.Lane, s.Counters = i, counters
		if err := w.link.Send(link.KindStatus, s); err != nil {
			return err
		}
	}
	return nil
}
