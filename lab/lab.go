// Package lab builds throw-away networks of Linux network namespaces, with real kernels' TCP and
// real programs at the ends:
//
//	client ── router ── server        or, with Topology.Hop,        client ── router ── hop ── server
//
// The client is the private network, the router is where Weir runs, the server is the Internet.
// Everything is made over netlink; no program need be installed. Addresses are those for
// documentation (RFC 5737, RFC 3849).
//
// Its law: nothing outlives the process. Namespaces have no names: they are held by descriptors and
// processes, so they end with them, also after SIGKILL; a process started in a lab is killed when
// the lab is closed.
//
// It needs CAP_SYS_ADMIN and CAP_NET_ADMIN. Enter gets them, without root, by running the program
// again in a user namespace where the kernel allows that. It does not model delay, reordering or
// duplication.
package lab

import (
	"errors"
	"net/netip"
)

// A Topology says how a lab is built. The zero Topology is client, router and server that route
// IPv4 and IPv6 untranslated.
type Topology struct {
	// Hop puts another router between the router and the server: a place that packets with a small
	// TTL can reach without reaching the server.
	Hop bool
	// Masquerade has the router hide the client's addresses behind its own outer ones (source NAT).
	Masquerade bool
	// Redirects are the router's destination NAT.
	Redirects []Redirect
	// PlainPackets turns segmentation and checksum offloads off: packets are then of MTU size and
	// have their checksums wherever they are looked at.
	PlainPackets bool
	// Loss is the share of packets, 0 to 1, that each end of each link loses at random as it
	// receives them.
	Loss float64
	// Outer is what the link behind the router is made of.
	Outer Link
	// Narrow, iff positive, is how many bytes of a datagram the last router lets through to the server. Nobody else
	// knows: who sends more is told by ICMP, as in the middle of the Internet.
	Narrow int
}

// A Link is how two neighbours are connected. The zero Link is a plain one.
type Link struct {
	Kind LinkKind
	MTU  int // at both ends; 0: that of the kind, 1500 or, of a tunnel, 1420
}

// LinkKind is what a link is made of.
type LinkKind uint8

const (
	Ethernet  LinkKind = iota
	VLAN               // frames with a tag (802.1Q)
	WireGuard          // a tunnel
)

func (k LinkKind) String() string { return [...]string{"Ethernet", "VLAN", "WireGuard"}[k] }

// A Redirect sends TCP and UDP that is addressed to From on to To. Both are of one family.
type Redirect struct{ From, To netip.AddrPort }

// Ends are a node's addresses on one link. V6 is invalid where the kernel has no IPv6.
type Ends struct {
	Interface string // empty: there is no such link
	V4, V6    netip.Addr
}

// Addr is the address of one of the two families.
func (e Ends) Addr(v6 bool) netip.Addr {
	if v6 {
		return e.V6
	}
	return e.V4
}

// ErrNoSuchLink is the error of a topology with a kind of link that the kernel does not have.
var ErrNoSuchLink = errors.New("this kernel has no links of that kind")

// ErrUnsupported is the error of systems without network namespaces.
var ErrUnsupported = errors.New("lab: network namespaces exist on Linux only")
