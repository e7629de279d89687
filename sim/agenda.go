package sim

import "time"

// A kind is what is to happen.
type kind uint8

const (
	kindArrive kind = iota // a datagram reaches the end of a hop
	kindPoll               // Weir's host takes up what has arrived
	kindTimer              // an endpoint's
	kindApp                // an endpoint's application goes on
)

// A deed is one thing that is to happen.
type deed struct {
	at    time.Duration
	order uint64 // among those of one moment
	kind  kind
	who   uint8  // the end that it is about
	arg   uint32 // of kindArrive: the datagram; of kindTimer: which one
}

func (d *deed) before(e *deed) bool {
	return d.at < e.at || d.at == e.at && d.order < e.order
}

// An agenda is a virtual clock: what is to happen, in order.
type agenda struct {
	now  time.Duration
	n    uint64
	heap []deed
}

func (a *agenda) reset() { *a = agenda{heap: a.heap[:0], now: time.Second} }

func (a *agenda) add(at time.Duration, k kind, who uint8, arg uint32) {
	a.n++
	a.heap = append(a.heap, deed{at: max(at, a.now), order: a.n, kind: k, who: who, arg: arg})
	h := a.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// next returns when the next deed is due.
func (a *agenda) next() (at time.Duration, ok bool) {
	if len(a.heap) == 0 {
		return 0, false
	}
	return a.heap[0].at, true
}

// take removes the next deed and moves the clock to it.
func (a *agenda) take() deed {
	h := a.heap
	d := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	a.heap = h
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && h[down+1].before(&h[down]) {
			down++
		}
		if !h[down].before(&h[i]) {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	a.now = max(a.now, d.at)
	return d
}
