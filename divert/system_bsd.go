//go:build freebsd || openbsd

package divert

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// A machine is the system calls of the machine that we run on.
type machine struct{ waiter }

// machineDialect is what this system speaks where the address does not say.
var machineDialect = map[string]string{"freebsd": "freebsd-ipfw", "openbsd": "openbsd"}

func openMachine() (system, error) {
	m := new(machine)
	return m, m.waiter.open()
}

func (m *machine) socket(k socketKind) (int, syscall.Errno) {
	return openSocket(k.domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, k.protocol)
}

func (m *machine) setRecvBuffer(fd, bytes int) syscall.Errno {
	return errnoOf(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes))
}

func (m *machine) close(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
	m.waiter.close()
}

func (m *machine) interfaces() ([]net.Interface, error) { return net.Interfaces() }
