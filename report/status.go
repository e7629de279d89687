package report

import (
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/ring"
)

// Status is a snapshot of a Reporter, for a status line, a control socket or a
// dashboard. All counts are since the Reporter was made, but for RingStatus.Lost.
type Status struct {
	At     time.Time         `json:"at"`     // of the last round: long ago if a sink keeps the reporter waiting
	Events uint64            `json:"events"` // written to the sinks, the reporter's own included
	ByKind map[string]uint64 `json:"by_kind"`
	Rings  []RingStatus      `json:"rings"`
	Sinks  []SinkStatus      `json:"sinks"`

	Reopened uint32 `json:"reopened"` // calls of Reopen that the sinks' figures are after
}

// RingStatus is about the ring of one lane.
type RingStatus struct {
	Read    uint64            `json:"read"`
	Pending int               `json:"pending_bytes"`
	Lost    uint64            `json:"lost"` // since the ring was made
	ByKind  map[string]uint64 `json:"lost_by_kind"`
	Corrupt uint64            `json:"corrupt"`
}

// SinkStatus is about one sink.
type SinkStatus struct {
	Name    string    `json:"name"`
	Events  uint64    `json:"events"` // taken
	Lost    uint64    `json:"lost"`   // refused, or taken and given up
	Errors  uint64    `json:"errors"` // of flushing
	Failing bool      `json:"failing"`
	Since   time.Time `json:"since,omitzero"`  // valid iff Failing
	Absent  bool      `json:"absent"`          // it fails because a file or directory is not there, or closed to this process
	Error   string    `json:"error,omitempty"` // the last one, while failing or losing
}

// A snapshot is what one round leaves for Status.
type snapshot struct {
	events event.Counts
	at     time.Time
	rings  []ringSnapshot
	sinks  []SinkStatus

	reopened uint32
}

type ringSnapshot struct {
	stats   ring.Stats
	pending int
	lost    event.Counts
}

// publish takes the snapshot; it reuses the memory of the last one.
func (r *Reporter) publish(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.snap
	s.at, s.events, s.reopened = now, r.loss.events, r.reopened
	s.rings = s.rings[:0]
	for _, q := range r.rings {
		s.rings = append(s.rings, ringSnapshot{q.Stats(), q.Pending(), q.Lost()})
	}
	s.sinks = s.sinks[:0]
	for _, o := range r.sinks {
		t := SinkStatus{Name: o.Name, Events: o.events, Lost: o.lostSoFar(), Errors: o.errors, Failing: o.pause > 0, Error: o.last}
		if t.Failing {
			t.Since, t.Absent = o.since, o.absent
		}
		s.sinks = append(s.sinks, t)
	}
}

// Status returns the state after the last round.
func (r *Reporter) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{
		At:     r.snap.at,
		Events: r.snap.events.Total(),
		ByKind: r.snap.events.Map(),
		Rings:  make([]RingStatus, 0, len(r.snap.rings)),
		Sinks:  append([]SinkStatus{}, r.snap.sinks...),

		Reopened: r.snap.reopened,
	}
	for _, q := range r.snap.rings {
		s.Rings = append(s.Rings, RingStatus{
			Read:    q.stats.Read,
			Pending: q.pending,
			Lost:    q.lost.Total(),
			ByKind:  q.lost.Map(),
			Corrupt: q.stats.Corrupt,
		})
	}
	return s
}
