package evade

import (
	"errors"
	"flag"
	"regexp"
	"strings"
	"testing"

	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/lab/labtest"
)

var only = flag.String("only", "", "attempts whose row and name match this regular expression; all if it is empty")

func TestMain(m *testing.M) { labtest.Main(m) }

// everyNth of the attempts with three pieces, of which there are thousands, are made here; `make evade`
// makes all.
const everyNth = 37

// TestEvade makes attempts against the kernel's stack.
func TestEvade(t *testing.T) {
	labtest.Need(t)
	wanted, n := regexp.MustCompile(*only), 0
	results, err := Run(Options{Only: func(a *evade.Attempt) bool {
		if *only != "" {
			return wanted.MatchString(a.Row + " " + a.Name)
		}
		if a.Slow { // package evade's own tests make them, in no time
			return false
		}
		if strings.HasPrefix(a.Name, "3 pieces") {
			n++
			return n%everyNth == 0
		}
		return true
	}})
	if errors.Is(err, ErrNoTunnel) {
		labtest.SkipIfDenied(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := evade.WriteTable(&table, results); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", &table)
	for i := range results {
		if r := &results[i]; r.Failed() {
			t.Error(r)
		} else if r.Open != "" && !r.Bad() {
			t.Errorf("%v: it does not fail any more; say so where the attempt is made", r)
		} else if *only != "" {
			t.Log(r)
		}
	}
	if c := evade.Total(results); c.Works == 0 || c.Arrive == 0 {
		t.Error("no attempt works where nobody inspects: the test does not test it")
	}
}
