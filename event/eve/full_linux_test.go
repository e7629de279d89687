package eve

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk fills a small file system with EVE lines, makes room, and goes on: no
// line is torn, none is lost that was not counted.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a small tmpfs")
	}
	dir := t.TempDir()
	if err := syscall.Mount("weir-eve-test", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	defer func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 30_000), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(FileConfig{Path: filepath.Join(dir, "eve.json")})
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(f, Format{}, 1)
	n, failed := 0, 0
	for ; failed < 20; n++ {
		if w.Write(numbered(n)) != nil {
			failed++
		}
		if n%10 == 0 {
			if err := w.Flush(); err != nil && !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
		}
	}
	full, err := os.ReadFile(f.config.Path)
	if err != nil {
		t.Fatal(err)
	}
	if len(packets(t, full)) == 0 {
		t.Fatal("nothing written before the disk was full")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	_ = w.Close() // as much as fits now
	all, err := os.ReadFile(f.config.Path)
	if err != nil {
		t.Fatal(err)
	}
	got, c := packets(t, all), w.Counters()
	if len(all) <= len(full) || len(got) != int(c.Events) || int(c.Events+c.Lost) != n {
		t.Errorf("%d bytes, then %d; %d lines; %+v of %d", len(full), len(all), len(got), c, n)
	}
}
