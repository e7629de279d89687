package holder

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/internal/link"
)

// TestOutputsOverReporters: counts go on, a failure begins once, and each change is told once.
func TestOutputsOverReporters(t *testing.T) {
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	began := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	fails := func(events, lost uint64, after time.Duration) link.Output {
		return link.Output{Name: "/x", Events: events, Lost: lost, Failing: true, Since: began.Add(after), Error: "no space"}
	}
	works := func(events, lost uint64) link.Output { return link.Output{Name: "/x", Events: events, Lost: lost} }
	var o outputs
	for i, c := range []struct {
		hear  link.Output
		ended bool // afterwards
		want  string
		said  string
	}{
		{works(5, 0), false, "5 0 false", ""},
		{fails(5, 0, 0), false, "5 0 true 0s", "events cannot be written"},
		{fails(5, 2, time.Second), true, "5 2 true 0s", ""},
		{fails(0, 1, time.Minute), false, "5 3 true 0s", ""}, // another reporter
		{works(4, 1), true, "9 3 false", "events are written again"},
		{works(1, 0), false, "10 3 false", ""},
		{fails(1, 0, time.Hour), false, "10 3 true 1h0m0s", "events cannot be written"},
	} {
		said.Reset()
		o.hear([]link.Output{c.hear, {Name: "stdout"}}, log)
		got := fmt.Sprint(o.list[0].Events, o.list[0].Lost, o.list[0].Failing)
		if o.list[0].Failing {
			got += " " + o.list[0].Since.Sub(began).String()
		}
		if got != c.want || len(o.list) != 2 || o.list[1].Events != 0 {
			t.Errorf("%d: %s, want %s; %v", i, got, c.want, o.list)
		}
		if s := said.String(); c.said == "" && s != "" || !strings.Contains(s, c.said) || strings.Count(s, "\n") > 1 {
			t.Errorf("%d: said %q, want %q", i, s, c.said)
		}
		if c.ended {
			o.ended(slog.New(slog.DiscardHandler))
		}
	}
	o.hear(make([]link.Output, 1000), log)
	if len(o.list) != maxOutputs {
		t.Errorf("a reporter gone bad has %d outputs", len(o.list))
	}
}
