//go:build linux || freebsd || openbsd

// Package worker is the process that reads hostile bytes: it runs the lanes of the engine,
// confined, on descriptors that the holder gave it, and does what the holder says over their link.
// It opens nothing itself once it has begun.
//
// Its law: the holder's going away, a policy that cannot be used, a lane that ends or hangs: each
// has a defined end, and no packet that was received stays without a verdict while the process
// lives.
package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/internal/link"
	"github.com/weir-project/weir/journal"
	"github.com/weir-project/weir/proto"
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
	User       uint32                 // whom it runs as, or becomes where it was started as root (a BSD)
	Unconfined bool                   // no sandbox: for tests of other things
}

// A worker is the process's state.
type worker struct {
	link   *link.Conn
	config Config
	start  link.Start

	lanes   []*engine.Lane
	sockets []divert.Socket
	journal *journal.Journal
	running sync.WaitGroup
	errs    chan error
	epoch   time.Time
	memory  memory

	mu         sync.Mutex // guards generation
	generation uint32
}

// Run is the worker's life. It returns when the holder says so or is gone, and every lane has
// drained.
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

// clock is lane time: since the worker began, by the monotonic clock.
func (w *worker) clock() (time.Duration, time.Time) {
	now := time.Now()
	return now.Sub(w.epoch), now
}

// runLane runs a lane until it ends. It is not locked to a thread: one that is hands its processor over, and back, each time that
// Go's scheduler looks in.
func (w *worker) runLane(i int, lane *engine.Lane) {
	defer w.running.Done()
	if err := silenced(lane.Run); err != nil {
		w.errs <- fmt.Errorf("worker: lane %d: %w", i, err)
	}
}

// silenced makes an error of a panic that a lane has not contained, which says where and not with what: that may be bytes of the traffic, and the
// runtime would print it.
func silenced(run func() error) (err error) {
	defer func() {
		if recover() == nil {
			return
		}
		var pcs [16]uintptr
		frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
		frame, more := frames.Next()
		for more && strings.HasPrefix(frame.Function, "runtime.") {
			frame, more = frames.Next()
		}
		err = fmt.Errorf("a panic in %s that was not contained", frame.Function)
	}()
	return run()
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

// drainWithin is how long lanes may take to end. A lane that hangs does not keep the process, and
// so not the queue.
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
