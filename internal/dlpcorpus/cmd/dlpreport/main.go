// Command dlpreport lets the bundled detectors, and the regexps that people write instead, look for the values of a
// generated corpus and of the hand-made cases, and prints precision and recall of each. It exits with 1 if a detector
// is below its floor: 0.99 for what has a check digit or a structure, 0.95 for the rest.
//
// A match of ours counts only if its first and last byte are right; for a regexp it is enough to touch the value. The
// last column is how many of the values were found that nothing tells from other numbers; for these there is no floor.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/internal/dlpcorpus"
)

func main() {
	seed := flag.Uint64("seed", 1, "of the corpus")
	n := flag.Int("n", 1000, "how many `texts` of each kind")
	verbose := flag.Bool("v", false, "print an example of what each detector got wrong")
	flag.Parse()
	ok, err := report(os.Stdout, *seed, *n, *verbose)
	if err != nil {
		fmt.Fprintln(os.Stderr, "dlpreport:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// report prints the report and says whether all detectors are above their floors.
func report(w io.Writer, seed uint64, n int, verbose bool) (ok bool, err error) {
	hard, err := dlpcorpus.Hard()
	if err != nil {
		return false, err
	}
	cases := append(dlpcorpus.Generate(seed, n), hard...)
	scores := score(cases, ours(), exactly)
	others := score(cases, theirs(), touching)
	fmt.Fprintf(w, "%d texts, seed %d, %d of them hand-made\n\n", len(cases), seed, len(hard))
	fmt.Fprintf(w, "%-18s %-12s %22s %22s %18s\n%-18s %-12s %11s %10s %11s %10s %18s\n", "", "", "detect", "plain regexp", "without a word",
		"detector", "class", "precision", "recall", "precision", "recall", "found")
	ok = true
	for _, info := range detect.Bundled() {
		t, o := scores[info.Name], others[info.Name]
		fmt.Fprintf(w, "%-18s %-12s %11.4f %10.4f %11.4f %10.4f %18s", info.Name, info.Class, t.precision(), t.recall(), o.precision(), o.recall(), without(t))
		if below(info, t) {
			ok = false
			fmt.Fprintf(w, "  below %.2f", floor(info.Class))
		}
		fmt.Fprintln(w)
		if verbose && t.example != "" {
			fmt.Fprintf(w, "    %.300q\n", t.example)
		}
	}
	return ok, nil
}

func without(t *tally) string {
	if t.allBare == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", t.bare, t.allBare)
}

// below says whether precision or recall of a detector is below its floor.
func below(info detect.Info, t *tally) bool {
	least := floor(info.Class)
	return t.precision() < least || t.recall() < least
}

// floor is the precision and the recall that a detector of that class must have.
func floor(class string) float64 {
	if class == "check-digit" || class == "structure" {
		return 0.99
	}
	return 0.95
}
