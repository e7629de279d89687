package ring

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// Create makes an empty ring in a memfd, for other processes to inherit and Map. The
// name is for people (/proc/PID/fd); the capacity is as for NewMem. The file is sealed
// against change of its size, so that nobody who has it can make a mapping of it fault
// (SIGBUS), and cannot be executed where the kernel knows how to forbid that (Linux 6.3).
func Create(name string, capacity int) (*os.File, error) {
	f, err := createMemfd(name)
	if err != nil {
		return nil, fmt.Errorf("ring: create %s: %w", name, err)
	}
	if err := initialise(f, Size(capacity)); err != nil {
		f.Close()
		return nil, fmt.Errorf("ring: create %s: %w", name, err)
	}
	return f, nil
}

func createMemfd(name string) (*os.File, error) {
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

func initialise(f *os.File, size int) error {
	if err := f.Truncate(int64(size)); err != nil {
		return err
	}
	m, err := mapFile(f, size)
	if err != nil {
		return err
	}
	m.format()
	if err := m.Close(); err != nil {
		return err
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals)
	return os.NewSyscallError("fcntl F_ADD_SEALS", err)
}

// Map maps the ring that Create made, in this or another process. The file may be
// closed afterwards. It refuses a file whose size is not sealed, and returns ErrFormat
// for one that holds no ring.
func Map(f *os.File) (*Mem, error) {
	got, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || got&seals != seals {
		return nil, fmt.Errorf("ring: map %s: file is not sealed against resizing (make it with ring.Create)", f.Name())
	}
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("ring: map: %w", err)
	}
	if st.Size() < headerSize+MinCapacity || st.Size() > headerSize+MaxCapacity {
		return nil, fmt.Errorf("ring: map %s: %w", f.Name(), ErrFormat)
	}
	m, err := mapFile(f, int(st.Size()))
	if err != nil {
		return nil, fmt.Errorf("ring: map %s: %w", f.Name(), err)
	}
	if err := m.check(); err != nil {
		return nil, errors.Join(fmt.Errorf("ring: map %s: %w", f.Name(), err), m.Close())
	}
	return m, nil
}

func mapFile(f *os.File, size int) (*Mem, error) {
	b, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &Mem{b: b, unmap: unix.Munmap}, nil
}
