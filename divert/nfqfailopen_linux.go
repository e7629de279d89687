package divert

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// setFailOpen needs no acknowledgement: another process may receive meanwhile, and a refusal, which only a kernel
// before Linux 3.6 would send, is one that readers ignore.
func (b *nfqBound) setFailOpen(on bool) error {
	if len(b.files) == 0 {
		return ErrClosed
	}
	var flags uint32
	if on {
		flags = flagFailOpen
	}
	for q := int(b.first); q <= int(b.last); q++ {
		m := appendHeader(nil, msgConfig, 0, seqReclaim, uint16(q))
		m = appendAttr32(m, cfgMask, flagFailOpen)
		m = appendAttr32(m, cfgFlags, flags)
		native.PutUint32(m, uint32(len(m)))
		if err := unix.Sendto(int(b.files[0].Fd()), m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return fmt.Errorf("nfqueue: queue %d: %w", q, err)
		}
	}
	return nil
}
