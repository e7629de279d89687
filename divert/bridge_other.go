//go:build !linux

package divert

import (
	"fmt"
	"os"
	"runtime"
)

func openBridge(address, _ string, _ Config) (Socket, error) {
	return nil, fmt.Errorf("divert: address %q: packet rings exist on Linux only, this is %s (pcap: and fake: work here)", address, runtime.GOOS)
}

func bindBridge(address, rest string, cfg Config) (*Bound, error) {
	_, err := openBridge(address, rest, cfg)
	return nil, err
}

func attachBridge(address, rest string, _ Caps, _ []*os.File, cfg Config) (Socket, error) {
	return openBridge(address, rest, cfg)
}
