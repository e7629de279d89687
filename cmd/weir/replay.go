package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/eve"
	"github.com/weir-project/weir/policy"
	"github.com/weir-project/weir/proto/all"
)

func init() { commands = append(commands, newReplay) }

type replayFlags struct {
	policy, write, eve string
	diff, original     bool
	batch              int
}

func newReplay() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use: "replay IN.pcap", Short: "Run a policy over a capture file",
		Long: `Replay takes the packets of a pcap or pcapng file along the same route as live ones, at the times at which
they were captured, and writes what would have left to another file. It needs no privilege. The same
capture and policy always give the same bytes and the same events.

Changed packets are shown as they leave. What stood there before is not shown, since it may be what the policy
is to hide; --original shows it too.`,
		Example: "  weir replay in.pcap -p weir.yaml -w out.pcap --eve events.json",
		Args:    exactly(1),
		RunE:    func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}
	fl := c.Flags()
	fl.StringVarP(&f.policy, "policy", "p", defaultPolicy, "policy `file`")
	fl.StringVarP(&f.write, "write", "w", "", "write the packets that leave to this `file`")
	fl.StringVar(&f.eve, "eve", "", "write events as JSON lines to this `file`, - for standard output")
	fl.BoolVar(&f.diff, "diff", true, "show what changed")
	fl.BoolVar(&f.original, "original", false, "show the bytes that were replaced too: they may be secrets")
	fl.IntVar(&f.batch, "batch", 64, "packets taken at a time; changes nothing but speed")
	return c
}

func (f *replayFlags) run(c *cobra.Command, in string) error {
	p, err := loadPolicy(f.policy, 1)
	if err != nil {
		return err
	}
	address := "pcap:" + in
	if f.write != "" {
		address += ">" + f.write
	}
	socket, err := divert.OpenSocket(address, divert.WithBatch(f.batch))
	if err != nil {
		return err
	}
	r := &replay{flags: f, socket: socket, out: c.OutOrStdout(), colour: colourful(c.OutOrStdout())}
	if err := r.run(p, in); err != nil {
		return err
	}
	return nil
}

// A replay is one capture on its way.
type replay struct {
	flags  *replayFlags
	socket divert.Socket
	out    io.Writer
	colour bool
	events eventCounter
}

func (r *replay) run(p *policy.Policy, in string) (err error) {
	defer func() { err = errors.Join(err, r.socket.Close()) }()
	closeEvents, err := r.openEvents()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeEvents()) }()
	chain, err := p.Chain(1)
	if err != nil {
		return err
	}
	shown := r.socket
	if r.flags.diff {
		shown = newDiffer(r.socket, r.out, r.colour, r.flags.original)
	}
	lane := engine.New(engine.Config{
		Socket: shown, Events: &r.events, Grammars: all.Grammars(), Limits: p.Limits(), Batch: r.flags.batch,
		Program: engine.Program{Chain: chain, Outcomes: p.Outcomes()},
	})
	stop := r.progress(in)
	var interrupted atomic.Bool
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	defer signal.Stop(signals)
	go func() {
		if _, ok := <-signals; ok {
			interrupted.Store(true)
			lane.Stop()
		}
	}()
	err = lane.Run()
	stop()
	if interrupted.Load() {
		return errors.Join(errors.New("interrupted: no output file was written"), discard(r.socket))
	}
	if err != nil {
		return err
	}
	r.summary(lane.Snapshot(), in)
	return nil
}

// discard has the output file not be put in place.
func discard(s divert.Socket) error {
	if d, ok := s.(interface{ Discard() error }); ok {
		return d.Discard()
	}
	return nil
}

// openEvents connects the events to the output that was asked for, and returns what closes it.
func (r *replay) openEvents() (func() error, error) {
	var out eve.Output
	switch r.flags.eve {
	case "":
		return func() error { return nil }, nil
	case "-":
		out = eve.NewStream(os.Stdout)
	default:
		f, err := os.Create(r.flags.eve)
		if err != nil {
			return nil, err
		}
		out = fileStream{eve.NewStream(f), f}
	}
	w := eve.NewWriter(out, eve.Format{}, 0)
	r.events.sink = w
	return func() error { return errors.Join(w.Flush(), w.Close()) }, nil
}

type fileStream struct {
	*eve.Stream
	f *os.File
}

func (s fileStream) Close() error { return s.f.Close() }

// An eventCounter counts events and hands them to a sink, if there is one.
type eventCounter struct {
	sink  *eve.Writer
	kinds [256]int
	would int
}

func (c *eventCounter) Put(e *event.Event) bool {
	c.kinds[e.Kind]++
	if e.Would {
		c.would++
	}
	if c.sink == nil {
		return true
	}
	if err := c.sink.Write(e); err == nil {
		return true
	}
	return c.sink.Flush() == nil && c.sink.Write(e) == nil
}

// progress shows how far a long replay has come, on a terminal.
func (r *replay) progress(in string) (stop func()) {
	p, ok := r.socket.(interface{ Progress() (done, total int64) })
	if !ok || !term.IsTerminal(int(os.Stderr.Fd())) {
		return func() {}
	}
	done := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		shown := false
		for {
			select {
			case <-done:
				if shown {
					fmt.Fprint(os.Stderr, "\r\x1b[K")
				}
				return
			case <-tick.C:
				n, total := p.Progress()
				if total > 0 {
					shown = true
					fmt.Fprintf(os.Stderr, "\r\x1b[K%s  %3d %%  %d of %d MiB", in, 100*n/total, n>>20, total>>20)
				}
			}
		}
	}()
	return func() { close(done); <-finished }
}

// summary says in a few lines what came of it.
func (r *replay) summary(s *engine.Snapshot, in string) {
	o := r.out
	if r.flags.eve == "-" {
		o = os.Stderr
	}
	fmt.Fprintf(o, "%s: %d packets, %d changed, %d dropped", in, s.Packets, s.Socket.Rewritten, s.Dropped)
	if s.WouldDrop > 0 {
		fmt.Fprintf(o, ", %d would have been dropped", s.WouldDrop)
	}
	if skipped, ok := r.socket.(interface{ Skipped() uint64 }); ok && skipped.Skipped() > 0 {
		fmt.Fprintf(o, ", %d frames without IP passed through", skipped.Skipped())
	}
	fmt.Fprintln(o)
	for k := event.KindAlert; k.Valid(); k++ {
		if n := r.events.kinds[k]; n > 0 {
			fmt.Fprintf(o, "  %6d %s\n", n, k)
		}
	}
	if r.events.would > 0 {
		fmt.Fprintf(o, "  %6d of these say would: the policy only monitors\n", r.events.would)
	}
	for why, n := range sortedReasons(s.Drops) {
		fmt.Fprintf(o, "  dropped %6d %s\n", n, why)
	}
	for why, n := range sortedReasons(s.Anomalies) {
		fmt.Fprintf(o, "  anomaly %6d %s\n", n, why)
	}
}
