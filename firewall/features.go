package firewall

import (
	"fmt"
	"strings"
)

// Features is what this kernel and system can do for a firewall; Detect fills it.
type Features struct {
	NFTables       bool // nf_tables answers over netlink
	Inet           bool // with the inet family, in which the better queue feature below works too
	NativeQueue    bool // nft queue statement (CONFIG_NFT_QUEUE)
	CompatQueue    bool // xtables target NFQUEUE revision 3 through nft_compat
	ConnMark       bool // nft ct mark (CONFIG_NFT_CT, CONFIG_NF_CONNTRACK_MARK)
	CompatConnMark bool // xtables connmark and CONNMARK through nft_compat, in ip and ip6 tables
	Untrack        bool // nft ct status, ct direction and notrack (CONFIG_NFT_CT)

	IPTables  string // version line of iptables-restore; "" if it cannot be used
	IP6Tables string // the same of ip6tables-restore
	// IPTablesUntrack: they have table raw, match conntrack and target CT.
	IPTablesUntrack bool

	IPFW bool // ipfw is on, and diverts
	// Lower is the lowest number of an ipfw rule that is not Weir's; 0 if there is none.
	Lower uint16
	PF    bool // pf is on, and diverts
	// DivertTo: the pf of this system is FreeBSD's, which diverts IPv4 only and knows no received-on.
	DivertTo bool
	Anchor   bool // pf's main ruleset refers to the anchor "weir"
	// Blocks are rules of pf that stand before that anchor and block without quick.
	Blocks []string
	// Ifaces are the interfaces and groups that pf knows; nil: not known.
	Ifaces []string

	IPv6       bool // the system has IPv6
	TCPLiberal bool // sysctl nf_conntrack_tcp_be_liberal exists: connection tracking is there
	Bridge     bool // nf_tables has the bridge family (Weir diverts no bridged traffic yet)

	// NAT: something translates addresses in the namespace (nftables or iptables), so connection
	// tracking is on there.
	NAT bool
	// Offloads are the flow tables in place that take flows past the forward hook.
	Offloads []Offload
	// Missing has a sentence for each of the features above that is not there.
	Missing []string
}

// Best returns the best Kind that can divert here. The error says what is missing.
func (f Features) Best() (Kind, error) {
	for k := NFT; k < Bridge; k++ {
		if f.Has(k) {
			return k, nil
		}
	}
	return Auto, fmt.Errorf("firewall: nothing here can divert packets to user space: %s", strings.Join(f.Missing, "; "))
}

// Has reports whether rules of that kind can be installed here.
func (f Features) Has(k Kind) bool {
	switch k {
	case NFT:
		return f.NFTables && f.NativeQueue
	case NFTCompat:
		return f.NFTables && f.CompatQueue
	case IPTables:
		return f.IPTables != "" && (f.IP6Tables != "" || !f.IPv6)
	case IPFW:
		return f.IPFW
	case PF:
		return f.PF
	case Bridge:
		return f.NFTables
	}
	return false
}

// handBack reports whether rules of that kind can read and write conntrack marks.
func (f Features) handBack(k Kind) bool {
	switch k {
	case NFT:
		return f.ConnMark
	case NFTCompat:
		return f.ConnMark || f.CompatConnMark
	case IPFW, PF, Bridge:
		return false
	}
	return true // iptables has CONNMARK wherever it has NFQUEUE; iptables-restore says if not
}

// Untracks reports whether rules of that kind can ask for what conntrack has translated,
// and keep it from packets.
func (f Features) Untracks(k Kind) bool {
	switch k {
	case IPTables:
		return f.IPTablesUntrack
	case IPFW, PF, Bridge:
		return false
	}
	return f.Untrack
}

// inet reports whether the rules of c fit into one inet table. The xtables connmark is
// registered for IPv4 and IPv6 alone since Linux 6.12.
func (f Features) inet(c Config) bool {
	return f.Inet && (c.Backend != NFTCompat || f.ConnMark || !c.HandBack)
}

// AllFeatures is a kernel that lacks nothing, with the pf of OpenBSD: for printing rules
// without looking at any kernel.
func AllFeatures() Features {
	return Features{
		NFTables: true, Inet: true, NativeQueue: true, CompatQueue: true, ConnMark: true, CompatConnMark: true, Untrack: true,
		IPTables: "assumed", IP6Tables: "assumed", IPTablesUntrack: true, IPv6: true, TCPLiberal: true, Bridge: true,
		IPFW: true, PF: true, Anchor: true,
	}
}
