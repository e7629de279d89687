package holder_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lanes returns the threads of a worker that wait for packets, or answer them.
func lanes(t *testing.T, pid int) (tids []int) {
	t.Helper()
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	threads, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		call, err := os.ReadFile(dir + thread.Name() + "/syscall")
		if err != nil {
			t.Skipf("SKIPPED: cannot see what a thread does: %v", err)
		}
		if number, _, _ := strings.Cut(string(call), " "); number == strconv.Itoa(unix.SYS_RECVMMSG) {
			tid, _ := strconv.Atoi(thread.Name())
			tids = append(tids, tid)
		}
	}
	return tids
}

// TestHangingLane is F15 for a parser that never returns: one lane's thread is stopped, while the
// rest of the worker lives and talks. The worker is replaced, and what waited for the lane arrives.
func TestHangingLane(t *testing.T) {
	l := newLab(t)
	d := start(t, l.Router(), "", "--patience", "2s")
	s := d.status()
	runtime.LockOSThread() // ptrace belongs to a thread
	defer runtime.UnlockOSThread()
	var tids []int
	d.until("both lanes wait for packets", 5*time.Second, func() bool { tids = lanes(t, s.WorkerPID); return len(tids) == 2 })
	for _, tid := range tids {
		// PTRACE_SEIZE, then PTRACE_INTERRUPT, stop one thread alone.
		if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(tid), 0, 0, 0, 0); errno != 0 {
			t.Skipf("SKIPPED: cannot stop a thread: %v", errno)
		}
		if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_INTERRUPT, uintptr(tid), 0, 0, 0, 0); errno != 0 {
			t.Fatal(errno)
		}
	}
	echo := newEcho(t, l, 9000, 500)
	echo.start()
	d.until("the worker is replaced", 20*time.Second, func() bool {
		for _, tid := range tids {
			var status unix.WaitStatus
			_, _ = unix.Wait4(tid, &status, unix.WNOHANG|unix.WALL, nil) // a tracer reaps what it traces
		}
		n := d.status()
		return n.Ready && n.WorkerPID != s.WorkerPID
	})
	got := echo.finish()
	t.Logf("UDP %v", got)
	if got.lost() > 0 {
		t.Errorf("lost: %v", got)
	}
	echo.inspected()
	d.told("worker-failed", 1)
	d.told("worker-silent", 1)
}

// TestStopWhileChildrenHang ends weir in order although neither worker nor reporter does anything
// any more: what waits goes by the policy's outcome.
func TestStopWhileChildrenHang(t *testing.T) {
	l := newLab(t)
	before := ruleset(t, l.Router())
	d := start(t, l.Router(), "")
	echo := newEcho(t, l, 9000, 1000)
	echo.start()
	s := d.status()
	signalPID(t, s.ReporterPID, syscall.SIGSTOP)
	d.until("packets flow without the reporter", 5*time.Second, func() bool { return echo.back[300].Load() > 0 })
	echo.inspected()
	signalPID(t, s.WorkerPID, syscall.SIGSTOP)
	began := time.Now()
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Errorf("weir ended with %v", err)
	}
	got := echo.finish()
	t.Logf("ended after %v: UDP %v, %d uninspected", time.Since(began).Round(time.Millisecond), got, echo.unmasked.Load())
	if got.lost() > 0 {
		t.Errorf("lost: %v", got)
	}
	if alive(s.WorkerPID) || alive(s.ReporterPID) {
		t.Error("a child is left")
	}
	if after := ruleset(t, l.Router()); after != before {
		t.Errorf("rules are left:\n%s", after)
	}
}
