package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/packet"
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
they were captured, and writes what would have left to another file: edited and delayed packets, answers
to rejected ones, and frames without IP as they were. It needs no privilege. The same capture and policy
always give the same bytes and the same events. After an error there is no output file.

A capture taken on the host that sent the packets shows checksums that its card was still to complete. Such
packets are no errors: they are inspected and counted in the summary; one that is not changed leaves as it
came, one that is changed leaves with whole checksums. A checksum that is simply wrong follows
outcomes.malformed.

Changed packets are shown as they leave. What stood there before is not shown, since it may be what the
policy is to hide, and neither are long numbers beside it; --original shows all.`,
		Example: `  weir replay in.pcap -p weir.yaml -w out.pcap --eve events.json
  weir replay in.pcap -p weir.yaml --eve - | jq 'select(.event_type == "alert")'`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}
	fl := c.Flags()
	fl.StringVarP(&f.policy, "policy", "p", defaultPolicy, "policy `file`")
	fl.StringVarP(&f.write, "write", "w", "", "write the packets that leave to this `file`")
	fl.StringVar(&f.eve, "eve", "", "write events as JSON lines to this `file`; - for standard output, the rest then goes to standard error")
	fl.BoolVar(&f.diff, "diff", true, "show what changed")
	fl.BoolVar(&f.original, "original", false, "show the bytes that were replaced too: they may be secrets")
	fl.IntVar(&f.batch, "batch", 64, "packets taken at a time; changes nothing but speed")
	return c
}

func (f *replayFlags) run(c *cobra.Command, in string) error {
	address, err := f.address(in)
	if err != nil {
		return fail(exitUsage, err)
	}
	p, err := loadPolicy(f.policy, 1)
	if err != nil {
		return err
	}
	socket, err := divert.OpenSocket(address, divert.WithBatch(f.batch))
	if err != nil {
		return err
	}
	// A reader that closes the pipe early shall not leave half a file behind.
	signal.Ignore(syscall.SIGPIPE)
	r := &replay{flags: f, name: in, socket: socket.(*divert.Pcap), shown: c.OutOrStdout()}
	if f.eve == "-" {
		r.shown = c.ErrOrStderr()
	}
	return r.run(p, c.OutOrStdout())
}

// address makes the divert address of the capture files, and refuses what cannot be meant.
func (f *replayFlags) address(in string) (string, error) {
	switch {
	case f.batch < 1:
		return "", fmt.Errorf("--batch %d: at least one packet at a time", f.batch)
	case strings.Contains(in, ">") || strings.Contains(f.write, ">"):
		return "", errors.New("a capture's name cannot contain \">\": give it another, or a link with another")
	case sameFile(in, f.write):
		return "", fmt.Errorf("%s is the capture that is read: write to another file", f.write)
	case sameFile(in, f.eve):
		return "", fmt.Errorf("%s is the capture that is read: write events to another file", f.eve)
	case collide(f.eve, f.write):
		return "", fmt.Errorf("%s cannot hold both packets and events", f.eve)
	case f.write == "":
		return "pcap:" + in, nil
	}
	return "pcap:" + in + ">" + f.write, nil
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// collide reports whether both outputs would be one file. A device may take both.
func collide(eve, write string) bool {
	if eve == "" || eve == "-" || write == "" {
		return false
	}
	if st, err := os.Stat(eve); err == nil && !st.Mode().IsRegular() {
		return false
	}
	return filepath.Clean(eve) == filepath.Clean(write) || sameFile(eve, write)
}

// A replay is one capture on its way.
type replay struct {
	flags  *replayFlags
	name   string
	socket *divert.Pcap
	events *eventFile
	shown  io.Writer // what is for people
}

func (r *replay) run(p *policy.Policy, stdout io.Writer) (err error) {
	if r.events, err = openEventFile(r.flags.eve, stdout); err != nil {
		return errors.Join(err, r.socket.Discard())
	}
	snapshot, err := r.replay(p)
	err = errors.Join(err, r.events.flush())
	if err != nil {
		return errors.Join(err, r.socket.Discard(), r.events.close(false))
	}
	if err := r.socket.Close(); err != nil {
		return errors.Join(err, r.events.close(false))
	}
	if err := r.events.close(true); err != nil {
		return err
	}
	r.summary(snapshot)
	return nil
}

// replay takes all packets along the route.
func (r *replay) replay(p *policy.Policy) (*engine.Snapshot, error) {
	chain, err := p.Chain(1)
	if err != nil {
		return nil, err
	}
	m := startMeter(r.progress)
	defer m.stop()
	var socket divert.Socket = r.socket
	if r.flags.diff {
		out := m.besides(r.shown)
		if !isTerminal(r.shown) {
			b := bufio.NewWriter(out)
			defer b.Flush()
			out = b
		}
		socket = newDiffer(r.socket, out, colourful(r.shown), r.flags.original)
	}
	lane := engine.New(engine.Config{
		Socket: socket, Events: r.events, Grammars: all.Grammars(), Limits: p.Limits(), Batch: r.flags.batch,
		Program: engine.Program{Chain: chain, Outcomes: p.Outcomes()},
	})
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	unwatch := context.AfterFunc(ctx, lane.Stop)
	err = lane.Run()
	if !unwatch() {
		err = errors.Join(err, errors.New("interrupted: no file was written"))
	}
	return lane.Snapshot(), err
}

// progress is the meter's line; empty until the capture's size is known.
func (r *replay) progress() string {
	done, total := r.socket.Progress()
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("%s  %3d %%  %s of %s", r.name, 100*done/total, size(uint64(done)), size(uint64(total)))
}

// summary says in a few lines what came of it.
func (r *replay) summary(s *engine.Snapshot) {
	o := r.shown
	fmt.Fprintf(o, "%s: %s, %d changed, %d dropped", r.name, count(int(s.Packets), "packet"), s.Socket.Rewritten, s.Dropped)
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{s.WouldDrop, "would have been dropped"},
		{s.Delayed, "delayed"},
		{s.Injected, "injected"},
		{r.socket.Skipped(), "without IP passed through"},
		{r.socket.Partial(), "with a checksum that the sender's card was to complete"},
		{s.Panics, "failed inside Weir (please report this)"},
	} {
		if c.n > 0 {
			fmt.Fprintf(o, ", %d %s", c.n, c.what)
		}
	}
	fmt.Fprintln(o)
	for k := event.KindAlert; k.Valid(); k++ {
		if n := r.events.kinds[k]; n > 0 {
			fmt.Fprintf(o, "  event    %6d %s\n", n, k)
		}
	}
	if r.events.would > 0 {
		fmt.Fprintf(o, "           %6d of these only say what would have been done (mode: monitor)\n", r.events.would)
	}
	for why, n := range sortedReasons(s.Drops) {
		fmt.Fprintf(o, "  dropped  %6d %s\n", n, why)
	}
	for why, n := range sortedReasons(s.Anomalies) {
		fmt.Fprintf(o, "  anomaly  %6d %s\n", n, why)
	}
}

// sortedReasons yields reasons and counts in the order of the alphabet.
func sortedReasons(m map[packet.Reason]uint64) iter.Seq2[packet.Reason, uint64] {
	return func(yield func(packet.Reason, uint64) bool) {
		for _, why := range slices.Sorted(maps.Keys(m)) {
			if !yield(why, m[why]) {
				return
			}
		}
	}
}
