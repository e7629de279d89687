//go:build linux || freebsd || openbsd

package memfile

import (
	"bytes"
	"io"
	"os"
	"testing"
)

func TestSharedIsShared(t *testing.T) {
	f, err := Shared("weir-test", 8192, func(b []byte) { copy(b, "first") })
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := Size(f); n != 8192 || err != nil {
		t.Fatalf("size %d, %v", n, err)
	}
	var maps [2][]byte
	for i := range maps {
		if maps[i], err = Map(f, 8192); err != nil {
			t.Fatal(err)
		}
	}
	if copy(maps[0][5:], " and more"); !bytes.HasPrefix(maps[1], []byte("first and more\x00")) {
		t.Errorf("the other mapping says %q", maps[1][:20])
	}
	for _, b := range maps {
		if err := Unmap(b); err != nil {
			t.Error(err)
		}
	}
	if Seals && (f.Truncate(0) == nil || f.Truncate(1<<20) == nil) {
		t.Error("it can be resized")
	}
}

func TestSizeRefusesWhatCanShrink(t *testing.T) {
	if !Seals {
		t.Skip("SKIPPED: this system has no seals")
	}
	f, err := os.CreateTemp(t.TempDir(), "plain")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Size(f); err == nil {
		t.Error("a plain file is taken for a sealed one")
	}
}

func TestReadOnly(t *testing.T) {
	f, err := ReadOnly("weir-test", func(f *os.File) error { _, err := f.WriteString("text"); return err })
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, err := io.ReadAll(io.NewSectionReader(f, 0, 100)); string(b) != "text" || err != nil {
		t.Errorf("it says %q, %v", b, err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("it was written to")
	}
	if err := f.Truncate(0); err == nil {
		t.Error("it was cut")
	}
}
