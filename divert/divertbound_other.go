//go:build !linux && !freebsd && !openbsd

package divert

import (
	"fmt"
	"os"
	"runtime"
)

func bindDivert(address, _ string, _ Config) (*Bound, error) {
	return nil, fmt.Errorf("divert: address %q: no divert sockets on %s", address, runtime.GOOS)
}

func attachDivert(address, rest string, _ Caps, _ []*os.File, cfg Config) (Socket, error) {
	_, err := bindDivert(address, rest, cfg)
	return nil, err
}

func bindWire(address, rest string, cfg Config) (*Bound, error) {
	return bindDivert(address, rest, cfg)
}

func attachWire(address, rest string, caps Caps, files []*os.File, cfg Config) (Socket, error) {
	return attachDivert(address, rest, caps, files, cfg)
}
