package firewall

import (
	"fmt"
	"net/netip"
)

// A Diversion is a rule that sends packets to a divert socket, or with a Counter other than Queued one that keeps
// them from it. Zero fields match everything.
type Diversion struct {
	Direction Hook // HookInput or HookOutput, as the interface sees it: forwarded packets pass both
	// In is where packets came in, Out where they leave. Of a packet on its way in nobody knows the latter.
	In, Out        Iface
	Family         Family
	Proto          Proto
	From, To       End
	Sports, Dports []PortRange // iff Proto has ports
	Neighbour      bool        // ICMPv6 types 133 to 137 (RFC 4861)
	Fragment       bool        // IPv6 with a fragment header, whose ports may be elsewhere
	Counter        Counter
}

// An End is a condition on an address: all of its parts hold.
type End struct {
	Self  bool   // an address of this host, of the rule's family
	Table string // in the table of that name; "" is anywhere
	Not   bool   // in none of it, iff Table
}

// A Table is a list of networks of both families, for rules of pf and ipfw.
type Table struct {
	Name     string
	Self     Membership // of the host's own addresses, as they are when the rules are loaded
	Prefixes []netip.Prefix
}

// Membership says whether something is in a table.
type Membership uint8

const (
	Unlisted Membership = iota // as the prefixes say
	Listed
	Barred // not even where a prefix covers it
)

// The port and the rule number that a Config means by 0.
const (
	DefaultPort       = 700
	DefaultRuleNumber = 100
)

// DivertAddress says where the packets of rs come, as divert.Lanes reads it: "nfqueue:0-3", "divert:700", or
// "divert:700,pf" where the kernel's addresses are those of FreeBSD's pf, or "bridge:eth0,eth1/4".
func (rs *Ruleset) DivertAddress() string {
	switch {
	case rs.Backend == Bridge:
		return fmt.Sprintf("bridge:%s,%s/%d", rs.Ports[0], rs.Ports[1], rs.Lanes)
	case rs.DivertTo:
		return fmt.Sprintf("divert:%d,pf", rs.Port)
	case rs.Backend.Sockets():
		return fmt.Sprintf("divert:%d", rs.Port)
	}
	for _, ch := range rs.Chains {
		for _, r := range ch.Rules {
			if r.Action.Kind == Queue {
				return fmt.Sprintf("nfqueue:%d-%d", r.Action.Queues.First, r.Action.Queues.Last)
			}
		}
	}
	return ""
}
