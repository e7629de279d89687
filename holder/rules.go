//go:build linux || freebsd || openbsd

package holder

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/packet"
)

// apply puts the policy's rules and settings in place, and watches them.
func (h *Holder) apply() error {
	h.unwatch()
	if err := h.config.Backend.Apply(h.policy.Rules); err != nil {
		return err
	}
	h.applied, h.aside, h.mendAt = true, false, time.Time{}
	if err := h.flow(true); err != nil {
		return err
	}
	if err := firewall.SetSysctls(h.config.StateFile, h.policy.Rules.Sysctls, firewall.Options{}); err != nil {
		h.config.Log.Warn("a kernel setting could not be made", "err", err)
	}
	h.watch()
	return nil
}

// flow has packets come that no rule sends (divert.Bound), or none. The rules keep them from everybody else, so these are there before it
// is on and go after it is off: between, frames are lost, and none crosses twice.
func (h *Holder) flow(on bool) error {
	var errs []error
	for _, b := range h.bound {
		if flowing(b) {
			errs = append(errs, b.Flow(on))
		}
	}
	return errors.Join(errs...)
}

// watch begins to compare the kernel's rules with ours.
func (h *Holder) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	h.stopWatch = cancel
	h.changes = firewall.Watch(ctx, h.config.Backend, h.policy.Rules)
}

// unwatch returns when nobody compares any more.
func (h *Holder) unwatch() {
	if h.stopWatch == nil {
		return
	}
	h.stopWatch()
	if h.changes != nil {
		for range h.changes {
		}
	}
	h.changes, h.stopWatch = nil, nil
}

// rulesChanged restores rules that somebody has changed, and says so.
func (h *Holder) rulesChanged(c firewall.Change) {
	switch {
	case c.Err != nil:
		h.config.Log.Warn("the rules cannot be compared", "err", c.Err)
	case len(c.Differences) > 0:
		by := c.By
		if by == "" {
			by = "somebody"
		}
		h.tell("rules-changed", fmt.Sprintf("by %s: %v", by, c.Differences[0]))
		h.restore()
	}
}

// restore applies the rules in force once more, now or, if that fails, soon. The comparison begins
// anew: one that goes on would not tell of the same change made again at once.
func (h *Holder) restore() {
	if err := h.apply(); err != nil {
		h.mend(err)
		return
	}
	h.state.RulesMended++
	h.news("rules-restored", "changes undone since the start: "+strconv.Itoa(h.state.RulesMended))
}

// mend has rules that could not be applied tried again.
func (h *Holder) mend(err error) {
	h.config.Log.Error("cannot apply the rules", "err", err)
	h.mendAt = time.Now().Add(retryEvery)
}

// lift takes the rules away without losing a packet: first those that divert, then what waits is
// answered, then all. With nobody to answer it, what waits goes by the outcome of policy.
func (h *Holder) lift() error {
	h.unwatch()
	h.applied, h.aside, h.paused, h.mendAt = false, false, false, time.Time{}
	errs := []error{h.flow(false)}
	if err := h.config.Backend.Pause(); err != nil {
		errs = append(errs, err)
	}
	if h.worker != nil {
		h.drain()
	}
	errs = append(errs, h.release())
	if err := h.config.Backend.Remove(); err != nil {
		errs = append(errs, h.config.Backend.Remove()) // once more: another transaction may have come between
	}
	return errors.Join(errs...)
}

// drain lets the worker answer what came before the pause and ends it: first those packets that it
// can answer now, then, as it ends, those that it holds.
func (h *Holder) drain() {
	fewest, since := h.waiting(), time.Now()
	h.await(drainWithin, func() bool {
		n := h.waiting()
		if n < fewest {
			fewest, since = n, time.Now()
		}
		return n == 0 || h.worker == nil || time.Since(since) > stuckFor
	})
	h.end(&h.worker)
}

// end asks a child to end and waits until it has.
func (h *Holder) end(c **child) {
	if *c == nil {
		return
	}
	(*c).stop()
	h.await(2*drainWithin, func() bool { return *c == nil })
}

// release answers whatever waits by the policy's outcome. A packet that was on its way to the queue
// during the pause comes late: hence more than once.
func (h *Holder) release() error {
	var err error
	for range 20 {
		err = nil
		for _, b := range h.bound {
			if flowing(b) {
				err = errors.Join(err, b.Release(h.policy.Absent))
			}
		}
		time.Sleep(time.Millisecond)
		if h.waiting() == 0 {
			return err
		}
	}
	return err
}

// waiting returns how many packets wait in the kernel for a verdict.
func (h *Holder) waiting() int {
	n := 0
	for _, b := range h.bound {
		l, err := b.Load()
		if err != nil {
			return 0
		}
		n += l.Waiting
	}
	return n
}

// giveUp puts the outcome "absent" in force, until a worker is ready again. What waits goes by it
// too: it may be what the workers died of.
func (h *Holder) giveUp() {
	if !h.gaveUp {
		h.config.Log.Error("workers keep ending; the outcome \"absent\" is in force until one stays")
	}
	h.gaveUp = true
	if h.policy.Absent == packet.Drop {
		h.tell("crash-outcome", "drop: what waits is dropped; new packets wait for the next worker")
		if err := h.release(); err != nil {
			h.config.Log.Error("cannot drop what waits", "err", err)
		}
		return
	}
	h.tell("crash-outcome", "pass: the rules are gone, traffic passes uninspected until a worker is back")
	if err := h.lift(); err != nil {
		h.config.Log.Error("cannot remove the rules", "err", err)
	}
	h.lost = false
}
