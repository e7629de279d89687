package tidy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// timeless rooms take time as an argument, so that a replay behaves as the wire did.
var timeless = []string{"packet", "defrag", "flow", "proto", "field", "inspect", "event", "engine", "rule", "internal/wheel", "sim"}

var clock = regexp.MustCompile(`\btime\.(Now|Since|Until|After|Tick|NewTimer|NewTicker|AfterFunc|Sleep)\(`)

// sinks run off the packet path, and rotate files by the clock.
var clockAllowed = []string{"event/eve/", "event/ring/", "sim/cmd/", "sim/real/"}

// TestNoClock finds clock readings in rooms that must not know what time it is.
func TestNoClock(t *testing.T) {
	files := 0
	for _, name := range tracked(t, ".go") {
		if strings.HasSuffix(name, "_test.go") || !below(name, timeless) || below(name, clockAllowed) {
			continue
		}
		files++
		for i, line := range lines(t, name) {
			if clock.MatchString(line) {
				t.Errorf("%s:%d reads the clock: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	}
	if files < 30 {
		t.Errorf("only %d files were read", files)
	}
}

// leaks are what belongs to the machine of whoever wrote the line. The pattern is put together here
// so that it does not find itself.
var leaks = regexp.MustCompile(strings.Join([]string{
	`/wo` + `rk/`, `/ro` + `ot/`, `/ho` + `me/[a-z]`, `pro` + `xy\.golang`, `regis` + `try\.npmjs`, `deb\.deb` + `ian`,
}, "|"))

// TestNoLeaks finds paths and hosts of a developer's machine.
func TestNoLeaks(t *testing.T) {
	for _, name := range tracked(t, "") {
		if filepath.Base(name) == "go.sum" || strings.HasPrefix(name, "testdata/") {
			continue
		}
		for i, line := range lines(t, name) {
			if leaks.MatchString(line) {
				t.Errorf("%s:%d names a path or a host of somebody's machine: %.80s", name, i+1, line)
			}
		}
	}
}

// unfinished words mark what was left for later, and later never comes.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|HA` + `CK)\b`)

// TestNothingUnfinished finds notes to self.
func TestNothingUnfinished(t *testing.T) {
	for _, name := range tracked(t, ".go") {
		for i, line := range lines(t, name) {
			if unfinished.MatchString(line) {
				t.Errorf("%s:%d is unfinished: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// TestPackageComments wants each room to say its law.
func TestPackageComments(t *testing.T) {
	for _, p := range list(t) {
		documented := len(p.GoFiles) == 0
		for _, f := range p.GoFiles {
			src, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			if regexp.MustCompile(`(?m)^(// (Package|Command) [\s\S]*?\n|.*\*/\n)package `).Match(src) {
				documented = true
			}
		}
		if !documented {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func tracked(t *testing.T, suffix string) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var names []string
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSpace(name)
		if _, err := os.Stat(filepath.Join("../..", name)); err == nil && strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}
	}
	return names
}

func below(name string, dirs []string) bool {
	for _, d := range dirs {
		if strings.HasPrefix(name, strings.TrimSuffix(d, "/")+"/") {
			return true
		}
	}
	return false
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(src), "\n")
}
