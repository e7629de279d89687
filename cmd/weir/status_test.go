//go:build linux || freebsd || openbsd

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/worker"
)

// printed takes a state over JSON, as the control socket does, and prints it.
func printed(t *testing.T, s holder.State, w *worker.Status) string {
	t.Helper()
	if w != nil {
		data, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		s.Worker = data
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = describeStatus(&b, data)
	var coded exitError
	if ails := strings.Contains(b.String(), "  ! "); ails != errors.As(err, &coded) || ails && (coded.code != exitAiling || err.Error() != "") {
		t.Errorf("%v after\n%s", err, b.String())
	}
	return b.String()
}

func TestStatusForPeople(t *testing.T) {
	lane := func(n uint64) *engine.Snapshot {
		return &engine.Snapshot{
			Counters: engine.Counters{Packets: 1000 * n, Bytes: n << 30, Dropped: 3, WouldDrop: 1, Edited: 2, EventsLost: n - 1},
			Drops:    map[packet.Reason]uint64{"url-blocked": 2, "malformed": 1},
			Flows:    flow.Stats{Live: 5, Created: 20, Sights: [4]uint64{1, 2, 3, 9}}, HeldBytes: 2048,
			Socket: divert.Stats{KernelDropped: 4, KernelUserDropped: 1, KernelQueued: 7},
		}
	}
	got := printed(t, holder.State{
		Generation: 2, WorkerPID: 101, ReporterPID: 102, Ready: true, Applied: true, Restarts: 1, RulesMended: 2, Uptime: 90 * time.Minute,
		Load: holder.Load{Rules: map[string]firewall.Count{
			"queued": {Packets: 3000, Bytes: 3 << 30}, "handed_back": {Packets: 70}, "own": {Packets: 2}, "uninspected": {Packets: 9, Bytes: 2048},
		}},
		ConfirmLeft: 42 * time.Second, Sandbox: "no-new-privs=true seccomp=true landlock=true", Missing: []string{"A sentence.", "A sentence."},
	}, &worker.Status{Lanes: []*engine.Snapshot{lane(1), lane(2)}, RSSBytes: 34 << 20})
	const want = `weir       up 1h30m0s, policy generation 2
rules      in place: packets 3000 diverted, 70 of settled flows, 2 Weir's own, mended 2 times after a change by somebody else
trouble    9 packets (2.0 KiB) passed without inspection
confirm    the rules go away in 42s: keep them with weir confirm
worker     pid 101, 34.0 MiB resident, started again once
reporter   pid 102
sandbox    no-new-privs=true seccomp=true landlock=true

  lane  packets    bytes  dropped  would drop  edited     held  waiting  kernel drops
     0     1000  1.0 GiB        3           1       2  2.0 KiB        7             5
     1     2000  2.0 GiB        3           1       2  2.0 KiB        7             5

flows      10 now, 40 in all; of those that ended 18 readable, 6 by name only, 4 dark, 2 without payload
drops      4 url-blocked, 2 malformed
anomalies  none
trouble    1 events lost: the reporter did not keep up
note       A sentence.
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestStatusBeforeTheFirstCount(t *testing.T) {
	if got, want := printed(t, holder.State{Generation: 1, WorkerPID: 7}, nil), "weir       up 0s, policy generation 1\nrules      not in place\nworker     pid 7, loading the policy\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := printed(t, holder.State{GaveUp: true, Restarts: 5}, nil), "weir       up 0s, policy generation 0\nrules      ! the outcome absent is in force: the worker kept ending, traffic is not inspected\nworker     ! none at present, started again 5 times\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestStatusOfWhatPassesWeirBy(t *testing.T) {
	got := printed(t, holder.State{Generation: 1, WorkerPID: 7, Ready: true, Applied: true, PassedBy: []string{"A sentence."}}, nil)
	if want := "trouble    ! A sentence.\n"; !strings.Contains(got, want) {
		t.Errorf("%q is not in\n%s", want, got)
	}
}

func TestStatusOfABridge(t *testing.T) {
	s := holder.State{Generation: 1, WorkerPID: 7, Ready: true, Applied: true, Load: holder.Load{Dropped: 12, Down: []string{"eth1 is down"}}}
	got := printed(t, s, &worker.Status{Lanes: []*engine.Snapshot{{}}})
	for _, want := range []string{"trouble    ! interface eth1 is down: nothing crosses\n", "trouble    12 packets were dropped by the kernel: there was no room for them\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	s.Load.Down = nil
	got = printed(t, s, &worker.Status{Lanes: []*engine.Snapshot{{Socket: divert.Stats{KernelDropped: 12}}}})
	if strings.Contains(got, "trouble") {
		t.Errorf("what the lanes show is said twice:\n%s", got)
	}
}

func TestStatusWhilePaused(t *testing.T) {
	if got, want := printed(t, holder.State{Paused: true, WorkerPID: 7, GuardPID: 9}, nil), "weir       up 0s, policy generation 0\nrules      ! paused, traffic is not inspected until a worker is ready\nworker     pid 7, loading the policy\nguard      pid 9\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestStatusOfOutputs(t *testing.T) {
	got := printed(t, holder.State{Generation: 1, WorkerPID: 7, Ready: true, Applied: true, Outputs: []holder.Output{
		{Name: "stdout", Events: 12},
		{Name: "unix:/run/siem.sock", Events: 9, Lost: 3},
	}}, nil)
	for _, want := range []string{"reporter   none at present", "events     stdout: 12 written\n", "events     unix:/run/siem.sock: 9 written, 3 lost\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	since := time.Now().Add(-90 * time.Second)
	got = printed(t, holder.State{Generation: 1, WorkerPID: 7, Ready: true, Applied: true, Outputs: []holder.Output{
		{Name: "/var/log/weir/eve.json", Lost: 3, Failing: true, Since: since, Error: "eve: no space left on device"},
	}}, nil)
	if want := "events     ! /var/log/weir/eve.json: cannot be written since " + since.Format("15:04:05") + " (1m30s), 3 lost: eve: no space left on device\n"; !strings.Contains(got, want) {
		t.Errorf("%q is not in\n%s", want, got)
	}
}

func TestTopReasons(t *testing.T) {
	m := map[packet.Reason]uint64{"a": 1, "b": 7, "c": 7, "d": 2, "e": 3, "f": 1, "g": 1}
	if got, want := topReasons(m), "7 b, 7 c, 3 e, 2 d, 1 a, 2 more reasons"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
