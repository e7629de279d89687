//go:build linux || freebsd || openbsd

package control

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

var errLocked = errors.New("stop it first (weir stop)")

// lock makes this process the only one that has the file at path, which it makes if it is missing and leaves behind. The lock
// belongs to the open file (flock(2)): whoever inherits the descriptor has it too, and it goes with the last of them, however
// that ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = errors.Join(f.Truncate(0), writePID(f))
	} else if errors.Is(err, unix.EWOULDBLOCK) {
		pid, _ := io.ReadAll(io.LimitReader(f, 20))
		err = fmt.Errorf("another weir (pid %s) runs on this system; %w", strings.TrimSpace(string(pid)), errLocked)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("control: %s: %w", path, err)
	}
	return f, nil
}

func writePID(f *os.File) error {
	_, err := fmt.Fprintln(f, os.Getpid())
	return err
}
