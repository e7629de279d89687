//go:build !linux && !freebsd && !openbsd

package ring

import (
	"errors"
	"fmt"
	"os"
)

// Create makes a ring for several processes; this system has no memory that can be shared
// so, and it returns errors.ErrUnsupported. Use NewMem within one process.
func Create(name string, capacity int) (*os.File, error) {
	return nil, fmt.Errorf("ring: create %s: sealed shared memory: %w", name, errors.ErrUnsupported)
}

// Map maps a ring that Create made; see there.
func Map(f *os.File) (*Mem, error) {
	return nil, fmt.Errorf("ring: map %s: sealed shared memory: %w", f.Name(), errors.ErrUnsupported)
}
