package packet

import "strconv"

// Proto is an upper-layer protocol or IPv6 extension header, in IANA's numbering of
// protocol numbers.
type Proto uint8

// The protocols that this package knows something about.
const (
	HopByHop           Proto = 0 // RFC 8200 §4.3
	ICMP               Proto = 1 // RFC 792; over IPv4 only
	IGMP               Proto = 2
	IPIP               Proto = 4 // IPv4 in IP (RFC 2003)
	TCP                Proto = 6
	UDP                Proto = 17
	DCCP               Proto = 33
	IPv6InIP           Proto = 41 // RFC 4213
	Routing            Proto = 43 // RFC 8200 §4.4
	FragmentHeader     Proto = 44 // RFC 8200 §4.5
	GRE                Proto = 47
	ESP                Proto = 50 // RFC 4303; never looked into
	AH                 Proto = 51 // RFC 4302; walked over in IPv6, opaque in IPv4
	ICMPv6             Proto = 58 // RFC 4443; over IPv6 only
	NoNextHeader       Proto = 59 // RFC 8200 §4.7
	DestinationOptions Proto = 60 // RFC 8200 §4.6
	SCTP               Proto = 132
	UDPLite            Proto = 136
)

var protoNames = map[Proto]string{
	HopByHop: "hop-by-hop", ICMP: "icmp", IGMP: "igmp", IPIP: "ipip", TCP: "tcp", UDP: "udp",
	DCCP: "dccp", IPv6InIP: "ipv6", Routing: "routing", FragmentHeader: "fragment", GRE: "gre",
	ESP: "esp", AH: "ah", ICMPv6: "icmpv6", NoNextHeader: "no-next-header",
	DestinationOptions: "destination-options", SCTP: "sctp", UDPLite: "udplite",
}

// String returns the protocol's name in lower case, such as "tcp", or its number.
func (x Proto) String() string {
	if name, ok := protoNames[x]; ok {
		return name
	}
	return strconv.Itoa(int(x))
}

// isExtension reports whether x is an IPv6 extension header that Decode walks over.
func (x Proto) isExtension() bool {
	switch x {
	case HopByHop, Routing, FragmentHeader, AH, DestinationOptions:
		return true
	}
	return false
}

// minHeader is the least number of bytes that a whole datagram of protocol x carries
// behind its IP header.
func (x Proto) minHeader() int {
	switch x {
	case TCP:
		return tcpMinHeader
	case UDP, ICMP, UDPLite:
		return 8
	case ICMPv6:
		return 4 // RFC 6550's solicitation has 6 bytes, so 8 would be too many
	case SCTP, DCCP:
		return 12
	}
	return 0
}
