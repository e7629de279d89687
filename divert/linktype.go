package divert

import (
	"encoding/binary"

	"github.com/gopacket/gopacket/layers"
)

// Link types of capture files, as tcpdump.org/linktypes.html numbers them.
const (
	linkNull     = 0
	linkEthernet = 1
	linkRawBSD   = 12 // DLT_RAW, which some writers put into files instead of 101
	linkRaw      = 101
	linkLoop     = 108
	linkSLL      = 113
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

// linkNames are the link types that can be read.
var linkNames = map[layers.LinkType]string{
	linkNull: "NULL", linkEthernet: "Ethernet", linkRawBSD: "RAW", linkRaw: "RAW", linkLoop: "LOOP",
	linkSLL: "Linux cooked", linkIPv4: "IPv4", linkIPv6: "IPv6", linkSLL2: "Linux cooked v2",
}

const (
	etherIPv4  = 0x0800
	etherIPv6  = 0x86dd
	etherVLAN  = 0x8100
	etherQinQ  = 0x88a8
	etherQinQ0 = 0x9100 // before 802.1ad
	maxTags    = 4      // VLAN tags that are looked through
)

// linkHeader returns the length of the link header of a frame, VLAN tags included, and
// whether an IP datagram follows.
func linkHeader(link layers.LinkType, frame []byte) (length int, ip bool) {
	switch link {
	case linkRaw, linkRawBSD, linkIPv4, linkIPv6:
		length = 0
	case linkNull, linkLoop:
		length = 4 // an address family whose values differ between systems: the IP version tells
	case linkEthernet:
		return etherHeader(frame, 12)
	case linkSLL:
		return etherHeader(frame, 14)
	case linkSLL2:
		if len(frame) < 20 {
			return len(frame), false
		}
		length = 20
		if t := binary.BigEndian.Uint16(frame); t != etherIPv4 && t != etherIPv6 {
			return length, false
		}
	default:
		return 0, false
	}
	return length, len(frame) > length && (frame[length]>>4 == 4 || frame[length]>>4 == 6)
}

// etherHeader walks from the EtherType at off over VLAN tags.
func etherHeader(frame []byte, off int) (length int, ip bool) {
	for range maxTags + 1 {
		if len(frame) < off+2 {
			return len(frame), false
		}
		switch binary.BigEndian.Uint16(frame[off:]) {
		case etherIPv4, etherIPv6:
			return off + 2, len(frame) > off+2
		case etherVLAN, etherQinQ, etherQinQ0:
			off += 4
		default:
			return off + 2, false
		}
	}
	return off, false
}

// ipLength returns how long the datagram says it is, 0 if it does not say: in captures
// of the sending host the length of an offload-sized packet can be 0.
func ipLength(b []byte) int {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		if n := int(binary.BigEndian.Uint16(b[2:])); n >= 20 {
			return n
		}
	case len(b) >= 40 && b[0]>>4 == 6:
		if n := int(binary.BigEndian.Uint16(b[4:])); n > 0 || b[6] != 0 {
			return 40 + n
		}
	}
	return 0
}

// appendLinkHeader makes a link header for a datagram that had another kind of it.
func appendLinkHeader(b []byte, link layers.LinkType, ip []byte) []byte {
	ether, family := uint16(etherIPv4), uint32(2)
	if ip[0]>>4 == 6 {
		ether, family = etherIPv6, 30 // AF_INET6 of BSD systems, where NULL and LOOP come from
	}
	switch link {
	case linkEthernet:
		b = append(b, make([]byte, 12)...)
		return binary.BigEndian.AppendUint16(b, ether)
	case linkSLL:
		b = append(b, make([]byte, 14)...)
		return binary.BigEndian.AppendUint16(b, ether)
	case linkSLL2:
		b = binary.BigEndian.AppendUint16(b, ether)
		return append(b, make([]byte, 18)...)
	case linkNull:
		return binary.LittleEndian.AppendUint32(b, family)
	case linkLoop:
		return binary.BigEndian.AppendUint32(b, family)
	}
	return b
}

// carries reports whether a file of the link type can hold a datagram of the version.
func carries(link layers.LinkType, version byte) bool {
	return !(link == linkIPv4 && version != 4) && !(link == linkIPv6 && version != 6)
}
