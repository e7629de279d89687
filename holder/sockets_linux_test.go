package holder_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/internal/craft"
)

// These tests are of the whole daemon on divert sockets: of OpenBSD and FreeBSD as far as our model of their kernels is right.

// onSockets runs a test on the models of both systems.
func onSockets(t *testing.T, f func(t *testing.T, system string)) {
	for _, system := range []string{"openbsd", "freebsd-ipfw"} {
		t.Run(system, func(t *testing.T) { f(t, system) })
	}
}

// What is sent, and what arrives of it if it was inspected.
const (
	paying = "pay 4111 1111 1111 1111 now"
	masked = "pay XXXX XXXX XXXX 1111 now"
)

// TestSocketsPassAndEdit: datagrams and a stream pass, are edited, and afterwards all is as before.
func TestSocketsPassAndEdit(t *testing.T) {
	onSockets(t, func(t *testing.T, system string) {
		w := newWorld(t, system, "")
		if got := payload(w.through(craft.UDP(here, there, []byte(paying)))); got != masked {
			t.Errorf("a datagram says %q", got)
		}
		s := w.connect()
		for range 3 {
			if got := s.say(paying + "\n"); got != masked+"\n" {
				t.Errorf("the stream says %q", got)
			}
		}
		w.wrote(`"event_type":"dlp"`, `"card"`)
		st := w.status()
		if st.GuardPID == 0 || st.Restarts != 0 || st.Paused {
			t.Errorf("state %+v", st)
		}
		w.stopsInOrder()
		w.passed()
		if got := payload(w.through(craft.UDP(here, there, []byte(paying)))); got != paying {
			t.Errorf("without rules a datagram says %q", got)
		}
	})
}

// stopsInOrder has weir end, and nothing be left of it.
func (w *world) stopsInOrder() {
	w.t.Helper()
	s := w.status()
	if err := w.stop(syscall.SIGTERM); err != nil {
		w.t.Errorf("it ended with %v", err)
	}
	for name, pid := range map[string]int{"worker": s.WorkerPID, "reporter": s.ReporterPID, "guard": s.GuardPID} {
		if pid != 0 && alive(pid) {
			w.t.Errorf("the %s is left", name)
		}
	}
	if w.diverts() || !strings.HasSuffix(w.changes(), "pause remove") {
		w.t.Errorf("the rules at the end: %s", w.changes())
	}
}

// TestSocketsStopUnderLoad: stopping loses no packet.
func TestSocketsStopUnderLoad(t *testing.T) {
	onSockets(t, func(t *testing.T, system string) {
		w := newWorld(t, system, "")
		d := w.drip()
		time.Sleep(200 * time.Millisecond)
		w.stopsInOrder()
		time.Sleep(50 * time.Millisecond)
		if lost, cut := d.stop(); lost > 0 || d.sent < 100 {
			t.Errorf("%d of %d lost, %d of them in the kernel", lost, d.sent, cut)
		}
	})
}

// TestSocketsKilledWorker: what it had read is lost, and no more; a connection that was edited goes on.
func TestSocketsKilledWorker(t *testing.T) {
	onSockets(t, func(t *testing.T, system string) {
		w := newWorld(t, system, "")
		s := w.connect()
		if got := s.say(paying + "\n"); got != masked+"\n" {
			t.Errorf("the stream says %q", got)
		}
		d := w.drip()
		time.Sleep(100 * time.Millisecond)
		before := w.status()
		signalPID(t, before.WorkerPID, syscall.SIGKILL)
		w.until("another worker is ready", 10*time.Second, func() bool { n := w.status(); return n.Ready && n.Applied && n.WorkerPID != before.WorkerPID })
		time.Sleep(100 * time.Millisecond)
		lost, cut := d.stop()
		t.Logf("%d of %d lost", lost, d.sent)
		if lost > 2 || cut > 0 { // it reads one at a time, at this pace
			t.Errorf("%d of %d lost, %d of them in the kernel", lost, d.sent, cut)
		}
		w.passed()
		if got := s.say(paying + "\n"); got != masked+"\n" {
			t.Errorf("afterwards the stream says %q", got)
		}
		signalPID(t, w.status().WorkerPID, syscall.SIGKILL)
		w.until("a third worker is ready", 10*time.Second, func() bool { n := w.status(); return n.Ready && n.Restarts == 2 })
		if n := strings.Count(w.log(), "gives no packet twice"); n != 1 {
			t.Errorf("it is said %d times that packets are lost", n)
		}
		w.told("worker-restarted", 2)
		w.stopsInOrder()
	})
}

