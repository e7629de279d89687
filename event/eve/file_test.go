package eve

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func openTest(t *testing.T, c FileConfig) *File {
	t.Helper()
	if c.Path == "" {
		c.Path = filepath.Join(t.TempDir(), "eve.json")
	}
	f, err := OpenFile(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		all = append(all, e.Name())
	}
	return all
}

// TestRotationBySize: no file is too long, none but the oldest lines go, no line is cut.
func TestRotationBySize(t *testing.T) {
	f := openTest(t, FileConfig{MaxBytes: 1000, Keep: 3})
	w := NewWriter(f, Format{}, 0)
	for n := range 200 {
		_ = w.Write(numbered(n))
		if n%7 == 0 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := []string{"eve.json", "eve.json.1", "eve.json.2", "eve.json.3"}
	dir := filepath.Dir(f.config.Path)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Fatalf("files %v", got)
	}
	var all []byte
	for i := 3; i >= 0; i-- {
		b := read(t, filepath.Join(dir, want[i]))
		if len(b) > 1000 || i > 0 && len(b) < 500 {
			t.Errorf("%s has %d bytes", want[i], len(b))
		}
		all = append(all, b...)
	}
	got := packets(t, all)
	for i, n := range got {
		if n != 200-len(got)+i {
			t.Fatalf("not the last %d lines: %v", len(got), got)
		}
	}
	st, err := os.Stat(f.config.Path)
	if err != nil || st.Mode().Perm()&^0o640 != 0 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestLineLongerThanTheFile(t *testing.T) {
	f := openTest(t, FileConfig{MaxBytes: 10})
	for _, s := range []string{"short\n", strings.Repeat("l", 50) + "\n", "next\n"} {
		if done, _, err := f.Write([]byte(s)); done != len(s) || err != nil {
			t.Fatalf("%q: %d, %v", s, done, err)
		}
	}
	if got := read(t, f.config.Path+".1"); len(got) != 51 {
		t.Errorf("%q", got)
	}
}

// TestRotationByAgeAcrossRestarts cuts at midnight, whoever runs then.
func TestRotationByAgeAcrossRestarts(t *testing.T) {
	now := time.Date(2026, 11, 22, 23, 59, 0, 0, time.UTC)
	c := FileConfig{
		Path: filepath.Join(t.TempDir(), "eve.json"), MaxAge: 24 * time.Hour,
		Now: func() time.Time { return now },
	}
	write := func(f *File, s string) {
		t.Helper()
		if _, _, err := f.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(c.Path, now, now); err != nil {
			t.Fatal(err)
		}
	}
	f := openTest(t, c)
	write(f, "first\n")
	now = now.Add(2 * time.Minute)
	write(f, "second\n")
	now = now.Add(time.Hour)
	write(f, "same day\n")
	now = now.Add(24 * time.Hour)
	f = openTest(t, c) // a restart after midnight
	write(f, "third\n")
	now = now.Add(-48 * time.Hour) // a clock that jumps back rotates nothing
	write(f, "jump\n")
	for path, want := range map[string]string{"": "third\njump\n", ".1": "second\nsame day\n", ".2": "first\n"} {
		if got := read(t, c.Path+path); got != want {
			t.Errorf("%q: %q", path, got)
		}
	}
}

// TestFailedRotationLosesNothing: the directory takes no new file, then it does.
func TestFailedRotationLosesNothing(t *testing.T) {
	f := openTest(t, FileConfig{MaxBytes: 20, Keep: 2})
	fresh := f.config.Path + ".new"
	if err := os.Mkdir(fresh, 0o755); err != nil { // stands in the way
		t.Fatal(err)
	}
	want := ""
	for n := range 10 {
		line := fmt.Sprintf("line number %d\n", n)
		want += line
		if done, _, err := f.Write([]byte(line)); done != len(line) || err != nil {
			t.Fatal(done, err)
		}
	}
	if got := read(t, f.config.Path); got != want {
		t.Fatalf("%q", got)
	}
	if done, failed := f.Rotations(); done != 0 || failed == 0 {
		t.Errorf("%d rotations, %d failed", done, failed)
	}
	_ = os.Remove(fresh)
	_, _, _ = f.Write([]byte("after\n"))
	if got := read(t, f.config.Path+".1"); got != want {
		t.Errorf("%q", got)
	}
	if got := read(t, f.config.Path); got != "after\n" {
		t.Errorf("%q", got)
	}
}

// TestRotationAfterAKill begins with what a kill between two renames leaves.
func TestRotationAfterAKill(t *testing.T) {
	for _, c := range []struct {
		name  string
		files string
		want  map[string]string
	}{
		{"gap above", ".1 .3", map[string]string{".1": "current\n", ".2": ".1\n", ".3": ".3\n"}},
		{"gap at one", ".2 .3", map[string]string{".1": "current\n", ".2": ".2\n", ".3": ".3\n"}},
		{"no gap", ".1 .2 .3", map[string]string{".1": "current\n", ".2": ".1\n", ".3": ".2\n"}},
		{"stale new", ".1 .new", map[string]string{".1": "current\n", ".2": ".1\n"}},
	} {
		f := openTest(t, FileConfig{MaxBytes: 10, Keep: 3})
		for _, suffix := range strings.Fields(c.files) {
			if err := os.WriteFile(f.config.Path+suffix, []byte(suffix+"\n"), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		_, _, _ = f.Write([]byte("current\n"))
		_, _, _ = f.Write([]byte("next\n"))
		for suffix, want := range c.want {
			if got := read(t, f.config.Path+suffix); got != want {
				t.Errorf("%s: %s is %q", c.name, suffix, got)
			}
		}
		if got := read(t, f.config.Path); got != "next\n" {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestReopenFollowsAMove(t *testing.T) {
	f := openTest(t, FileConfig{})
	_, _, _ = f.Write([]byte("one\n"))
	moved := f.config.Path + ".moved"
	if err := os.Rename(f.config.Path, moved); err != nil {
		t.Fatal(err)
	}
	_, _, _ = f.Write([]byte("two\n"))
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	_, _, _ = f.Write([]byte("three\n"))
	if a, b := read(t, moved), read(t, f.config.Path); a != "one\ntwo\n" || b != "three\n" {
		t.Errorf("%q, %q", a, b)
	}
}

func TestOpenEndsAnOldTornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "eve.json")
	if err := os.WriteFile(path, []byte("whole\ntor"), 0o640); err != nil {
		t.Fatal(err)
	}
	f := openTest(t, FileConfig{Path: path})
	_, _, _ = f.Write([]byte("new\n"))
	if got := read(t, path); got != "whole\ntor\nnew\n" {
		t.Errorf("%q", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []FileConfig{{}, {Path: dir}, {Path: fifo}, {Path: link}, {Path: filepath.Join(dir, "x"), Keep: -1}, {Path: filepath.Join(dir, "no", "x")}} {
		if f, err := OpenFile(c); err == nil {
			t.Errorf("opened %+v", c)
			_ = f.Close()
		}
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("left behind: %v", got)
	}
}

// TestFullDevice: every write fails with ENOSPC, and is counted.
func TestFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full")
	}
	w := NewWriter(openTest(t, FileConfig{Path: "/dev/full", MaxBytes: 10}), Format{}, 1)
	n := 0
	for ; w.Write(numbered(n)) == nil && n < 10_000; n++ {
	}
	if err := w.Flush(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Flush: %v", err)
	}
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
	if c := w.Counters(); c.Events != 0 || int(c.Lost) != n+1 {
		t.Errorf("%+v of %d", c, n+1)
	}
	if !bytes.HasSuffix([]byte(w.out.(*File).config.Path), []byte("full")) {
		t.Error("rotated a device")
	}
}

// TestDeletedFile: nobody can read a file without a name, so there is a new one; without its directory that is an error,
// until somebody makes it again.
func TestDeletedFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f := openTest(t, FileConfig{Path: filepath.Join(dir, "eve.json")})
	_, _, _ = f.Write([]byte("one\n"))
	if err := os.Remove(f.config.Path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Write([]byte("two\n")); err != nil || read(t, f.config.Path) != "two\n" {
		t.Errorf("%v, %q", err, read(t, f.config.Path))
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if done, _, err := f.Write([]byte("three\n")); done != 0 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("wrote %d bytes to a file without a directory: %v", done, err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Write([]byte("three\n")); err != nil || read(t, f.config.Path) != "three\n" {
		t.Errorf("%v, %q", err, read(t, f.config.Path))
	}
}

func TestOpenLater(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log", "eve.json")
	l := OpenLater(func() (Output, error) {
		f, err := OpenFile(FileConfig{Path: path})
		return f, err
	})
	if done, _, err := l.Write([]byte("one\n")); done != 0 || !errors.Is(err, fs.ErrNotExist) || l.Reopen() == nil || l.Close() != nil {
		t.Fatalf("%d, %v", done, err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"one\n", "two\n"} {
		if _, _, err := l.Write([]byte(line)); err != nil || l.Reopen() != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil || read(t, path) != "one\ntwo\n" {
		t.Errorf("%v, %q", err, read(t, path))
	}
}
