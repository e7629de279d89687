// Command mutants breaks package stream on purpose, in one place at a time, and wants its tests and the simulator to notice; and what keeps secrets,
// of which tests of the engine have to notice:
// a check that no deliberate bug sets off would not find one that nobody meant either.
//
//	go run ./internal/mutants                 # all of them
//	go run ./internal/mutants -only window    # those whose name contains the word
//
// The source stays as it is: the compiler is shown the broken file in its place (-overlay).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// seeds is how many the simulator tries before a mutant counts as unnoticed.
const seeds = "40000"

// inTurn are the tests that have to notice what is not of package stream, by their packages.
var inTurn = []struct{ packages, tests string }{
	{"./proto/http1", "Spare"},
	{"./proto/http2", "Spare"},
	{"./engine", "Canaries|Splits|Page|Kept|Named|WaitedIsCounted|Strangers|Another|Busy|Alerts|LastLook"},
	{"./inspect/dlp/...", "Mask|Pseudonym|Place|Wait|Tables|Columns|Wide|Headers|Little|PushedOut|Stretches|Rules|Counts|Case"},
}

// patience is for how long one attempt to notice a mutant may take: some run for ever.
const patience = 3 * time.Minute

func main() {
	only := flag.String("only", "", "run those whose name contains this")
	width := flag.Int("width", 2, "how many at a time")
	flag.Parse()
	dir, err := os.MkdirTemp("", "mutants")
	if err == nil {
		err = run(dir, *only, *width)
		os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(dir, only string, width int) error {
	var (
		chosen []mutant
		lived  []string
		mu     sync.Mutex
		all    sync.WaitGroup
	)
	for _, m := range slices.Concat(leaks, answers, mutants) {
		if strings.Contains(m.name, only) {
			chosen = append(chosen, m)
		}
	}
	tokens := make(chan struct{}, width)
	for _, m := range chosen {
		tokens <- struct{}{}
		all.Go(func() {
			defer func() { <-tokens }()
			by, err := m.noticedBy(dir)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				lived = append(lived, m.name)
				fmt.Printf("BROKEN    %s: %v\n", m.name, err)
			case by == "":
				lived = append(lived, m.name)
				fmt.Printf("UNNOTICED %s\n", m.name)
			default:
				fmt.Printf("noticed   %-60s by %s\n", m.name, by)
			}
		})
	}
	all.Wait()
	fmt.Printf("%d mutants, %d noticed\n", len(chosen), len(chosen)-len(lived))
	if len(lived) > 0 {
		return fmt.Errorf("unnoticed: %s", strings.Join(lived, ", "))
	}
	return nil
}

// noticedBy returns who notices the mutant; nobody if by is empty.
func (m mutant) noticedBy(dir string) (by string, err error) {
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", err
	}
	if out, err := command("go", "build", "-overlay", overlay, "./"+filepath.Dir(m.path())); err != nil {
		return "", fmt.Errorf("it does not compile: %s", out)
	}
	if filepath.Dir(m.path()) != "stream" {
		for _, turn := range inTurn {
			if _, err := command("go", "test", "-overlay", overlay, "-count=1", "-short", "-run", turn.tests, turn.packages); err != nil {
				return "the tests of " + turn.packages, nil
			}
		}
		return "", nil
	}
	if _, err := command("go", "test", "-overlay", overlay, "-count=1", "./stream", "-rapid.nofailfile"); err != nil {
		return "the tests of stream", nil
	}
	simulator := strings.TrimSuffix(overlay, ".json")
	if out, err := command("go", "build", "-overlay", overlay, "-o", simulator, "./sim/cmd/sim"); err != nil {
		return "", fmt.Errorf("the simulator does not compile: %s", out)
	}
	out, err := command(simulator, "-n", seeds, "-width", "1")
	if err == nil {
		return "", nil
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "seed ") {
			seed, _, _ := strings.Cut(line, ":")
			return "the simulator, " + seed, nil
		}
	}
	return "the simulator", nil
}

// overlay writes what shows the compiler the broken file.
func (m mutant) overlay(dir string) (string, error) {
	file := m.path()
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	broken, err := m.apply(string(source))
	if err != nil {
		return "", err
	}
	base := filepath.Join(dir, strings.ReplaceAll(m.name, " ", "-"))
	path, err := filepath.Abs(file)
	if err == nil {
		err = os.WriteFile(base+".go", []byte(broken), 0o600)
	}
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]map[string]string{"Replace": {path: base + ".go"}})
	if err != nil {
		return "", err
	}
	return base + ".json", os.WriteFile(base+".json", b, 0o600)
}

// path is where the file is.
func (m mutant) path() string {
	if filepath.Dir(m.file) == "." {
		return filepath.Join("stream", m.file)
	}
	return m.file
}

// apply makes the change, for which there must be exactly one place.
func (m mutant) apply(source string) (string, error) {
	if n := strings.Count(source, m.old); n != 1 {
		return "", fmt.Errorf("%s has %d places that read %q", m.path(), n, m.old)
	}
	return strings.Replace(source, m.old, m.new, 1), nil
}

func command(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return string(out), err
}
