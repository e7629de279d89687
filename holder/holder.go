//go:build linux || freebsd || openbsd

// Package holder is the small process that root starts and that stays: it owns the divert sockets,
// the journal and the firewall rules, starts the worker and the reporter and starts them again,
// notices rules that were changed under it, and takes everything back at the end. It reads no
// packet, but to let pass those that nobody else is left to answer.
//
// Its law: rules divert only while a worker is there to answer, or the policy says drop. A worker
// that dies is replaced, and what it had received is asked for again; one that keeps dying, or says
// nothing, follows the policy's outcome "absent". Rules go away in an order that loses no packet.
// Whatever happens is told.
//
// Where the kernel does not let packets pass that nobody reads (divert sockets), the holder pauses the
// rules, and a guard takes them away if the holder is killed.
//
// One goroutine owns all state (Run); a goroutine per child, one that reads policies and one that
// compares rules send it what they find.
package holder

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/internal/link"
	"github.com/weir-project/weir/journal"
	"github.com/weir-project/weir/packet"
)

// A Policy is what the holder needs of a policy file, read anew at start and at each reload.
type Policy struct {
	Bundle   *os.File // everything the worker loads, sealed; the holder closes it
	Rules    *firewall.Ruleset
	Marks    link.Marks     // that the rules count on
	Absent   packet.Verdict // Accept or Drop: while no worker is to be had
	FailOpen bool           // the kernel passes packets while a queue is full; at start Options say so
	MemLimit int64          // bytes for the worker's heap; 0: none
	Renew    Renew          // against the policy in force; nothing at start
	Origin   any            // for Config.Policy: what this was made from
}

// Renew says which children cannot take a policy in and are replaced.
type Renew struct{ Worker, Reporter bool }

// A Config is what a holder is made of.
type Config struct {
	Lanes   []string // one divert address per lane
	Options []divert.Option
	Batch   int
	Spin    time.Duration

	// Worker and Reporter return commands that are not started yet; a child's link is its
	// descriptor 3. Reporter may be nil.
	Worker   func() *exec.Cmd
	Reporter func() *exec.Cmd
	// Guard is a command like these, whose life is the function of that name. It is started where the kernel drops packets of
	// rules to which nobody listens, and the policy wants them to pass. nil: none is.
	Guard func() *exec.Cmd
	Rings []*os.File // one per lane, then any that only the reporter reads
	// The ends of the bell (package event/ring) that the writers of Rings strike and their reader hears.
	Strike, Hear *os.File

	// Policy reads the policy; inForce is the one that it would replace, nil at start. It is called
	// beside Run, one call at a time. An error refuses a reload.
	Policy    func(inForce *Policy) (*Policy, error)
	Backend   firewall.Backend
	StateFile string        // where the former sysctl settings are kept until they are restored
	Confirm   time.Duration // iff positive, the rules go away after this long unless Do says confirm
	Patience  time.Duration // a worker that says nothing for longer is killed; default 10 s

	Tell func(name, detail string) // events about Weir itself: "worker-crashed", "rules-changed"
	Log  *slog.Logger
}

// How patient the holder is.
const (
	readyWithin  = 60 * time.Second // a worker may take this long to load its policy
	silentFor    = 10 * time.Second // Config.Patience, unless set
	drainWithin  = 5 * time.Second
	stuckFor     = 300 * time.Millisecond // a queue that has not shrunk for so long holds only what is held on purpose
	shortLife    = 100 * time.Millisecond // a worker that lived no longer did nothing useful
	shortLives   = 8                      // in a row, after which the policy's outcome takes over
	weighEvery   = 5 * time.Second
	retryEvery   = 2 * time.Second // the first pause between such lives; it doubles
	retryAtMost  = 30 * time.Second
	tickEvery    = 100 * time.Millisecond
	calmEvery    = 500 * time.Millisecond // while there is nothing to see to
	awayFor      = 2 * time.Second        // without a look: it was we who did not listen
	bindWithin   = 2 * time.Second        // a worker whose holder was killed lets go of its queue within
	journalFlows = 4096                   // edited connections of a lane that can go on after a crash
	journalValue = 16 << 10               // bytes of one: its edits that are not acknowledged
)

// A Holder owns sockets, rules and children. Make one with New.
type Holder struct {
	config  Config
	bound   []*divert.Bound
	journal *os.File
	policy  *Policy
	epoch   time.Time

	reports  chan report
	requests chan request
	loaded   chan loaded
	changes  <-chan firewall.Change // nil while nobody compares
	done     chan struct{}          // closed when Run has ended

	generation uint32
	worker     *child // nil: there is none
	reporter   *child
	guard      *child
	stopWatch  context.CancelFunc
	confirm    *firewall.Confirm
	pending    *reload
	counters   counters
	outputs    outputs
	state      State

	begun    bool // the rules have been in place once
	applied  bool // our rules are in place
	aside    bool // as they were paused something failed: it is tried again
	paused   bool // our rules were in place, and are to be as soon as a worker is ready
	gaveUp   bool // the outcome "absent" is in force
	lost     bool // a worker has died that may have received packets
	stopping bool
	reported bool  // a reporter has been ready
	unbound  error // why the sockets have to be bound anew; nil: they need not
	toldLost bool  // what dead workers take with them was told

	weighedAt     time.Time
	short         int // short lives in a row
	diedAt        time.Time
	absentAt      time.Time // when the last worker that was ready ended
	guardAt       time.Time // no guard is started before
	retryAt       time.Time // next attempt to start a worker; zero: none is due
	retryPause    time.Duration
	reporterAt    time.Time // the same for the reporter
	reporterPause time.Duration
	mendAt        time.Time // next attempt to apply the rules; zero: none is due
	lookedAt      time.Time
	lookedPastAt  time.Time
}

