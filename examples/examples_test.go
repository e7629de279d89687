// Package examples tests the programs below it: each is built once and run on a capture.
package examples

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	_ "github.com/weir-project/weir/divert" // a change there runs these tests again
)

var programs string // the directory of the programs, built

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	var err error
	if programs, err = os.MkdirTemp("", "weir-examples"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(programs)
	build := exec.Command("go", "build", "-o", programs, "./...")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return 1
	}
	return m.Run()
}

// stamp is how package log begins a line.
var stamp = regexp.MustCompile(`(?m)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `)

// TestExamples runs each program on a capture, over both families, and compares what it writes with
// datagrams that package craft made, checksums included.
func TestExamples(t *testing.T) {
	for name, e := range examples {
		read(t, name+"/main.go") // go test keeps a result until a file changes that a test has opened
		for _, f := range families {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				dir := t.TempDir()
				in, out := filepath.Join(dir, "in.pcap"), filepath.Join(dir, "out.pcap")
				var sent, want []record
				for i, s := range e.stories(t, f) {
					sent = append(sent, record{i, s.in})
					if s.out != nil {
						want = append(want, record{i, s.out})
					}
				}
				writeCapture(t, in, sent)
				cmd := exec.Command(filepath.Join(programs, name), append([]string{"-a", "pcap:" + in + ">" + out}, e.args...)...)
				printed, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, printed)
				}
				compare(t, readCapture(t, out), want)
				wantPrint := ""
				if e.prints != nil {
					wantPrint = e.prints(f)
				}
				if got := string(stamp.ReplaceAll(printed, nil)); got != wantPrint {
					t.Errorf("printed\n%swant\n%s", got, wantPrint)
				}
			})
		}
	}
}

// TestEachIsTested finds directories without an entry, and entries without a directory.
func TestEachIsTested(t *testing.T) {
	dirs, err := filepath.Glob("*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if _, ok := examples[filepath.Dir(d)]; !ok {
			t.Errorf("%s has no entry in the table of this test", d)
		}
	}
	if len(dirs) != len(examples) {
		t.Errorf("%d directories, %d entries", len(dirs), len(examples))
	}
}

// TestMistakes wants a sentence and a failure for an address that is none.
func TestMistakes(t *testing.T) {
	for name := range examples {
		read(t, name+"/main.go")
		out, err := exec.Command(filepath.Join(programs, name), "-a", "pcap:").CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("no capture file named")) {
			t.Errorf("%s: %v, %q", name, err, out)
		}
	}
}
