// Package holder is the small process that root starts and that stays: it owns the divert sockets and the firewall rules, starts
// the worker and the reporter and starts them again, notices rules that were changed under it, and takes everything
// back at the end. It reads no packet.
//
// Its law: rules divert only while a worker is there to answer, or the policy says drop. A worker that dies is replaced, and
// what it had received is asked for again; one that keeps dying, or says nothing, follows the policy's crash outcome. Whatever
// happens is told.
package holder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/internal/link"
	"github.com/weir-project/weir/packet"
)

// A Policy is what the holder needs of a policy file, read anew at start and at each reload.
type Policy struct {
	Bundle   *os.File // everything the worker loads, sealed; the holder closes it
	Rules    *firewall.Ruleset
	Marks    link.Marks     // that the rules count on
	Absent   packet.Verdict // Accept or Drop: while no worker is to be had
	MemLimit int64          // bytes for the worker's heap; 0: none
}

// A Config is what a holder is made of.
type Config struct {
	Lanes   []string // one divert address per lane
	Options []divert.Option
	Batch   int
	Spin    time.Duration

	// Worker and Reporter return commands that are not started yet; a child's link is its descriptor 3. Reporter may be nil.
	Worker   func() *exec.Cmd
	Reporter func() *exec.Cmd
	Rings    []*os.File // one per lane, then any that only the reporter reads

	Policy    func() (*Policy, error)
	Backend   firewall.Backend
	StateFile string        // where the former sysctl settings are kept until they are restored
	Confirm   time.Duration // iff positive, the rules go away after this long unless Do says confirm

	Tell func(name, detail string) // events about Weir itself: "worker-crashed", "rules-changed"
	Log  *slog.Logger
}

// How patient the holder is.
const (
	readyWithin = 60 * time.Second // a worker may take this long to load its policy
	silentFor   = 10 * time.Second // a worker that says nothing for longer is killed
	drainWithin = 5 * time.Second
	shortLife   = 100 * time.Millisecond // a worker that lived no longer did nothing useful
	shortLives  = 5                      // in a row, after which the policy's outcome takes over
	retryEvery  = 2 * time.Second
)

// A Holder owns sockets, rules and children. Make one with New.
type Holder struct {
	config Config
	bound  []*divert.Bound
	policy *Policy
	epoch  time.Time

	generation uint32
	worker     *child
	reporter   *child
	messages   chan message
	exits      chan *child
	requests   chan request
	changes    <-chan firewall.Change
	stopWatch  context.CancelFunc
	confirm    *firewall.Confirm

	applied bool      // our rules are in place
	gaveUp  bool      // the crash outcome is in force
	lost    bool      // a worker has died with packets received
	short   int       // short lives in a row
	retryAt time.Time // next attempt to start a worker; zero: none is due
	pending *request  // a reload that waits for the worker's answer
	next    *Policy   // of that reload
	state   State
}

// State is what the holder knows, for people.
type State struct {
	Generation  uint32
	WorkerPID   int
	ReporterPID int
	Ready       bool
	Applied     bool
	GaveUp      bool
	Restarts    int // of the worker
	Reclaimed   int // packets asked for again after the last restart; -1: not known
	RulesMended int // times that somebody else's change of the rules was undone
	ConfirmLeft time.Duration
	Sandbox     string
	Missing     []string
	Uptime      time.Duration
	Worker      json.RawMessage // the worker's last status message
}

// New binds the divert sockets.
func New(c Config) (*Holder, error) {
	h := &Holder{
		config: c, epoch: time.Now(), messages: make(chan message), exits: make(chan *child), requests: make(chan request),
	}
	for _, address := range c.Lanes {
		b, err := divert.BindNFQueue(address, c.Options...)
		if err != nil {
			h.close()
			return nil, err
		}
		h.bound = append(h.bound, b)
	}
	return h, nil
}

func (h *Holder) close() {
	for _, b := range h.bound {
		b.Close()
	}
}

