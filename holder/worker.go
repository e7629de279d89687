//go:build linux || freebsd || openbsd

package holder

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/internal/link"
)

func (h *Holder) startWorker() error {
	w, err := h.launch("worker", h.config.Worker())
	if err != nil {
		return err
	}
	h.worker = w
	h.state.Ready, h.state.WorkerPID = false, w.cmd.Process.Pid
	start, files := h.start()
	if err := w.link.Send(link.KindStart, start, files...); err != nil {
		w.kill() // its end is told like any other
	}
	return nil
}

// start is the first message to a worker.
func (h *Holder) start() (link.Start, []*os.File) {
	s := link.Start{Generation: h.generation, Reclaim: h.lost, MemLimit: h.policy.MemLimit, Marks: h.policy.Marks}
	files := append([]*os.File{h.policy.Bundle, h.journal, h.config.Strike}, h.config.Rings[:len(h.bound)]...)
	for i, b := range h.bound {
		caps := b.Caps
		if i > 0 {
			caps.Missing = nil // the same sentences for each lane
		}
		s.Queues = append(s.Queues, link.Queue{
			Address: b.Address, Caps: caps, Files: len(b.Files()), Batch: h.config.Batch, Spin: h.config.Spin,
		})
		files = append(files, b.Files()...)
	}
	return s, files
}

// heard does what a child's message asks for.
func (h *Holder) heard(r report) error {
	if r.from == h.reporter {
		h.reporterHeard(r)
	}
	if r.from != h.worker {
		return nil
	}
	switch r.Kind {
	case link.KindReady:
		return h.workerReady(r.Data)
	case link.KindStatus:
		h.workerStatus(r.Data)
	case link.KindTaken:
		h.taken(r.Data, nil)
	case link.KindRefused:
		var why link.Refused
		_ = json.Unmarshal(r.Data, &why)
		h.taken(r.Data, fmt.Errorf("the worker refused the policy, the old one stays: %s", why.Why))
	case link.KindFailed:
		var why string
		if json.Unmarshal(r.Data, &why) == nil && !r.from.failed {
			r.from.failed = true // its last words are said once
			h.tell("worker-failed", why)
		}
	}
	return nil
}

// workerStatus keeps one lane's counters.
func (h *Holder) workerStatus(data json.RawMessage) {
	var s link.Status
	if json.Unmarshal(data, &s) != nil || s.Lane < 0 || s.Lane >= len(h.bound) {
		return
	}
	if h.counters.Lanes == nil {
		h.counters.Lanes = make([]json.RawMessage, len(h.bound))
	}
	h.counters.Generation, h.counters.RSSBytes = s.Generation, s.RSSBytes
	h.tellOfRings(h.counters.Lanes[s.Lane], s.Counters)
	h.counters.Lanes[s.Lane] = s.Counters
}

// workerReady puts the rules in place, if they are not: there is somebody to answer now.
func (h *Holder) workerReady(data json.RawMessage) error {
	var r link.Ready
	if err := json.Unmarshal(data, &r); err != nil || h.state.Ready {
		h.worker.kill()
		return nil
	}
	h.worker.readyAt = time.Now()
	h.state.Ready, h.state.Reclaimed, h.state.Journal = true, r.Reclaimed, r.Journal
	h.state.Sandbox = r.Sandbox.String()
	h.state.Missing = slices.Concat(r.Sandbox.Missing, r.Missing)
	if h.lost || h.gaveUp {
		again := "what its predecessor had received is asked for again"
		if h.bridges() {
			again = "what its predecessor held is lost, what waits in the rings is read"
		} else if !h.reclaims() {
			again = "what its predecessor had read and not answered is lost"
		} else if r.Reclaimed >= 0 {
			again = fmt.Sprintf("packets asked for again: %d", r.Reclaimed)
		}
		h.news("worker-restarted", fmt.Sprintf("pid %d after %v, %s", h.worker.cmd.Process.Pid, h.worker.readyAt.Sub(h.diedAt).Round(time.Millisecond), again))
	}
	h.lost, h.gaveUp = false, false
	if h.stopping {
		return nil
	}
	if err := h.begin(); err != nil {
		return err
	}
	h.offer()
	return nil
}

