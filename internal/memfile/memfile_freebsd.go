package memfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// FreeBSD's numbers (sys/sys/fcntl.h, sys/sys/mman.h); package unix has none of them.
const (
	addSeals   = 19
	getSeals   = 20
	sealSeal   = 1
	sealShrink = 2
	sealGrow   = 4
	sealWrite  = 8

	callShmOpen2    = 571
	shmAnon         = 1 // the path of an object without a name
	shmAllowSealing = 1
)

// create returns an empty memory object, as memfd_create(3) of the C library does.
func create(name string) (*os.File, error) {
	fd, _, errno := unix.Syscall6(callShmOpen2, shmAnon, unix.O_RDWR|unix.O_CLOEXEC, 0, shmAllowSealing, 0, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("shm_open2", errno)
	}
	return os.NewFile(fd, name), nil
}
