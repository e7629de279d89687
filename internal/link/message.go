//go:build unix

package link

import (
	"encoding/json"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/sandbox"
)

// Kinds of messages. The comment says who sends them, and with which data and files.
const (
	KindStart   = "start"   // holder to a worker: Start; bundle, journal, bell, rings, then each queue's files; to a reporter: Report; bundle, bell, rings
	KindReady   = "ready"   // worker: Ready; reporter: nothing
	KindPolicy  = "policy"  // holder: Generation; bundle
	KindTaken   = "taken"   // worker: Generation
	KindRefused = "refused" // worker: Refused; the old policy stays
	KindStatus  = "status"  // worker, every second and for each lane: Status; reporter, every second and at its end: Outputs
	KindStop    = "stop"    // holder: drain and exit
	KindFailed  = "failed"  // worker, its last words: a string
)

// Start is what a worker is to do.
type Start struct {
	Queues     []Queue
	Generation uint32
	Reclaim    bool  // a worker died before this one: ask again for what it had received
	MemLimit   int64 // bytes that the Go heap aims to stay below; 0: no limit
	Marks      Marks
}

// Marks are the changes of packet marks that the firewall rules of a policy count on.
type Marks struct {
	Settle    packet.Mark // of packets of a settled flow
	Inspected packet.Mark // of every packet that goes on

	Translated uint32 // engine.Program.Translated, and divert.Config.UntrackedMark
}

// Queue is one lane's divert socket.
type Queue struct {
	Address string
	Caps    divert.Caps
	Files   int // descriptors that belong to it
	Batch   int
	Spin    time.Duration
}

// Ready says that the lanes run.
type Ready struct {
	PID       int
	Sandbox   sandbox.Report
	Reclaimed int // packets asked for again, -1 if not known yet
	Journal   int // records found in the journal
	Missing   []string
}

// Status is one lane's counters. Lanes have messages of their own since a message is bounded and
// their number is not.
type Status struct {
	Generation uint32
	RSSBytes   int64 // of the whole worker; on a BSD the most so far
	Lane       int
	Counters   json.RawMessage // engine.Snapshot
}

// Report is what a reporter is to do.
type Report struct {
	// Lenient: there was a reporter before. An output that cannot be opened is tried again later, since the others
	// must not suffer by it.
	Lenient bool
}

// Outputs say how the outputs of events fare.
type Outputs struct {
	List     []Output
	Reopened uint32 // messages KindPolicy after which the list was made
	// Renew: another process may be able to open what this one cannot, whose directory is another one now.
	Renew bool
}

// An Output is where events go. Its counts are since the reporter began.
type Output struct {
	Name    string
	Events  uint64
	Lost    uint64
	Failing bool
	Since   time.Time // valid iff Failing
	Error   string    // valid iff Failing
}

// Generation is the number of a policy.
type Generation struct {
	Generation uint32
	Marks      Marks
}

// Refused is why a policy could not be used.
type Refused struct {
	Generation uint32
	Why        string
}
