package holder_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/holder"
)

// kills is how often TestKilledWorkers kills.
func kills(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("WEIR_TEST_KILLS")); err == nil {
		return n
	}
	if testing.Short() {
		return 10
	}
	return 100
}

// TestKilledWorkers is F1: kill -9 of the worker at random moments under UDP with sequence numbers,
// TCP transfers that are edited, and connections whose answers grow. Nothing is lost, nothing is corrupt, and no
// connection is reset.
func TestKilledWorkers(t *testing.T) {
	l := newLab(t)
	dir := newDir(t)
	text := strings.Replace(policyText(dir, ""), "inspect:\n", growingDNS, 1)
	text = strings.Replace(text, "eve.json}", "eve.json, rotate: {keep: 100}}", 1) // a thousand kills take more than is kept otherwise
	d := begin(t, l.Router(), dir, text)
	d.ready()
	echo := newEcho(t, l, 9000, 4000)
	transfers, questions := 60, 40
	if testing.Short() { // as under the race detector, where these are more than it bears
		transfers, questions = 15, 10
	}
	q := startQuestions(t, l, questions) // they connect before the load begins
	x := startTransfers(t, l, transfers)
	echo.start()
	n, early := kills(t), 0
	for range n {
		if rand.IntN(10) == 0 { // also while it begins
			early++
		} else {
			d.ready()
			time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond)
		}
		var s holder.State
		d.until("there is a worker to kill", 10*time.Second, func() bool { s = d.status(); return s.WorkerPID != 0 })
		signalPID(t, s.WorkerPID, syscall.SIGKILL)
		d.until("the holder notices", 5*time.Second, func() bool { return d.status().Restarts > s.Restarts })
	}
	last := d.ready()
	failed := append(x.finish(), q.finish()...)
	got := echo.finish()
	t.Logf("%d kills, %d of them of a worker that had not begun, gave up %d times: UDP %v; TCP %d transfers, %d MB, %d of %d cards masked, %d failed",
		n, early, d.events()["crash-outcome"], got, x.started, x.bytes.Load()>>20, x.masked.Load(), x.cards.Load(), len(failed))
	t.Logf("questions: %d answers grew, %d came as they were; events %v, %v", q.rewritten.Load(), q.untouched.Load(), d.events(), d.survivals())
	t.Logf("a new worker was ready after %v", pauses(d.log()))
	if d.events()["crash-outcome"] == 0 { // otherwise some were to pass
		echo.inspected()
	}
	if got.lost() > 0 {
		t.Errorf("lost: %v", got)
	}
	for _, err := range failed {
		t.Error(err)
	}
	if last.Restarts != n {
		t.Errorf("status tells of %d restarts, want %d", last.Restarts, n)
	}
	if x.masked.Load() == 0 {
		t.Error("no card was masked: was anything inspected?")
	}
	if q.rewritten.Load() == 0 || q.untouched.Load() > q.rewritten.Load() {
		t.Errorf("%d answers grew, and %d did not", q.rewritten.Load(), q.untouched.Load())
	}
	d.told("worker-crashed", n)
	if e := d.events(); e["crash-outcome"] == 0 && e["worker-restarted"] == 0 {
		t.Errorf("events: %v", e)
	}
	if drops := kernelDrops(t, last); drops > 0 {
		t.Errorf("the kernel dropped %d packets", drops)
	}
}

