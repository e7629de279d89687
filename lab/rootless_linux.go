package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable tells the program that Enter runs again that it is the one inside.
const insideVariable = "WEIR_LAB_INSIDE"

// nobody is whom the caller is mapped to. A map of one id is all that an unprivileged user may
// write, and processes that drop from root to nobody could not do so in a map that has root alone;
// as nobody there is nothing to drop.
const nobody = 65534

// kept are the capabilities that outlive the execution of the program inside: for namespaces, for
// networks in them, for packet sockets.
var kept = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW}

// Enter makes sure that this process can build labs. A process with the capabilities for that
// returns at once; any other runs the whole program again, with the same arguments, in a user,
// network and mount namespace of its own, and never returns: it exits with that program's exit
// code. So call it before anything that must not be done twice.
//
// The error says why neither is possible here.
func Enter() error {
	if os.Getenv(insideVariable) != "" {
		return settle()
	}
	if Privileged() {
		return nil
	}
	code, err := Rootless(os.Args[1:], os.Environ())
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

// Privileged reports whether the process has the capabilities that New needs.
func Privileged() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	have := uint64(data[0].Effective) | uint64(data[1].Effective)<<32
	for _, c := range kept {
		if have&(1<<c) == 0 {
			return false
		}
	}
	return elsewhere(func() error { return unix.Unshare(unix.CLONE_NEWNET) }) == nil
}

// Rootless runs this program with other arguments (those behind its name) and environment in a
// user, network and mount namespace, as user 65534 with the capabilities for labs, and returns its
// exit code. Enter, called there, returns nil.
func Rootless(args, env []string) (code int, err error) {
	c := exec.Command("/proc/self/exe", args...)
	c.Args[0] = os.Args[0]
	c.Env = append(env, insideVariable+"=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getegid(), Size: 1}},
		AmbientCaps: kept,
		Pdeathsig:   syscall.SIGKILL,
	}
	runtime.LockOSThread() // Pdeathsig is about this thread
	defer runtime.UnlockOSThread()
	if err := c.Start(); err != nil {
		var call *os.PathError // names /proc/self/exe, which is beside the point
		if errors.As(err, &call) {
			err = call.Err
		}
		return 0, explain(fmt.Errorf("lab: make a user namespace: %w", err))
	}
	stop := forward(c.Process)
	defer stop()
	err = c.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			return 128 + int(s.Signal()), nil
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}

// forward passes on the signals that ask a program to end. The terminal sends SIGINT to both, so
// that one is left alone.
func forward(p *os.Process) (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				if s == syscall.SIGTERM || s == syscall.SIGHUP {
					_ = p.Signal(s)
				}
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(signals); close(done) }
}

// settle is what is left to do inside: children must not take themselves for the program that Enter
// ran, and /run, which belongs to the host's root, becomes a place of our own, for programs with
// lock files there.
func settle() error {
	os.Unsetenv(insideVariable)
	if !Privileged() {
		return explain(errors.New("lab: the user namespace has no power over its network"))
	}
	if !usesRun() {
		_ = unix.Mount("weir-lab", "/run", "tmpfs", 0, "mode=0755") // without it only such programs fail, with their own words
	}
	return nil
}

// usesRun reports whether this program has files of its own below /run.
func usesRun() bool {
	self, _ := os.Executable()
	here, _ := os.Getwd()
	for _, path := range []string{self, here, os.TempDir()} {
		if strings.HasPrefix(path, "/run/") {
			return true
		}
	}
	return false
}
