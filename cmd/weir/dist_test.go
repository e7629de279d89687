package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestScriptsOfTheBSDs are shell, and call commands and flags of weir that there are.
func TestScriptsOfTheBSDs(t *testing.T) {
	calls := regexp.MustCompile(`(?m)\b(run|check) (--\w+)`)
	for system, policy := range map[string]string{"openbsd": "/etc/weir/weir.yaml", "freebsd": "/usr/local/etc/weir/weir.yaml"} {
		file := filepath.Join("../../dist", system, "weir")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("sh", "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
		paths, err := os.ReadFile("system_" + system + ".go")
		if err != nil || !strings.Contains(string(paths), policy) || !strings.Contains(string(text), policy) {
			t.Errorf("%s: the policy is not %s by default, %v", file, policy, err)
		}
		found := calls.FindAllStringSubmatch(string(text), -1)
		for _, call := range found {
			c, _, err := newRoot().Find([]string{call[1]})
			if err != nil || c.Flags().Lookup(strings.TrimPrefix(call[2], "--")) == nil {
				t.Errorf("%s: weir %s has no %s", file, call[1], call[2])
			}
		}
		if len(found) < 2 {
			t.Errorf("%s: %d calls of weir", file, len(found))
		}
	}
}
