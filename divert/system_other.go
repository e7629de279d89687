//go:build !freebsd && !openbsd

package divert

import (
	"fmt"
	"runtime"
)

// machineDialect is what this system speaks where the address does not say: nothing.
var machineDialect = map[string]string{}

func openMachine() (system, error) {
	return nil, fmt.Errorf("divert sockets exist on FreeBSD and OpenBSD, this is %s (on Linux write nfqueue:0; a model of them is fake:openbsd)", runtime.GOOS)
}
