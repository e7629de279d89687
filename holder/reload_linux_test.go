package holder_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/holder"
)

// TestReloads is F4: a hundred reloads under load, each with other rules, lose nothing.
func TestReloads(t *testing.T) {
	t.Run("auto", func(t *testing.T) { reloads(t, "auto", 100) })
	t.Run("iptables", func(t *testing.T) {
		if _, err := exec.LookPath("iptables-restore"); err != nil {
			t.Skipf("SKIPPED: %v", err)
		}
		if os.Geteuid() != 0 {
			t.Skip("SKIPPED: iptables-restore needs root here, for its lock")
		}
		reloads(t, "iptables", 20)
	})
}

func reloads(t *testing.T, backend string, n int) {
	l := newLab(t)
	dir := newDir(t)
	policy := func(more string) string {
		return strings.Replace(policyText(dir, more), "queues: 0-1", "queues: 0-1\n  backend: "+backend, 1)
	}
	d := begin(t, l.Router(), dir, policy(""))
	d.ready()
	echo := newEcho(t, l, 9000, 4000)
	x := startTransfers(t, l, 5)
	echo.start()
	var slowest time.Duration
	for i := range n {
		d.write(policy(fmt.Sprintf("management: [198.51.100.%d]", 100+i%50)))
		began := time.Now()
		s, err := d.ask(holder.Reload)
		if err != nil {
			t.Fatalf("reload %d: %v", i, err)
		}
		slowest = max(slowest, time.Since(began))
		if s.Generation != uint32(i+2) {
			t.Fatalf("reload %d made generation %d", i, s.Generation)
		}
	}
	failed, got := x.finish(), echo.finish()
	t.Logf("%d reloads, the slowest took %v: UDP %v; TCP %d failed", n, slowest.Round(time.Millisecond), got, len(failed))
	if got.lost() > 0 || len(failed) > 0 {
		t.Errorf("lost: %v; TCP: %v", got, failed)
	}
	echo.inspected()
	if s := d.status(); s.Restarts != 0 || s.RulesMended != 0 {
		t.Errorf("a reload is no crash and no foreign change: %+v", s)
	}
	d.told("reloaded", n)
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Errorf("weir ended with %v", err)
	}
}

// TestReloadReplacesChildren changes what only a new worker and a new reporter can take in, under
// load.
func TestReloadReplacesChildren(t *testing.T) {
	l := newLab(t)
	d := start(t, l.Router(), "")
	echo := newEcho(t, l, 9000, 4000)
	echo.start()
	for i := range 10 {
		before := d.ready()
		d.write(policyText(d.dir, fmt.Sprintf("limits: {flows: %d}", 20000+i)) + "  # nothing\n")
		if _, err := d.ask(holder.Reload); err != nil {
			t.Fatal(err)
		}
		d.until("another worker is ready", 10*time.Second, func() bool { s := d.status(); return s.Ready && s.WorkerPID != before.WorkerPID })
	}
	before := d.status()
	text, _ := os.ReadFile(d.path("weir.yaml"))
	d.write(strings.Replace(string(text), "eve.json", "eve2.json", 1))
	if _, err := d.ask(holder.Reload); err != nil {
		t.Fatal(err)
	}
	d.until("another reporter runs", 10*time.Second, func() bool { s := d.status(); return s.ReporterPID != 0 && s.ReporterPID != before.ReporterPID })
	got := echo.finish()
	t.Logf("UDP %v", got)
	if got.lost() > 0 {
		t.Errorf("lost: %v", got)
	}
	echo.inspected()
	if s := d.status(); s.Restarts != 0 || s.WorkerPID != before.WorkerPID {
		t.Errorf("a replaced worker is no crash, and other files of events no reason to replace one: %+v", s)
	}
	signalPID(t, before.WorkerPID, syscall.SIGKILL) // something to tell
	d.until("events are in the new file", 5*time.Second, func() bool { st, err := os.Stat(d.path("events/eve2.json")); return err == nil && st.Size() > 0 })
}

// TestBrokenPolicy is refused with the reason, by command and by signal; the old one stays.
func TestBrokenPolicy(t *testing.T) {
	l := newLab(t)
	d := start(t, l.Router(), "")
	good, _ := os.ReadFile(d.path("weir.yaml"))
	for _, c := range []struct{ policy, want string }{
		{string(good) + "overlod: 3\n", "overlod"},
		{"mode: [", "weir.yaml:"},
		{strings.Replace(string(good), "queues: 0-1", "queues: 0-3", 1), "divert.queues"},
	} {
		d.write(c.policy)
		out, err := d.node.Command(program, "reload", "--control", d.path("control.sock")).CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("weir reload: %v, %q; want an error that tells of %q", err, out, c.want)
		}
		if s := d.status(); s.Generation != 1 || !s.Ready || !s.Applied {
			t.Errorf("after a refused reload: %+v", s)
		}
	}
	_ = d.cmd.Process.Signal(syscall.SIGHUP)
	d.told("reload-refused", 4)
	d.write(string(good))
	_ = d.cmd.Process.Signal(syscall.SIGHUP)
	d.until("SIGHUP reloads", 5*time.Second, func() bool { return d.status().Generation == 2 })
}
