package firewall

import (
	"context"
	"time"
)

// A Change reports that the kernel's rules are no longer the planned ones, or are so
// again.
type Change struct {
	Differences []Difference // empty: all is well again
	By          string       // who did it ("nft, pid 123"), where the kernel tells
	Err         error        // the rules could not be read; Differences says nothing then
}

// Watch intervals.
const (
	// WatchInterval is how often Watch looks where no event tells it to.
	WatchInterval = 2 * time.Second
	// watchQuiet is how long Watch waits after an event for those that follow it, so
	// that a busy firewall costs few comparisons.
	watchQuiet = 50 * time.Millisecond
)

// Watch reports every change for the worse or the better of rs in b until ctx ends,
// then it closes the channel. With nftables the kernel tells at once; besides, and with
// iptables, it compares every WatchInterval. Its first comparison is reported only if
// there are differences. Applying rs again is no change. For another ruleset, end this
// Watch first and start another.
func Watch(ctx context.Context, b Backend, rs *Ruleset) <-chan Change {
	out := make(chan Change)
	events := make(chan string, 1)
	listen(ctx, b, events)
	go func() {
		defer close(out)
		w := watcher{backend: b, ruleset: rs, out: out, events: events}
		tick := time.NewTicker(WatchInterval)
		defer tick.Stop()
		for w.look(ctx) {
			select {
			case <-ctx.Done():
				return
			case by := <-events:
				w.by = by
				if !wait(ctx, watchQuiet) {
					return
				}
			case <-tick.C:
			}
		}
	}()
	return out
}

type watcher struct {
	backend Backend
	ruleset *Ruleset
	out     chan<- Change
	events  <-chan string
	by      string
	last    string
}

// look compares once and reports what is new; false when ctx has ended.
func (w *watcher) look(ctx context.Context) bool {
	diffs, err := w.backend.Verify(w.ruleset)
	if err == nil && len(diffs) > 0 {
		// A transaction may have been committed while we read: look twice.
		diffs, err = w.backend.Verify(w.ruleset)
	}
	c := Change{Differences: diffs, Err: err}
	if now := c.key(); now != w.last {
		c.By = w.author(ctx)
		w.last, w.by = now, ""
		select {
		case w.out <- c:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// author returns who made the change: the event may come just after we saw it.
func (w *watcher) author(ctx context.Context) string {
	if w.by != "" {
		return w.by
	}
	t := time.NewTimer(watchQuiet)
	defer t.Stop()
	select {
	case by := <-w.events:
		return by
	case <-t.C:
	case <-ctx.Done():
	}
	return ""
}

func (c Change) key() string {
	s := ""
	if c.Err != nil {
		s = c.Err.Error()
	}
	for _, d := range c.Differences {
		s += "\n" + d.String()
	}
	return s
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
