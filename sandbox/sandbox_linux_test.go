package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// The test binary runs itself again as the sandboxed child.
func TestMain(m *testing.M) {
	needs := os.Getenv("WEIR_TEST_NEEDS")
	if needs == "" {
		os.Exit(m.Run())
	}
	var n Needs
	if err := json.Unmarshal([]byte(needs), &n); err != nil {
		panic(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(insider(n))
}

// told is what the child saw of itself.
type told struct {
	Before   Status
	Report   Report
	Err      string
	Attempts []Attempt
	Wrote    []string // by index of tries: error, or ""
	Alive    bool     // goroutines, timers and the collector still work
}

func insider(n Needs) (t told) {
	t.Before, _ = ReadStatus()
	r, err := Enter(n)
	t.Report = r
	if err != nil {
		t.Err = err.Error()
		return t
	}
	t.Attempts = Probe()
	for _, dir := range append(n.Write, "/tmp") {
		err := os.WriteFile(filepath.Join(dir, "probe"), []byte("x"), 0o600)
		t.Wrote = append(t.Wrote, fmt.Sprint(err))
	}
	done := make(chan bool)
	for range 50 {
		go func() { _ = bytes.Repeat([]byte("x"), 1<<20); done <- true }()
	}
	for range 50 {
		<-done
	}
	t.Alive = true
	return t
}

// run starts the child as Attributes say. As root it becomes nobody; without root the test stands in a user namespace.
func run(t *testing.T, n Needs) told {
	t.Helper()
	n.User = Nobody
	if os.Getuid() != 0 {
		n.User = uint32(os.Getuid())
	}
	needs, _ := json.Marshal(n)
	// The binary is copied where nobody may read it.
	exe := filepath.Join(t.TempDir(), "child")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(exe); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o755)
	}
	if err := os.WriteFile(exe, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Dir = "/"
	cmd.Env = []string{"WEIR_TEST_NEEDS=" + string(needs)}
	cmd.SysProcAttr = Attributes(n)
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("child: %v\n%s", err, stderr.Bytes())
	}
	var r told
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("child said %q: %v", out, err)
	}
	if r.Err != "" {
		t.Fatalf("Enter: %s", r.Err)
	}
	return r
}

// TestWorkerIsConfined proves the worker's sandbox from inside: open, socket, exec, ptrace
// and namespaces fail, the runtime lives.
func TestWorkerIsConfined(t *testing.T) {
	r := run(t, Needs{NetAdmin: true})
	if os.Getuid() == 0 && r.Before.UID != Nobody {
		t.Errorf("runs as user %d", r.Before.UID)
	}
	if r.Before.CapEff != 1<<12 || r.Before.CapPrm != 1<<12 {
		t.Errorf("capabilities %#x/%#x, want CAP_NET_ADMIN alone", r.Before.CapEff, r.Before.CapPrm)
	}
	if !r.Report.NoNewPrivs || !r.Report.Seccomp {
		t.Errorf("report: %v", r.Report)
	}
	if len(r.Attempts) != 5 {
		t.Fatalf("%d attempts were made", len(r.Attempts))
	}
	for _, a := range r.Attempts {
		if !a.Refused {
			t.Errorf("%s was not refused (%s)", a.Name, a.Err)
		}
	}
	if !r.Alive {
		t.Error("the runtime did not survive")
	}
}

// TestReporterWritesItsDirectoryOnly lets a process write below one directory, and nowhere else.
func TestReporterWritesItsDirectoryOnly(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "weir-sandbox-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	r := run(t, Needs{Write: []string{dir}})
	if r.Before.CapEff != 0 {
		t.Errorf("capabilities %#x, want none", r.Before.CapEff)
	}
	if r.Wrote[0] != "<nil>" {
		t.Errorf("own directory: %s", r.Wrote[0])
	}
	if r.Report.Landlock && r.Wrote[1] == "<nil>" {
		t.Error("wrote into another directory")
	}
}

// TestAnotherUserIsAnError: a process that is still root where it should not be must not go on.
func TestAnotherUserIsAnError(t *testing.T) {
	if os.Getenv("WEIR_TEST_OTHER") != "" {
		r, err := Enter(Worker(uint32(os.Getuid())+1, false))
		if err == nil {
			t.Errorf("it went on: %v", r)
		}
		return
	}
	c := exec.Command("/proc/self/exe", "-test.run", "^TestAnotherUserIsAnError$") // it gives up tracing first
	c.Env = append(os.Environ(), "WEIR_TEST_OTHER=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestParseStatus(t *testing.T) {
	text := "Name:\tx\nUid:\t65534\t65534\t65534\t65534\nCapPrm:\t0000000000001000\nCapEff:\t0000000000001000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	s, err := parseStatus(text)
	if want := (Status{UID: 65534, CapEff: 0x1000, CapPrm: 0x1000, NoNewPrivs: true, Seccomp: 2}); err != nil || s != want {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, bad := range []string{"", "Uid:\n", "Uid: x\n", text[:40]} {
		if _, err := parseStatus(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
