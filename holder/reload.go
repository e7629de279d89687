//go:build linux || freebsd || openbsd

package holder

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/internal/link"
)

// A reload is under way from its request to its reply:
//
//  1. Config.Policy reads the files, beside the loop, which goes on meanwhile.
//  2. The worker loads the policy as soon as one is ready, and says whether it can.
//  3. Then the rules change, and children that cannot take the policy in are replaced.
//
// Until step 3 everything goes by the old policy, and wherever it fails, stays so.
type reload struct {
	request request
	next    *Policy // nil: being read
	offered bool    // to the present worker
}

// loaded is what came of reading a policy.
type loaded struct {
	policy *Policy
	err    error
}

func (h *Holder) reload(r request) error {
	if h.pending != nil {
		return errors.New("another reload is under way")
	}
	h.pending = &reload{request: r}
	inForce := h.policy
	go func() {
		next, err := h.config.Policy(inForce)
		select {
		case h.loaded <- loaded{next, err}:
		case <-h.done:
			next.close()
		}
	}()
	return nil
}

// read goes on with a reload whose policy has been read.
func (h *Holder) read(l loaded) {
	if h.pending == nil { // the holder is ending
		l.policy.close()
		return
	}
	if l.err != nil {
		h.reloaded(l.err)
		return
	}
	h.pending.next = l.policy
	h.offer()
}

// offer asks a ready worker to take the new policy. Without any worker the next one begins with it.
func (h *Holder) offer() {
	p := h.pending
	switch {
	case p == nil || p.next == nil || p.offered:
	case h.worker == nil:
		h.reloaded(nil)
	case h.state.Ready && !h.worker.stopping:
		g := link.Generation{Generation: h.generation + 1, Marks: p.next.Marks}
		// A worker that does not hear will be replaced, and the next one is asked.
		p.offered = h.worker.link.Send(link.KindPolicy, g, p.next.Bundle) == nil
	}
}

// taken hears the worker's answer to the policy that it was offered.
func (h *Holder) taken(data json.RawMessage, err error) {
	var g link.Generation
	if json.Unmarshal(data, &g) != nil || h.pending == nil || !h.pending.offered || g.Generation != h.generation+1 {
		return // not what was asked
	}
	h.reloaded(err)
}

// reloaded ends the reload that is under way: the policy becomes the one in force, or err says why
// not.
func (h *Holder) reloaded(err error) {
	p := h.pending
	if p == nil {
		return
	}
	h.pending = nil
	if err != nil {
		p.next.close()
		h.tell("reload-refused", err.Error())
		p.request.reply <- reply{h.snapshot(), err}
		return
	}
	h.policy.close()
	h.policy = p.next
	h.generation++
	h.failOpen()
	h.news("reloaded", fmt.Sprintf("generation %d", h.generation))
	if h.applied || (h.paused || h.aside) && !h.opens() {
		h.paused = false
		if err = h.apply(); err != nil {
			err = fmt.Errorf("the new policy is in force, but its rules are not: %w; it is tried again", err)
			h.mend(err)
		}
	}
	h.renew(p.next.Renew)
	p.request.reply <- reply{h.snapshot(), err}
}

// failOpen has the kernel do with packets for a full queue what the policy says.
func (h *Holder) failOpen() {
	for _, b := range h.bound {
		if b.Caps.FailOpen == h.policy.FailOpen {
			continue
		}
		if err := b.SetFailOpen(h.policy.FailOpen); err != nil && !errors.Is(err, divert.ErrUnsupported) { // such a socket has said so at start (Caps.Missing)
			h.config.Log.Error("cannot change what becomes of packets while the queue is full", "err", err)
		}
	}
}

// renew replaces the children that the new policy does not reach otherwise. A worker answers what
// it has first, and packets wait in the kernel for the next one.
func (h *Holder) renew(r Renew) {
	if r.Worker && h.worker != nil && !h.worker.stopping {
		h.worker.stop()
	}
	if h.reporter == nil {
		return
	}
	if r.Reporter {
		h.reporter.stop()
	} else {
		h.reporter.reopens++
		_ = h.reporter.link.Send(link.KindPolicy, nil) // it opens its files anew
	}
}

// close lets go of a policy, which may be nil.
func (p *Policy) close() {
	if p != nil && p.Bundle != nil {
		p.Bundle.Close()
	}
}