// TestSocketsWorkersThatKeepDying: without a worker for a while traffic passes, or is dropped, as the policy says; with one it is inspected.
func TestSocketsWorkersThatKeepDying(t *testing.T) {
	for _, absent := range []string{"pass", "drop"} {
		t.Run(absent, func(t *testing.T) {
			w := newWorld(t, "openbsd", "outcomes: {absent: "+absent+"}")
			if s := w.status(); (s.GuardPID != 0) != (absent == "pass") {
				t.Errorf("absent %s, guard %d", absent, s.GuardPID)
			}
			d := w.drip()
			var s holder.State
			w.until("it gives up", 20*time.Second, func() bool {
				if s = w.status(); s.WorkerPID != 0 {
					signalPID(t, s.WorkerPID, syscall.SIGKILL)
				}
				return s.GaveUp
			})
			if w.diverts() == (absent == "pass") {
				t.Errorf("outcome %s, and the rules divert: %v", absent, w.diverts())
			}
			w.until("a worker is ready again", 10*time.Second, func() bool { n := w.status(); return n.Ready && n.Applied && !n.GaveUp })
			lost, cut := d.stop()
			t.Logf("absent %s: %d of %d lost, rules %s", absent, lost, d.sent, w.changes())
			if absent == "pass" && cut > 0 {
				t.Errorf("%d were dropped in the kernel", cut)
			}
			w.passed()
			if got := payload(w.through(craft.UDP(here, there, []byte(paying)))); got != masked {
				t.Errorf("afterwards a datagram says %q", got)
			}
			w.stopsInOrder()
		})
	}
}

// TestSocketsPause: a worker that is long in coming has the rules paused, and what waited passes.
func TestSocketsPause(t *testing.T) {
	for _, absent := range []string{"pass", "drop"} {
		t.Run(absent, func(t *testing.T) {
			w := newWorld(t, "openbsd", "outcomes: {absent: "+absent+"}")
			var d *drip // from when on nobody reads: what a worker has read when it is killed is lost
			began, aside, seen := time.Now(), false, 0
			stopped := w.hold(func(s holder.State) bool {
				if d == nil && s.WorkerPID != 0 && s.WorkerPID == seen && !s.Ready {
					d, began = w.drip(), time.Now()
				}
				aside, seen = aside || s.Paused, s.WorkerPID
				return d != nil && time.Since(began) > 700*time.Millisecond
			})
			if aside != (absent == "pass") || w.diverts() == aside {
				t.Errorf("absent %s: paused %v, rules %s", absent, aside, w.changes())
			}
			signalPID(t, stopped, syscall.SIGCONT)
			w.until("a worker is ready", 10*time.Second, func() bool { n := w.status(); return n.Ready && n.Applied && !n.Paused })
			lost, cut := d.stop()
			t.Logf("absent %s: %d of %d lost, rules %s", absent, lost, d.sent, w.changes())
			if lost > cut || absent == "pass" && cut > 0 { // the kernel's buffer is full after a while
				t.Errorf("%d of %d lost, %d of them in the kernel", lost, d.sent, cut)
			}
			if absent == "pass" {
				w.told("rules-paused", 1)
				w.told("rules-resumed", 1)
			}
			w.stopsInOrder()
		})
	}
}

// hold keeps workers from being ready until something is so, and returns the one that it has stopped.
func (w *world) hold(so func(holder.State) bool) (stopped int) {
	w.t.Helper()
	w.until("no worker is ready", 10*time.Second, func() bool {
		s := w.status()
		if s.Ready {
			signalPID(w.t, s.WorkerPID, syscall.SIGKILL)
		} else if s.WorkerPID != 0 && s.WorkerPID != stopped {
			stopped = s.WorkerPID
			signalPID(w.t, stopped, syscall.SIGSTOP)
		}
		return so(s) && !s.Ready
	})
	return stopped
}

