//go:build linux

package main

import (
	"strings"
	"testing"
)

// threeRounds has two metrics of three configurations; the medians are the second rounds.
func threeRounds() *results {
	r := newResults([]config{{name: "none"}, {name: "c"}, {name: "weir"}})
	for _, around := range []float64{-1, 0, 1} {
		r.add("none", sample{"bulk": 20 + around, rttMedian: 10 + around, rttTail: 14 + around})
		r.add("c", sample{"bulk": 10 + around, rttMedian: 110 + around, rttTail: 210 + around, "rss": 2})
		r.add("weir", sample{"bulk": 5 + around, rttMedian: 60 + around, rttTail: 410 + around, "rss": 20})
	}
	return r
}

func TestSpeedTellsBothRatios(t *testing.T) {
	r := threeRounds()
	for name, want := range map[string]string{"none": "20", "c": "10 · 0.50", "weir": "5 · 0.25 · **0.50**"} {
		if got := r.speed(name, "bulk"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := r.speed("weir", "mtu"); got != "–" {
		t.Errorf("what was not measured is told as %q", got)
	}
}

// TestSlowRoundsChangeNoRatio: one in which all is slow, and one in which all is fast.
func TestSlowRoundsChangeNoRatio(t *testing.T) {
	r := newResults([]config{{name: "none"}, {name: "c"}, {name: "weir"}})
	for round, speed := range []float64{1, 0.5, 3} {
		r.add("none", sample{"bulk": 100 * speed})
		r.add("c", sample{"bulk": 50 * speed})
		r.add("weir", sample{"bulk": []float64{40, 45, 20}[round] * speed})
	}
	if got := r.speed("weir", "bulk"); got != "40 · 0.40 · **0.80**" {
		t.Errorf("%q", got)
	}
}

// TestCostOfARoundTripIsWhatIsAdded: both percentiles are less the median without divert.
func TestCostOfARoundTripIsWhatIsAdded(t *testing.T) {
	r := threeRounds()
	for _, c := range []struct{ name, metric, want string }{
		{"none", rttMedian, "(10.0)"},
		{"c", rttMedian, "100"},
		{"weir", rttMedian, "50.0 · **0.50**"},
		{"none", rttTail, "(14.0)"},
		{"c", rttTail, "200"},
		{"weir", rttTail, "400 · **2.00**"},
		{"none", "rss", "–"},
		{"c", "rss", "2.00"},
		{"weir", "rss", "20.0 · **10.00**"},
	} {
		if got := r.cost(c.name, c.metric); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.metric, c.name, got, c.want)
		}
	}
}

func TestTableHasEachConfigurationAndColumn(t *testing.T) {
	table := threeRounds().table(costs, threeRounds().cost)
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if len(lines) != 2+3 {
		t.Fatalf("%d lines:\n%s", len(lines), table)
	}
	for _, line := range lines {
		if got := strings.Count(line, "|"); got != len(costs)+2 {
			t.Errorf("%d cells' edges, want %d: %s", got, len(costs)+2, line)
		}
	}
}
