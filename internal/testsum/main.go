// Command testsum reads the output of go test -json and prints it as a person wants it: a line a package, everything
// of a test that failed, and at the end, loudly, each skipped test with its reason. With -strict a skip is a failure,
// unless its reason says "n/a:", for the combinations of a table that make no sense anywhere, or "make qemu:", for what
// the kernel at hand lacks and make qemu insists on.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// action is a line of go test -json (go doc test2json).
type action struct {
	Action, Package, Test, Output string
}

// key names a test.
type key struct{ pkg, test string }

// A summary is what has been read so far.
type summary struct {
	out     io.Writer
	lines   map[key][]string // output of tests that have not ended
	skipped []string
	emulate []string // skipped here, but not by make qemu
	failed  []string
	passed  int
	moot    int // skipped, because they make no sense
}

func main() {
	strict := flag.Bool("strict", false, "a skipped test is a failure, unless n/a")
	flag.Parse()
	s := &summary{out: os.Stdout, lines: map[key][]string{}}
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	if !s.close(*strict) {
		os.Exit(1)
	}
}

func (s *summary) read(r io.Reader) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 1<<20), 64<<20)
	for in.Scan() {
		var a action
		if err := json.Unmarshal(in.Bytes(), &a); err != nil || a.Action == "" {
			fmt.Fprintln(s.out, in.Text()) // a build error, say
			continue
		}
		s.add(a)
	}
	return in.Err()
}

func (s *summary) add(a action) {
	k := key{a.Package, a.Test}
	switch a.Action {
	case "output", "build-output":
		if a.Test == "" {
			s.packageLine(a.Output)
		} else {
			s.lines[k] = append(s.lines[k], a.Output)
		}
	case "pass":
		s.passed += one(a.Test != "")
		delete(s.lines, k)
	case "skip":
		if a.Test != "" {
			switch why := reason(s.lines[k]); {
			case strings.Contains(why, "n/a: "):
				s.moot++
			case strings.Contains(why, "make qemu: "):
				s.emulate = append(s.emulate, k.String()+": "+why)
			default:
				s.skipped = append(s.skipped, k.String()+": "+why)
			}
		}
		delete(s.lines, k)
	case "fail":
		if a.Test != "" {
			s.failed = append(s.failed, k.String())
			fmt.Fprint(s.out, strings.Join(s.lines[k], ""))
		} else if s.failed == nil {
			s.failed = append(s.failed, a.Package)
		}
		delete(s.lines, k)
	}
}

// packageLine prints a package's result, and whatever went wrong outside a test.
func (s *summary) packageLine(line string) {
	for _, dull := range []string{"PASS\n", "FAIL\n", "goos:", "goarch:", "pkg:", "cpu:", "?   \t"} {
		if strings.HasPrefix(line, dull) {
			return
		}
	}
	fmt.Fprint(s.out, line)
}

func (k key) String() string {
	_, room, _ := strings.Cut(k.pkg, "/weir/")
	return room + "." + k.test
}

// reason is what a skipped test said, on one line.
func reason(lines []string) string {
	var said []string
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if l != "" && !strings.HasPrefix(l, "===") && !strings.HasPrefix(l, "---") {
			said = append(said, l)
		}
	}
	return strings.Join(said, " ")
}

// close prints the end and reports whether all is well.
func (s *summary) close(strict bool) bool {
	s.tell("were SKIPPED", s.skipped)
	s.tell("were SKIPPED here, and are in make qemu", s.emulate)
	for k, lines := range s.lines {
		fmt.Fprint(s.out, strings.Join(lines, ""))
		s.failed = append(s.failed, k.String()+": it did not end")
	}
	for _, t := range s.failed {
		fmt.Fprintln(s.out, "FAILED "+t)
	}
	failed := len(s.failed)
	if strict {
		failed += len(s.skipped)
	}
	fmt.Fprintf(s.out, "\n%d passed, %d failed, %d skipped\n", s.passed, failed, len(s.skipped))
	return failed == 0 && s.passed > 0
}

// tell lists tests, if there are any.
func (s *summary) tell(what string, tests []string) {
	if len(tests) == 0 {
		return
	}
	fmt.Fprintf(s.out, "\n!! %d tests %s:\n", len(tests), what)
	for _, t := range tests {
		fmt.Fprintln(s.out, "!!   "+t)
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
