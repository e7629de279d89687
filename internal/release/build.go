package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A builder builds in a clone of its own.
type builder struct {
	dir   string // of the clone
	cache string // Go's build cache; empty: the user's
}

// clone copies the commit that is checked out in the repository at from. What is not committed is not released.
func (b *builder) clone(from string) error {
	if text, err := exec.Command("git", "clone", "--quiet", from, b.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("git clone: %w: %s", err, text)
	}
	return nil
}

// build makes the program for t and returns its file.
func (b *builder) build(t target) (string, error) {
	file := filepath.Join(filepath.Dir(b.dir), fmt.Sprintf("%s-%s-%s", filepath.Base(b.dir), t.os, t.arch))
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", file, "./cmd/weir")
	c.Dir = b.dir
	c.Env = append(withoutGo(os.Environ()), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch, "GOTOOLCHAIN=local", "GOFLAGS=-mod=readonly")
	if b.cache != "" {
		c.Env = append(c.Env, "GOCACHE="+b.cache)
	}
	if text, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, text)
	}
	return file, nil
}

// withoutGo leaves out what would change the code that the compiler makes.
func withoutGo(env []string) []string {
	var out []string
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "GOFLAGS", "GOEXPERIMENT", "GOAMD64", "GOARM64", "GOFIPS140", "GOROOT", "GODEBUG":
		default:
			out = append(out, v)
		}
	}
	return out
}

// same compares two files.
func same(a, b string) error {
	x, err := os.ReadFile(a)
	if err != nil {
		return err
	}
	y, err := os.ReadFile(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(x, y) {
		at := 0
		for at < min(len(x), len(y)) && x[at] == y[at] {
			at++
		}
		return fmt.Errorf("two builds differ from byte %d on (%d and %d bytes)", at, len(x), len(y))
	}
	return nil
}