// TestSocketsHalfApplied: rules that were put in place, and are said not to have been, do not stay to divert to nobody.
func TestSocketsHalfApplied(t *testing.T) {
	w := newWorld(t, "openbsd", "")
	stopped := w.hold(func(s holder.State) bool { return s.Paused })
	w.fail()
	signalPID(t, stopped, syscall.SIGCONT)
	w.until("they are taken back", 5*time.Second, func() bool { return strings.HasSuffix(w.changes(), "pause apply pause") })
	w.until("they are applied again", 10*time.Second, func() bool { n := w.status(); return n.Ready && n.Applied && !n.Paused })
	if got := payload(w.through(craft.UDP(here, there, []byte(paying)))); got != masked {
		t.Errorf("afterwards a datagram says %q", got)
	}
	w.stopsInOrder()
}

// TestSocketsReload takes a new policy under load, and the guard comes and goes with the outcome.
func TestSocketsReload(t *testing.T) {
	w := newWorld(t, "openbsd", "")
	d := w.drip()
	for _, c := range []struct {
		more  string
		guard bool
	}{{"outcomes: {absent: drop}", false}, {"", true}} {
		w.write(modelPolicy(w.dir, c.more))
		if _, err := w.ask(holder.Reload); err != nil {
			t.Error(err)
		}
		w.until("the guard is as it should be", 5*time.Second, func() bool { return (w.status().GuardPID != 0) == c.guard })
	}
	w.write(strings.Replace(modelPolicy(w.dir, ""), "action: mask, keep: 4", "action: alert", 1))
	if s, err := w.ask(holder.Reload); err != nil || s.Generation != 4 {
		t.Errorf("generation %d, %v", s.Generation, err)
	}
	if lost, cut := d.stop(); lost > 0 {
		t.Errorf("%d of %d lost, %d of them in the kernel", lost, d.sent, cut)
	}
	w.passed()
	if got := payload(w.through(craft.UDP(here, there, []byte(paying)))); got != paying {
		t.Errorf("under the new policy a datagram says %q", got)
	}
	w.stopsInOrder()
}

// TestSocketsKilledHolder: the guard takes the rules away, unless the policy says drop; the next weir begins as ever.
func TestSocketsKilledHolder(t *testing.T) {
	for _, absent := range []string{"pass", "drop"} {
		t.Run(absent, func(t *testing.T) {
			w := newWorld(t, "openbsd", "outcomes: {absent: "+absent+"}")
			d := w.drip()
			time.Sleep(100 * time.Millisecond)
			s := w.status()
			killed := time.Now()
			w.kill()
			w.until("its children end", 10*time.Second, func() bool {
				return !alive(s.WorkerPID) && !alive(s.ReporterPID) && (s.GuardPID == 0 || !alive(s.GuardPID))
			})
			ended := time.Since(killed)
			time.Sleep(100 * time.Millisecond)
			if w.diverts() == (absent == "pass") {
				t.Errorf("absent %s: the rules divert: %v, %s", absent, w.diverts(), w.changes())
			}
			lost, cut := d.stop()
			t.Logf("absent %s: the children ended after %v; %d of %d lost", absent, ended.Round(time.Millisecond), lost, d.sent)
			if absent == "pass" && lost > 50 {
				t.Errorf("%d of %d lost, %d of them in the kernel", lost, d.sent, cut)
			}
			if absent == "drop" && cut == 0 {
				t.Error("the outcome was drop, and packets passed")
			}
			w.begins()
			w.passed()
			if got := payload(w.through(craft.UDP(here, there, []byte(paying)))); got != masked {
				t.Errorf("with the next weir a datagram says %q", got)
			}
			w.stopsInOrder()
		})
	}
}

// TestSocketsGuardIsGuarded: one that is killed is replaced.
func TestSocketsGuardIsGuarded(t *testing.T) {
	w := newWorld(t, "openbsd", "")
	first := w.status().GuardPID
	signalPID(t, first, syscall.SIGKILL)
	w.until("there is another guard", 10*time.Second, func() bool { n := w.status().GuardPID; return n != 0 && n != first })
	s := w.status()
	w.kill()
	w.until("it removes the rules", 5*time.Second, func() bool { return !w.diverts() })
	w.until("it ends", 5*time.Second, func() bool { return !alive(s.GuardPID) })
}
