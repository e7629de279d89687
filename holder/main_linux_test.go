package holder_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/weir-project/weir/lab"
)

var (
	noLab   error  // why there are no labs here; nil if there are
	program string // weir, built once
)

// These tests run the real program, three processes of it, on the router of a lab.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if noLab = lab.Enter(); noLab != nil {
		fmt.Fprintln(os.Stderr, "tests of the running program are skipped:", noLab)
		return m.Run()
	}
	if program = os.Getenv("WEIR_TEST_BINARY"); program != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("/var/tmp", "weir-holder-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	_ = os.Chmod(dir, 0o755)
	program = filepath.Join(dir, "weir")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/weir").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func newLab(t *testing.T) *lab.Lab {
	t.Helper()
	if noLab != nil {
		t.Skipf("SKIPPED: %v", noLab)
	}
	l, err := lab.New(lab.Topology{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}
