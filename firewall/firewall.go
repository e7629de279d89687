// Package firewall writes, checks and takes away the firewall rules that divert
// packets to Weir: nftables over netlink, nftables with the xtables NFQUEUE target
// where the kernel has no queue statement of its own, and iptables last; ipfw and pf on
// FreeBSD, pf on OpenBSD. Where Weir is a wire between two interfaces, it keeps the
// system's own stack from what crosses.
//
// Its law: what is wanted (Config) becomes an abstract Ruleset by a pure function,
// Plan, which needs no privilege and can be printed; a Backend then puts that
// ruleset in place in one transaction, verifies it and removes it, and touches
// nothing that is not Weir's own. Weir owns the table "weir" (nftables), the chains
// whose names start with WEIR- (iptables), the anchor "weir" (pf), the rule sets 23 and
// 24 and the tables whose names start with weir_ (ipfw), the bits that Marks names, and
// nothing else.
//
// What it does not do: it opens no queue, decides no policy, reassembles nothing and
// runs no loop of its own except Watch. Bridged traffic is not diverted.
package firewall

import (
	"errors"
	"fmt"
	"strings"
)

// Kind names a way to write rules into the kernel.
type Kind uint8

const (
	Auto      Kind = iota // the best one that Features offers
	NFT                   // nf_tables over netlink, native queue statement
	NFTCompat             // nf_tables over netlink, xtables NFQUEUE target (nft_compat)
	IPTables              // iptables-restore and ip6tables-restore
	IPFW                  // FreeBSD's ipfw, to a divert socket
	PF                    // pf of OpenBSD or FreeBSD, to a divert socket
	Bridge                // Linux: no rule diverts; Weir is the wire between two interfaces (Config.Ports). Never chosen by Auto
)

var kindNames = [...]string{"auto", "nft", "nft-compat", "iptables", "ipfw", "pf", "bridge"}

// Sockets reports whether rules of this kind divert to a divert socket (Config.Port);
// those of the others divert to NFQUEUE (Config.Queues), but for Bridge.
func (k Kind) Sockets() bool { return k == IPFW || k == PF }

// Marks reports whether packets that come by rules of this kind can be given marks, and their flows handed back by these.
func (k Kind) Marks() bool { return !k.Sockets() && k != Bridge }

// String returns the name that the policy uses.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// ParseKind is the inverse of Kind.String; "" is Auto.
func ParseKind(s string) (Kind, error) {
	for i, name := range kindNames {
		if s == name {
			return Kind(i), nil
		}
	}
	if s == "" {
		return Auto, nil
	}
	return Auto, fmt.Errorf("firewall: unknown backend %q (one of %s)", s, strings.Join(kindNames[:], ", "))
}

// A Backend writes rulesets of one Kind into one network namespace. Its methods may be
// called from any goroutine, one at a time. All of them need CAP_NET_ADMIN, or root on
// a BSD.
type Backend interface {
	// Apply makes rs the only ruleset of Weir, whatever was there before, in one
	// transaction (for iptables: one per family). On error the former rules stand.
	// Counters go on from their former values; packets counted between reading
	// those and the commit are lost.
	//
	// With pf and ipfw the rules change in one step, and the former tables go after it.
	//
	// Packets that wait in a queue stay there, unless a chain changes its hook or
	// priority.
	Apply(rs *Ruleset) error
	// Pause takes away the rules that divert and leaves the chains. No packet is
	// queued any more, and those that wait can be answered. Apply ends the pause.
	Pause() error
	// Remove takes away all that Apply ever wrote, of this process or of one that
	// crashed. Having nothing to remove is not an error. The kernel drops every
	// packet of the namespace that waits in any queue meanwhile: Pause first, and
	// have what waits answered. With pf it takes a second, in which running connections
	// get states by which pf.conf lets them go on.
	Remove() error
	// Verify compares what is in the kernel with rs. No differences: all is well.
	Verify(rs *Ruleset) ([]Difference, error)
	// Counters reads the rule counters. Without rules they are all zero.
	Counters() (Counters, error)
}

// ErrUnsupported is the error of operations that this system does not have.
var ErrUnsupported = errors.New("firewall: not supported on this system")

// A Difference is one way in which the kernel's rules are not the planned ones.
type Difference struct {
	Where string // table, chain or set
	What  string // what is wrong, in words
}

func (d Difference) String() string { return d.Where + ": " + d.What }

// A Counter names one of the rule counters.
type Counter uint8

// The counters. Packets and bytes are as the kernel's rule sees them: an
// offload-sized packet is one packet, and a packet that a new worker asks for again
// (NF_REPEAT) is counted a second time by Queued.
const (
	NoCounter   Counter = iota
	Queued              // sent to a queue
	Management          // exempt: management address or session
	Own                 // exempt: Weir's own traffic
	Neighbour           // exempt: IPv6 neighbour discovery
	HandedBack          // exempt: flow settled earlier under the present generation
	Stale               // flow settled under another generation, diverted again
	Settled             // verdict said settled, connection marked
	Uninspected         // was to be queued, went on without a worker's verdict
	numCounters
)

var counterNames = [numCounters]string{"", "queued", "management", "own", "neighbour", "handed_back", "stale", "settled", "uninspected"}

// String returns the counter's name in rules and metrics.
func (c Counter) String() string {
	if c < numCounters {
		return counterNames[c]
	}
	return "invalid"
}

// counterNamed is the inverse of Counter.String; NoCounter for a foreign name.
func counterNamed(name string) Counter {
	for c := Queued; c < numCounters; c++ {
		if counterNames[c] == name {
			return c
		}
	}
	return NoCounter
}

// Count is what one counter has seen.
type Count struct{ Packets, Bytes uint64 }

// Counters holds the value of every Counter, indexed by it.
type Counters [numCounters]Count

func (c *Counters) add(d Counters) {
	for i := range c {
		c[i].Packets += d[i].Packets
		c[i].Bytes += d[i].Bytes
	}
}
