//go:build freebsd || openbsd

package worker

import "golang.org/x/sys/unix"

// ResidentNow says that Status tells of the memory at present, not of the most so far.
const ResidentNow = false

// A memory tells of this process's memory.
type memory struct{}

func (*memory) open() error { return nil }

// resident returns the bytes that were resident at most so far (getrusage(2): ru_maxrss, in KiB); 0 if they are not known.
func (*memory) resident() int64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return int64(u.Maxrss) << 10
}
