//go:build linux || freebsd || openbsd

package holder

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-project/weir/firewall"
)

// look sees to what is due with time: silence, retries, the confirmation.
func (h *Holder) look(now time.Time) error {
	h.killLate(now)
	h.killSilent(now)
	h.stepAside(now)
	if err := h.retry(now); err != nil {
		return err
	}
	if h.reporter == nil && h.config.Reporter != nil && !now.Before(h.reporterAt) {
		if err := h.startReporter(); err != nil {
			h.config.Log.Error("cannot start the reporter", "err", err)
			h.reporterAt = now.Add(retryEvery)
		}
	}
	if err := h.seeToGuard(now); h.begun && err != nil {
		h.config.Log.Error("cannot start the guard", "err", err)
		h.guardAt = now.Add(retryEvery)
	}
	if now.Sub(h.weighedAt) > weighEvery {
		h.weighedAt = now
		h.weigh()
	}
	if now.Sub(h.lookedPastAt) > firewall.WatchInterval {
		h.lookedPastAt = now
		h.lookPast()
	}
	if !h.mendAt.IsZero() && now.After(h.mendAt) {
		if h.applied {
			h.restore()
		} else if h.state.Ready {
			h.mendAt = time.Time{}
			_ = h.begin() // never fails but the first time
		}
	}
	if h.confirm != nil && h.confirm.Due(now.Sub(h.epoch)) {
		h.tell("not-confirmed", "the rules go away, and weir ends")
		return errStop
	}
	return nil
}

// pace is how long it is until the next look. Each look wakes a CPU, which on a router under load costs packets.
func (h *Holder) pace() time.Duration {
	whole := h.applied && h.state.Ready && h.unbound == nil && (h.reporter != nil || h.config.Reporter == nil) && (h.guard != nil || !h.guarded())
	decided := h.confirm == nil || h.confirm.Left(time.Since(h.epoch)) == 0 && !h.confirm.Due(time.Since(h.epoch))
	if whole && decided && h.mendAt.IsZero() && !slices.ContainsFunc(h.children(), func(c *child) bool { return c.stopping }) {
		return calmEvery
	}
	return tickEvery
}

// lookPast tells of flow tables that take over what the rules divert, when there are others than the last time.
func (h *Holder) lookPast() {
	var now []string
	for _, o := range h.policy.Rules.PassedBy(firewall.Offloads(firewall.Options{})) {
		now = append(now, h.policy.Rules.Bypass(o))
	}
	if slices.Equal(now, h.state.PassedBy) {
		return
	}
	for _, what := range now {
		if !slices.Contains(h.state.PassedBy, what) {
			h.tell("flows-offloaded", what)
		}
	}
	if len(now) == 0 {
		h.news("flows-offloaded-no-more", "no flow table takes over what is to be inspected any more")
	}
	h.state.PassedBy = now
}

// killLate kills children that were asked to end and do not.
func (h *Holder) killLate(now time.Time) {
	for _, c := range h.children() {
		if c.stopping && now.After(c.killAt) {
			c.kill()
		}
	}
}

func (h *Holder) children() []*child {
	return slices.DeleteFunc([]*child{h.worker, h.reporter, h.guard}, func(c *child) bool { return c == nil })
}

// killSilent kills a worker that says nothing, unless it was we who did not listen.
func (h *Holder) killSilent(now time.Time) {
	w, away := h.worker, now.Sub(h.lookedAt) > awayFor
	h.lookedAt = now
	if w == nil || w.hung {
		return
	}
	if away {
		w.heard()
		return
	}
	patience := h.config.Patience
	if !h.state.Ready {
		patience = readyWithin
	}
	if w.silence(now) > patience {
		h.tell("worker-silent", fmt.Sprintf("no word for %v: killed", patience))
		w.hung = true
		w.kill()
	}
}
