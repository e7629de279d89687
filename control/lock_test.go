//go:build linux || freebsd || openbsd

package control

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLockOutlivesItsMaker: a child that has the descriptor keeps others out until it ends.
func TestLockOutlivesItsMaker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.lock")
	first, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("another weir (pid %d)", os.Getpid())
	if _, err := lock(path); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a second one: %v", err)
	}
	c := exec.Command("cat")
	c.ExtraFiles = []*os.File{first}
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	first.Close()
	if _, err := lock(path); err == nil {
		t.Error("it is free while a child has it")
	}
	stdin.Close()
	_ = c.Wait()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		again, err := lock(path)
		if err == nil {
			again.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after the child has gone: %v", err)
		}
	}
}
