package sandbox

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestForgetAmbient runs the test again as nobody with an ambient capability, which a child of it
// has only until it is forgotten.
func TestForgetAmbient(t *testing.T) {
	if os.Getenv("WEIR_TEST_AMBIENT") != "" {
		before, after := childCapabilities(t), ""
		if err := ForgetAmbient(); err != nil {
			t.Fatal(err)
		}
		after = childCapabilities(t)
		if before == after || strings.Trim(after, "0") != "" {
			t.Errorf("a child has capabilities %s before and %s after", before, after)
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: needs root to become nobody with a capability")
	}
	c := exec.Command("/proc/self/exe", "-test.run", "^TestForgetAmbient$", "-test.v")
	c.Dir = "/"
	c.Env = append(os.Environ(), "WEIR_TEST_AMBIENT=1")
	c.SysProcAttr = Attributes(Needs{User: Nobody, NetAdmin: true})
	c.SysProcAttr.AmbientCaps = append(c.SysProcAttr.AmbientCaps, unix.CAP_NET_RAW)
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

func childCapabilities(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("grep", "CapEff", "/proc/self/status").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(out), "CapEff:"))
}
