//go:build linux || freebsd || openbsd

package holder

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
)

// Where rules cannot say that packets pass while nobody reads (Caps.Bypass), the holder sees to it, if the outcome "absent" is pass:
// without a worker for absentFor the rules are paused, and a guard takes them away if the holder dies.

// absentFor is how long rules divert to nobody.
const absentFor = 300 * time.Millisecond

// all reports whether every socket can do something.
func (h *Holder) all(can func(divert.Caps) bool) bool {
	for _, b := range h.bound {
		if !can(b.Caps) {
			return false
		}
	}
	return true
}

// opens reports whether it is up to us that traffic passes without a worker.
func (h *Holder) opens() bool {
	return h.policy.Absent == packet.Accept && !h.all(func(c divert.Caps) bool { return c.Bypass })
}

// reclaims reports whether a new worker gets what a dead one had read.
func (h *Holder) reclaims() bool { return h.all(func(c divert.Caps) bool { return c.Reclaim }) }

// stepAside pauses the rules while there has been no worker for a while, and lets pass what waits. The next worker that is ready ends
// that (begin).
func (h *Holder) stepAside(now time.Time) {
	if !h.applied && !h.aside || h.state.Ready || now.Sub(h.absentAt) < absentFor || !h.opens() {
		return
	}
	h.unwatch()
	if err := errors.Join(h.flow(false), h.config.Backend.Pause()); err != nil {
		h.config.Log.Error("cannot pause the rules, packets are dropped until a worker is ready", "err", err)
		h.applied, h.aside, h.absentAt = false, true, now // packets come no more, if they ever do: the next worker begins with both
		return
	}
	h.applied, h.aside, h.paused, h.mendAt = false, false, true, time.Time{}
	why := fmt.Sprintf("no worker for %v", absentFor)
	if h.unbound != nil {
		why = h.unbound.Error()
	}
	h.tell("rules-paused", why+": traffic passes uninspected until a worker is ready")
	if err := h.release(); err != nil {
		h.config.Log.Error("cannot let pass what waits", "err", err)
	}
}

// bridges reports whether the sockets are a bridge's.
func (h *Holder) bridges() bool {
	return h.all(func(c divert.Caps) bool { return c.Backend == "bridge" })
}

// lostWords says once what becomes of packets that a dead worker had read, where they do not come again.
func (h *Holder) lostWords(w *child) {
	if h.toldLost || w.readyAt.IsZero() || h.reclaims() {
		return
	}
	h.toldLost = true
	if h.bridges() {
		h.config.Log.Warn("what a worker holds when it dies is lost, and what it was about to answer may cross twice: a frame leaves the ring when it is answered")
		return
	}
	h.config.Log.Warn("what a worker has read and not answered when it dies is lost: a divert socket gives no packet twice")
}
