package memfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const (
	addSeals   = unix.F_ADD_SEALS
	getSeals   = unix.F_GET_SEALS
	sealSeal   = unix.F_SEAL_SEAL
	sealShrink = unix.F_SEAL_SHRINK
	sealGrow   = unix.F_SEAL_GROW
	sealWrite  = unix.F_SEAL_WRITE
)

// create returns an empty file that cannot be executed where the kernel knows how to forbid that (Linux 6.3).
func create(name string) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
