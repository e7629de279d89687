// Package divert is a divert socket as easy as a channel: a firewall hands chosen
// packets to user space, the program looks at them, may change them, and puts them
// back into the flow.
//
// On Linux the kernel's side is NFQUEUE, or a pair of Ethernet interfaces between which the program is the wire
// ("bridge:eth0,eth1"); on FreeBSD and OpenBSD it is divert(4) ("divert:700");
// capture files ("pcap:in>out") and model kernels in memory ("fake:", "fake:openbsd")
// stand in for trying things out. The small form:
//
//	conn, err := divert.Open("nfqueue:0")
//	for pkt := range conn.Packets() {
//		process(pkt)       // look, or edit pkt.Payload()
//		conn.Reinject(pkt) // not reinjected: dropped, or as WithUnfinished says
//	}
//
// Below it lies Socket, the batched form that Weir's own lanes use: it allocates
// nothing and takes no lock.
//
// The package changes no firewall rule: rules that divert are the caller's (package
// firewall writes them for Weir).
package divert

import (
	"errors"
	"time"

	"github.com/weir-project/weir/packet"
)

// A Socket is an open divert socket, batch-shaped; it loops inside where the system
// cannot batch. Recv, Finish and Inject belong to one goroutine; Stats, Wake and Close
// may be called from any.
type Socket interface {
	// Recv waits up to wait (0: not at all; < 0: until something comes or Close)
	// for packets, fills the packets of ps in order of arrival and returns how many.
	// It returns 0, nil when the time is over, or earlier after Wake and when the
	// kernel reported something other than a packet. A packet's bytes are borrowed from
	// the socket until that packet is finished or the next Recv, whichever is first;
	// a packet that stays unfinished across a Recv keeps its Token, and the caller
	// its own copy of the bytes (packet.Packet.Set keeps neither: copy the Token).
	//
	// Packets are not decoded. The error is ErrClosed after Close, io.EOF at the
	// end of a capture file; any other error means that the socket is of no more use.
	Recv(ps []*packet.Packet, wait time.Duration) (n int, err error)

	// Finish carries out the verdicts of ps, each packet exactly once, in any order
	// and grouping. Pass and Accept re-inject, with the packet's bytes written back
	// iff they changed (packet.Packet.Changed) and repaired first; Drop and Reject
	// discard (the answer to the sender is the caller's to Inject). An error of one
	// packet is counted in Stats and ends nothing.
	Finish(ps []*packet.Packet) error

	// Inject sends a datagram that the kernel does not hold, such as a reset. It
	// returns ErrUnsupported where Caps has no such Injection. A datagram that answers
	// an unfinished packet may carry that packet's Token; capture files use it.
	Inject(p *packet.Packet, how Injection) error

	// Wake ends a waiting Recv, or the next one, early. It may be lost where
	// packets are there anyway.
	Wake()

	Caps() Caps
	Stats() Stats
	Close() error
}

// Injection says where a datagram of our own enters the system.
type Injection uint8

const (
	InjectOut Injection = iota // routed and sent, as if this host had made it
	InjectIn                   // received, as if it had come in on Meta.InIf
	// InjectUntracked is InjectOut past connection tracking, which then neither sees nor translates the
	// datagram: its addresses are those with which it is to arrive. Where Config.UntrackedMark is 0 or
	// there is no such thing as that, it is the same as InjectOut.
	InjectUntracked
)

// Caps says what this socket on this kernel can do. What cannot be abstracted is here,
// so that a policy that needs it can be refused at start with a clear sentence.
type Caps struct {
	Backend       string // "nfqueue", "divert", "bridge", "pcap", "fake"
	FailOpen      bool   // the kernel can pass packets uninspected when the queue is full
	Marks         bool   // a verdict can change the packet mark
	Interfaces    bool   // Meta.InIf and OutIf are told
	GSO           bool   // offload-sized packets are delivered whole
	ConntrackInfo bool   // the kernel can attach conntrack attributes (NFQA_CT)
	InjectOut     bool
	InjectIn      bool
	Reclaim       bool     // what a reader received and did not finish can be had again: the socket is a Reclaimer
	Bypass        bool     // rules can say that packets pass while nobody has the socket; else they are dropped then
	Recorded      bool     // the packets went their way before: both ends answered what was recorded, not what leaves here
	Missing       []string // features asked for or useful that this kernel lacks, each a sentence
}

// Stats counts what happened on the socket since it was opened. Packets unless said.
type Stats struct {
	Received      uint64
	Accepted      uint64 // finished with Pass or Accept
	Rewritten     uint64 // of those, with changed bytes
	Dropped       uint64 // finished with Drop or Reject
	Injected      uint64
	Truncated     uint64 // arrived incomplete; accepted or dropped, never written back
	Forgotten     uint64 // finished by the library, because the caller did not
	VerdictErrors uint64 // the kernel refused a verdict (unknown id, no permission …)
	RecvErrors    uint64 // receive buffer overruns (ENOBUFS) and their like
	Retries       uint64 // system calls repeated because of ENOBUFS, ENOMEM or EAGAIN
	Batches       uint64 // receive system calls that brought at least one packet
	Crossed       uint64 // frames of a bridge that are no IP, and went on as they came

	RingsRenewed uint64 // rings of a bridge that were stuck, and are made anew: frames were lost meanwhile
	TunnelCuts   uint64 // offload-sized packets inside a tunnel that a bridge has cut itself, since the kernel does not
	Uncut        uint64 // those that neither does: tunnels of other kinds
	PortsDown    uint64 // interfaces of a bridge that are down, as far as it has noticed

	KernelQueued      uint64 // waiting in the kernel at the time of the call
	KernelDropped     uint64 // dropped by the kernel: queue full
	KernelUserDropped uint64 // dropped by the kernel: our receive buffer full
}

// Errors that callers compare with.
var (
	ErrClosed      = errors.New("divert: socket closed")
	ErrUnsupported = errors.New("divert: not supported by this socket")
)

// A Config is what Open's options set. The zero Config is a sound default.
type Config struct {
	QueueLen   int            // packets that may wait in the kernel; default 65535
	CopyRange  int            // bytes of each packet to copy, 0 for all (65531 at most)
	RecvBuffer int            // bytes of socket buffer; default 32 MiB, where the kernel allows it
	Batch      int            // packets per receive; default 64
	FailOpen   bool           // let the kernel pass packets uninspected when the queue is full
	NoGSO      bool           // have the kernel cut offload-sized packets before delivery
	Unfinished packet.Verdict // for packets that the caller of Packets or Each forgot: Drop (default) or Accept
	Spin       time.Duration  // busy-poll this long before sleeping; 0 for never
	KeepsCPU   bool           // while packets come, Recv keeps Go's processor as it waits; see WithKeptProcessor
	Parent     int            // process whose end is this one's; 0: none. See WithParent
	InjectMark uint32         // packet mark of injected datagrams, which the rules must exempt; 0 for no injection

	// UntrackedMark is set in the packet mark beside InjectMark by InjectUntracked; a rule must keep
	// connection tracking from packets with both.
	UntrackedMark uint32
}

// An Option changes the Config of Open.
type Option func(*Config)
