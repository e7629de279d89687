package holder_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/sandbox"
)

const capNetAdmin = 1 << 12

// confined compares what /proc says of a child with what it may be.
func confined(t *testing.T, name string, pid int, capabilities uint64) {
	t.Helper()
	s, err := sandbox.ReadStatusOf(strconv.Itoa(pid))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	want := sandbox.Status{UID: sandbox.Nobody, CapEff: capabilities, CapPrm: capabilities, NoNewPrivs: true, Seccomp: 2}
	if s != want {
		t.Errorf("%s: %+v, want %+v", name, s, want)
	}
	threads, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		if s, err := sandbox.ReadStatusOf(strconv.Itoa(pid) + "/task/" + thread.Name()); err == nil && s != want {
			t.Errorf("%s, thread %s: %+v, want %+v", name, thread.Name(), s, want)
		}
	}
	comm, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if got := strings.TrimSpace(string(comm)); got != "weir-"+name && got != ("weir-" + name)[:min(15, len("weir-"+name))] {
		t.Errorf("ps calls the %s %q", name, got)
	}
	// What belongs to root though the process does not is not dumpable: proc(5), /proc/pid, prctl(2), PR_SET_DUMPABLE.
	if st, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/environ"); os.Geteuid() == 0 && (err != nil || st.Sys().(*syscall.Stat_t).Uid != 0) {
		t.Errorf("%s may be traced and dumped by its user (%v)", name, err)
	}
	limits, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
	if err != nil || !strings.Contains(string(limits), "Max core file size") {
		t.Errorf("%s: nothing about cores in its limits (%v)", name, err)
	}
	for line := range strings.Lines(string(limits)) {
		if f := strings.Fields(strings.TrimPrefix(line, "Max core file size")); strings.HasPrefix(line, "Max core file size") && (f[0] != "0" || f[1] != "0") {
			t.Errorf("%s may dump core: %s", name, line)
		}
	}
}

// TestChildrenAreConfined reads from /proc what the running worker and reporter may do, all threads
// of them.
func TestChildrenAreConfined(t *testing.T) {
	l := newLab(t)
	d := start(t, l.Router(), "")
	echo := newEcho(t, l, 9000, 1000)
	echo.start()
	s := d.status()
	d.until("the reporter is confined", 10*time.Second, func() bool {
		r, err := sandbox.ReadStatusOf(strconv.Itoa(s.ReporterPID))
		return err == nil && r.Seccomp == 2
	})
	confined(t, "worker", s.WorkerPID, capNetAdmin)
	confined(t, "reporter", s.ReporterPID, 0)
	if !strings.Contains(s.Sandbox, "no-new-privs=true seccomp=true") {
		t.Errorf("the status tells %q", s.Sandbox)
	}
	s = d.replaceChildren()
	confined(t, "worker", s.WorkerPID, capNetAdmin)
	confined(t, "reporter", s.ReporterPID, 0)
	if got := echo.finish(); got.lost() > 0 {
		t.Errorf("lost: %v", got)
	}
}

// TestAsNobody runs a few of these tests again as an ordinary user, in a user namespace that maps
// that user alone.
func TestAsNobody(t *testing.T) {
	labtest.Need(t)
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: becoming another user needs root; the tests run without it already")
	}
	c := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^(TestRootless|TestChildrenAreConfined)$")
	c.Dir = "/"
	dir := newDir(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "TMPDIR=" + dir, "WEIR_TEST_BINARY=" + program, "WEIR_TEST_DIR=" + dir}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: sandbox.Nobody, Gid: sandbox.Nobody}}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("as nobody: %v\n%s", err, out)
	}
	for _, want := range []string{"--- PASS: TestRootless", "--- PASS: TestChildrenAreConfined"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("as nobody: no %q in\n%s", want, out)
		}
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "UDP") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// TestRootless is the daemon's life without root: load, crashes, a reload, an end in order.
func TestRootless(t *testing.T) {
	if os.Getenv("WEIR_TEST_DIR") == "" && os.Geteuid() == 0 {
		t.Skip("n/a: run by TestAsNobody")
	}
	l := newLab(t)
	d := start(t, l.Router(), "")
	echo := newEcho(t, l, 9000, 4000)
	x := startTransfers(t, l, 5)
	echo.start()
	for range 10 {
		s := d.ready()
		signalPID(t, s.WorkerPID, syscall.SIGKILL)
		d.until("another worker is ready", 10*time.Second, func() bool { n := d.status(); return n.Ready && n.Restarts > s.Restarts })
		time.Sleep(110 * time.Millisecond) // a short life too many is another test
	}
	if _, err := d.ask(holder.Reload); err != nil {
		t.Errorf("reload: %v", err)
	}
	err := d.stop(syscall.SIGTERM)
	failed, got := x.finish(), echo.finish()
	t.Logf("10 kills, a reload, a stop: UDP %v; TCP %d failed", got, len(failed))
	if err != nil || got.lost() > 0 || len(failed) > 0 {
		t.Errorf("ended with %v; lost: %v; TCP: %v", err, got, failed)
	}
}
