//go:build !linux

package divert

import (
	"fmt"
	"runtime"
)

func openNFQueue(address string, _ []Option) (Socket, error) {
	return nil, fmt.Errorf("divert: address %q: NFQUEUE exists on Linux only, this is %s (pcap: and fake: work here)", address, runtime.GOOS)
}
