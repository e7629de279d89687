//go:build linux || freebsd || openbsd

package holder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/firewall"
)

// Load is what the kernel has counted at the queues and at the rules since the start.
type Load struct {
	Waiting int                       // packets without a verdict, now
	Dropped uint64                    // packets that the kernel dropped, since there was no room for them
	Down    []string                  // interfaces of a bridge that carry nothing, each with the reason
	Rules   map[string]firewall.Count // by firewall.Counter; empty while there are no rules
}

// Passed is what was to be inspected and went on without a verdict.
func (l *Load) Passed() firewall.Count { return l.Rules[firewall.Uninspected.String()] }

// weigh reads the load, and tells of what was dropped or has passed uninspected since the last time.
func (h *Holder) weigh() {
	before := h.state.Load
	next := Load{Rules: map[string]firewall.Count{}}
	if h.unbound != nil && h.unbound != errUnbound {
		next.Down = []string{h.unbound.Error()}
	}
	for _, b := range h.bound {
		if l, err := b.Load(); err == nil {
			next.Waiting += l.Waiting
			next.Dropped += l.Dropped
			next.Down = l.Down // every lane has the same
		}
	}
	if counters, err := h.config.Backend.Counters(); err == nil && h.applied {
		for c := firewall.Queued; int(c) < len(counters); c++ {
			next.Rules[c.String()] = counters[c]
		}
	}
	h.state.Load = next
	switch {
	case slices.Equal(before.Down, next.Down):
	case len(next.Down) == 0:
		h.news("interface-up", "frames cross again")
	default:
		h.tell("interface-down", strings.Join(next.Down, ", ")+": weir carries nothing")
	}
	if next.Dropped > before.Dropped {
		h.tell("queue-overflow", fmt.Sprintf("%d packets were dropped since there was no room for them, %d in all", next.Dropped-before.Dropped, next.Dropped))
	}
	if was, is := before.Passed().Packets, next.Passed().Packets; is > was {
		h.tell("uninspected", fmt.Sprintf("%d packets passed without inspection, %d in all: a queue was full, or there was no worker", is-was, is))
	}
}
