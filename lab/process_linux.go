package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Cmd is an exec.Cmd that starts in a node. It is killed when the lab is closed or its process
// ends.
type Cmd struct {
	*exec.Cmd
	node *Node
}

// Command returns the command to run name, with arguments, in the node.
func (n *Node) Command(name string, args ...string) *Cmd {
	c := exec.Command(name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return &Cmd{c, n}
}

// Start is exec.Cmd.Start, in the node.
func (c *Cmd) Start() error { return c.node.lab.launcher.start(c) }

// Run is exec.Cmd.Run, in the node.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output is exec.Cmd.Output, in the node; an error tells what was written to standard error.
func (c *Cmd) Output() ([]byte, error) {
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%s: %w: %s", c.Args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return out.Bytes(), nil
}

// CombinedOutput is exec.Cmd.CombinedOutput, in the node.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// A launcher is the thread that starts a lab's processes. They die with it (PR_SET_PDEATHSIG means
// the parent's thread), and so it must live as long as the lab and no longer.
type launcher struct {
	requests chan launch
	gone     chan struct{}
}

type launch struct {
	cmd  *Cmd
	done chan error
}

func newLauncher() *launcher {
	l := &launcher{requests: make(chan launch), gone: make(chan struct{})}
	go func() {
		defer close(l.gone)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for r := range l.requests {
			r.done <- r.cmd.launch()
		}
	}()
	return l
}

// launch enters the node's namespace for good, since the next process enters its own.
func (c *Cmd) launch() error {
	if err := unix.Setns(int(c.node.ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("lab: enter %s: %w", c.node.Name, err)
	}
	return c.Cmd.Start()
}

var errClosed = errors.New("lab: closed")

func (l *launcher) start(c *Cmd) error {
	r := launch{c, make(chan error, 1)}
	c.node.lab.mu.Lock()
	if c.node.lab.closed {
		c.node.lab.mu.Unlock()
		return errClosed
	}
	l.requests <- r
	c.node.lab.mu.Unlock()
	return <-r.done
}

func (l *launcher) close() {
	close(l.requests)
	<-l.gone
}
