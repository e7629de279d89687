//go:build linux || freebsd || openbsd

package worker

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/ring"
	"github.com/weir-project/weir/internal/link"
	"github.com/weir-project/weir/journal"
	"github.com/weir-project/weir/sandbox"
)

// prepare takes the holder's first message and makes the lanes; then it shuts the door behind
// itself.
func (w *worker) prepare() (ready link.Ready, err error) {
	m, files, err := w.link.Recv()
	if err != nil {
		return ready, err
	}
	if m.Kind != link.KindStart {
		return ready, fmt.Errorf("worker: first message is %q, not %q", m.Kind, link.KindStart)
	}
	if err := json.Unmarshal(m.Data, &w.start); err != nil {
		return ready, fmt.Errorf("worker: start: %w", err)
	}
	if w.start.MemLimit > 0 {
		debug.SetMemoryLimit(w.start.MemLimit)
	}
	bundle, rings, queues, err := w.sort(files)
	if err != nil {
		return ready, err
	}
	if w.journal, err = journal.Open(files[1]); err != nil {
		return ready, err
	}
	if w.journal.Shards() != len(queues) {
		return ready, fmt.Errorf("worker: a journal for %d lanes, and there are %d", w.journal.Shards(), len(queues))
	}
	if err := w.memory.open(); err != nil {
		return ready, fmt.Errorf("worker: %w", err)
	}
	if err := w.attach(queues); err != nil {
		return ready, err
	}
	events := make([]event.Queue, len(rings))
	for i, f := range rings {
		if events[i], err = ringWriter(f, files[2]); err != nil {
			return ready, err
		}
	}
	if !w.config.Unconfined {
		if ready.Sandbox, err = sandbox.Enter(sandbox.Worker(w.config.User, w.bridges())); err != nil {
			return ready, err
		}
	}
	if err := w.makeLanes(bundle, events); err != nil {
		return ready, err
	}
	if w.start.Reclaim {
		ready.Reclaimed = w.reclaim()
	}
	for i := range w.journal.Shards() {
		ready.Journal += w.journal.Shard(i).Stats().Found
	}
	ready.PID = os.Getpid()
	for _, s := range w.sockets {
		ready.Missing = append(ready.Missing, s.Caps().Missing...)
	}
	return ready, nil
}

// sort tells the files of the start message apart.
func (w *worker) sort(files []*os.File) (bundle *os.File, rings []*os.File, queues [][]*os.File, err error) {
	want := 3 + len(w.start.Queues)
	for _, q := range w.start.Queues {
		want += q.Files
	}
	if len(w.start.Queues) == 0 || len(files) != want {
		return nil, nil, nil, fmt.Errorf("worker: start: %d files for %d queues, want %d", len(files), len(w.start.Queues), want)
	}
	bundle, files = files[0], files[3:] // the journal and the bell between them are prepare's
	rings, files = files[:len(w.start.Queues)], files[len(w.start.Queues):]
	for _, q := range w.start.Queues {
		queues = append(queues, files[:q.Files])
		files = files[q.Files:]
	}
	return bundle, rings, queues, nil
}

func (w *worker) attach(queues [][]*os.File) error {
	for i, q := range w.start.Queues {
		opts := []divert.Option{divert.WithBatch(q.Batch), divert.WithSpin(q.Spin), divert.WithUntrackedMark(w.start.Marks.Translated), divert.WithParent()}
		if runtime.GOMAXPROCS(0) > len(queues) {
			opts = append(opts, divert.WithKeptProcessor())
		}
		s, err := divert.Attach(q.Address, q.Caps, queues[i], opts...)
		if err != nil {
			return err
		}
		w.sockets = append(w.sockets, s)
	}
	return nil
}

// bridges reports whether all sockets are a bridge's.
func (w *worker) bridges() bool {
	return !slices.ContainsFunc(w.start.Queues, func(q link.Queue) bool { return q.Caps.Backend != "bridge" })
}

func ringWriter(f, bell *os.File) (event.Queue, error) {
	mem, err := ring.Map(f)
	if err != nil {
		return nil, err
	}
	w, err := mem.Writer()
	if err != nil {
		return nil, err
	}
	w.RingWith(bell)
	return w, nil
}

func (w *worker) makeLanes(bundle *os.File, events []event.Queue) error {
	policy, err := w.config.Load(bundle)
	if err != nil {
		return err
	}
	w.generation = w.start.Generation
	for i, s := range w.sockets {
		program, err := policy.Program(i, w.generation, w.start.Marks)
		if err != nil {
			return err
		}
		limits := policy.Limits
		limits.Flow.FirstID = firstID(w.config.Seed, i)
		w.lanes = append(w.lanes, engine.New(engine.Config{
			Socket: s, Events: events[i], Grammars: w.config.Grammars(), Program: *program, Limits: limits,
			Batch: w.start.Queues[i].Batch, Seed: w.config.Seed, Clock: w.clock, Journal: w.journal.Shard(i), Successor: w.start.Reclaim,
		}))
	}
	return nil
}

// firstID keeps the flows of lanes, and of workers that follow one another, apart in the events: 18
// bits that differ by chance, and room for 4 billion flows. EVE's flow_id has 51 bits.
func firstID(seed uint64, lane int) uint64 {
	return (seed>>32+uint64(lane)*0x9e3779b9)&(1<<18-1)<<32 + 1
}

func (w *worker) reclaim() int {
	total := 0
	for _, s := range w.sockets {
		r, ok := s.(divert.Reclaimer)
		if !ok {
			continue // what its predecessor had read is gone
		}
		n, err := r.Reclaim()
		if err != nil || n < 0 || total < 0 {
			total = -1
			continue
		}
		total += n
	}
	return total
}
