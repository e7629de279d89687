package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// A stage is a weir program and places that any user may use.
type stage struct {
	weir, tmp, pcap string
	user            uint32
}

// users are whom the demo is run as; only root can become another one.
func users() map[string]uint32 {
	if os.Geteuid() != 0 {
		return map[string]uint32{"me": uint32(os.Geteuid())}
	}
	return map[string]uint32{"root": 0, "nobody": 65534}
}

// build makes weir once for all tests of this package.
func build(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: -short")
	}
	dir := open(t, t.TempDir())
	weir := filepath.Join(dir, "weir")
	if out, err := exec.Command("go", "build", "-o", weir, "../../cmd/weir").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return weir
}

// open lets every user into a directory of the test, and whoever owns it write there.
func open(t *testing.T, dir string) string {
	t.Helper()
	for d := dir; strings.HasPrefix(d, os.TempDir()+"/"); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func newStage(t *testing.T, weir string, user uint32) *stage {
	t.Helper()
	s := &stage{weir: weir, user: user, tmp: open(t, t.TempDir()), pcap: open(t, t.TempDir())}
	for _, d := range []string{s.tmp, s.pcap} {
		if err := os.Chown(d, int(user), int(user)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *stage) command(args ...string) *exec.Cmd {
	c := exec.Command(s.weir, append([]string{"demo"}, args...)...)
	c.Dir = "/"
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.tmp, "HOME=/nonexistent"}
	c.SysProcAttr = &syscall.SysProcAttr{}
	if int(s.user) != os.Geteuid() {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: s.user, Gid: s.user}
	}
	return c
}

// leftNothing wants no file and no process of the stage to be there any more.
func (s *stage) leftNothing(t *testing.T) {
	t.Helper()
	if left, _ := filepath.Glob(s.tmp + "/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	exes, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, exe := range exes {
		if to, err := os.Readlink(exe); err == nil && to == s.weir {
			t.Errorf("left running: %s", exe)
		}
	}
}

// TestDemo runs the demo as a newcomer would, as root and as nobody.
func TestDemo(t *testing.T) {
	weir := build(t)
	for name, user := range users() {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, weir, user)
			out, err := s.command("--pcap", s.pcap).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			s.leftNothing(t)
			if bytes.Contains(out, []byte("This is a replay")) {
				t.Skipf("SKIPPED: no live demo here:\n%s", out)
			}
			for _, want := range []string{
				`card=XXXX XXXX XXXX 1111&amount=42`, `12 differ, and they are digits of the card`,
				`client zipped +\{"order":"A-17","note":"bXkgY2FyZCBpcyA0MTEx`, `server received +\{"order":"A-17","note":"bXkgY2FyZCBpcyBYWFhY`, `"code":"base64"`, `the JSON is whole`,
				`client attached +…Ada;4111 1111 1111 1111;42`, `server received +…Ada;XXXX XXXX XXXX 1111;42␍␊Grace;XXXX XXXX XXXX 0004;7`, `"field":"email\.body"`,
				`in a mail of 403 bytes: the attachment decodes`,
				`client received +www\.example\.com\. +60 IN A +192\.0\.2\.80`, `server received +nothing \(0 bytes\)`,
				`client received +HTTP/1\.1 403 Forbidden`, `the client reads why, in the server's place`,
				`refused at once: read: connection reset by peer`, `"signature_id":1000001`, `"action":"blocked"`,
				`50 of 50 arrived with DSCP 46`, `none is missing`, `added for two packets`, `top talkers`,
				`✓ All \d+ checks passed in`,
			} {
				if !regexp.MustCompile(want).Match(out) {
					t.Errorf("no line has %q", want)
				}
			}
			checkLayout(t, out)
			checkCaptures(t, s.pcap)
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}

// checkLayout wants plain lines that fit a terminal.
func checkLayout(t *testing.T, out []byte) {
	t.Helper()
	if bytes.ContainsRune(out, '\x1b') {
		t.Error("escape sequences where there is no terminal")
	}
	// Names of files may be of any length.
	for line := range strings.Lines(string(out)) {
		if l := strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(l) > width && !strings.Contains(l, "/") {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(l), l)
		} else if strings.HasSuffix(l, " ") {
			t.Errorf("a line ends in a space: %q", l)
		}
	}
}

