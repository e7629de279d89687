//go:build linux || freebsd || openbsd

package journal

import (
	"errors"
	"fmt"
	"os"

	"github.com/weir-project/weir/internal/memfile"
)

// Create makes an empty journal in a file without a name, for other processes to inherit and Open. The name is
// for people. Its size is sealed where the system has seals, so that nobody who has it can make a mapping of it
// fault (SIGBUS).
func Create(name string, c Config) (*os.File, error) {
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	f, err := memfile.Shared(name, c.Bytes(), func(b []byte) { format(b, c) })
	if err != nil {
		return nil, fmt.Errorf("journal: create %s: %w", name, err)
	}
	return f, nil
}

// Open takes over the journal that Create made, in this or another process, with the records in it.
// The process that had it open before must be gone. The file may be closed afterwards.
func Open(f *os.File) (*Journal, error) {
	size, err := memfile.Size(f)
	if err != nil {
		return nil, fmt.Errorf("journal: open: %w (make it with journal.Create)", err)
	}
	if size < pageSize || size > maxBytes {
		return nil, fmt.Errorf("journal: open %s: %w", f.Name(), ErrFormat)
	}
	b, err := memfile.Map(f, int(size))
	if err != nil {
		return nil, fmt.Errorf("journal: open %s: %w", f.Name(), err)
	}
	j, err := open(b)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: open %s: %w", f.Name(), err), memfile.Unmap(b))
	}
	j.unmap = memfile.Unmap
	return j, nil
}
