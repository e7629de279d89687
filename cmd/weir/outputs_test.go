//go:build linux || freebsd || openbsd

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/internal/link"
	"github.com/weir-project/weir/report"
)

func TestOutputsOf(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	file := report.SinkStatus{Name: "/x/eve.json", Events: 9, Lost: 2}
	fails := file
	fails.Failing, fails.Since, fails.Error = true, now.Add(-time.Minute), strings.Repeat("é", 300)
	gone := fails
	gone.Absent = true
	socket := gone
	socket.Name = "unix:/x.sock"
	for name, c := range map[string]struct {
		sink    report.SinkStatus
		ago     time.Duration // the last round
		failing bool
		since   time.Time
		renew   bool
	}{
		"works":                   {file, time.Second, false, time.Time{}, false},
		"fails":                   {fails, time.Second, true, fails.Since, false},
		"its directory is gone":   {gone, time.Second, true, gone.Since, true},
		"nobody listens":          {socket, time.Second, true, socket.Since, false},
		"the reporter is stuck":   {file, time.Hour, true, now.Add(-time.Hour), false},
		"it fails, and is stuck":  {fails, time.Hour, true, fails.Since, false},
		"a round that took a bit": {file, stuckFor, false, time.Time{}, false},
	} {
		got := outputsOf(report.Status{At: now.Add(-c.ago), Sinks: []report.SinkStatus{c.sink}, Reopened: 3}, now)
		o := got.List[0]
		if o.Failing != c.failing || got.Renew != c.renew || got.Reopened != 3 || o.Events != 7 || o.Lost != 2 || o.Name != c.sink.Name {
			t.Errorf("%s: %+v", name, got)
		}
		if c.failing && (!o.Since.Equal(c.since) || o.Error == "" || len(o.Error) > maxOutputError) {
			t.Errorf("%s: %+v", name, o)
		}
	}
	many := report.Status{At: now}
	for range 64 {
		many.Sinks = append(many.Sinks, fails)
	}
	if b, err := json.Marshal(outputsOf(many, now)); err != nil || len(b) > 60<<10 {
		t.Errorf("64 outputs that fail take %d bytes of a message of 64 KiB, %v", len(b), err)
	}
}

// TestHealthIsToldAtOnce, counts only now and then.
func TestHealthIsToldAtOnce(t *testing.T) {
	a := link.Outputs{List: []link.Output{{Name: "x", Events: 1}}}
	for name, c := range map[string]struct {
		b    link.Outputs
		same bool
	}{
		"counts":   {link.Outputs{List: []link.Output{{Name: "x", Events: 2}}}, true},
		"failing":  {link.Outputs{List: []link.Output{{Name: "x", Failing: true}}}, false},
		"reopened": {link.Outputs{List: a.List, Reopened: 1}, false},
		"none yet": {link.Outputs{}, false},
	} {
		if sameHealth(a, c.b) != c.same {
			t.Errorf("%s: the same: %v", name, !c.same)
		}
	}
}
