package main

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/dlpcorpus"
)

func TestDetectorsAreAboveTheirFloors(t *testing.T) {
	for seed := range uint64(3) {
		var b strings.Builder
		if ok, err := report(&b, seed+2, 300, true); !ok || err != nil {
			t.Errorf("%v\n%s", err, b.String())
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
