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
	Unsteady                int // seeds with a real host that failed once, and not when they were run again
	Died, Cut               int // seeds in which lanes were killed, and in which the connection did not outlive that
}

// String is the total for people.
func (t Total) String() string {
	return fmt.Sprintf("%d seeds, %d failed; %d strict, %d with a reset, %d with kills, %d of them cut, %d unsteady; %d packets, %d bytes read, %d edits, %d injected",
		t.Seeds, t.Failed, t.Strict, t.Resets, t.Died, t.Cut, t.Unsteady, t.Packets, t.Bytes, t.Edits, t.Injected)
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

// again runs a seed with a real host twice more: what that does, and when, depends on how busy the machine is, and a
// host that nobody lets run looks like one that hangs. What fails then as well is returned.
func again(run *Runner, first Report, o Options) (r Report, unsteady bool) {
	for range 2 {
		if r = run.Run(first.Seed, o); r.Failed() {
			return r, false
		}
	}
	return r, true
}

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
				unsteady := false
				if r.Failed() && o.Real != nil {
					r, unsteady = again(&run, r, o)
				}
				mu.Lock()
				total.add(&r)
				total.Unsteady += b2i(unsteady)
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
