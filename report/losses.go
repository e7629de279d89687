package report

import (
	"math"
	"strconv"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/ring"
)

// losses remembers what was counted and what people have been told of it.
type losses struct {
	events  event.Counts   // written to the sinks, by kind
	next    time.Time      // no event about losses before
	corrupt uint64         // records, that were told of
	pending []event.Counts // by ring: told in this round, not yet marked in the ring
}

// tellLosses writes an engine event if events were lost since the last one, at most
// once per Config.LossEvery, and one more for each sink that lost some.
func (r *Reporter) tellLosses(now time.Time) bool {
	if now.Before(r.loss.next) {
		return false
	}
	r.loss.next = now.Add(r.config.LossEvery)
	told := r.tellRings(now)
	for _, s := range r.sinks {
		if n := s.lostSoFar() - s.told; n > 0 {
			s.told += n
			e := engineEvent(now, "sink-lost-events")
			e.Text("sink", s.Name)
			e.Num("lost", number(n))
			r.write(&e)
		}
	}
	return told
}

func (r *Reporter) tellRings(now time.Time) bool {
	var sum event.Counts
	var corrupt uint64
	lanes := ""
	r.loss.pending = r.loss.pending[:0]
	for i, q := range r.rings {
		lost := q.Unreported()
		r.loss.pending = append(r.loss.pending, lost)
		corrupt += q.Stats().Corrupt
		if lost.Total() > 0 {
			lanes += "," + strconv.Itoa(i)
		}
		for k := range lost {
			sum[k] += lost[k]
		}
	}
	corrupt, r.loss.corrupt = corrupt-r.loss.corrupt, corrupt
	if sum.Total() == 0 && corrupt == 0 {
		return false
	}
	e := engineEvent(now, "events-lost")
	e.Num("lost", number(sum.Total()))
	if lanes != "" {
		e.Text("lanes", lanes[1:])
	}
	if corrupt > 0 {
		e.Num("corrupt", number(corrupt))
	}
	for k, n := range sum {
		if n > 0 {
			e.Num(event.Kind(k).String(), number(n))
		}
	}
	r.write(&e)
	return true
}

// commit notes in the rings that the losses were told, after the sinks were flushed.
func (l *losses) commit(rings []*ring.Reader) {
	for i, q := range rings {
		q.MarkReported(l.pending[i])
	}
}

func engineEvent(now time.Time, name string) event.Event {
	return event.Event{
		Kind:     event.KindEngine,
		Time:     now,
		Severity: event.Medium,
		Author:   "report",
		Name:     name,
	}
}

// number bounds a count that a writer gone bad may have made up.
func number(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
