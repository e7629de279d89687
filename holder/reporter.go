//go:build linux || freebsd || openbsd

package holder

import (
	"fmt"
	"os"
	"time"

	"github.com/weir-project/weir/internal/link"
)

// startReporter starts the reporter, if there is to be one.
func (h *Holder) startReporter() error {
	if h.config.Reporter == nil {
		return nil
	}
	r, err := h.launch("reporter", h.config.Reporter())
	if err != nil {
		return err
	}
	h.reporter = r
	h.state.ReporterPID = r.cmd.Process.Pid
	if err := r.link.Send(link.KindStart, link.Report{Lenient: h.reported}, append([]*os.File{h.policy.Bundle, h.config.Hear}, h.config.Rings...)...); err != nil {
		r.kill()
	}
	return nil
}

func (h *Holder) reporterHeard(r report) {
	switch r.Kind {
	case link.KindReady:
		h.reporterReady(r.from)
		h.reported = true
	case link.KindStatus:
		h.reporterStatus(r.from, r.Data)
	}
}

// reporterReady hears that events are written. Only the first one is waited for, by Run.
func (h *Holder) reporterReady(r *child) {
	r.readyAt = time.Now()
	h.reporterPause = 0
}

// reporterEnded starts it again, later each time that it ends without having been ready. Events
// wait in the rings, and traffic does not wait for them.
func (h *Holder) reporterEnded(r *child, err error) error {
	h.reporter, h.state.ReporterPID = nil, 0
	h.outputs.ended(h.config.Log)
	if h.stopping {
		return nil
	}
	if r.stopping {
		h.reporterAt = time.Now()
		return nil
	}
	if h.generation == 1 && !h.reported && r.readyAt.IsZero() {
		return fmt.Errorf("holder: the reporter could not begin (%s)", ended(err))
	}
	h.tell("reporter-crashed", ended(err))
	h.reporterAt = time.Now().Add(h.reporterPause)
	h.reporterPause = min(max(2*h.reporterPause, retryEvery/8), retryAtMost)
	return nil
}
