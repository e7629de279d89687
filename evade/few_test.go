package evade

import (
	"maps"
	"slices"
	"testing"
)

// TestFew wants some of each row, none that is slow, and the same ones each time.
func TestFew(t *testing.T) {
	const n = 3
	chosen := func() map[string]bool {
		few, names := Few(n), map[string]bool{}
		for _, a := range All() {
			if few(&a) {
				names[a.Row+" "+a.Name] = true
				if a.Slow || a.Tunnel {
					t.Errorf("%s %s is slow, or not for every user", a.Row, a.Name)
				}
			}
		}
		return names
	}
	once := chosen()
	if again := chosen(); !maps.Equal(once, again) {
		t.Errorf("%d other ones", len(again))
	}
	rows := map[string]int{}
	for _, a := range All() {
		if !a.Slow && !a.Tunnel {
			rows[a.Row]++
		}
	}
	for _, row := range slices.Sorted(maps.Keys(rows)) {
		got := 0
		for name := range once {
			if len(name) > len(row) && name[:len(row)+1] == row+" " {
				got++
			}
		}
		if got == 0 || got > n {
			t.Errorf("%s: %d attempts", row, got)
		}
	}
}
