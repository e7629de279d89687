package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/weir-project/weir/control"
	"github.com/weir-project/weir/lab"
)

// exitSystem is weir's exit code for a system that cannot do what was asked.
const exitSystem = 4

const (
	readyWithin = 15 * time.Second
	stopWithin  = 10 * time.Second
)

// A daemon is weir run, in the router.
type daemon struct {
	cmd     *lab.Cmd
	policy  string
	socket  string
	started time.Time
	took    time.Duration // until its rules were in place
	ended   chan struct{}
	err     error // how it ended; valid when ended is closed

	mu   sync.Mutex
	said bytes.Buffer
}

// status is what weir status --json knows, as far as the demo reads it.
type status struct {
	Applied     bool
	WorkerPID   int
	ReporterPID int
	Sandbox     string
	Worker      json.RawMessage
}

// lanes are the worker's counters, summed.
type lanes struct {
	Packets, Bytes, Dropped, Edited, Panics, EventsLost uint64
}

// startDaemon runs weir run in the router and waits until it diverts.
func (s *story) startDaemon(router *lab.Node, policy string) (*daemon, error) {
	d := &daemon{policy: policy, socket: filepath.Join(s.dir, "control.sock"), started: time.Now(), ended: make(chan struct{})}
	d.cmd = router.Command(s.Weir, "run", "--policy", policy, "--control", d.socket, "--state", filepath.Join(s.dir, "sysctl.json"))
	d.cmd.Stdout, d.cmd.Stderr = d, d
	d.cmd.Env = withoutSession(os.Environ())
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the daemon: %w", err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	for time.Since(d.started) < readyWithin {
		if st, err := d.status(); err == nil && st.Applied {
			d.took = time.Since(d.started)
			return d, nil
		}
		select {
		case <-d.ended:
			return nil, d.failure()
		case <-time.After(10 * time.Millisecond):
		}
	}
	d.kill()
	return nil, fmt.Errorf("weir run was not ready within %v: %s", readyWithin, d.lastWords())
}

// withoutSession leaves out the SSH session of the person who runs the demo: it is not in the lab.
func withoutSession(env []string) []string {
	var out []string
	for _, e := range env {
		if !strings.HasPrefix(e, "SSH_CONNECTION=") {
			out = append(out, e)
		}
	}
	return out
}

// Write takes what the daemon says.
func (d *daemon) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.Write(b)
}

// failure is why the daemon ended by itself.
func (d *daemon) failure() error {
	err := fmt.Errorf("weir run ended: %w: %s", d.err, d.lastWords())
	var exit *exec.ExitError
	if errors.As(d.err, &exit) && exit.ExitCode() == exitSystem {
		return fmt.Errorf("%w: %s", errCannotDivert, d.lastWords())
	}
	return err
}

// lastWords is the last line that the daemon said.
func (d *daemon) lastWords() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(d.said.String()), "\n")
	return strings.TrimPrefix(lines[len(lines)-1], "weir: ")
}

func (d *daemon) status() (status, error) {
	var st status
	err := control.Ask(d.socket, "status", &st)
	return st, err
}

// lanes returns the worker's counters, which are up to a second old.
func (d *daemon) lanes() (sum lanes, err error) {
	st, err := d.status()
	if err != nil {
		return sum, err
	}
	text := []byte(st.Worker)
	var packed []byte // JSON in base64 inside JSON
	if json.Unmarshal(text, &packed) == nil {
		text = packed
	}
	var w struct{ Lanes []lanes }
	if err := json.Unmarshal(text, &w); err != nil {
		return sum, fmt.Errorf("status of the worker: %w", err)
	}
	for _, l := range w.Lanes {
		sum.Packets += l.Packets
		sum.Bytes += l.Bytes
		sum.Dropped += l.Dropped
		sum.Edited += l.Edited
		sum.Panics += l.Panics
		sum.EventsLost += l.EventsLost
	}
	return sum, nil
}

// stop ends the daemon as an operator would, and says what it said if it did not end well.
func (d *daemon) stop() error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(stopWithin):
		d.kill()
		return fmt.Errorf("weir run did not stop within %v", stopWithin)
	}
	if d.err != nil {
		return fmt.Errorf("weir run ended with %w: %s", d.err, d.lastWords())
	}
	return nil
}

func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}
