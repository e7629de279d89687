package journal

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// Create makes an empty journal in a memfd, for other processes to inherit and Open. The name is
// for people (/proc/PID/fd). Its size is sealed, so that nobody who has it can make a mapping of it
// fault (SIGBUS).
func Create(name string, c Config) (*os.File, error) {
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("journal: create %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := initialise(f, c); err != nil {
		f.Close()
		return nil, fmt.Errorf("journal: create %s: %w", name, err)
	}
	return f, nil
}

func initialise(f *os.File, c Config) error {
	if err := f.Truncate(int64(c.Bytes())); err != nil {
		return err
	}
	b, err := mapFile(f, c.Bytes())
	if err != nil {
		return err
	}
	format(b, c)
	if err := unix.Munmap(b); err != nil {
		return err
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals)
	return err
}

// Open takes over the journal that Create made, in this or another process, with the records in it.
// The process that had it open before must be gone. The file may be closed afterwards.
func Open(f *os.File) (*Journal, error) {
	got, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || got&seals != seals {
		return nil, fmt.Errorf("journal: open %s: file is not sealed against resizing (make it with journal.Create)", f.Name())
	}
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("journal: open: %w", err)
	}
	if st.Size() < pageSize || st.Size() > maxBytes {
		return nil, fmt.Errorf("journal: open %s: %w", f.Name(), ErrFormat)
	}
	b, err := mapFile(f, int(st.Size()))
	if err != nil {
		return nil, fmt.Errorf("journal: open %s: %w", f.Name(), err)
	}
	j, err := open(b)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: open %s: %w", f.Name(), err), unix.Munmap(b))
	}
	j.unmap = unix.Munmap
	return j, nil
}

func mapFile(f *os.File, size int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}
