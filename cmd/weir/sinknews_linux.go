package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/weir-project/weir/report"
)

// sinkNews are the outputs of events that failed when last looked at.
type sinkNews map[string]bool

// follow tells of outputs that begin to fail and that work again, until ctx ends. Events alone could not tell: they
// would go the same way.
func (n sinkNews) follow(ctx context.Context, log *slog.Logger, r *report.Reporter) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.tell(log, r.Status().Sinks)
		}
	}
}

func (n sinkNews) tell(log *slog.Logger, sinks []report.SinkStatus) {
	for _, s := range sinks {
		switch {
		case s.Failing && !n[s.Name]:
			log.Error("events cannot be written; it is tried again", "to", s.Name, "err", s.Error)
		case !s.Failing && n[s.Name]:
			log.Info("events are written again", "to", s.Name, "lost", s.Lost)
		}
		n[s.Name] = s.Failing
	}
}
