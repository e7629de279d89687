package main

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/internal/dlpcorpus"
)

func TestDetectorsAreAboveTheirFloors(t *testing.T) {
	for seed := range uint64(2) {
		scores := score(dlpcorpus.Generate(seed+2, 1500), ours(), exactly)
		for _, info := range detect.Bundled() {
			if s := scores[info.Name]; below(info, s) {
				t.Errorf("seed %d: %s has precision %.4f and recall %.4f: %.200q", seed+2, info.Name, s.precision(), s.recall(), s.example)
			}
		}
	}
}

// TestReportHasALineForEachDetector wants all of them in the table, and the exit code's reason with them.
func TestReportHasALineForEachDetector(t *testing.T) {
	var b strings.Builder
	ok, err := report(&b, 1, 10, true)
	if err != nil || ok != !strings.Contains(b.String(), "below") {
		t.Errorf("%v, %v", ok, err)
	}
	for _, info := range detect.Bundled() {
		if !strings.Contains(b.String(), "\n"+info.Name+" ") {
			t.Errorf("no line for %s in\n%s", info.Name, b.String())
		}
	}
}

// TestFloorsCanFail wants a detector that finds nothing, and one that finds too much, to be noticed.
func TestFloorsCanFail(t *testing.T) {
	cases := dlpcorpus.Generate(1, 20)
	if s := score(cases, func([]byte) []dlpcorpus.Label { return nil }, exactly); s["card"].recall() != 0 {
		t.Errorf("nothing found, recall %v", s["card"].recall())
	}
	everywhere := func(text []byte) []dlpcorpus.Label { return []dlpcorpus.Label{{Kind: "card", Off: 0, End: 1}} }
	if s := score(cases, everywhere, exactly); s["card"].precision() != 0 {
		t.Errorf("all wrong, precision %v", s["card"].precision())
	}
}

// TestEveryHardCase names the hand-made cases that go wrong.
func TestEveryHardCase(t *testing.T) {
	cases, err := dlpcorpus.Hard()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for kind, s := range score([]dlpcorpus.Case{c}, ours(), exactly) {
			if s.missed+s.wrong > 0 {
				t.Errorf("%s: %s", kind, s.example)
			}
		}
	}
}
