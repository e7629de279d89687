package firewall

import "net/netip"

// Traffic says whose packets are diverted.
type Traffic uint8

const (
	Forwarded Traffic = 1 << iota // router mode: packets that this host passes on
	Local                         // host mode: packets from and to this host itself
	Both      = Forwarded | Local
)

// Position says on which side of the host's own packet filter Weir stands.
type Position uint8

const (
	// PositionAuto is AfterFilter with nftables and BeforeFilter with iptables.
	PositionAuto Position = iota
	// AfterFilter diverts only what the host's filter (priority 0) lets pass.
	AfterFilter
	// BeforeFilter diverts first: Weir also sees what the filter drops later. With
	// nftables that is priority -50, behind destination NAT of local output; with
	// iptables the end of the mangle chains, ahead of that NAT (see Hooks).
	BeforeFilter
)

// Limits of a Config. Reaching one is an error of Plan.
const (
	MaxPrefixes = 4096 // management addresses, networks and exceptions together; one netlink transaction carries them
	MaxRules    = 256  // after interfaces and protocols are multiplied out; each is acknowledged by the kernel
)

// Config says what to divert, and what never.
type Config struct {
	Backend  Kind
	Traffic  Traffic
	Position Position
	Select   []Selection // what any of them selects is diverted; none: everything
	Queues   Queues      // iff the backend is none of Kind.Sockets
	Port     uint16      // of the divert socket, iff Kind.Sockets; 0: DefaultPort

	// Ports are the two interfaces between which Weir is the wire, iff the backend is Bridge. Queues counts the lanes then.
	Ports []string

	// RuleNumber is that of the ipfw rules; the one before it and the one behind are used
	// too. 0: DefaultRuleNumber.
	RuleNumber uint16

	// Never diverted: packets from or to these addresses, these sessions, and the
	// sockets of these users (for Weir's own reporting; needs HandBack, by which
	// the replies are known).
	Management []netip.Prefix
	Sessions   []Session
	OwnUIDs    []uint32

	Marks Marks // zero: DefaultMarks

	// HandBack lets verdicts settle flows: the kernel passes their later packets
	// without the queue as long as Generation stays. Needs connection tracking,
	// which it switches on in the namespace, with its reassembly of fragments.
	HandBack   bool
	Generation uint32 // 1 to Marks.Generations(), iff HandBack

	// CountUninspected counts what passed without a verdict (nobody listening and
	// Queues.Bypass, or the queue's fail-open). Workers then must apply
	// Marks.Inspected with every verdict, or inspected packets are counted too.
	CountUninspected bool

	// Inject says that workers send packets of their own, such as resets, on diverted
	// connections. Those that conntrack would not know must pass it by: see
	// Ruleset.Translated. Asking conntrack switches it on in the namespace, as HandBack
	// does. A system that lacks such rules is no error; Ruleset.Notes says what follows.
	Inject bool

	// MayGrow says that inspectors may change the length of TCP payloads. Then
	// conntrack must not judge sequence numbers: Ruleset.Sysctls has the setting.
	MayGrow bool
}

// A Selection is a kind of conversation, diverted in both directions. Empty fields
// select everything.
//
// Forwarded conversations enter by an interface of In and leave by one of Out, with
// Ports on the far side: replies are matched by the mirrored test. Without In and Out
// they may be opened from any side. For Local traffic In and Out together are the
// interfaces that count (none: all but lo), and Ports may be on either end.
//
// Interfaces are names, or prefixes of names followed by *. With pf they are names of
// interfaces or groups, x* is the group x, and Forwarded needs In; what pf cannot tell
// apart is diverted besides, and Ruleset.Notes says what.
type Selection struct {
	In, Out   []string
	Protocols []Proto
	Ports     []PortRange    // TCP, UDP, UDP-Lite, DCCP or SCTP ports; without Protocols: TCP and UDP
	Networks  []netip.Prefix // source or destination in one of these
	Except    []netip.Prefix // and neither in one of these
}

// Queues is a range of NFQUEUE numbers. The kernel spreads packets over them by a hash
// of the address pair and protocol, the same for both directions (nfqueue_hash in
// include/net/netfilter/nf_queue.h), so a conversation stays on one queue. Spreading
// by CPU, which the kernel also offers, would break that and is not offered here.
type Queues struct {
	First, Last uint16
	// Bypass lets packets pass uninspected while nobody listens; otherwise they
	// are dropped.
	Bypass bool
}

// Total returns the number of queues.
func (q Queues) Total() int { return int(q.Last) - int(q.First) + 1 }
