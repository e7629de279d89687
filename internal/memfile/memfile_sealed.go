//go:build linux || freebsd

package memfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// Seals says whether this system has seals.
const Seals = true

const sizeSeals = sealShrink | sealGrow | sealSeal

func sealSize(f *os.File) error { return seal(f, sizeSeals) }

func seal(f *os.File, seals int) error {
	_, err := unix.FcntlInt(f.Fd(), addSeals, seals)
	return os.NewSyscallError("fcntl F_ADD_SEALS", err)
}

func sizeSealed(f *os.File) bool {
	got, err := unix.FcntlInt(f.Fd(), getSeals, 0)
	return err == nil && got&sizeSeals == sizeSeals
}

// ReadOnly returns a file with what write has written, which nobody can change.
func ReadOnly(name string, write func(f *os.File) error) (*os.File, error) {
	f, err := create(name)
	if err != nil {
		return nil, err
	}
	err = write(f)
	if err == nil {
		err = seal(f, sizeSeals|sealWrite)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
