// Package labtest is what tests in labs have in common: they run where labs can be built, say loudly that they are skipped
// where not, and take down what they built.
package labtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/lane"
)

// missing is why there are no labs here.
var missing error

// Enter is lab.Enter, which the tests behind it know about: those that need a lab are skipped if it fails.
func Enter() error {
	if missing = lab.Enter(); missing != nil {
		fmt.Fprintln(os.Stderr, "tests in labs are skipped:", missing)
	}
	return missing
}

// Main is the TestMain of a package whose tests need labs. It does not return.
func Main(m *testing.M) {
	_ = Enter() // each test says that it is skipped
	os.Exit(m.Run())
}

// Missing is why there are no labs here; nil if there are.
func Missing() error { return missing }

// Need skips the test where there are no labs.
func Need(t testing.TB) {
	t.Helper()
	if missing != nil {
		t.Skipf("SKIPPED: %v", missing)
	}
}

// Elsewhere skips a test for which this kernel lacks something, and which make qemu wants to see pass. There it does not skip.
func Elsewhere(t testing.TB, lacks string) {
	t.Helper()
	if os.Getenv("WEIR_TEST_QEMU") != "" {
		t.Fatalf("here it must run: %s", lacks)
	}
	t.Skipf("make qemu: %s", lacks)
}

// SkipIfDenied skips the test if err says that the system keeps from it, or does not have, what it asked for: a device,
// a kind of socket.
func SkipIfDenied(t testing.TB, err error) {
	t.Helper()
	for _, lack := range []error{fs.ErrPermission, fs.ErrNotExist, unix.ENODEV, unix.ENXIO, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT} {
		if errors.Is(err, lack) {
			t.Skipf("SKIPPED: %v", err)
		}
	}
}

// New returns a lab that ends with the test. What this kernel lacks of it is tested elsewhere.
func New(t testing.TB, topology lab.Topology) *lab.Lab {
	t.Helper()
	Need(t)
	l, err := lab.New(topology)
	if errors.Is(err, lab.ErrNoSuchLink) {
		Elsewhere(t, err.Error())
	}
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

// Alone is the program of a lane that has one inspector, which knows of labels.
func Alone(t testing.TB, labels *inspect.LabelTable, who inspect.Inspector) engine.Program {
	t.Helper()
	chain, err := inspect.NewChain(1, labels, []inspect.Entry{{Inspector: who}})
	if err != nil {
		t.Fatal(err)
	}
	return engine.Program{Chain: chain}
}

// Lane diverts to a lane on the node, which ends with the test.
func Lane(t testing.TB, n *lab.Node, rules firewall.Config, c engine.Config) *lane.Lane {
	t.Helper()
	l, err := lane.Start(n, rules, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Divert(); err != nil {
		t.Fatal(err)
	}
	return l
}