// New binds the divert sockets and makes the journal. The caller runs the holder, or closes it.
func New(c Config) (*Holder, error) {
	if c.Patience <= 0 {
		c.Patience = silentFor
	}
	h := &Holder{
		config: c, epoch: time.Now(), reports: make(chan report), requests: make(chan request),
		loaded: make(chan loaded), done: make(chan struct{}),
	}
	var err error
	if h.journal, err = journal.Create("weir-journal", journal.Config{Slots: journalFlows, Value: journalValue, Shards: max(1, len(c.Lanes))}); err != nil {
		return nil, err
	}
	for _, address := range c.Lanes {
		b, err := bind(address, c.Options)
		if err != nil {
			h.Close()
			return nil, err
		}
		h.bound = append(h.bound, b)
	}
	return h, nil
}

// bind waits a little for a queue that is taken: it may be by a worker that ends because its holder
// has been killed.
func bind(address string, options []divert.Option) (*divert.Bound, error) {
	for end := time.Now().Add(bindWithin); ; time.Sleep(tickEvery) {
		b, err := divert.Bind(address, options...)
		if !errors.Is(err, divert.ErrTaken) || time.Now().After(end) {
			return b, err
		}
	}
}

// Close lets go of sockets and journal. Run does so itself.
func (h *Holder) Close() {
	for _, b := range h.bound {
		b.Close()
	}
	h.journal.Close()
}

// Run is the holder's life: it returns when ctx ends, when Do is told to stop, or when the rules
// were not confirmed; the rules are gone then, and no packet waits. An error says what could not be
// begun or undone.
func (h *Holder) Run(ctx context.Context) error {
	defer h.Close()
	defer close(h.done)
	policy, err := h.config.Policy(nil)
	if err != nil {
		return err
	}
	h.policy = policy
	defer func() { h.policy.close() }()
	h.generation = 1
	if err = h.startReporter(); err == nil {
		err = h.startWorker()
	}
	if err == nil {
		err = h.serve(ctx)
	}
	return errors.Join(err, h.finish())
}

// errStop ends serve in order.
var errStop = errors.New("stop")

func (h *Holder) serve(ctx context.Context) error {
	pace := tickEvery
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		if p := h.pace(); p != pace {
			pace = p
			tick.Reset(pace)
		}
		var err error
		select {
		case <-ctx.Done():
			return nil
		case r := <-h.requests:
			err = h.asked(r)
		case change, ok := <-h.changes:
			if ok {
				h.rulesChanged(change)
			} else {
				h.changes = nil
			}
		case l := <-h.loaded:
			h.read(l)
		case r := <-h.reports:
			err = h.hear(r)
		case <-tick.C:
			err = h.look(time.Now())
		}
		if errors.Is(err, errStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (h *Holder) hear(r report) error {
	if r.ended {
		return h.gone(r)
	}
	return h.heard(r)
}

// await hears the children until something is so, or the time is over.
func (h *Holder) await(within time.Duration, so func() bool) {
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case r := <-h.reports:
			_ = h.hear(r) // while ending, nothing can fail that matters
		case now := <-tick.C:
			h.killLate(now)
		case <-timeout.C:
			return
		}
	}
}

// tell says in the log and in an event that something went wrong.
func (h *Holder) tell(name, detail string) { h.say(slog.LevelWarn, name, detail) }

// news says what is as it should be, or is so again.
func (h *Holder) news(name, detail string) { h.say(slog.LevelInfo, name, detail) }

func (h *Holder) say(level slog.Level, name, detail string) {
	h.config.Log.Log(context.Background(), level, name, "detail", detail)
	if h.config.Tell != nil {
		h.config.Tell(name, detail)
	}
}

// finish takes the rules away, lets the worker drain, answers what is left, and lets the reporter
// write what there is.
func (h *Holder) finish() error {
	h.stopping = true
	h.reloaded(errEnding)
	var errs []error
	if h.begun {
		errs = append(errs, h.lift(), firewall.RestoreSysctls(h.config.StateFile, firewall.Options{}))
	}
	h.end(&h.worker)
	h.end(&h.reporter)
	h.end(&h.guard) // last: until here, it would do what we leave undone
	return errors.Join(errs...)
}
