package holder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/internal/link"
)

// What Do can be asked for.
const (
	Reload  = "reload"  // read the policy anew; the error says why the old one stays
	Confirm = "confirm" // keep the rules that Config.Confirm guards
	Status  = "status"  // State
	Stop    = "stop"
)

type request struct {
	what  string
	reply chan reply
}

type reply struct {
	state State
	err   error
}

// Do asks the running holder for something and waits for its answer. It may be called from any goroutine.
func (h *Holder) Do(ctx context.Context, what string) (State, error) {
	r := request{what, make(chan reply, 1)}
	select {
	case h.requests <- r:
	case <-ctx.Done():
		return State{}, ctx.Err()
	}
	select {
	case a := <-r.reply:
		return a.state, a.err
	case <-ctx.Done():
		return State{}, ctx.Err()
	}
}

func (h *Holder) asked(r request) error {
	var err error
	switch r.what {
	case Reload:
		if err = h.reload(&r); err == nil {
			return nil // answered by reloaded
		}
	case Confirm:
		err = errors.New("there is nothing to confirm: weir was started without --confirm, or the rules are not in place yet")
		if h.confirm != nil {
			err = h.confirm.Confirm(time.Since(h.epoch))
		}
	case Stop:
		r.reply <- reply{state: h.snapshot()}
		return errStop
	case Status:
	default:
		err = fmt.Errorf("unknown request %q", r.what)
	}
	r.reply <- reply{h.snapshot(), err}
	return nil
}

func (h *Holder) snapshot() State {
	s := h.state
	s.Generation, s.Applied, s.GaveUp, s.Uptime = h.generation, h.applied, h.gaveUp, time.Since(h.epoch)
	if h.confirm != nil {
		s.ConfirmLeft = h.confirm.Left(time.Since(h.epoch))
	}
	return s
}

// reload reads the policy and offers it to the worker. Rules and generation change when the worker has taken it.
func (h *Holder) reload(r *request) error {
	if h.pending != nil {
		return errors.New("another reload is under way")
	}
	next, err := h.config.Policy()
	if err != nil {
		return err
	}
	if h.worker == nil || !h.state.Ready {
		h.use(next) // the next worker begins with it
		r.reply <- reply{state: h.snapshot()}
		return nil
	}
	if err := h.worker.link.Send(link.KindPolicy, link.Generation{Generation: h.generation + 1, Marks: next.Marks}, next.Bundle); err != nil {
		next.Bundle.Close()
		return err
	}
	h.pending, h.next = r, next
	return nil
}

// reloaded ends the reload that is under way, if there is one: the worker has taken the policy, or err says why not.
func (h *Holder) reloaded(err error) {
	if h.pending == nil {
		return
	}
	r, next := h.pending, h.next
	h.pending, h.next = nil, nil
	if err != nil {
		next.Bundle.Close()
		h.tell("reload-refused", err.Error())
	} else {
		h.use(next)
		err = h.applyAgain()
		if h.reporter != nil {
			_ = h.reporter.link.Send(link.KindPolicy, nil)
		}
		h.tell("reloaded", fmt.Sprintf("generation %d", h.generation))
	}
	r.reply <- reply{h.snapshot(), err}
}

func (h *Holder) use(next *Policy) {
	h.policy.Bundle.Close()
	h.policy = next
	h.generation++
}

func (h *Holder) applyAgain() error {
	if !h.applied {
		return nil
	}
	return h.apply()
}

// watch begins to compare the kernel's rules with ours.
func (h *Holder) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	h.stopWatch = cancel
	h.changes = firewall.Watch(ctx, h.config.Backend, h.policy.Rules)
}

func (h *Holder) unwatch() {
	if h.stopWatch == nil {
		return
	}
	h.stopWatch()
	for h.changes != nil {
		if _, ok := <-h.changes; !ok {
			h.changes = nil
		}
	}
	h.stopWatch = nil
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
		h.tell("rules-changed", fmt.Sprintf("by %s: %v; restored", by, c.Differences[0]))
		if err := h.config.Backend.Apply(h.policy.Rules); err != nil {
			h.config.Log.Error("cannot restore the rules", "err", err)
			return
		}
		h.state.RulesMended++
	}
}
