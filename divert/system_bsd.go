//go:build freebsd || openbsd

package divert

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A machine is the system calls of the machine that we run on.
type machine struct {
	woken [2]int // a pipe, for wake
	polls []unix.PollFd
}

// machineDialect is what this system speaks where the address does not say.
var machineDialect = map[string]string{"freebsd": "freebsd-ipfw", "openbsd": "openbsd"}

func openMachine() (system, error) {
	m := new(machine)
	if err := unix.Pipe2(m.woken[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	return m, nil
}

func (m *machine) socket(k socketKind) (int, syscall.Errno) {
	return openSocket(k.domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, k.protocol)
}

func (m *machine) setRecvBuffer(fd, bytes int) syscall.Errno {
	return errnoOf(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
}

// wait implements system, to the millisecond and never shorter.
func (m *machine) wait(fds []int, wait time.Duration) syscall.Errno {
	m.polls = append(m.polls[:0], unix.PollFd{Fd: int32(m.woken[0]), Events: unix.POLLIN})
	for _, fd := range fds {
		m.polls = append(m.polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	ms := -1
	if wait >= 0 {
		ms = int(min((wait+time.Millisecond-1)/time.Millisecond, 1<<30))
	}
	_, err := unix.Poll(m.polls, ms)
	if m.polls[0].Revents != 0 {
		var b [64]byte
		_, _ = unix.Read(m.woken[0], b[:]) // more than that is another wake
	}
	return errnoOf(err)
}

func (m *machine) wake() { _, _ = unix.Write(m.woken[1], []byte{0}) } // where it is full somebody is woken anyway

func (m *machine) close(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
	unix.Close(m.woken[0])
	unix.Close(m.woken[1])
}

func (m *machine) interfaces() ([]net.Interface, error) { return net.Interfaces() }

// errnoOf returns the number of a system call's error.
func errnoOf(err error) syscall.Errno {
	var e syscall.Errno
	if err == nil || errors.As(err, &e) {
		return e
	}
	return syscall.EINVAL
}
