package divert

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls that package unix has only with addresses of its own, which allocate. OpenBSD permits system calls from its libc alone
// (pinsyscalls(2)), so these go through it, as those of package unix do.

//go:cgo_import_dynamic libc_socket socket "libc.so"
//go:cgo_import_dynamic libc_bind bind "libc.so"
//go:cgo_import_dynamic libc_recvfrom recvfrom "libc.so"
//go:cgo_import_dynamic libc_sendto sendto "libc.so"

// Addresses of the trampolines in system_openbsd.s.
var socketTrampoline, bindTrampoline, recvfromTrampoline, sendtoTrampoline uintptr

//go:linkname libcCall syscall.syscall6
func libcCall(fn, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, errno syscall.Errno)

// openSocket is unix.Socket, but one that lets the scheduler go on meanwhile: where the calls are served by a model (lab/bsd), that needs it.
func openSocket(domain, kind, protocol int) (int, syscall.Errno) {
	fd, _, errno := libcCall(socketTrampoline, uintptr(domain), uintptr(kind), uintptr(protocol), 0, 0, 0)
	return int(fd), errno
}

func (m *machine) bind(fd int, addr []byte) syscall.Errno {
	_, _, errno := libcCall(bindTrampoline, uintptr(fd), uintptr(unsafe.Pointer(&addr[0])), uintptr(len(addr)), 0, 0, 0)
	return errno
}

func (m *machine) recvfrom(fd int, b, addr []byte) (n, addrLen int, errno syscall.Errno) {
	size := uint32(len(addr))
	got, _, errno := libcCall(recvfromTrampoline, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&addr[0])), uintptr(unsafe.Pointer(&size)))
	return int(got), int(size), errno
}

func (m *machine) sendto(fd int, b, addr []byte) syscall.Errno {
	_, _, errno := libcCall(sendtoTrampoline, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		0, uintptr(unsafe.Pointer(&addr[0])), uintptr(len(addr)))
	return errno
}
