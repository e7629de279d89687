//go:build linux || freebsd || openbsd

package holder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weir-project/weir/firewall"
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
	reply chan reply // of capacity 1
}

type reply struct {
	state State
	err   error
}

// errEnding is the answer to what comes, or is under way, when the holder ends.
var errEnding = errors.New("weir is ending")

// Do asks the running holder for something and waits for its answer. It may be called from any
// goroutine.
func (h *Holder) Do(ctx context.Context, what string) (State, error) {
	r := request{what, make(chan reply, 1)}
	select {
	case h.requests <- r:
	case <-h.done:
		return State{}, errEnding
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
		if err = h.reload(r); err == nil {
			return nil // answered when it is done
		}
	case Confirm:
		err = errors.New("there is nothing to confirm: weir was started without --confirm, or the rules are not in place yet")
		if h.confirm != nil {
			if err = h.confirm.Confirm(time.Since(h.epoch)); errors.Is(err, firewall.ErrTooLate) {
				err = errors.New("there is nothing to confirm any more: it is confirmed, or the time is over")
			}
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

// State is what the holder knows, for people.
type State struct {
	Generation  uint32
	WorkerPID   int // 0: there is none
	ReporterPID int
	GuardPID    int  // 0: none is needed
	Ready       bool // the worker answers packets
	Applied     bool // the rules divert
	Paused      bool // the rules are paused, until a worker is ready
	GaveUp      bool // the outcome "absent" is in force, since workers kept ending
	Restarts    int  // ends of a worker that nobody asked for
	Reclaimed   int  // packets asked for again after the last restart; -1: not known
	Journal     int  // flows that the worker found in the journal
	RulesMended int  // times that somebody else's change of the rules was undone
	ConfirmLeft time.Duration
	Uptime      time.Duration
	Sandbox     string
	Load        Load
	Outputs     []Output        // of events; empty until the reporter has spoken
	PassedBy    []string        // flow tables that take over what is to be inspected, each in a sentence
	Missing     []string        // what this system cannot do, each a sentence
	Worker      json.RawMessage // the worker's counters: worker.Status
}

func (h *Holder) snapshot() State {
	h.weigh()
	s := h.state
	s.Generation, s.Applied, s.Paused, s.GaveUp, s.Uptime = h.generation, h.applied, h.paused, h.gaveUp, time.Since(h.epoch)
	s.Worker, s.Outputs = h.counters.json(), h.outputs.list
	if h.confirm != nil {
		s.ConfirmLeft = h.confirm.Left(time.Since(h.epoch))
	}
	return s
}

// counters are the worker's last status messages, one for each lane.
type counters struct {
	Generation uint32
	RSSBytes   int64
	Lanes      []json.RawMessage
}

func (c *counters) json() json.RawMessage {
	for _, lane := range c.Lanes {
		if lane == nil {
			return nil // not all of them have spoken yet
		}
	}
	if len(c.Lanes) == 0 {
		return nil
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil // a worker gone bad
	}
	return b
}
