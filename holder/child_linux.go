package holder

import (
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/weir-project/weir/internal/link"
)

// A child is a process that the holder started, and the link to it.
type child struct {
	name      string
	cmd       *exec.Cmd
	link      *link.Conn
	lastHeard time.Time
	readyAt   time.Time // of a worker
	err       error     // how it ended; valid once it has come over Holder.exits
}

// A message is something that a child said. The end of its link is no message: its exit is told apart.
type message struct {
	from *child
	link.Message
}

// launch starts a child with one end of a new link as its descriptor 3, and listens to it.
func (h *Holder) launch(name string, cmd *exec.Cmd) (*child, error) {
	near, far, err := link.Pair()
	if err != nil {
		return nil, err
	}
	defer far.Close()
	cmd.ExtraFiles = append([]*os.File{far}, cmd.ExtraFiles...)
	if err := cmd.Start(); err != nil {
		near.Close()
		return nil, fmt.Errorf("holder: start the %s: %w", name, err)
	}
	c := &child{name: name, cmd: cmd, link: near, lastHeard: time.Now()}
	go func() {
		for {
			m, files, err := near.Recv()
			for _, f := range files {
				f.Close() // children have nothing to give
			}
			if err != nil {
				break
			}
			h.messages <- message{c, m}
		}
		c.err = cmd.Wait()
		near.Close()
		h.exits <- c
	}()
	return c, nil
}

// kill ends the child at once.
func (c *child) kill() { _ = c.cmd.Process.Kill() }

// stop asks the child to end and waits for it, while hearing what it still says; after the given time it is killed.
func (c *child) stop(within time.Duration, messages <-chan message, exits <-chan *child) {
	if c.link.Send(link.KindStop, nil) != nil {
		c.kill()
	}
	timeout := time.After(within)
	for {
		select {
		case <-messages:
		case gone := <-exits:
			if gone == c {
				return
			}
		case <-timeout:
			c.kill()
		}
	}
}
