package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestMutantsAreCurrent wants each mutant to be of the source as it is, and no two to have one name: a mutant
// whose place is gone is no test any more.
func TestMutantsAreCurrent(t *testing.T) {
	names := map[string]bool{}
	for _, m := range slices.Concat(leaks, answers, mutants) {
		if names[m.name] {
			t.Errorf("two are called %q", m.name)
		}
		names[m.name] = true
		source, err := os.ReadFile(filepath.Join("../..", m.path()))
		if err != nil {
			t.Fatal(err)
		}
		if broken, err := m.apply(string(source)); err != nil || broken == string(source) {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
