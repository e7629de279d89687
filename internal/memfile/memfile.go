//go:build linux || freebsd || openbsd

// Package memfile makes files that have no name, for processes that share memory or are given something to read. What the system can,
// it forbids: that the file is resized, so that no mapping of it faults (SIGBUS), or that it is written to.
package memfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Shared returns a file of size bytes, which init fills, to be mapped by several processes. Its size is sealed where the system has
// seals. The name is for people.
func Shared(name string, size int, init func(b []byte)) (*os.File, error) {
	f, err := create(name)
	if err != nil {
		return nil, err
	}
	if err := fill(f, size, init); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func fill(f *os.File, size int, init func(b []byte)) error {
	if err := f.Truncate(int64(size)); err != nil {
		return err
	}
	b, err := Map(f, size)
	if err != nil {
		return err
	}
	init(b)
	if err := unix.Munmap(b); err != nil {
		return os.NewSyscallError("munmap", err)
	}
	return sealSize(f)
}

// Map maps the whole of a file that Shared made, to be read and written.
func Map(f *os.File, size int) ([]byte, error) {
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return b, os.NewSyscallError("mmap", err)
}

// Unmap ends what Map began.
func Unmap(b []byte) error { return os.NewSyscallError("munmap", unix.Munmap(b)) }

// Size returns how long a file of Shared is. It refuses one whose size could change, where the system has seals: its mapping could
// fault.
func Size(f *os.File) (int64, error) {
	if !sizeSealed(f) {
		return 0, fmt.Errorf("%s is not sealed against resizing", f.Name())
	}
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
