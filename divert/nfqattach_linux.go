package divert

import (
	"fmt"
	"os"
	"strings"
)

// attachNFQueue makes a Socket of the descriptors of a Bound. It opens nothing: the kernel's table of queues,
// which only root may open, is among the descriptors.
//
// The process needs CAP_NET_ADMIN for as long as it gives verdicts. One that takes over
// from a dead one calls Reclaim before the first Recv.
func attachNFQueue(address string, caps Caps, files []*os.File, cfg Config) (*NFQueue, error) {
	first, last, err := nfqueueRange(address)
	if err != nil {
		return nil, err
	}
	if len(files) < 2 {
		return nil, fmt.Errorf("nfqueue: attach %s: %d descriptors given, want a socket and the table of queues at least", address, len(files))
	}
	fd := int(files[0].Fd())
	s := &NFQueue{
		fd: fd, file: files[0], first: first, cfg: cfg, caps: caps,
		queues: make([]queue, int(last)-int(first)+1),
		rx:     newReceiver(fd, cfg.Batch),
		tx:     newSender(),
		inject: newInjector(files[2:], cfg.UntrackedMark),
		table:  files[1],
	}
	s.gate.free = s.free
	for i := range s.queues {
		s.queues[i].number = first + uint16(i)
		s.queues[i].fresh = make([]fresh, 0, cfg.Batch)
	}
	s.rx.timeout = -1 // a predecessor may have left any
	return s, nil
}

func nfqueueRange(address string) (first, last uint16, err error) {
	rest, ok := strings.CutPrefix(address, "nfqueue:")
	if !ok {
		return 0, 0, fmt.Errorf("nfqueue: address %q is not one of NFQUEUE (write nfqueue:0 or nfqueue:0-3)", address)
	}
	if first, last, err = queueRange(rest); err != nil {
		return 0, 0, fmt.Errorf("nfqueue: address %q: %w", address, err)
	}
	return first, last, nil
}
