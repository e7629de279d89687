//go:build linux || freebsd || openbsd

package control

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func serve(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "control.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go Serve(l, func(_ context.Context, request string) (any, error) {
		if request == "fail" {
			return nil, errors.New("it failed because")
		}
		return map[string]string{"did": request}, nil
	})
	return path
}

func TestAskAndAnswer(t *testing.T) {
	path := serve(t)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket mode %v, %v; want 0600", info.Mode(), err)
	}
	var got struct{ Did string }
	if err := Ask(path, "reload", &got); err != nil || got.Did != "reload" {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := Ask(path, "fail", nil); err == nil || err.Error() != "it failed because" {
		t.Errorf("got %v", err)
	}
}

func TestOneWeirAtATime(t *testing.T) {
	path := serve(t)
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another weir") {
		t.Errorf("a second one: %v", err)
	}
	stale := filepath.Join(t.TempDir(), "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if l, err = Listen(stale); err != nil {
		t.Errorf("after a dead one: %v", err)
	} else {
		l.Close()
	}
}

func TestOtherFilesStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file in the way: %v", err)
	}
	if b, err := os.ReadFile(path); string(b) != "x" {
		t.Errorf("the file is %q, %v", b, err)
	}
}

func TestNonsenseIsAnswered(t *testing.T) {
	path := serve(t)
	for _, nonsense := range []string{"hello\n", strings.Repeat("x", 2*maxRequest), "{\"do\":1}\n"} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte(nonsense))
		b := make([]byte, 1024)
		n, _ := c.Read(b)
		c.Close()
		if !strings.Contains(string(b[:n]), "error") {
			t.Errorf("%.20q was answered by %q", nonsense, b[:n])
		}
	}
	if err := Ask(path, "status", nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
