//go:build linux || freebsd || openbsd

package divert

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A waiter waits for descriptors, or until it is woken.
type waiter struct {
	woken [2]int // a pipe, for wake
	polls []unix.PollFd
}

func (w *waiter) open() error {
	return os.NewSyscallError("pipe2", unix.Pipe2(w.woken[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
}

// wait waits to the millisecond and never shorter.
func (w *waiter) wait(fds []int, wait time.Duration) syscall.Errno {
	w.polls = append(w.polls[:0], unix.PollFd{Fd: int32(w.woken[0]), Events: unix.POLLIN})
	for _, fd := range fds {
		w.polls = append(w.polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	ms := -1
	if wait >= 0 {
		ms = int(min((wait+time.Millisecond-1)/time.Millisecond, 1<<30))
	}
	_, err := unix.Poll(w.polls, ms)
	if w.polls[0].Revents != 0 {
		var b [64]byte
		_, _ = unix.Read(w.woken[0], b[:]) // more than that is another wake
	}
	return errnoOf(err)
}

func (w *waiter) wake() { _, _ = unix.Write(w.woken[1], []byte{0}) } // where it is full somebody is woken anyway

func (w *waiter) readable(fds []int) bool {
	polls := make([]unix.PollFd, len(fds))
	for i, fd := range fds {
		polls[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	n, err := unix.Poll(polls, 0)
	return err == nil && n > 0
}

func (w *waiter) close() {
	unix.Close(w.woken[0])
	unix.Close(w.woken[1])
}

// errnoOf returns the number of a system call's error.
func errnoOf(err error) syscall.Errno {
	var e syscall.Errno
	if err == nil || errors.As(err, &e) {
		return e
	}
	return syscall.EINVAL
}
