//go:build linux || freebsd || openbsd

package holder

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weir-project/weir/divert"
)

// A bridge's sockets can be of no more use while the holder lives: an interface was deleted, and perhaps made again, under the same name and
// as another; or a ring is stuck. A worker says so with its last words. Then they are bound anew, before the next worker
// begins, and as often as it takes.

// rebindEvery is how long it is until that is tried again.
const rebindEvery = 500 * time.Millisecond

// loseSockets has the sockets bound anew before the next worker begins, if that may be what a worker has failed of. Where an
// interface is gone, the outcome "absent" comes into force at once: what is left of the gate may be before the one that comes in its place.
func (h *Holder) loseSockets(w *child) {
	if !h.bridges() || !w.failed && !h.portGone() {
		return
	}
	h.unbound = errUnbound
	if h.portGone() {
		h.absentAt, h.weighedAt = time.Time{}, time.Time{}
		h.stepAside(h.diedAt)
	}
}

var errUnbound = errors.New("sockets of a bridge are of no more use")

// portGone reports whether an interface of a bridge is not the one that its socket was bound to.
func (h *Holder) portGone() bool {
	for _, b := range h.bound {
		if l, err := b.Load(); err != nil || l.Gone {
			return true
		}
	}
	return false
}

// rebind binds all sockets anew if they are of no more use: all, since the lanes of a bridge are one group on each interface, in the order
// in which they have joined. While the rules are in place they begin to fill at once.
func (h *Holder) rebind() error {
	if h.unbound == nil {
		return nil
	}
	for _, b := range h.bound {
		b.Close()
	}
	for i, address := range h.config.Lanes {
		b, err := bind(address, h.config.Options)
		if err != nil {
			if h.unbound.Error() != err.Error() {
				h.config.Log.Error("cannot bind anew, it is tried again", "err", err)
			}
			h.unbound = err
			return err
		}
		h.bound[i] = b
	}
	h.unbound = nil
	h.news("sockets-renewed", "the bridge is bound anew; what waited in its rings is lost")
	if !h.applied {
		return nil
	}
	h.unwatch()
	h.applied = false
	err := h.config.Backend.Pause() // the gate is before interfaces that may be no more
	if err == nil {
		err = h.apply()
	}
	if err != nil {
		h.mend(fmt.Errorf("behind new sockets: %w", err))
	}
	return nil
}

// tellOfRings tells what a lane of a bridge has met since its last status.
func (h *Holder) tellOfRings(was, is json.RawMessage) {
	var before, now struct {
		Socket struct{ RingsRenewed, Uncut uint64 }
	}
	_ = json.Unmarshal(was, &before) // there may be none
	if !h.bridges() || json.Unmarshal(is, &now) != nil {
		return
	}
	if n := now.Socket.RingsRenewed; n > before.Socket.RingsRenewed {
		h.tell("ring-renewed", fmt.Sprintf("a frame came for which the kernel has no words (UDP fragmentation offload, SCTP segments), and it filled a ring no more: frames were lost, %s", times(n)))
	}
	if n := now.Socket.Uncut; n > 0 && before.Socket.Uncut == 0 {
		h.tell("packets-uncut", "neither the kernel nor weir cuts offload-sized packets inside a tunnel of this kind, and connections in it nearly stop: ethtool -K on both interfaces: gro off, and at a virtual neighbour tx-gre-csum-segmentation off")
	}
}

func times(n uint64) string {
	if n == 1 {
		return "once so far"
	}
	return fmt.Sprintf("%d times so far", n)
}

// flowing reports whether a socket is there to be asked: one that could not be bound anew is closed.
func flowing(b *divert.Bound) bool { return len(b.Files()) > 0 }
