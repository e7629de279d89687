package engine

import (
	"maps"
	"time"

	"github.com/weir-project/weir/defrag"
	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/stream"
)

// Counters counts what happened on a lane. Packets unless said.
type Counters struct {
	Packets      uint64
	Bytes        uint64
	Accepted     uint64
	Dropped      uint64
	Delayed      uint64
	WouldDrop    uint64 // decisions of monitoring inspectors
	Edited       uint64 // packets with changed bytes
	Edits        uint64 // edits made
	Injected     uint64 // answers to rejected packets
	InjectErrors uint64
	Settled      uint64 // flows that nobody looks at any more
	Panics       uint64 // contained
	Survived     uint64 // edited TCP flows that went on after a lane before this one had died
	Unsurvived   uint64 // that could not, and were reset
	Unsaved      uint64 // times that the journal could not take what a flow needs to survive
	EventsLost   uint64
	EventsMuted  uint64 // counted and not told, because there were too many of one anomaly or about one packet

	drops     reasonCounts
	anomalies reasonCounts
}

// A Snapshot is a lane's counters at one moment, for other goroutines.
type Snapshot struct {
	Counters
	Drops     map[packet.Reason]uint64 // packets by reason
	Anomalies map[packet.Reason]uint64
	Flows     flow.Stats
	Fragments defrag.Stats
	Streams   stream.Stats
	Socket    divert.Stats
	HeldBytes int
}

// reasonCounts counts by reason without allocating: reasons are constants, and few.
type reasonCounts struct {
	list [64]struct {
		why   packet.Reason
		n     uint64
		since time.Duration // beginning of the second in which events of it are counted
		told  int           // events in that second
	}
	used int
}

// add counts one more of why. Reasons beyond the array's size are counted as "other".
func (r *reasonCounts) add(why packet.Reason) (at int) {
	for i := range r.used {
		if r.list[i].why == why {
			r.list[i].n++
			return i
		}
	}
	if r.used == len(r.list)-1 {
		why = "other"
	}
	if r.used < len(r.list) {
		r.list[r.used].why = why
		r.used++
	}
	r.list[r.used-1].n++
	return r.used - 1
}

// eventsPerSecond is how many events about one reason a lane tells in a second of its time; a flood
// of bad packets makes no flood of events. The counters count all.
const eventsPerSecond = 10

// tell counts one more of why and reports whether to tell of it too.
func (r *reasonCounts) tell(why packet.Reason, now time.Duration) bool {
	e := &r.list[r.add(why)]
	if now-e.since >= time.Second {
		e.since, e.told = now, 0
	}
	e.told++
	return e.told <= eventsPerSecond
}

func (r *reasonCounts) all(yield func(packet.Reason, uint64) bool) {
	for i := range r.used {
		if !yield(r.list[i].why, r.list[i].n) {
			return
		}
	}
}

func (c *Counters) drop(why packet.Reason) {
	c.Dropped++
	c.drops.add(why)
}

func (c *Counters) anomaly(why packet.Reason) { c.anomalies.add(why) }

// publish makes the counters visible to Snapshot.
func (l *Lane) publish() {
	l.shared.snapshot.Store(&Snapshot{
		Counters: l.counters, Drops: maps.Collect(l.counters.drops.all), Anomalies: maps.Collect(l.counters.anomalies.all),
		Flows: l.flows.Stats(), Fragments: l.frags.Stats(), Streams: l.sessions.pool.Snapshot(), Socket: l.socket.Stats(), HeldBytes: l.held.bytes,
	})
}

// Snapshot returns the counters of a moment at most about one second ago. It may be called from any
// goroutine.
func (l *Lane) Snapshot() *Snapshot { return l.shared.snapshot.Load() }
