// Command release builds the program for every system and processor that it supports, from the commit that is checked out,
// twice: from two clones in different places, the second without anything from the first one's build cache. Unless both give
// the same bytes it fails. Beside each binary it writes what is in it (CycloneDX), and beside all of them their SHA-256.
//
// The version is the one that Go derives from the repository: the tag, or time and commit.
package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A target is a system and a processor.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "/" + t.arch }

var targets = []target{
	{"linux", "amd64"},
	{"linux", "arm64"},
	{"freebsd", "amd64"},
	{"freebsd", "arm64"},
	{"openbsd", "amd64"},
	{"openbsd", "arm64"},
}

func main() {
	out := flag.String("o", "bin/release", "write to this directory")
	only := flag.String("only", "", "build for this system/processor alone")
	flag.Parse()
	if err := release(*out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func release(out, only string) error {
	list := targets
	if only != "" {
		system, arch, _ := strings.Cut(only, "/")
		list = []target{{system, arch}}
	}
	dir, err := os.MkdirTemp("", "weir-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	first, second := builder{dir: filepath.Join(dir, "one")}, builder{dir: filepath.Join(dir, "two", "elsewhere"), cache: filepath.Join(dir, "cache")}
	if err := errors.Join(first.clone("."), second.clone(".")); err != nil {
		return err
	}
	var sums strings.Builder
	for _, t := range list {
		names, err := one(t, &first, &second, out)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				return err
			}
			fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), name)
		}
		fmt.Printf("%s: the same bytes twice: %s\n", t, names[0])
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// one builds for a target and returns the names of the files that it wrote to out.
func one(t target, first, second *builder, out string) ([]string, error) {
	a, err := first.build(t)
	if err != nil {
		return nil, err
	}
	b, err := second.build(t)
	if err != nil {
		return nil, err
	}
	if err := same(a, b); err != nil {
		return nil, err
	}
	bom, version, err := describe(a)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("weir_%s_%s_%s", strings.TrimPrefix(version, "v"), t.os, t.arch)
	if err := os.WriteFile(filepath.Join(out, name+".cdx.json"), bom, 0o644); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(a)
	if err != nil {
		return nil, err
	}
	return []string{name, name + ".cdx.json"}, os.WriteFile(filepath.Join(out, name), data, 0o755)
}
