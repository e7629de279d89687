package holder_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/control"
	"github.com/weir-project/weir/holder"
	"github.com/weir-project/weir/lab"
)

// A daemon is a running weir, on the router of a lab.
type daemon struct {
	t    *testing.T
	node *lab.Node
	cmd  *lab.Cmd
	dir  string
	done chan struct{} // closed when it has ended
	err  error         // how; valid then

	mu   sync.Mutex
	said bytes.Buffer // standard error
}

// policyText is a policy that diverts all that is forwarded and masks cards. More is appended.
func policyText(dir, more string) string {
	return fmt.Sprintf(`
mode: prevent
divert:
  traffic: forwarded
  queues: 0-1
  select: [{protocols: [tcp, udp]}]
inspect:
  dlp:
    detectors: [{name: card, action: mask, keep: 4}]
events:
  eve: [{to: %s/events/eve.json}]
%s`, dir, more)
}

// newDir is a directory that the reporter's user can reach.
func newDir(t *testing.T) string {
	t.Helper()
	base := os.Getenv("WEIR_TEST_DIR") // of one who is not root
	if base == "" {
		base = filepath.Dir(program)
	}
	dir, err := os.MkdirTemp(base, "run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start runs weir with a policy and waits until it diverts.
func start(t *testing.T, node *lab.Node, more string, flags ...string) *daemon {
	t.Helper()
	dir := newDir(t)
	d := begin(t, node, dir, policyText(dir, more), flags...)
	d.ready()
	return d
}

// begin runs weir with a whole policy, in a directory of the caller's.
func begin(t *testing.T, node *lab.Node, dir, policy string, flags ...string) *daemon {
	t.Helper()
	return beginBy(t, node, dir, policy, []string{program}, flags...)
}

// beginBy has another command run weir, or another weir run.
func beginBy(t *testing.T, node *lab.Node, dir, policy string, by []string, flags ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, node: node, dir: dir, done: make(chan struct{})}
	d.write(policy)
	args := slices.Concat(by, []string{
		"run", "-p", d.path("weir.yaml"), "--control", d.path("control.sock"), "--state", d.path("sysctl.json"),
	}, flags)
	d.cmd = node.Command(args[0], args[1:]...)
	d.cmd.Stderr = d
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.err = d.cmd.Wait(); close(d.done) }()
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("weir said:\n%s", d.log())
		}
	})
	return d
}

func (d *daemon) path(name string) string { return filepath.Join(d.dir, name) }

func (d *daemon) write(policy string) {
	d.t.Helper()
	if err := os.WriteFile(d.path("weir.yaml"), []byte(policy), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// Write gathers standard error.
func (d *daemon) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.Write(b)
}

func (d *daemon) log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.String()
}

// until waits for something to become so.
func (d *daemon) until(what string, within time.Duration, so func() bool) {
	d.t.Helper()
	if !eventually(within, so) {
		d.t.Fatalf("not within %v: %s", within, what)
	}
}

func eventually(within time.Duration, so func() bool) bool {
	for end := time.Now().Add(within); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func (d *daemon) ready() holder.State {
	d.t.Helper()
	var s holder.State
	d.until("a worker is ready and the rules are in place", 20*time.Second, func() bool {
		s, _ = d.ask(holder.Status)
		return s.Ready && s.Applied || d.ended()
	})
	if d.ended() {
		d.t.Fatalf("weir ended: %v", d.err)
	}
	return s
}

func (d *daemon) ended() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

func (d *daemon) ask(what string) (s holder.State, err error) {
	err = control.Ask(d.path("control.sock"), what, &s)
	return s, err
}

func (d *daemon) status() holder.State {
	d.t.Helper()
	s, err := d.ask(holder.Status)
	if err != nil {
		d.t.Fatalf("status: %v", err)
	}
	return s
}

// stop ends weir in order and returns how it ended.
func (d *daemon) stop(signal syscall.Signal) error {
	d.t.Helper()
	_ = d.cmd.Process.Signal(signal)
	select {
	case <-d.done:
	case <-time.After(20 * time.Second):
		d.t.Fatalf("weir does not end at %v", signal)
	}
	return d.err
}

// kill ends the holder at once.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.done
}

// events counts the events about weir itself by their names.
func (d *daemon) events() map[string]int {
	return d.count("holder", "worker-crashed", "worker-restarted", "worker-silent", "worker-failed", "rules-changed", "rules-restored", "reloaded",
		"reload-refused", "crash-outcome", "rules-paused", "rules-resumed", "not-confirmed", "queue-overflow", "uninspected", "flows-offloaded")
}

// survivals counts what new workers told of the connections of killed ones.
func (d *daemon) survivals() map[string]int {
	return d.count("stream", "stream-resumed", "stream-state-lost", "stream-torn")
}

// count counts an author's events by their names, as the reporter wrote them, also in files that it has rotated.
func (d *daemon) count(author string, names ...string) map[string]int {
	count := make(map[string]int)
	var text []byte
	files, _ := filepath.Glob(d.path("events/*"))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		text = append(text, b...)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"`+author+`"`) && json.Valid([]byte(line)) {
			for _, name := range names {
				if strings.Contains(line, `"`+name+`"`) {
					count[name]++
				}
			}
		}
	}
	return count
}

// told waits for events to be written.
func (d *daemon) told(name string, atLeast int) {
	d.t.Helper()
	if !eventually(5*time.Second, func() bool { return d.events()[name] >= atLeast }) {
		d.t.Errorf("eve.json tells of %d %s, want %d", d.events()[name], name, atLeast)
	}
}

// nft returns the whole ruleset of the router, without counters.
func (d *daemon) nft() string { return ruleset(d.t, d.node) }

func ruleset(t *testing.T, node *lab.Node) string {
	t.Helper()
	out, err := node.Command("nft", "--stateless", "list", "ruleset").Output()
	if err != nil {
		t.Skipf("SKIPPED: nft is not installed (%v)", err)
	}
	return string(out)
}

// alive reports whether a process is there and no zombie.
func alive(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	rest := string(text[bytes.LastIndexByte(text, ')')+1:])
	return !strings.HasPrefix(rest, " Z")
}

func signalPID(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if pid <= 1 {
		t.Fatalf("no process %d", pid)
	}
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
}

// kernelDrops is how many packets found no room in a queue.
func kernelDrops(t *testing.T, s holder.State) uint64 {
	t.Helper()
	var w struct {
		Lanes []struct {
			Socket struct{ KernelDropped, KernelUserDropped uint64 }
		}
	}
	if len(s.Worker) == 0 {
		return 0
	}
	if err := json.Unmarshal(s.Worker, &w); err != nil {
		t.Fatal(err)
	}
	var n uint64
	for _, lane := range w.Lanes {
		n += lane.Socket.KernelDropped + lane.Socket.KernelUserDropped
	}
	return n
}