// checkCaptures wants the card on the client's side of the router, and on the server's only the
// masked one.
func checkCaptures(t *testing.T, dir string) {
	t.Helper()
	for name, has := range map[string]bool{"client.pcap": true, "server.pcap": false} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if bytes.Contains(data, []byte("name=Ada&card="+DefaultCard)) != has {
			t.Errorf("%s: has the card: %v, want %v", name, !has, has)
		}
		if !bytes.Contains(data, []byte("name=Ada&card="+masked(DefaultCard))) { // the answer quotes the request
			t.Errorf("%s has no masked card", name)
		}
	}
}

// TestDemoKept leaves the lab open, enters it as the demo says, and ends it by SIGINT.
func TestDemoKept(t *testing.T) {
	if _, err := exec.LookPath("nsenter"); err != nil {
		t.Skip("SKIPPED: nsenter is not installed")
	}
	weir := build(t)
	for name, user := range users() {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, weir, user)
			c := s.command("--keep")
			stdin, hold, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			defer hold.Close()
			c.Stdin = stdin
			stdout, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			c.SysProcAttr.Setpgid = true // as the terminal does, SIGINT goes to the whole group
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			stuck := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
			defer stuck.Stop()
			enter := awaitOpen(t, stdout)
			if enter != "" {
				s.enters(t, enter)
			}
			if err := syscall.Kill(-c.Process.Pid, syscall.SIGINT); err != nil {
				t.Error(err)
			}
			rest, _ := io.ReadAll(stdout)
			if err := c.Wait(); err != nil {
				t.Errorf("after SIGINT: %v\n%s", err, rest)
			}
			s.leftNothing(t)
		})
	}
}

// awaitOpen reads until the demo waits, and returns its command for entering the client.
func awaitOpen(t *testing.T, out io.Reader) (enter string) {
	t.Helper()
	scan := bufio.NewScanner(out)
	for scan.Scan() {
		l := scan.Text()
		if strings.Contains(l, "This is a replay") {
			t.Skip("SKIPPED: no live demo here")
		}
		if name, command, found := strings.Cut(strings.TrimSpace(l), " "); found && name == "client" && strings.Contains(command, "nsenter") {
			enter = strings.TrimSpace(command)
		}
		if strings.Contains(l, "Ctrl-C closes it") {
			return enter
		}
	}
	t.Error("the demo ended without waiting")
	return ""
}

// enters runs the command that the demo printed, as the same user, with something else than a
// shell.
func (s *stage) enters(t *testing.T, command string) {
	t.Helper()
	command = strings.TrimSuffix(strings.TrimPrefix(command, "sudo "), " sh")
	c := exec.Command("sh", "-c", command+" cat /proc/net/fib_trie")
	c.Dir = "/"
	if int(s.user) != os.Geteuid() {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.user, Gid: s.user}}
	}
	out, err := c.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("192.0.2.10")) {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
}

// TestReplay: where there is no lab, the story is told on a capture, and says so.
func TestReplay(t *testing.T) {
	var out bytes.Buffer
	err := Run(context.Background(), Options{Out: &out, Weir: build(t), Card: DefaultCard, NoLab: errors.New("no such luck")})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"This is a replay, not live traffic: no such luck.", "XXXX XXXX XXXX 1111", "192.0.2.80", "checks passed", "nothing was diverted"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line has %q in\n%s", want, &out)
		}
	}
	checkLayout(t, out.Bytes())
}

// TestDemoFailsLoudly: a weir that changes nothing is not praised.
func TestDemoFailsLoudly(t *testing.T) {
	idle := filepath.Join(t.TempDir(), "weir")
	script := fmt.Sprintf("#!/bin/sh\nsed -i 's/^mode: prevent/mode: monitor/' \"$4\"\nexec %s \"$@\"\n", build(t))
	if err := os.WriteFile(idle, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := Run(context.Background(), Options{Out: &out, Weir: idle, Card: DefaultCard, NoLab: errors.New("no such luck")})
	if !errors.Is(err, ErrUnproved) {
		t.Errorf("a policy that only monitors: %v\n%s", err, &out)
	}
	if n := strings.Count(out.String(), "✗"); n < 6 {
		t.Errorf("%d failed checks are shown\n%s", n, &out)
	}
}

// TestCaptureIsGenerated holds the bundled capture against its generator.
func TestCaptureIsGenerated(t *testing.T) {
	name := filepath.Join(t.TempDir(), "demo.pcap")
	if out, err := exec.Command("go", "run", "./gen", "-o", name).CombinedOutput(); err != nil {
		t.Fatalf("go run ./gen: %v\n%s", err, out)
	}
	made, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(made, capture) {
		t.Errorf("testdata/demo.pcap is not what gen writes: go generate ./lab/demo (%v)", err)
	}
}
