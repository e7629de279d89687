package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/weir-project/weir/report"
)

func TestSinkNewsAreToldOnce(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	news := sinkNews{}
	works := report.SinkStatus{Name: "other"}
	for _, c := range []struct {
		failing bool
		want    string
	}{
		{false, ""},
		{true, "events cannot be written"},
		{true, ""},
		{false, "events are written again"},
		{false, ""},
		{true, "events cannot be written"},
	} {
		out.Reset()
		s := report.SinkStatus{Name: "/var/log/weir/eve.json", Failing: c.failing}
		if c.failing {
			s.Error = "no space left on device"
		}
		news.tell(log, []report.SinkStatus{works, s})
		got := out.String()
		if c.want == "" && got != "" || !strings.Contains(got, c.want) || strings.Count(got, "\n") > 1 || strings.Contains(got, "other") {
			t.Errorf("failing %v: %q, want %q", c.failing, got, c.want)
		}
		if strings.Contains(got, "cannot") && !strings.Contains(got, "no space left") {
			t.Errorf("no reason in %q", got)
		}
	}
}
