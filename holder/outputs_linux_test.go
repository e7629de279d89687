package holder_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/holder"
)

// output returns the state of one output.
func (d *daemon) output(name string) holder.Output {
	d.t.Helper()
	for _, o := range d.status().Outputs {
		if o.Name == name {
			return o
		}
	}
	return holder.Output{}
}

// happen makes an event about weir itself, and waits until the new worker is ready.
func (d *daemon) happen() {
	d.t.Helper()
	before := d.ready()
	signalPID(d.t, before.WorkerPID, syscall.SIGKILL)
	d.until("another worker is ready", 10*time.Second, func() bool { s := d.status(); return s.Ready && s.WorkerPID != before.WorkerPID })
}

// replaceChildren kills worker and reporter, and returns the state with their successors, the reporter among them at work.
func (d *daemon) replaceChildren() holder.State {
	d.t.Helper()
	before := d.status()
	signalPID(d.t, before.WorkerPID, syscall.SIGKILL)
	signalPID(d.t, before.ReporterPID, syscall.SIGKILL)
	d.until("both are back", 10*time.Second, func() bool {
		n := d.status()
		return n.Ready && n.WorkerPID != before.WorkerPID && n.ReporterPID != 0 && n.ReporterPID != before.ReporterPID
	})
	d.told("worker-restarted", 1)
	return d.status()
}

// TestOutputsThatFail are in weir status, which says so by its exit code, too; others do not suffer by them.
func TestOutputsThatFail(t *testing.T) {
	l := newLab(t)
	dir := newDir(t)
	socket := "unix:" + dir + "/none.sock"
	policy := strings.Replace(policyText(dir, ""), "events/eve.json}]", "events/eve.json}, {to: /dev/full}, {to: \""+socket+"\"}]", 1)
	d := begin(t, l.Router(), dir, policy)
	d.ready()
	exit := func() (int, string) {
		out, err := d.node.Command(program, "status", "--control", d.path("control.sock")).CombinedOutput()
		var e *exec.ExitError
		if errors.As(err, &e) {
			return e.ExitCode(), string(out)
		}
		return 0, string(out)
	}
	if code, text := exit(); code != 0 {
		t.Errorf("weir status before anything failed: %d\n%s", code, text)
	}
	d.happen()
	for name, why := range map[string]string{"/dev/full": "no space left", socket: "no such file"} {
		d.until(name+" fails", 5*time.Second, func() bool { return d.output(name).Failing })
		if o := d.output(name); !strings.Contains(o.Error, why) || time.Since(o.Since) > time.Minute {
			t.Errorf("%+v", o)
		}
	}
	d.until("the file has its events", 5*time.Second, func() bool { o := d.output(d.path("events/eve.json")); return o.Events >= 2 && !o.Failing })
	if code, text := exit(); code != 5 || strings.Count(text, "events     ! ") != 2 || !strings.Contains(text, "no space left") {
		t.Errorf("weir status: exit code %d\n%s", code, text)
	}
	if n := strings.Count(d.log(), "events cannot be written"); n != 2 {
		t.Errorf("told %d times", n)
	}
}

// TestLogDirectoryDeleted: the loss is seen and told, and a reload makes events flow again, though the reporter's Landlock
// knows the old directory alone. What waited for the output is written or counted as lost.
func TestLogDirectoryDeleted(t *testing.T) {
	for _, c := range []struct {
		name string
		mend func(t *testing.T, d *daemon)
	}{
		{"a reload makes it", func(*testing.T, *daemon) {}},
		{"made by hand", func(t *testing.T, d *daemon) {
			if err := os.Mkdir(d.path("events"), 0o755); err != nil {
				t.Fatal(err)
			}
			if os.Geteuid() == 0 {
				if err := os.Chown(d.path("events"), 65534, -1); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			d := start(t, l.Router(), "")
			file := d.path("events/eve.json")
			d.happen()
			d.told("worker-restarted", 1)
			if err := os.RemoveAll(d.path("events")); err != nil {
				t.Fatal(err)
			}
			d.happen()
			d.until("the output fails", 5*time.Second, func() bool { return d.output(file).Failing })
			c.mend(t, d)
			was := d.status().ReporterPID
			_ = d.cmd.Process.Signal(syscall.SIGHUP)
			d.until("events flow again", 10*time.Second, func() bool {
				s := d.status()
				return s.ReporterPID != 0 && s.ReporterPID != was && len(s.Outputs) == 1 && !s.Outputs[0].Failing
			})
			d.happen()
			d.told("worker-restarted", 1)
			text, err := os.ReadFile(file)
			o := d.output(file)
			if err != nil || o.Lost == 0 {
				t.Errorf("%v; %+v: what waited for the lost directory must be counted", err, o)
			}
			t.Logf("%d bytes of events, %+v", len(text), o)
		})
	}
}

// TestBell: an event after a silence is written at once, by a reporter that would look for it only most of a second later; and so it is after both it and the
// worker were killed.
func TestBell(t *testing.T) {
	l := newLab(t)
	d := start(t, l.Router(), "")
	mirror(t, l, l.Server().In.V4, 7020)
	soon := func() {
		t.Helper()
		const most = 400 * time.Millisecond
		var took []time.Duration
		for range 5 {
			// The reporter sleeps for a second, some 30 ms after the last event; by itself it would look 0.7 s from now.
			time.Sleep(1300 * time.Millisecond)
			size := func() int64 {
				st, err := os.Stat(d.path("events/eve.json"))
				if err != nil {
					return 0
				}
				return st.Size()
			}
			before, at := size(), time.Now()
			passes(t, l, l.Server().In.V4, 7020, card+"\n", "XXXXXXXXXXXX1111\n")
			d.until("the card is told of", 5*time.Second, func() bool { return size() > before })
			if took = append(took, time.Since(at)); took[len(took)-1] < most {
				return
			}
		}
		t.Errorf("events were written after %v", took)
	}
	soon()
	d.replaceChildren()
	soon()
}