// Run is the holder's life: it returns when ctx ends, when Do is told to stop, or when the rules were not confirmed; the rules
// are gone then, and no packet waits. An error says what could not be begun or undone.
func (h *Holder) Run(ctx context.Context) error {
	defer h.close()
	policy, err := h.config.Policy()
	if err != nil {
		return err
	}
	h.policy = policy
	h.generation = 1
	if err := h.startReporter(); err != nil {
		return err
	}
	if err := h.startWorker(); err != nil {
		h.finish()
		return err
	}
	err = h.serve(ctx)
	return errors.Join(err, h.finish())
}

// errStop ends serve in order.
var errStop = errors.New("stop")

func (h *Holder) serve(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case m := <-h.messages:
			err = h.heard(m)
		case c := <-h.exits:
			err = h.exited(c)
		case r := <-h.requests:
			err = h.asked(r)
		case change, ok := <-h.changes:
			if ok {
				h.rulesChanged(change)
			} else {
				h.changes = nil
			}
		case now := <-tick.C:
			err = h.look(now)
		}
		if errors.Is(err, errStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// look sees to what is due with time: retries, silence, the confirmation.
func (h *Holder) look(now time.Time) error {
	if w := h.worker; w != nil {
		patience := silentFor
		if !h.state.Ready {
			patience = readyWithin
		}
		if now.Sub(w.lastHeard) > patience {
			h.tell("worker-silent", fmt.Sprintf("no word for %v: killed", patience))
			w.kill()
			w.lastHeard = now
		}
	}
	if h.worker == nil && !h.retryAt.IsZero() && now.After(h.retryAt) {
		h.retryAt = time.Time{}
		if err := h.startWorker(); err != nil {
			h.config.Log.Error("cannot start the worker", "err", err)
			h.retryAt = now.Add(retryEvery)
		}
	}
	if h.reporter == nil && h.config.Reporter != nil {
		if err := h.startReporter(); err != nil {
			h.config.Log.Error("cannot start the reporter", "err", err)
		}
	}
	if h.confirm != nil && h.confirm.Due(now.Sub(h.epoch)) {
		h.tell("not-confirmed", "the previous rules are back")
		h.unwatch()
		if err := h.confirm.Revert(h.config.Backend); err != nil {
			h.config.Log.Error("cannot take the rules back", "err", err)
			return nil // still due
		}
		h.applied = false
		return errStop
	}
	return nil
}

func (h *Holder) tell(name, detail string) {
	h.config.Log.Warn(name, "detail", detail)
	if h.config.Tell != nil {
		h.config.Tell(name, detail)
	}
}

// finish takes the rules away, lets the worker drain, and answers what is left.
func (h *Holder) finish() error {
	h.unwatch()
	var errs []error
	if h.applied || h.gaveUp {
		errs = append(errs, h.config.Backend.Remove(), firewall.RestoreSysctls(h.config.StateFile, firewall.Options{}))
	}
	if h.worker != nil {
		h.drain()
	}
	for _, b := range h.bound {
		errs = append(errs, b.Release(packet.Accept))
	}
	if h.reporter != nil {
		h.reporter.stop(drainWithin, h.messages, h.exits)
	}
	return errors.Join(errs...)
}

// drain waits until the worker has answered what came before the rules were gone, and ends it.
func (h *Holder) drain() {
	deadline := time.Now().Add(drainWithin)
	for h.waiting() > 0 && time.Now().Before(deadline) {
		select {
		case <-h.messages:
		case <-time.After(10 * time.Millisecond):
		}
	}
	h.worker.stop(drainWithin, h.messages, h.exits)
}

// waiting returns how many packets wait in the kernel for a verdict.
func (h *Holder) waiting() int {
	n := 0
	for _, b := range h.bound {
		w, err := b.Waiting()
		if err != nil {
			return 0
		}
		n += w
	}
	return n
}

// start is the first message to a worker.
func (h *Holder) start() (link.Start, []*os.File) {
	s := link.Start{Generation: h.generation, Reclaim: h.lost, MemLimit: h.policy.MemLimit, Marks: h.policy.Marks}
	files := append([]*os.File{h.policy.Bundle}, h.config.Rings[:len(h.bound)]...)
	for _, b := range h.bound {
		s.Queues = append(s.Queues, link.Queue{
			Address: b.Address, Caps: b.Caps, Files: len(b.Files()), Batch: h.config.Batch, Spin: h.config.Spin,
		})
		files = append(files, b.Files()...)
	}
	return s, files
}
