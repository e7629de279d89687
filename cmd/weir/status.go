//go:build linux || freebsd || openbsd

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/control"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/worker"
)

func init() { commands = append(commands, newStatus) }

func newStatus() *cobra.Command {
	var path string
	var asJSON bool
	c := &cobra.Command{
		Use: "status", Short: "Say what a running weir is doing", Args: exactly(0),
		Long: `Status asks a running weir for its processes, rules, outputs of events, lanes, flows and drops. Counters are
those of the present worker, at most two seconds old.

An output that takes no events keeps up to 1 MiB of them, tries again, and counts what it has to give up.
Where a directory was deleted, weir reload makes it and begins anew.

Exit codes: 0 all is well; 1 no weir could be asked; 5 it runs, and needs somebody to look: there is no
worker, or an output takes no events. The lines that say so begin with "!".`,
		RunE: func(c *cobra.Command, _ []string) error {
			var data json.RawMessage
			if err := control.Ask(path, holder.Status, &data); err != nil {
				return err
			}
			if asJSON {
				out := json.NewEncoder(c.OutOrStdout())
				out.SetIndent("", "  ")
				if err := out.Encode(data); err != nil {
					return err
				}
				return describeStatus(io.Discard, data)
			}
			return describeStatus(c.OutOrStdout(), data)
		},
	}
	controlFlag(c, &path)
	c.Flags().BoolVar(&asJSON, "json", false, "for machines: everything, durations in nanoseconds")
	return c
}

// describeStatus reads a state and writes its summary. Its error has no text if that says all.
func describeStatus(o io.Writer, data []byte) error {
	var s holder.State
	err := json.Unmarshal(data, &s)
	var w worker.Status
	if err == nil && len(s.Worker) > 0 {
		err = json.Unmarshal(s.Worker, &w)
	}
	if err != nil {
		return fmt.Errorf("the running weir is of another version (%w); try --json", err)
	}
	printStatus(o, &s, &w)
	if ailing(&s) {
		return fail(exitAiling, errors.New(""))
	}
	return nil
}

// ailing reports whether somebody should look.
func ailing(s *holder.State) bool {
	return s.GaveUp || s.Paused || s.WorkerPID == 0 || len(s.PassedBy) > 0 || len(s.Load.Down) > 0 || slices.ContainsFunc(s.Outputs, func(o holder.Output) bool { return o.Failing })
}

// printStatus is the summary for people.
func printStatus(o io.Writer, s *holder.State, w *worker.Status) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(o, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	now := time.Now()
	line("weir", "up %s, policy generation %d", s.Uptime.Round(time.Second), s.Generation)
	line("rules", "%s", rulesState(s))
	if n := s.Load.Passed(); n.Packets > 0 {
		line("trouble", "%d packets (%s) passed without inspection", n.Packets, size(n.Bytes))
	}
	for _, what := range s.PassedBy {
		line("trouble", "! %s", what)
	}
	for _, what := range s.Load.Down {
		line("trouble", "! interface %s: nothing crosses", what)
	}
	if s.Load.Dropped > kernelDrops(w.Lanes) {
		line("trouble", "%d packets were dropped by the kernel: there was no room for them", s.Load.Dropped)
	}
	if s.ConfirmLeft > 0 {
		line("confirm", "the rules go away in %s: keep them with weir confirm", s.ConfirmLeft.Round(time.Second))
	}
	line("worker", "%s", workerState(s, w))
	if s.ReporterPID != 0 {
		line("reporter", "pid %d", s.ReporterPID)
	} else if len(s.Outputs) > 0 {
		line("reporter", "none at present, it is started again; events wait")
	}
	if s.GuardPID != 0 {
		line("guard", "pid %d", s.GuardPID)
	}
	for _, out := range s.Outputs {
		line("events", "%s", outputState(&out, now))
	}
	if s.Sandbox != "" {
		line("sandbox", "%s", s.Sandbox)
	}
	if len(w.Lanes) > 0 {
		fmt.Fprintln(o)
		printLanes(o, w.Lanes)
		fmt.Fprintln(o)
		printTotals(line, w.Lanes)
	}
	for _, m := range slices.Compact(slices.Sorted(slices.Values(s.Missing))) { // every lane tells what it lacks
		line("note", "%s", m)
	}
}

func rulesState(s *holder.State) string {
	text := "not in place"
	switch {
	case s.GaveUp:
		text = "! the outcome absent is in force: the worker kept ending, traffic is not inspected"
	case s.Paused:
		text = "! paused, traffic is not inspected until a worker is ready"
	case s.Applied:
		text = "in place" + ruleCounts(s.Load.Rules)
	}
	if s.RulesMended > 0 {
		text += fmt.Sprintf(", mended %s after a change by somebody else", times(s.RulesMended))
	}
	return text
}

