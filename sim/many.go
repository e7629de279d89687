package sim

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// A Total is what came of many seeds.
type Total struct {
	Seeds, Failed, Strict   int
	Packets, Bytes          int
	Edits, Injected, Resets int
	Died, Cut               int // seeds in which lanes were killed, and in which the connection did not outlive that
}

// String is the total for people.
func (t Total) String() string {
	return fmt.Sprintf("%d seeds, %d failed; %d strict, %d with a reset, %d with kills, %d of them cut; %d packets, %d bytes read, %d edits, %d injected",
		t.Seeds, t.Failed, t.Strict, t.Resets, t.Died, t.Cut, t.Packets, t.Bytes, t.Edits, t.Injected)
}

func (t *Total) add(r *Report) {
	t.Seeds++
	t.Failed += b2i(r.Failed())
	t.Strict += b2i(r.Strict)
	t.Died += b2i(r.Died > 0)
	t.Cut += b2i(r.Cut)
	t.Packets += r.Packets
	t.Bytes += r.Bytes
	t.Edits += r.Edits
	t.Injected += r.Injected
	t.Resets += b2i(r.Endings[0] == Reset || r.Endings[1] == Reset)
}

// progressEvery is after how many seeds Many tells how far it is.
const progressEvery = 20000

// Many runs n seeds from the given one on, width at a time. It stops early after 10 failures. progress,
// which may be nil, is told how far it is, and failed of each seed that failed.
func Many(from, n uint64, width int, o Options, progress func(Total), failed func(Report)) Total {
	var (
		next  atomic.Uint64
		mu    sync.Mutex
		total Total
		all   sync.WaitGroup
	)
	for range width {
		all.Go(func() {
			var run Runner
			for {
				i := next.Add(1) - 1
				if i >= n {
					return
				}
				r := run.Run(from+i, o)
				mu.Lock()
				total.add(&r)
				if r.Failed() {
					failed(r)
				}
				if progress != nil && total.Seeds%progressEvery == 0 {
					progress(total)
				}
				stop := total.Failed >= 10
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	all.Wait()
	return total
}
