package firewall

import (
	"fmt"
	"strconv"
)

// Proto is an upper-layer protocol number (IANA protocol numbers); 0 selects any.
type Proto uint8

// Protocols with a name.
const (
	ICMP    Proto = 1
	IGMP    Proto = 2
	TCP     Proto = 6
	UDP     Proto = 17
	DCCP    Proto = 33
	GRE     Proto = 47
	ESP     Proto = 50
	AH      Proto = 51
	ICMPv6  Proto = 58
	SCTP    Proto = 132
	UDPLite Proto = 136
)

// protoNames are those that iptables-save and nft print.
var protoNames = []struct {
	proto Proto
	name  string
}{
	{ICMP, "icmp"},
	{IGMP, "igmp"},
	{TCP, "tcp"},
	{UDP, "udp"},
	{DCCP, "dccp"},
	{GRE, "gre"},
	{ESP, "esp"},
	{AH, "ah"},
	{ICMPv6, "ipv6-icmp"},
	{SCTP, "sctp"},
	{UDPLite, "udplite"},
}

// String returns the protocol's name, or its number where it has none here.
func (p Proto) String() string {
	for _, n := range protoNames {
		if n.proto == p {
			return n.name
		}
	}
	return strconv.Itoa(int(p))
}

// ParseProto reads a name ("tcp", "icmpv6") or a number from 1 to 255.
func ParseProto(s string) (Proto, error) {
	for _, n := range protoNames {
		if n.name == s {
			return n.proto, nil
		}
	}
	if s == "icmpv6" {
		return ICMPv6, nil
	}
	if n, err := strconv.ParseUint(s, 10, 8); err == nil && n > 0 {
		return Proto(n), nil
	}
	return 0, fmt.Errorf("firewall: unknown protocol %q (a name such as tcp, udp, icmp, icmpv6, sctp, or a number from 1 to 255)", s)
}

// HasPorts reports whether the protocol starts with a source and a destination port.
func (p Proto) HasPorts() bool {
	switch p {
	case TCP, UDP, DCCP, SCTP, UDPLite:
		return true
	}
	return false
}

// family is the only IP version that carries p.
func (p Proto) family() Family {
	switch p {
	case ICMP, IGMP:
		return V4
	case ICMPv6:
		return V6
	}
	return AnyFamily
}

// A PortRange is the ports First to Last, both included.
type PortRange struct{ First, Last uint16 }

// Port returns the range of one port.
func Port(p uint16) PortRange { return PortRange{p, p} }

func (r PortRange) text(sep string) string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return strconv.Itoa(int(r.First)) + sep + strconv.Itoa(int(r.Last))
}
