//go:build freebsd || openbsd

package control

import (
	"errors"
	"io"
	"time"
)

// alonePath is one place for all, whichever the control socket: there is one set of rules.
const alonePath = "/var/run/weir.lock"

// aloneWithin is how long the guard of a weir that was killed may take to remove the rules.
const aloneWithin = 2 * time.Second

// Alone makes this process, and those that inherit what it returns, the only weir of this system, until the last of
// them has closed it. It fails, naming the process, if there is one already. The result is an *os.File.
func Alone() (io.Closer, error) {
	for end := time.Now().Add(aloneWithin); ; time.Sleep(50 * time.Millisecond) {
		f, err := lock(alonePath)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, errLocked) || time.Now().After(end) {
			return nil, err
		}
	}
}
