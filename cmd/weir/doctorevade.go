package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/weir-project/weir/evade"
	"github.com/weir-project/weir/lab"
	labevade "github.com/weir-project/weir/lab/evade"
)

// evasionsOfARow is how many attempts of each row weir doctor --evade makes: all of them together are over in less than a
// minute.
const evasionsOfARow = 4

// doctorEvade makes some of each kind of evasion in a lab of its own, and prints what became of them.
func doctorEvade(o io.Writer) error {
	if err := lab.Enter(); err != nil {
		return fail(exitSystem, err)
	}
	results, err := labevade.Run(labevade.Options{Only: evade.Few(evasionsOfARow)})
	if errors.Is(err, lab.ErrUnsupported) {
		return fail(exitSystem, err)
	}
	if err != nil {
		return err
	}
	return printEvasions(o, results)
}

// printEvasions prints one line for each attempt, and an error if one succeeded.
func printEvasions(o io.Writer, results []evade.Result) error {
	colour := colourful(o)
	fmt.Fprintf(o, "%-4s %-5s %-7s %-52s %-14s %-8s %s\n", "", "", "by", "attempt", "works without", "passed", "allowed twin")
	for i := range results {
		r := &results[i]
		passed, twin := "no", "intact"
		if r.Passed || r.Unseen {
			passed = "YES"
		}
		switch {
		case r.NoTwin != "":
			twin = "there is none"
		case !r.Arrives:
			twin = "fails without, too"
		case !r.Intact:
			twin = "BROKEN"
		}
		works := "no"
		if r.Works {
			works = "yes"
		}
		line := fmt.Sprintf("%-4s %-5s %-7s %-52.52s %-14s %-8s %s", r.Row, r.Family, r.By, r.Name, works, passed, twin)
		fmt.Fprintln(o, paint(colour && r.Bad(), red, line))
	}
	n := evade.Total(results)
	fmt.Fprintf(o, "\n%d attempts, of which %d work where nobody inspects. %d passed.\n", n.Attempts, n.Works, n.Passed)
	fmt.Fprintf(o, "%d allowed twins arrive where nobody inspects. %d broke.\n", n.Arrive, n.Broken)
	if n.Passed+n.Broken+n.Unseen > 0 {
		return fail(exitFailed, errors.New("what passed or broke should not have; docs/evasions.md has what is known"))
	}
	return nil
}