// begin applies the rules unless they are there, behind the back of a guard. The first time it must succeed.
func (h *Holder) begin() error {
	if h.applied {
		return nil
	}
	err := h.seeToGuard(time.Now())
	if err == nil {
		if err = h.apply(); err != nil && h.opens() {
			err = errors.Join(err, h.undo())
		}
	}
	if err != nil && h.begun {
		h.mend(err)
		return nil
	}
	if err == nil && !h.begun {
		h.config.Log.Info("the rules are in place, packets are inspected", "worker", h.state.WorkerPID)
		h.awaitConfirm()
	}
	if err == nil && h.paused {
		h.paused = false
		h.news("rules-resumed", "a worker is ready, packets are inspected")
	}
	h.begun = h.begun || err == nil
	return err
}

// undo takes back rules that could not be applied: if only the last step has failed, they are in place, and might divert to nobody.
func (h *Holder) undo() error {
	_ = h.flow(false)
	if h.begun {
		return h.config.Backend.Pause() // it is tried again
	}
	return h.config.Backend.Remove()
}

// awaitConfirm begins to wait for the confirmation, if one is wanted.
func (h *Holder) awaitConfirm() {
	if h.config.Confirm <= 0 {
		return
	}
	h.confirm = firewall.NewConfirm(time.Since(h.epoch), h.config.Confirm, nil)
	h.config.Log.Info("the rules go away unless you say: weir confirm", "within", h.config.Confirm)
}

// gone sees to a child's end.
func (h *Holder) gone(r report) error {
	switch r.from {
	case h.reporter:
		return h.reporterEnded(r.from, r.err)
	case h.worker:
		return h.workerEnded(r.from, r.err)
	case h.guard:
		h.guardEnded(r.from, r.err)
	}
	return nil
}

func (h *Holder) workerEnded(w *child, err error) error {
	h.worker, h.counters = nil, counters{}
	if h.state.Ready {
		h.absentAt = time.Now()
	}
	h.state.Ready, h.state.WorkerPID = false, 0
	h.lost, h.diedAt = true, time.Now()
	if h.stopping {
		return nil
	}
	if w.stopping { // to be replaced
		h.retryAt = h.diedAt
		return h.retry(h.diedAt)
	}
	h.state.Restarts++
	h.tell("worker-crashed", ended(err))
	h.lostWords(w)
	if !h.begun {
		return fmt.Errorf("holder: the worker could not begin (%s)", ended(err))
	}
	if h.pending != nil && h.pending.offered {
		h.reloaded(fmt.Errorf("the worker ended (%s) when it was given the policy; the old one stays", ended(err)))
	}
	h.judge(w)
	h.loseSockets(w)
	return h.retry(h.diedAt)
}

// judge counts short lives, and decides when the next one begins.
func (h *Holder) judge(w *child) {
	if w.readyAt.IsZero() || w.hung || h.diedAt.Sub(w.readyAt) <= shortLife {
		h.short++
	} else {
		h.short, h.retryPause = 0, 0
	}
	h.retryAt = h.diedAt
	if h.short < shortLives {
		return
	}
	h.giveUp()
	h.retryPause = min(max(2*h.retryPause, retryEvery), retryAtMost)
	h.retryAt = h.diedAt.Add(h.retryPause)
	h.offer()
}

// retry starts a worker if one is due.
func (h *Holder) retry(now time.Time) error {
	if h.worker != nil || h.retryAt.IsZero() || now.Before(h.retryAt) {
		return nil
	}
	h.retryAt = time.Time{}
	if h.rebind() != nil {
		h.retryAt = now.Add(rebindEvery)
		return nil
	}
	if err := h.startWorker(); err != nil {
		h.config.Log.Error("cannot start the worker", "err", err)
		h.retryAt = now.Add(retryEvery)
	}
	return nil
}
