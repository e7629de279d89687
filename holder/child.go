//go:build linux || freebsd || openbsd

package holder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weir-project/weir/internal/link"
)

// A child is a process that the holder started, and the link to it.
type child struct {
	name      string
	cmd       *exec.Cmd
	link      *link.Conn
	startedAt time.Time
	heardAt   atomic.Int64 // nanoseconds after startedAt
	readyAt   time.Time    // zero until it said so
	stopping  bool         // it was asked to end
	hung      bool         // it was killed because it said nothing
	failed    bool         // it has said why it ends
	killAt    time.Time    // when asking is over; valid iff stopping
	reopens   uint32       // times that a reporter was asked to open its outputs anew
	judged    uint32       // of these, whose outcome was looked at
}

// A report is something that a child said, or its end.
type report struct {
	from *child
	link.Message
	ended bool
	err   error // how it ended; nil for exit status 0
}

// launch starts a child with one end of a new link as its descriptor 3, and has it listened to.
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
	c := &child{name: name, cmd: cmd, link: near, startedAt: time.Now()}
	go h.listen(c)
	return c, nil
}

// listen passes on what a child says and then how it ended. It outlives Run only until the child is
// reaped.
func (h *Holder) listen(c *child) {
	for {
		m, files, err := c.link.Recv()
		for _, f := range files {
			f.Close() // children have nothing to give
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.kill() // it says what cannot be understood
			}
			break
		}
		c.heard()
		h.pass(report{from: c, Message: m})
	}
	// Without its link it can only end; one that does not is made to.
	reaper := time.AfterFunc(drainWithin, c.kill)
	err := c.cmd.Wait()
	reaper.Stop()
	c.link.Close()
	h.pass(report{from: c, ended: true, err: err})
}

func (h *Holder) pass(r report) {
	select {
	case h.reports <- r:
	case <-h.done:
	}
}

// kill ends the child at once.
func (c *child) kill() { _ = c.cmd.Process.Kill() }

// stop asks the child to end; look kills it if it does not.
func (c *child) stop() {
	c.stopping, c.killAt = true, time.Now().Add(drainWithin)
	if c.link.Send(link.KindStop, nil) != nil {
		c.kill()
	}
}

func (c *child) heard() { c.heardAt.Store(int64(time.Since(c.startedAt))) }

// silence is for how long the child has said nothing.
func (c *child) silence(now time.Time) time.Duration {
	return now.Sub(c.startedAt) - time.Duration(c.heardAt.Load())
}

// ended says how a child ended, in words.
func ended(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return strings.TrimPrefix(err.Error(), "holder: ")
}
