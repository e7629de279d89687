package holder_test

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestManyLanes runs as many lanes as a policy may have: their descriptors and counters do not fit
// into one message.
func TestManyLanes(t *testing.T) {
	l := newLab(t)
	dir := newDir(t)
	d := begin(t, l.Router(), dir, strings.Replace(policyText(dir, ""), "queues: 0-1", "queues: 100-163", 1))
	d.ready()
	echo := newEcho(t, l, 9000, 1000)
	echo.start()
	signalPID(t, d.status().WorkerPID, syscall.SIGKILL)
	var w struct {
		RSSBytes int64
		Lanes    []struct{ Packets uint64 }
	}
	d.until("the counters of 64 lanes tell of packets", 10*time.Second, func() bool {
		if json.Unmarshal(d.status().Worker, &w) != nil || len(w.Lanes) != 64 {
			return false
		}
		n := uint64(0)
		for _, lane := range w.Lanes {
			n += lane.Packets
		}
		return n > 0
	})
	got := echo.finish()
	t.Logf("64 lanes: UDP %v; %d KiB resident", got, w.RSSBytes>>10)
	if got.lost() > 0 {
		t.Errorf("lost: %v", got)
	}
	seen := map[string]bool{}
	for _, m := range d.status().Missing {
		if seen[m] {
			t.Errorf("said twice: %s", m)
		}
		seen[m] = true
	}
}

// TestCannotBegin has what is wrong said, and nothing left behind.
func TestCannotBegin(t *testing.T) {
	l := newLab(t)
	before := ruleset(t, l.Router())
	closed := newDir(t)
	if os.Geteuid() == 0 {
		if err := os.Mkdir(closed+"/events", 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, dir string
		policy    func(string) string
		flags     []string
		want      []string
	}{
		{"events cannot be written", closed, func(p string) string { return p }, nil, []string{"events/eve.json", "65534", "reporter could not begin"}},
		{"no such user", newDir(t), func(p string) string { return p }, []string{"--user", "bob"}, []string{"--user bob"}},
		{"mistakes", newDir(t), func(p string) string { return p + "overlod: 1\n" }, nil, []string{"weir.yaml:", "overlod"}},
	} {
		if c.dir == closed && os.Geteuid() != 0 {
			continue
		}
		d := begin(t, l.Router(), c.dir, c.policy(policyText(c.dir, "")), c.flags...)
		select {
		case <-d.done:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: weir runs on", c.name)
		}
		if d.err == nil {
			t.Errorf("%s: weir ended well", c.name)
		}
		for _, want := range c.want {
			if !strings.Contains(d.log(), want) {
				t.Errorf("%s: %q says nothing of %q", c.name, d.log(), want)
			}
		}
		if after := ruleset(t, l.Router()); after != before {
			t.Errorf("%s: rules are left:\n%s", c.name, after)
		}
		if _, err := os.Stat(d.path("control.sock")); err == nil {
			t.Errorf("%s: the control socket is left", c.name)
		}
	}
}
