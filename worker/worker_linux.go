// Package worker is the process that reads hostile bytes: it runs the lanes of the engine, confined, on descriptors that the
// holder gave it, and does what the holder says over their link. It opens nothing itself once it has begun.
//
// Its law: the holder's going away, a policy that cannot be used, a lane that ends or hangs: each has a defined end, and no
// packet that was received stays without a verdict while the process lives.
package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/ring"
	"github.com/weir-project/weir/internal/link"
	"github.com/weir-project/weir/journal"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/sandbox"
)

// A Loaded is what a policy comes to for the lanes.
type Loaded struct {
	Limits  engine.Limits
	Program func(lane int, generation uint32, marks link.Marks) (*engine.Program, error)
}

// Config is what a worker cannot find out itself.
type Config struct {
	Load       func(bundle *os.File) (*Loaded, error)
	Grammars   func() []proto.Grammar // fresh ones for each lane
	Seed       uint64                 // secret, keys the hashes
	Unconfined bool                   // no sandbox: for tests of other things
}

// A worker is the process's state.
type worker struct {
	link   *link.Conn
	config Config
	start  link.Start
	files  []*os.File

	lanes   []*engine.Lane
	sockets []*divert.NFQueue
	journal *journal.Journal
	running sync.WaitGroup
	errs    chan error
	epoch   time.Time
	statm   *os.File // /proc/self/statm

	mu         sync.Mutex // guards generation
	generation uint32
}

// Run is the worker's life. It returns when the holder says so or is gone, and every lane has drained.
func Run(l *link.Conn, c Config) error {
	w := &worker{link: l, config: c, epoch: time.Now()}
	err := w.run()
	if err != nil {
		_ = l.Send(link.KindFailed, err.Error())
	}
	return err
}

func (w *worker) run() error {
	ready, err := w.prepare()
	if err != nil {
		return err
	}
	w.errs = make(chan error, len(w.lanes))
	for i, lane := range w.lanes {
		w.running.Add(1)
		go w.runLane(i, lane)
	}
	heard := make(chan error, 1)
	if err = w.link.Send(link.KindReady, ready); err == nil {
		go w.report()
		go func() { heard <- w.listen() }()
		select {
		case err = <-heard:
		case err = <-w.errs:
		}
	}
	return errors.Join(err, w.stop())
}

// prepare takes the holder's first message and makes the lanes; then it shuts the door behind itself.
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
	if w.statm, err = os.Open("/proc/self/statm"); err != nil {
		return ready, fmt.Errorf("worker: %w", err)
	}
	if err := w.attach(queues); err != nil {
		return ready, err
	}
	events := make([]event.Queue, len(rings))
	for i, f := range rings {
		if events[i], err = ringWriter(f); err != nil {
			return ready, err
		}
	}
	if !w.config.Unconfined {
		if ready.Sandbox, err = sandbox.Enter(sandbox.Needs{NetAdmin: true}); err != nil {
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
	want := 2 + len(w.start.Queues)
	for _, q := range w.start.Queues {
		want += q.Files
	}
	if len(w.start.Queues) == 0 || len(files) != want {
		return nil, nil, nil, fmt.Errorf("worker: start: %d files for %d queues, want %d", len(files), len(w.start.Queues), want)
	}
	bundle, files = files[0], files[2:] // the journal between them is opened by prepare
	rings, files = files[:len(w.start.Queues)], files[len(w.start.Queues):]
	for _, q := range w.start.Queues {
		queues = append(queues, files[:q.Files])
		files = files[q.Files:]
	}
	return bundle, rings, queues, nil
}

func (w *worker) attach(queues [][]*os.File) error {
	for i, q := range w.start.Queues {
		s, err := divert.AttachNFQueue(q.Address, q.Caps, queues[i], divert.WithBatch(q.Batch), divert.WithSpin(q.Spin))
		if err != nil {
			return err
		}
		w.sockets = append(w.sockets, s)
	}
	return nil
}

func ringWriter(f *os.File) (event.Queue, error) {
	mem, err := ring.Map(f)
	if err != nil {
		return nil, err
	}
	return mem.Writer()
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
			Batch: w.start.Queues[i].Batch, Seed: w.config.Seed, Clock: w.clock,
		}))
	}
	return nil
}

// firstID keeps the flows of lanes, and of workers that follow one another, apart in the events: 18
// bits that differ by chance, and room for 4 billion flows. EVE's flow_id has 51 bits.
func firstID(seed uint64, lane int) uint64 {
	return (seed>>32+uint64(lane)*0x9e3779b9)&(1<<18-1)<<32 + 1
}

// clock is lane time: since the worker began, by the monotonic clock.
func (w *worker) clock() (time.Duration, time.Time) {
	now := time.Now()
	return now.Sub(w.epoch), now
}

func (w *worker) reclaim() int {
	total := 0
	for _, s := range w.sockets {
		n, err := s.Reclaim()
		if err != nil || n < 0 || total < 0 {
			total = -1
			continue
		}
		total += n
	}
	return total
}

// runLane gives a lane a thread of its own: its system calls block, and a thread that stays is one that is awake.
func (w *worker) runLane(i int, lane *engine.Lane) {
	defer w.running.Done()
	runtime.LockOSThread()
	if err := lane.Run(); err != nil {
		w.errs <- fmt.Errorf("worker: lane %d: %w", i, err)
	}
}

// listen does what the holder says until it says stop or is gone.
func (w *worker) listen() error {
	for {
		m, files, err := w.link.Recv()
		if errors.Is(err, io.EOF) {
			return errors.New("worker: the holder is gone")
		}
		if err != nil {
			return err
		}
		switch m.Kind {
		case link.KindStop:
			return nil
		case link.KindPolicy:
			w.reload(m, files)
		}
		for _, f := range files {
			f.Close()
		}
	}
}

// reload takes a new policy, or says why not.
func (w *worker) reload(m link.Message, files []*os.File) {
	var g link.Generation
	err := json.Unmarshal(m.Data, &g)
	if err == nil && len(files) != 1 {
		err = fmt.Errorf("worker: policy came with %d files", len(files))
	}
	if err == nil {
		err = w.take(g.Generation, g.Marks, files[0])
	}
	if err != nil {
		_ = w.link.Send(link.KindRefused, link.Refused{Generation: g.Generation, Why: err.Error()})
		return
	}
	_ = w.link.Send(link.KindTaken, g)
}

func (w *worker) take(generation uint32, marks link.Marks, bundle *os.File) error {
	policy, err := w.config.Load(bundle)
	if err != nil {
		return err
	}
	programs := make([]*engine.Program, len(w.lanes))
	for i := range w.lanes {
		if programs[i], err = policy.Program(i, generation, marks); err != nil {
			return err
		}
	}
	for i, lane := range w.lanes {
		lane.Swap(programs[i])
		w.sockets[i].Wake()
	}
	w.mu.Lock()
	w.generation = generation
	w.mu.Unlock()
	return nil
}

// drainWithin is how long lanes may take to end. A lane that hangs does not keep the process, and so not the queue.
const drainWithin = 4 * time.Second

// stop has the lanes answer what they can still read and what they hold, and waits for them.
func (w *worker) stop() error {
	for i, lane := range w.lanes {
		lane.Stop()
		w.sockets[i].Wake()
	}
	ended := make(chan struct{})
	go func() { w.running.Wait(); close(ended) }()
	select {
	case <-ended:
		return nil
	case <-time.After(drainWithin):
		return errors.New("worker: a lane does not end")
	}
}
