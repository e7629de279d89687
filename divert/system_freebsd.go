package divert

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls that package unix has only with addresses of its own: those lose sin_zero, and allocate.

// openSocket is unix.Socket, but one that lets the scheduler go on meanwhile: where the calls are served by a model (lab/bsd), that needs it.
func openSocket(domain, kind, protocol int) (int, syscall.Errno) {
	fd, _, errno := unix.Syscall(unix.SYS_SOCKET, uintptr(domain), uintptr(kind), uintptr(protocol))
	return int(fd), errno
}

func (m *machine) bind(fd int, addr []byte) syscall.Errno {
	_, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&addr[0])), uintptr(len(addr)))
	return errno
}

func (m *machine) recvfrom(fd int, b, addr []byte) (n, addrLen int, errno syscall.Errno) {
	size := uint32(len(addr))
	got, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&addr[0])), uintptr(unsafe.Pointer(&size)))
	return int(got), int(size), errno
}

func (m *machine) sendto(fd int, b, addr []byte) syscall.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		0, uintptr(unsafe.Pointer(&addr[0])), uintptr(len(addr)))
	return errno
}
