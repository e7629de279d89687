//go:build !linux

package divert

import (
	"fmt"
	"os"
	"runtime"
)

func bindNFQueue(address string, _ Config) (*Bound, error) {
	return nil, fmt.Errorf("divert: address %q: NFQUEUE exists on Linux only, this is %s (pcap: and fake: work here)", address, runtime.GOOS)
}

func attachNFQueue(address string, _ Caps, _ []*os.File, cfg Config) (Socket, error) {
	_, err := bindNFQueue(address, cfg)
	return nil, err
}
