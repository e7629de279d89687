package evade

import (
	"bytes"
	"strings"
	"testing"

	"github.com/weir-project/weir/packet/checksum"
)

// TestTexts wants the twins as long as each other, and the decoys other in each unit and of the same sum.
func TestTexts(t *testing.T) {
	if len(NewText(false).Real) != len(NewText(true).Real) || len(NewText(false).Real)%unit != 0 {
		t.Fatalf("%d and %d bytes", len(NewText(false).Real), len(NewText(true).Real))
	}
	for _, twin := range []bool{false, true} {
		x := NewText(twin)
		if Holds(x.Real) == twin || Holds(x.Decoy) {
			t.Errorf("twin %v: %q, %q", twin, x.Real, x.Decoy)
		}
		if checksum.Sum(x.Real, 0) != checksum.Sum(x.Decoy, 0) {
			t.Errorf("twin %v: the decoy has another sum", twin)
		}
		for at := 0; at < len(x.Real); at += unit {
			if bytes.Equal(x.Real[at:at+unit], x.Decoy[at:at+unit]) {
				t.Errorf("twin %v: unit %q is the same in the decoy", twin, x.Real[at:at+unit])
			}
		}
	}
}

// TestRelations counts the ways in which intervals can lie to each other (Allen's 13 of two; 409 of three).
func TestRelations(t *testing.T) {
	for n, want := range map[int]int{1: 1, 2: 13, 3: 409} {
		if got := len(relations(n)); got != want {
			t.Errorf("%d intervals: %d relations, want %d", n, got, want)
		}
	}
}

// TestNames wants every row of the list, and no name twice in a row.
func TestNames(t *testing.T) {
	seen, rows := map[string]bool{}, map[string]bool{}
	for _, a := range All() {
		name := a.Row + " " + a.Name
		for _, f := range []Family{IPv4, IPv6} {
			if a.Families&f == 0 {
				continue
			}
			if id := name + f.String(); seen[id] {
				t.Errorf("%s over %s: twice", name, f)
			} else {
				seen[id] = true
			}
		}
		if a.Families == 0 || strings.ContainsAny(a.Name, "|\n") {
			t.Errorf("%s: families %d", name, a.Families)
		}
		rows[a.Row] = true
	}
	for row, last := range map[string]int{"I": 12, "T": 29, "A": 9} {
		for i := 1; i <= last; i++ {
			if name := row + itoa(i); !rows[name] {
				t.Errorf("no attempt of row %s", name)
			}
		}
	}
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + itoa(i%10)
}
