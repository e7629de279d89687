package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const document = "../docs/from-divert-sockets.md"

// longest is how many lines a program may have, its comment included.
const longest = 80

// TestShort holds each program to one file of at most 80 lines that says which rule feeds it.
func TestShort(t *testing.T) {
	for name := range examples {
		files, err := filepath.Glob(name + "/*")
		if err != nil || len(files) != 1 {
			t.Errorf("%s: want main.go alone, have %q", name, files)
		}
		src := read(t, name+"/main.go")
		if n := strings.Count(src, "\n"); n > longest {
			t.Errorf("%s/main.go has %d lines, more than %d", name, n, longest)
		}
		comment, _, _ := strings.Cut(src, "package main\n")
		if !strings.HasPrefix(comment, "// Command "+name+" ") || strings.Count(comment, "//\tnft add rule ") != 1 {
			t.Errorf("%s/main.go does not begin with what it does and the one rule that feeds it", name)
		}
	}
}

// TestReadme wants each program in the list.
func TestReadme(t *testing.T) {
	list := read(t, "README.md")
	for name := range examples {
		if strings.Count(list, "["+name+"]("+name+"/main.go)") != 1 {
			t.Errorf("README.md does not list %s", name)
		}
	}
	links(t, "README.md", list)
}

var block = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// TestDocument holds the Go code of the translation against the programs, which TestExamples runs:
// loop and callback stand there whole, from the package clause on, and all else is a part of some.
func TestDocument(t *testing.T) {
	text := read(t, document)
	var sources, whole []string
	for name := range examples {
		src := read(t, name+"/main.go")
		sources = append(sources, src)
		if name == "loop" || name == "callback" {
			whole = append(whole, src[strings.Index(src, "package main\n"):])
		}
	}
	blocks := block.FindAllStringSubmatch(text, -1)
	if len(blocks) != strings.Count(text, "```go") {
		t.Errorf("%d of %d Go blocks can be read", len(blocks), strings.Count(text, "```go"))
	}
	for _, b := range blocks {
		if !anyContains(sources, b[1]) {
			t.Errorf("this Go block is not verbatim in any example:\n%s", b[1])
		}
	}
	for _, w := range whole {
		if !strings.Contains(text, "```go\n"+w+"```\n") {
			t.Errorf("this program is not in the document:\n%s", w)
		}
	}
	links(t, document, text)
}

func anyContains(sources []string, part string) bool {
	for _, s := range sources {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// links finds relative links that lead nowhere.
func links(t *testing.T, name, text string) {
	t.Helper()
	for _, l := range link.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(name), l[1])); err != nil {
			t.Errorf("%s links to %s: %v", name, l[1], err)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
