package holder

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/internal/link"
	"github.com/weir-project/weir/packet"
)

func (h *Holder) startWorker() error {
	w, err := h.launch("worker", h.config.Worker())
	if err != nil {
		return err
	}
	start, files := h.start()
	if err := w.link.Send(link.KindStart, start, files...); err != nil {
		w.kill()
		return err
	}
	h.worker = w
	h.state.Ready, h.state.WorkerPID = false, w.cmd.Process.Pid
	return nil
}

func (h *Holder) startReporter() error {
	if h.config.Reporter == nil {
		return nil
	}
	r, err := h.launch("reporter", h.config.Reporter())
	if err != nil {
		return err
	}
	if err := r.link.Send(link.KindStart, nil, append([]*os.File{h.policy.Bundle}, h.config.Rings...)...); err != nil {
		r.kill()
		return err
	}
	h.reporter = r
	h.state.ReporterPID = r.cmd.Process.Pid
	return nil
}

// heard does what a child's message asks for.
func (h *Holder) heard(m message) error {
	m.from.lastHeard = time.Now()
	if m.from != h.worker {
		return nil
	}
	switch m.Kind {
	case link.KindReady:
		return h.workerReady(m.Data)
	case link.KindStatus:
		h.state.Worker = m.Data
	case link.KindTaken:
		h.reloaded(nil)
	case link.KindRefused:
		var r link.Refused
		_ = json.Unmarshal(m.Data, &r)
		h.reloaded(fmt.Errorf("the worker refused the policy, the old one stays: %s", r.Why))
	case link.KindFailed:
		var why string
		_ = json.Unmarshal(m.Data, &why)
		h.tell("worker-failed", why)
	}
	return nil
}

// workerReady puts the rules in place: there is somebody to answer now.
func (h *Holder) workerReady(data json.RawMessage) error {
	var r link.Ready
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	h.worker.readyAt = time.Now()
	h.state.Ready, h.state.Reclaimed = true, r.Reclaimed
	h.state.Sandbox = r.Sandbox.String()
	h.state.Missing = slices.Concat(r.Sandbox.Missing, r.Missing)
	if h.lost {
		h.tell("worker-restarted", fmt.Sprintf("pid %d, %d packets asked for again", r.PID, r.Reclaimed))
	}
	h.lost = false
	if h.applied {
		return nil
	}
	first := !h.gaveUp
	h.gaveUp = false
	err := h.apply()
	if first && err == nil && h.config.Confirm > 0 {
		h.confirm = firewall.NewConfirm(time.Since(h.epoch), h.config.Confirm, nil)
	}
	if !first && err != nil {
		h.config.Log.Error("cannot put the rules back", "err", err)
		return nil
	}
	return err
}

// apply puts the policy's rules and settings in place, and watches them.
func (h *Holder) apply() error {
	h.unwatch()
	if err := h.config.Backend.Apply(h.policy.Rules); err != nil {
		return err
	}
	h.applied = true
	if err := firewall.SetSysctls(h.config.StateFile, h.policy.Rules.Sysctls, firewall.Options{}); err != nil {
		h.config.Log.Warn("a kernel setting could not be made", "err", err)
	}
	h.watch()
	return nil
}

// exited sees to a child's end.
func (h *Holder) exited(c *child) error {
	if c == h.reporter {
		h.reporter = nil
		h.tell("reporter-crashed", ended(c))
		return nil
	}
	if c != h.worker {
		return nil
	}
	h.worker = nil
	wasReady := h.state.Ready
	h.state.Ready, h.state.WorkerPID = false, 0
	h.state.Restarts++
	h.lost = true
	h.reloaded(fmt.Errorf("the worker ended (%s)", ended(c)))
	h.tell("worker-crashed", ended(c))
	if !wasReady && !h.applied && !h.gaveUp {
		return fmt.Errorf("holder: the worker could not begin (%s)", ended(c))
	}
	now := time.Now()
	h.short++
	if wasReady && now.Sub(c.readyAt) > shortLife {
		h.short = 0
	}
	if h.short >= shortLives {
		h.giveUp()
		h.retryAt = now.Add(retryEvery)
		return nil
	}
	return h.startWorker()
}

func ended(c *child) string {
	if c.err == nil {
		return "exit status 0"
	}
	return strings.TrimPrefix(c.err.Error(), "holder: ")
}

// giveUp puts the policy's crash outcome in force, until a worker is ready again.
func (h *Holder) giveUp() {
	if h.gaveUp {
		return
	}
	h.gaveUp = true
	if h.policy.Absent == packet.Drop {
		h.tell("crash-outcome", "drop: packets wait in the queue, then are dropped, until a worker is back")
		h.applied = false // to be applied again, counted as new
		return
	}
	h.tell("crash-outcome", "pass: the rules are gone, traffic passes uninspected until a worker is back")
	h.unwatch()
	if err := h.config.Backend.Remove(); err != nil {
		h.config.Log.Error("cannot remove the rules", "err", err)
	}
	h.applied = false
	for _, b := range h.bound {
		if err := b.Release(packet.Accept); err != nil {
			h.config.Log.Error("cannot release what waits", "err", err)
		}
	}
	h.lost = false
}
