//go:build linux || freebsd || openbsd

package ring

import (
	"errors"
	"fmt"
	"os"

	"github.com/weir-project/weir/internal/memfile"
)

// Create makes an empty ring in a file without a name, for other processes to inherit and Map. The
// name is for people; the capacity is as for NewMem. The file is sealed
// against change of its size where the system has seals (OpenBSD has none), so that nobody who has it can make a mapping of it fault
// (SIGBUS).
func Create(name string, capacity int) (*os.File, error) {
	f, err := memfile.Shared(name, Size(capacity), func(b []byte) { (&Mem{b: b}).format() })
	if err != nil {
		return nil, fmt.Errorf("ring: create %s: %w", name, err)
	}
	return f, nil
}

// Map maps the ring that Create made, in this or another process. The file may be
// closed afterwards. It refuses a file whose size is not sealed, and returns ErrFormat
// for one that holds no ring.
func Map(f *os.File) (*Mem, error) {
	size, err := memfile.Size(f)
	if err != nil {
		return nil, fmt.Errorf("ring: map: %w (make it with ring.Create)", err)
	}
	if size < headerSize+MinCapacity || size > headerSize+MaxCapacity {
		return nil, fmt.Errorf("ring: map %s: %w", f.Name(), ErrFormat)
	}
	b, err := memfile.Map(f, int(size))
	if err != nil {
		return nil, fmt.Errorf("ring: map %s: %w", f.Name(), err)
	}
	m := &Mem{b: b, unmap: memfile.Unmap}
	if err := m.check(); err != nil {
		return nil, errors.Join(fmt.Errorf("ring: map %s: %w", f.Name(), err), m.Close())
	}
	return m, nil
}
