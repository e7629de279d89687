//go:build linux || freebsd || openbsd

package holder

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/weir-project/weir/internal/link"
)

// An Output is where the reporter writes events, and how that fares. Its counts are since the holder began, over all
// reporters; a reporter that is killed takes what it had not told, of its last second, with it.
type Output struct {
	Name    string
	Events  uint64    // written, or waiting to be while the output fails
	Lost    uint64    // events that it will never hold
	Failing bool      // it takes nothing at present
	Since   time.Time // valid iff Failing
	Error   string    // why; valid iff Failing
}

// outputs are what the reporters have said.
type outputs struct {
	list   []Output
	before map[string]Output // counts of the reporters that have ended
}

// maxOutputs is more than a policy has any use for.
const maxOutputs = 64

// hear takes in what the present reporter says.
func (o *outputs) hear(list []link.Output, log *slog.Logger) {
	was := make(map[string]Output)
	for _, out := range o.list {
		was[out.Name] = out
	}
	o.list = nil
	for _, l := range list[:min(len(list), maxOutputs)] {
		out, old, before := Output(l), was[l.Name], o.before[l.Name]
		out.Events += before.Events
		out.Lost += before.Lost
		if out.Failing && old.Failing && old.Since.Before(out.Since) {
			out.Since = old.Since // the reporter before could not write either
		}
		switch {
		case out.Failing && !old.Failing:
			log.Error("events cannot be written; it is tried again", "to", out.Name, "err", out.Error)
		case !out.Failing && old.Failing:
			log.Info("events are written again", "to", out.Name, "lost", out.Lost)
		}
		o.list = append(o.list, out)
	}
}

// ended keeps the counts of a reporter that is gone, and tells of what it took with it.
func (o *outputs) ended(log *slog.Logger) {
	if o.before == nil {
		o.before = make(map[string]Output)
	}
	for _, out := range o.list {
		if out.Failing && out.Lost > 0 {
			log.Error("the reporter ended while events waited for an output", "to", out.Name, "lost", out.Lost)
		}
		o.before[out.Name] = out
	}
}

// reporterStatus hears how outputs fare. A directory that was deleted and made again is beyond the reach of a reporter
// whose Landlock knows the old one: if one cannot open its files at a reload, another can perhaps.
func (h *Holder) reporterStatus(r *child, data json.RawMessage) {
	var s link.Outputs
	if json.Unmarshal(data, &s) != nil {
		return
	}
	h.outputs.hear(s.List, h.config.Log)
	if s.Reopened < r.reopens || r.judged == r.reopens {
		return
	}
	r.judged = r.reopens
	if s.Renew && !r.stopping && !h.stopping {
		r.stop()
	}
}
