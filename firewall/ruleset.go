package firewall

import "net/netip"

// TableName is the nftables table that Weir owns.
const TableName = "weir"

// A Ruleset is what Plan made of a Config: a table of chains, independent of the
// backend that prints or installs it. It is immutable once made.
type Ruleset struct {
	Backend  Kind // that Plan chose; never Auto
	Inet     bool // one inet table; otherwise (old kernels) one for ip and one for ip6
	IPv6     bool // this system has IPv6
	Counters []Counter
	Sets     []Set
	Chains   []Chain
	Sysctls  []Sysctl
	Notes    []string // what the operator should know, each a sentence
	Marks    Marks    // that the rules read and write

	// Iff Backend.Sockets; Sets, Chains and Sysctls are empty then.
	Diversions []Diversion // tried in order
	Tables     []Table
	Port       uint16 // of the divert socket
	DivertTo   bool   // in the words of FreeBSD's pf
	Number     uint16 // of the rules, iff Backend is IPFW

	// Ports are the interfaces, and Lanes how many lanes there are between them, iff Backend is Bridge; there are no chains then.
	Ports []string
	Lanes int

	// Translated is the bit of the packet mark by which workers know packets that were translated on
	// their way to the queue, and by which the rules know injected datagrams that connection tracking is
	// to leave alone; 0 where there are no such rules.
	Translated uint32
}

// A Set is a list of networks of one family, or of ports.
type Set struct {
	Name     string
	Family   Family         // of the networks; AnyFamily iff the set is of ports
	Prefixes []netip.Prefix // sorted, disjoint
	Ports    []PortRange    // sorted, disjoint, not adjacent
}

// Family restricts a rule to one IP version.
type Family uint8

const (
	AnyFamily Family = iota
	V4
	V6
)

// Hook is where a chain starts.
type Hook uint8

const (
	NoHook Hook = iota // a chain that other chains call
	HookForward
	HookInput
	HookOutput
)

var hookNames = [...]string{"none", "forward", "input", "output"}

func (h Hook) String() string {
	if int(h) < len(hookNames) {
		return hookNames[h]
	}
	return "invalid"
}

// A Chain is a list of rules, tried in order. A packet that reaches the end of a
// chain with a hook goes on its way.
type Chain struct {
	Name     string
	Hook     Hook
	After    bool // behind the queue: sees packets that come back from it, or passed it by
	Priority int  // iff Hook is not NoHook; among nftables chains of that hook, lower is earlier
	Rules    []Rule
}

// A Rule does one thing to packets that match.
type Rule struct {
	Match   Match
	Counter Counter
	Action  Action
}

// Match is a conjunction; zero fields match everything.
type Match struct {
	Family         Family
	In, Out        Iface
	Proto          Proto
	Src, Dst       netip.Prefix
	SrcSet, DstSet string // names of sets of Family
	Sport, Dport   uint16 // iff Proto has ports
	SportSet       string // name of a set of ports
	DportSet       string
	Neighbour      bool // ICMPv6 types 133 to 137 (RFC 4861)
	LaterFragment  bool // IPv4: offset not 0; IPv6: any fragment header; iff Family is set
	Mark, ConnMark MarkTest
	Translation    Translation
	UID            uint32 // user of the local socket, iff HasUID
	HasUID         bool
}

// ICMPv6 types of neighbour discovery, router solicitation to redirect (RFC 4861).
const (
	ndFirst = 133
	ndLast  = 137
)

// An Iface is an interface name, or the start of one followed by *. The zero Iface is
// any interface.
type Iface struct {
	Name string
	Not  bool
}

// Translation picks the packets of which connection tracking has translated an address
// before forward, input and output: at those hooks they do not have the tuple by which
// it knows their direction of the connection.
type Translation uint8

const (
	AnyTranslation Translation = iota
	OriginalDNAT               // from the opener of a connection with destination NAT
	ReplySNAT                  // to the opener of one with source NAT
)

// A MarkTest holds if the mark's bits in Mask are those of Value, or, with Not, if
// they are not. Without Mask it always holds.
type MarkTest struct {
	Bits
	Not bool
}

// ActionKind says what a rule does.
type ActionKind uint8

const (
	Continue    ActionKind = iota // only count
	Return                        // leave the chain; from a chain with a hook: not diverted
	Jump                          // call Target
	Goto                          // go to Target, do not come back
	Queue                         // to user space; ends the walk through this table
	SetMark                       // change the packet mark
	SetConnMark                   // change the conntrack mark
	NoTrack                       // connection tracking leaves the packet alone, and so does NAT
)

// An Action is an ActionKind with its operand.
type Action struct {
	Kind   ActionKind
	Target string // Jump, Goto
	Bits   Bits   // SetMark, SetConnMark
	Queues Queues // Queue
}

// A Sysctl is a kernel setting of the namespace that the ruleset depends on.
type Sysctl struct {
	Name  string // below /proc/sys, with slashes
	Value string
}

// set returns the set with that name. Plan makes no rule that names a missing one.
func (rs *Ruleset) set(name string) Set {
	for _, s := range rs.Sets {
		if s.Name == name {
			return s
		}
	}
	panic("firewall: rule names a set that the ruleset lacks: " + name)
}
