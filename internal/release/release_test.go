package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// built is the program for this system, built as go build does it for tests: from the tree as it is.
func built(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "weir")
	c := exec.Command("go", "build", "-buildvcs=false", "-o", file, "../../cmd/weir")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return file
}

// TestBillOfMaterials: it names each module of go.mod that the program is made of, in that version, with its sum, and
// nothing else.
func TestBillOfMaterials(t *testing.T) {
	file := built(t)
	text, _, err := describe(file)
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, c := range b.Components {
		if c.Name == "std" {
			if "go"+c.Version != runtime.Version() {
				t.Errorf("std %s, built by %s", c.Version, runtime.Version())
			}
			continue
		}
		listed[c.Name] = c.Version
		if len(c.Properties) != 1 || !strings.HasPrefix(c.Properties[0].Value, "h1:") || c.PURL != "pkg:golang/"+c.Name+"@"+c.Version {
			t.Errorf("%+v", c)
		}
	}
	var mod struct {
		Require []struct{ Path, Version string }
	}
	out, err := exec.Command("go", "mod", "edit", "-json", "../../go.mod").Output()
	if err == nil {
		err = json.Unmarshal(out, &mod)
	}
	if err != nil {
		t.Fatal(err)
	}
	required := map[string]string{}
	for _, r := range mod.Require {
		required[r.Path] = r.Version
	}
	for path, version := range listed {
		if required[path] != version {
			t.Errorf("%s %s is in the program; go.mod requires %q", path, version, required[path])
		}
	}
	out, err = exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "../../cmd/weir").Output()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, path := range strings.Fields(string(out)) {
		used[path] = true
		if listed[path] == "" {
			t.Errorf("%s is used and not listed", path)
		}
	}
	if len(used) != len(listed) || len(used) < 5 {
		t.Errorf("%d modules are listed, %d used", len(listed), len(used))
	}
	if len(b.Dependencies) != 1 || len(b.Dependencies[0].DependsOn) != len(b.Components) || b.Metadata.Component.Name != "github.com/weir-project/weir" {
		t.Errorf("%+v of %+v", b.Dependencies, b.Metadata)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(b.Serial) {
		t.Errorf("serial number %q", b.Serial)
	}
	again, _, _ := describe(file)
	if string(again) != string(text) {
		t.Error("the same binary has two bills")
	}
}

// TestSameSeesADifference: a comparison that cannot fail would prove nothing.
func TestSameSeesADifference(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	a, b, c, d := write("a", "bytes"), write("b", "bytes"), write("c", "bites"), write("d", "bytes!")
	if err := same(a, b); err != nil {
		t.Error(err)
	}
	if err := same(a, c); err == nil || !strings.Contains(err.Error(), "from byte 1 on") {
		t.Error(err)
	}
	if err := same(a, d); err == nil || !strings.Contains(err.Error(), "from byte 5 on (5 and 6 bytes)") {
		t.Error(err)
	}
	if err := same(a, filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there is the same")
	}
}

// TestSettingsOfTheUserDoNotMatter for the bytes that are released.
func TestSettingsOfTheUserDoNotMatter(t *testing.T) {
	got := withoutGo([]string{"HOME=/x", "GOFLAGS=-race", "GOAMD64=v3", "GOPROXY=off", "GODEBUG=x=1"})
	if strings.Join(got, " ") != "HOME=/x GOPROXY=off" {
		t.Errorf("%q", got)
	}
}
