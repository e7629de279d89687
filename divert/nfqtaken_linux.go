package divert

import (
	"fmt"
	"os"
	"strings"
)

// A TakenQueue is a queue number of this network namespace to which a socket is bound.
type TakenQueue struct {
	Number  uint16
	PID     int    // of a process that has the socket open; 0 if none is seen from here
	Program string // its name; "" if PID is 0
	Waiting uint32 // packets without a verdict
	Dropped uint32 // packets that the kernel dropped, because queue or socket were full
}

// TakenQueues lists the queues that are bound, by anyone. The error is about the kernel's
// table: it is absent while the kernel has no NFQUEUE loaded, and only root may read it.
func TakenQueues() ([]TakenQueue, error) {
	f, err := os.Open(queueTable)
	if err != nil {
		return nil, fmt.Errorf("nfqueue: table of queues: %w", err)
	}
	defer f.Close()
	rows, err := readQueueTable(f)
	if err != nil {
		return nil, fmt.Errorf("nfqueue: table of queues: %w", err)
	}
	owners := map[uint32]int{}
	var taken []TakenQueue
	for _, r := range rows {
		pid, seen := owners[r.portID]
		if !seen {
			pid = socketOwner(netlinkInode(r.portID))
			owners[r.portID] = pid
		}
		q := TakenQueue{Number: r.number, PID: pid, Waiting: r.waiting, Dropped: r.dropped + r.userDropped}
		if pid != 0 {
			comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			q.Program = strings.TrimSpace(string(comm))
		}
		taken = append(taken, q)
	}
	return taken, nil
}
