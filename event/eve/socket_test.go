package eve

import (
	"bufio"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStreamSocketReconnects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := NewSocket("unix", path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Write([]byte("early\n")); err == nil {
		t.Fatal("wrote to nobody")
	}
	for _, line := range []string{"first\n", "second\n"} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if done, _, err := s.Write([]byte(line)); done != len(line) || err != nil {
			t.Fatalf("%q: %d, %v", line, done, err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := bufio.NewReader(c).ReadString('\n'); got != line {
			t.Errorf("read %q of %q", got, line)
		}
		_ = c.Close()
		_ = l.Close()
		if done, _, err := s.Write([]byte("lost peer\n")); done != 0 || err == nil {
			t.Fatalf("wrote %d to a closed peer, %v", done, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestStuckReader: a peer that does not read costs the timeout, and gets whole lines
// again over the next connection.
func TestStuckReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, _ := NewSocket("unix", path, 20*time.Millisecond)
	line := strings.Repeat("x", 999) + "\n"
	lines := []byte(strings.Repeat(line, 5000))
	done, lost, err := s.Write(lines)
	if err == nil || done%len(line) != 0 || done == len(lines) || lost != 0 {
		t.Fatalf("%d of %d, %v", done, len(lines), err)
	}
	first, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	got := make(chan string)
	go func() {
		c, err := l.Accept()
		if err != nil {
			close(got)
			return
		}
		defer c.Close()
		line, _ := bufio.NewReader(c).ReadString('\n')
		got <- line
	}()
	if n, _, err := s.Write(lines[done : done+len(line)]); n != len(line) || err != nil {
		t.Fatalf("again: %d, %v", n, err)
	}
	if g := <-got; g != line {
		t.Errorf("the next connection begins with %d bytes", len(g))
	}
	_ = s.Close()
}

func TestDatagramsAreLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, _ := NewSocket("unixgram", path, time.Second)
	defer s.Close()
	long := strings.Repeat("x", 8<<20) + "\n"
	lines := []byte("one\n" + long + "two\n")
	if done, lost, err := s.Write(lines); done != len(lines) || lost != 1 || err != nil {
		t.Fatalf("%d of %d, %d lost, %v", done, len(lines), lost, err)
	}
	buf := make([]byte, 100)
	for _, want := range []string{"one\n", "two\n"} {
		n, err := c.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("%q, %v", buf[:n], err)
		}
	}
}

func TestNewSocketRefuses(t *testing.T) {
	for _, c := range [][2]string{{"tcp", "x"}, {"unix", ""}, {"", "x"}} {
		if _, err := NewSocket(c[0], c[1], 0); err == nil {
			t.Errorf("took %q", c)
		}
	}
}
