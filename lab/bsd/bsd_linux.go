// Command bsd runs tests of package divert that are built for FreeBSD and for OpenBSD, on Linux.
//
// A loader in C (loader/) maps the test binary into its own process and answers its system calls. Those about divert sockets go along
// channels to a model of the kernel, which lives in the test binary itself (divert/channels_bsd_test.go). So what is tested is the BSD build
// of the backend at the border to the system: the numbers of calls, families and options, the layout of addresses, what happens
// with errors. Nothing is said about a BSD kernel: the model is ours.
//
// It needs gcc and x86-64. What the tests print is printed as go test -json does, for internal/testsum.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/internal/gotest"
)

// A loader runs binaries of one system.
type loader struct {
	system string
	flags  []string // for gcc, beside -O2
}

// The loader of FreeBSD's static binaries must not lie where they lie, and be without a C library, whose start would be in the way.
var loaders = []loader{
	{"freebsd", []string{
		"-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Wl,-Ttext-segment=0x70000000", "-Wl,--build-id=none",
	}},
	{"openbsd", nil},
}

const (
	tests    = "^Test(System|Models|Divert)"
	channels = 4 // divert sockets that a test can have at once
)

func main() {
	limit := flag.Duration("timeout", 2*time.Minute, "for all tests of a system")
	only := flag.String("system", "", "freebsd or openbsd; both if it is empty")
	run := flag.String("run", tests, "which tests: a pattern of go test -run")
	flag.Parse()
	if flag.Arg(0) == "exec" {
		err := execute(flag.Args()[1:])
		fmt.Fprintln(os.Stderr, "bsd:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	for _, l := range loaders {
		if *only == "" || *only == l.system {
			err = errors.Join(err, l.test(ctx, *run, *limit))
		}
	}
	if err != nil {
		_ = gotest.Fail(os.Stdout, "github.com/weir-project/weir/lab/bsd", err.Error())
		os.Exit(1)
	}
}

// test builds the loader, and has go test run the tests of package divert with it.
func (l loader) test(ctx context.Context, run string, limit time.Duration) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "weir-bsd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, l.system)
	args := append([]string{"-O2", "-Wall", "-Wextra"}, l.flags...)
	out, err := exec.CommandContext(ctx, "gcc", append(args, "-o", program, "lab/bsd/loader/"+l.system+".c")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("the loader of %s: %w\n%s", l.system, err, out)
	}
	ctx, cancel := context.WithTimeout(ctx, limit+10*time.Second) // if the tests do not end by themselves
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-timeout", limit.String(), "-run", run, "-exec", self+" exec "+program, "./divert")
	cmd.Env = append(os.Environ(), "GOOS="+l.system, "GOARCH=amd64", "CGO_ENABLED=0", "GODEBUG=asyncpreemptoff=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that the tests end with go test
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("tests of %s: %w", l.system, errors.Join(err, ctx.Err()))
	}
	return nil
}

// execute becomes the loader with a test binary, to which it leaves channels: pairs of packets and calls, whose near ends are the
// loader's and whose far ends are the binary's.
func execute(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: bsd exec LOADER BINARY [ARGUMENT…]")
	}
	var near, far []string
	for range channels {
		var ends [2][2]int // of packets, of calls
		for i := range ends {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0) // inherited
			if err != nil {
				return os.NewSyscallError("socketpair", err)
			}
			ends[i] = pair
		}
		near = append(near, fmt.Sprintf("%d:%d", ends[0][0], ends[1][0]))
		far = append(far, fmt.Sprintf("%d:%d", ends[0][1], ends[1][1]))
	}
	env := append(os.Environ(), "LOADER_CHANNELS="+strings.Join(near, ","), "TEST_CHANNELS="+strings.Join(far, ","))
	return os.NewSyscallError("execve", unix.Exec(args[0], args, env))
}
