//go:build linux || freebsd || openbsd

package holder

import (
	"time"

	"github.com/weir-project/weir/internal/link"
)

// How long a guard tries: another transaction may come between.
const (
	removeTries = 50
	removeEvery = 100 * time.Millisecond
)

// Guard is the life of the process that Config.Guard starts. It waits until the holder says stop, or is gone without a word: then
// it has remove take the rules away. It does nothing else, so that nothing else can end it.
func Guard(l *link.Conn, remove func() error) error {
	for {
		m, files, err := l.Recv()
		for _, f := range files {
			f.Close()
		}
		if err == nil && m.Kind == link.KindStop {
			return nil
		}
		if err != nil {
			break
		}
	}
	err := remove()
	for range removeTries {
		if err == nil {
			break
		}
		time.Sleep(removeEvery)
		err = remove()
	}
	return err
}

// guarded reports whether there is to be a guard.
func (h *Holder) guarded() bool { return h.config.Guard != nil && h.opens() }

// seeToGuard starts the guard where one is needed, and ends it where it is not.
func (h *Holder) seeToGuard(now time.Time) error {
	needed := h.guarded()
	switch {
	case needed && h.guard == nil && !now.Before(h.guardAt):
		g, err := h.launch("guard", h.config.Guard())
		if err != nil {
			return err
		}
		h.guard, h.state.GuardPID = g, g.cmd.Process.Pid
	case !needed && h.guard != nil && !h.guard.stopping:
		h.guard.stop()
	}
	return nil
}

// guardEnded has another one started soon, if it is needed still.
func (h *Holder) guardEnded(g *child, err error) {
	h.guard, h.state.GuardPID = nil, 0
	if !h.stopping && !g.stopping {
		h.config.Log.Warn("the guard has ended, another is started", "how", ended(err))
		h.guardAt = time.Now().Add(retryEvery)
	}
}
