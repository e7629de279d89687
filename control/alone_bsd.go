//go:build freebsd || openbsd

package control

import "io"

// alonePath is one place for all, whichever the control socket: there is one set of rules.
const alonePath = "/var/run/weir.lock"

// Alone makes this process, and those that inherit what it returns, the only weir of this system, until the last of
// them has closed it. It fails, naming the process, if there is one already. The result is an *os.File.
func Alone() (io.Closer, error) { return lock(alonePath) }