// pauses says how long traffic waited for new workers: the median and the longest.
func pauses(log string) string {
	var all []time.Duration
	for _, m := range regexp.MustCompile(`worker-restarted.* after (\S+),`).FindAllStringSubmatch(log, -1) {
		if d, err := time.ParseDuration(m[1]); err == nil {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return "no restart"
	}
	slices.Sort(all)
	return fmt.Sprintf("%v in the median, %v at most", all[len(all)/2], all[len(all)-1])
}

// TestKilledHolder is F2: kill -9 of the holder under load. The worker answers what it has and
// ends; then packets pass, or are dropped, as the policy says. The next weir takes over the
// leftovers.
func TestKilledHolder(t *testing.T) {
	for _, absent := range []string{"pass", "drop"} {
		t.Run(absent, func(t *testing.T) {
			l := newLab(t)
			before := ruleset(t, l.Router())
			d := start(t, l.Router(), "outcomes: {absent: "+absent+"}")
			echo := newEcho(t, l, 9000, 4000)
			echo.start()
			time.Sleep(300 * time.Millisecond)
			s := d.status()
			killed := time.Now()
			d.kill()
			d.until("worker and reporter end", 10*time.Second, func() bool { return !alive(s.WorkerPID) && !alive(s.ReporterPID) })
			ended := time.Since(killed)
			time.Sleep(300 * time.Millisecond)
			if absent == "drop" {
				if quiet := time.Since(time.Unix(0, echo.lastReceived.Load())); quiet < 200*time.Millisecond {
					t.Errorf("packets pass %v after the policy's drop", quiet)
				}
			}
			next := begin(t, l.Router(), d.dir, policyText(d.dir, "outcomes: {absent: "+absent+"}"))
			next.ready()
			time.Sleep(300 * time.Millisecond)
			got := echo.finish()
			t.Logf("absent %s: children ended after %v; UDP %v: a window of %.1f ms", absent, ended.Round(time.Millisecond), got,
				float64(got.lost())/float64(echo.rate)*1000)
			if absent == "pass" && got.lost() > echo.rate/4 {
				t.Errorf("lost: %v", got)
			}
			if absent == "drop" && got.lost() < echo.rate/5 {
				t.Errorf("the outcome was drop, yet: %v", got)
			}
			if err := next.stop(syscall.SIGTERM); err != nil {
				t.Errorf("the next weir ended with %v", err)
			}
			if after := ruleset(t, l.Router()); after != before {
				t.Errorf("rules are left behind:\n%s", after)
			}
		})
	}
}

// TestStoppedWorker is F15: a worker that is stopped by a signal says nothing; it is killed,
// replaced, and no packet is lost.
func TestStoppedWorker(t *testing.T) {
	l := newLab(t)
	d := start(t, l.Router(), "", "--patience", "2s")
	echo := newEcho(t, l, 9000, 1000)
	echo.start()
	s := d.status()
	signalPID(t, s.WorkerPID, syscall.SIGSTOP)
	d.until("the worker is replaced", 10*time.Second, func() bool { n := d.status(); return n.Ready && n.WorkerPID != s.WorkerPID })
	got := echo.finish()
	t.Logf("UDP %v", got)
	if got.lost() > 0 {
		t.Errorf("lost: %v", got)
	}
	echo.inspected()
	d.told("worker-silent", 1)
	d.told("worker-restarted", 1)
}

// TestWorkersThatKeepDying gives up, by the outcome of the policy, and comes back when workers
// stay.
func TestWorkersThatKeepDying(t *testing.T) {
	for _, absent := range []string{"pass", "drop"} {
		t.Run(absent, func(t *testing.T) {
			l := newLab(t)
			d := start(t, l.Router(), "outcomes: {absent: "+absent+"}")
			echo := newEcho(t, l, 9000, 1000)
			echo.start()
			var s holder.State
			d.until("it gives up", 20*time.Second, func() bool {
				if s = d.status(); s.WorkerPID != 0 {
					signalPID(t, s.WorkerPID, syscall.SIGKILL)
				}
				return s.GaveUp
			})
			if s.Applied == (absent == "pass") {
				t.Errorf("outcome %s, and the rules are in place: %v", absent, s.Applied)
			}
			sent := echo.sent.Load()
			if absent == "pass" {
				d.until("packets pass", 2*time.Second, func() bool { return echo.back[sent+10].Load() > 0 })
			}
			d.ready()
			d.until("packets are inspected again", 5*time.Second, func() bool { s = d.status(); return s.Ready && !s.GaveUp })
			sent = echo.sent.Load()
			d.until("packets arrive", 5*time.Second, func() bool { return echo.back[sent+10].Load() > 0 })
			got := echo.finish()
			t.Logf("absent %s, %d restarts: UDP %v", absent, s.Restarts, got)
			if absent == "pass" && got.lost() > 0 {
				t.Errorf("lost: %v", got)
			}
			d.told("crash-outcome", 1)
		})
	}
}

// TestKilledEverything kills all three processes at once. Packets pass by the rules that are left;
// the next weir takes over what it finds, a kernel setting among it, and leaves nothing.
func TestKilledEverything(t *testing.T) {
	l := newLab(t)
	const setting = "net/netfilter/nf_conntrack_tcp_be_liberal"
	var netns uint64
	err := l.Router().Do(func() error {
		var st unix.Stat_t
		if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
			return err
		}
		netns = st.Ino
		return os.WriteFile("/proc/sys/"+setting, []byte("1"), 0)
	})
	if err != nil {
		t.Skipf("SKIPPED: no kernel setting to leave behind: %v", err)
	}
	before := ruleset(t, l.Router())
	d := start(t, l.Router(), "")
	s := d.status()
	for _, pid := range []int{d.cmd.Process.Pid, s.WorkerPID, s.ReporterPID} {
		signalPID(t, pid, syscall.SIGKILL)
	}
	<-d.done
	d.until("all have ended", 5*time.Second, func() bool { return !alive(s.WorkerPID) && !alive(s.ReporterPID) })
	if ruleset(t, l.Router()) == before {
		t.Error("no rules are left: who took them away?")
	}
	echo := newEcho(t, l, 9000, 1000)
	echo.start()
	d.until("packets pass", 2*time.Second, func() bool { return echo.back[0].Load() > 0 })
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	state := fmt.Sprintf(`{"boot_id": %q, "netns": %d, "saved": [{"name": %q, "was": "0", "set": "1"}]}`, strings.TrimSpace(string(boot)), netns, setting)
	if err := os.WriteFile(d.path("sysctl.json"), []byte(state), 0o600); err != nil {
		t.Fatal(err)
	}
	next := begin(t, l.Router(), d.dir, policyText(d.dir, ""))
	next.ready()
	if err := next.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	got := echo.finish()
	t.Logf("UDP %v", got)
	if got.lost() > 0 {
		t.Errorf("lost while the next weir began and ended: %v", got)
	}
	if after := ruleset(t, l.Router()); after != before {
		t.Errorf("rules are left behind:\n%s", after)
	}
	_ = l.Router().Do(func() error {
		if b, err := os.ReadFile("/proc/sys/" + setting); err != nil || strings.TrimSpace(string(b)) != "0" {
			t.Errorf("%s is %q, %v, and was 0", setting, b, err)
		}
		return nil
	})
}
