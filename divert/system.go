package divert

import (
	"net"
	"syscall"
	"time"
)

// A system is the system calls that a DivertSocket makes: those of the machine, or a Model's.
type system interface {
	// socket opens a divert socket that does not wait.
	socket(k socketKind) (fd int, err syscall.Errno)
	bind(fd int, addr []byte) syscall.Errno
	setRecvBuffer(fd, bytes int) syscall.Errno

	// recvfrom never waits: EAGAIN if there is nothing.
	recvfrom(fd int, b, addr []byte) (n, addrLen int, err syscall.Errno)
	sendto(fd int, b, addr []byte) syscall.Errno

	// wait returns when something can be received, after wake, or when the time is over (< 0: never).
	wait(fds []int, wait time.Duration) syscall.Errno
	wake()

	// readable says whether something can be received now.
	readable(fds []int) bool

	close(fds []int)

	interfaces() ([]net.Interface, error)
}
