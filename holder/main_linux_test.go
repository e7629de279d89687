package holder_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
)

var program string // weir, built once; empty where there are no labs

// These tests run the real program, three processes of it, on the router of a lab.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if labtest.Enter() != nil {
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
	if err := build(program); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(name string, flags ...string) error {
	args := append([]string{"build", "-o", name}, append(flags, "../cmd/weir")...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func newLab(t *testing.T) *lab.Lab {
	t.Helper()
	return labtest.New(t, lab.Topology{})
}
