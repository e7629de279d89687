//go:build linux || freebsd || openbsd

package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/internal/link"
	"github.com/weir-project/weir/report"
)

// How the reporter tells the holder of its outputs: soon if one begins or ceases to fail, and otherwise every second.
const (
	lookEvery = 250 * time.Millisecond
	tellEvery = time.Second
)

// tellOutputs tells until ctx ends, or nobody listens.
func tellOutputs(ctx context.Context, l *link.Conn, r *report.Reporter) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var told link.Outputs
	var toldAt time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			o := outputsOf(r.Status(), now)
			if sameHealth(o, told) && now.Sub(toldAt) < tellEvery {
				continue
			}
			if l.Send(link.KindStatus, o) != nil {
				return
			}
			told, toldAt = o, now
		}
	}
}

// sameHealth reports whether only counts differ.
func sameHealth(a, b link.Outputs) bool {
	return a.Reopened == b.Reopened && slices.EqualFunc(a.List, b.List, func(a, b link.Output) bool { return a.Name == b.Name && a.Failing == b.Failing })
}

// maxOutputError is how many bytes of an error are told: many outputs have to fit into one message.
const maxOutputError = 300

// stuckFor is how long the reporter may be busy with one round. A sink returns in less, but for standard output, into which
// a write waits while nobody reads it.
const stuckFor = 5 * time.Second

func outputsOf(s report.Status, now time.Time) link.Outputs {
	o := link.Outputs{Reopened: s.Reopened}
	for _, sink := range s.Sinks {
		if now.Sub(s.At) > stuckFor && !sink.Failing {
			sink.Failing, sink.Since, sink.Error = true, s.At, "the reporter waits, for this output or another, and writes to none"
		}
		out := link.Output{Name: sink.Name, Events: sink.Events - min(sink.Events, sink.Lost), Lost: sink.Lost, Failing: sink.Failing, Since: sink.Since}
		if sink.Failing {
			out.Error = strings.ToValidUTF8(sink.Error[:min(len(sink.Error), maxOutputError)], "")
			// A socket's name does not begin with /: only files stand under Landlock.
			o.Renew = o.Renew || sink.Absent && strings.HasPrefix(sink.Name, "/")
		}
		o.List = append(o.List, out)
	}
	return o
}
