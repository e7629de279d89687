package lab_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// TestAsNobody runs the tests of this package again as an ordinary user.
func TestAsNobody(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: becoming another user needs root; the tests run without it already")
	}
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	c := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^(TestRootlessInside|TestEveryPairTalks|TestTranslation|TestHooks|TestCapture|TestCommand.*)$")
	c.Dir = "/"
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "WEIR_LAB_WANT_NOBODY=1"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("as nobody: %v\n%s", err, out)
	}
	for _, want := range []string{"--- PASS: TestRootlessInside", "--- PASS: TestEveryPairTalks"} {
		if !contains(out, want) {
			t.Errorf("as nobody: no %q in\n%s", want, out)
		}
	}
}

// TestRootlessInside holds what Enter promises of the process that it runs.
func TestRootlessInside(t *testing.T) {
	if os.Getenv("WEIR_LAB_WANT_NOBODY") == "" {
		t.Skip("n/a: run by TestAsNobody")
	}
	if err := labtest.Missing(); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 65534 || !lab.Privileged() {
		t.Errorf("uid %d, privileged %v: want 65534 and true", os.Getuid(), lab.Privileged())
	}
	if v, ok := os.LookupEnv("WEIR_LAB_INSIDE"); ok {
		t.Errorf("children would take themselves for the one inside: WEIR_LAB_INSIDE=%s", v)
	}
}