// ruleCounts says what became of the packets that came to the rules, where there were any.
func ruleCounts(rules map[string]firewall.Count) (text string) {
	for _, c := range []struct {
		counter firewall.Counter
		what    string
	}{{firewall.Queued, "diverted"}, {firewall.HandedBack, "of settled flows"}, {firewall.Management, "of management"}, {firewall.Own, "Weir's own"}} {
		if n := rules[c.counter.String()].Packets; n > 0 {
			text += fmt.Sprintf(", %d %s", n, c.what)
		}
	}
	if text != "" {
		text = ": packets" + strings.TrimPrefix(text, ",")
	}
	return text
}

// outputState says how an output of events fares.
func outputState(o *holder.Output, now time.Time) string {
	lost := ""
	if o.Lost > 0 {
		lost = fmt.Sprintf(", %d lost", o.Lost)
	}
	if !o.Failing {
		return fmt.Sprintf("%s: %d written%s", o.Name, o.Events, lost)
	}
	return fmt.Sprintf("! %s: cannot be written since %s (%s)%s: %s", o.Name, o.Since.Local().Format("15:04:05"), now.Sub(o.Since).Round(time.Second), lost, o.Error)
}

func workerState(s *holder.State, w *worker.Status) string {
	if s.WorkerPID == 0 {
		return fmt.Sprintf("! none at present, started again %s", times(s.Restarts))
	}
	text := fmt.Sprintf("pid %d", s.WorkerPID)
	if !s.Ready {
		text += ", loading the policy"
	}
	if w.RSSBytes > 0 {
		text += ", " + size(uint64(w.RSSBytes)) + " resident"
		if !worker.ResidentNow {
			text += " at most so far"
		}
	}
	if s.Restarts > 0 {
		text += fmt.Sprintf(", started again %s", times(s.Restarts))
	}
	return text
}

// kernelDrops is what the lanes know themselves, and show.
func kernelDrops(lanes []*engine.Snapshot) (n uint64) {
	for _, l := range lanes {
		n += l.Socket.KernelDropped + l.Socket.KernelUserDropped
	}
	return n
}

// printLanes has a row for each lane.
func printLanes(o io.Writer, lanes []*engine.Snapshot) {
	t := tabwriter.NewWriter(o, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "lane\tpackets\tbytes\tdropped\twould drop\tedited\theld\twaiting\tkernel drops\t")
	for i, l := range lanes {
		fmt.Fprintf(t, "%d\t%d\t%s\t%d\t%d\t%d\t%s\t%d\t%d\t\n", i, l.Packets, size(l.Bytes), l.Dropped, l.WouldDrop, l.Edited,
			size(uint64(l.HeldBytes)), l.Socket.KernelQueued, l.Socket.KernelDropped+l.Socket.KernelUserDropped)
	}
	t.Flush()
}

func printTotals(line func(name, format string, args ...any), lanes []*engine.Snapshot) {
	var live int
	var created, lost, panics, refused uint64
	var sights [len(flow.Stats{}.Sights)]uint64
	drops, anomalies := map[packet.Reason]uint64{}, map[packet.Reason]uint64{}
	for _, l := range lanes {
		live += l.Flows.Live
		created += l.Flows.Created
		lost += l.EventsLost
		panics += l.Panics
		refused += l.Socket.VerdictErrors
		for i, n := range l.Flows.Sights {
			sights[i] += n
		}
		addReasons(drops, l.Drops)
		addReasons(anomalies, l.Anomalies)
	}
	ended := ""
	if created > uint64(live) {
		ended = fmt.Sprintf("; of those that ended %d readable, %d by name only, %d dark, %d without payload",
			sights[flow.SightReadable], sights[flow.SightName], sights[flow.SightDark], sights[flow.SightNone])
	}
	line("flows", "%d now, %d in all%s", live, created, ended)
	line("drops", "%s", topReasons(drops))
	line("anomalies", "%s", topReasons(anomalies))
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{lost, "events lost: the reporter did not keep up"},
		{panics, "panics contained: please report them"},
		{refused, "verdicts refused by the kernel"},
	} {
		if c.n > 0 {
			line("trouble", "%d %s", c.n, c.what)
		}
	}
}

func addReasons(to, from map[packet.Reason]uint64) {
	for why, n := range from {
		to[why] += n
	}
}

// topReasons lists the most frequent reasons, the first one first.
func topReasons(m map[packet.Reason]uint64) string {
	const most = 5
	if len(m) == 0 {
		return "none"
	}
	whys := slices.SortedFunc(maps.Keys(m), func(a, b packet.Reason) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, why := range whys[:min(len(whys), most)] {
		parts = append(parts, fmt.Sprintf("%d %s", m[why], why))
	}
	if len(whys) > most {
		parts = append(parts, fmt.Sprintf("%d more reasons", len(whys)-most))
	}
	return strings.Join(parts, ", ")
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
