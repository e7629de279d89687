package packet

import (
	"hash/maphash"
	"net/netip"
)

// All slices of this file are read-only views of the packet, valid until it is
// finished or edited. Before Decode, or if there is no IP header, they are empty.

// HasPorts reports whether SrcPort and DstPort are valid: the protocol has ports, and
// they are in this piece of the datagram.
func (p *Packet) HasPorts() bool { return p.ports }

// Header returns the IP header with options or extension headers.
func (p *Packet) Header() []byte { return p.data[:p.l4] }

// TransportHeader returns the upper-layer header: TCP with options, UDP, ICMP, SCTP's
// common header. Empty for other protocols and for all fragments but the first.
func (p *Packet) TransportHeader() []byte { return p.data[p.l4:p.payload] }

// Payload returns what the upper layer carries; for protocols that this package does
// not know, all that follows the IP header. Writing into it is an edit of which p knows
// nothing: use MutablePayload, or call MarkDirty afterwards.
func (p *Packet) Payload() []byte { return p.data[p.payload:p.upper:p.upper] }

// Addrs returns the source and destination addresses, 4 or 16 bytes each; nil if
// Version is 0. With an IPv6 routing header, the destination is that of the next hop.
func (p *Packet) Addrs() (src, dst []byte) {
	switch p.Version {
	case 4:
		return p.data[12:16:16], p.data[16:20:20]
	case 6:
		return p.data[8:24:24], p.data[24:40:40]
	}
	return nil, nil
}

// SrcAddr returns the source address; the zero Addr if Version is 0.
func (p *Packet) SrcAddr() netip.Addr {
	src, _ := p.Addrs()
	return addrOf(src)
}

// DstAddr returns the destination address; the zero Addr if Version is 0.
func (p *Packet) DstAddr() netip.Addr {
	_, dst := p.Addrs()
	return addrOf(dst)
}

func addrOf(b []byte) netip.Addr {
	switch len(b) {
	case 4:
		return netip.AddrFrom4([4]byte(b))
	case 16:
		return netip.AddrFrom16([16]byte(b))
	}
	return netip.Addr{}
}

// TTL returns the time to live, or hop limit; 0 if Version is 0.
func (p *Packet) TTL() uint8 {
	switch p.Version {
	case 4:
		return p.data[8]
	case 6:
		return p.data[7]
	}
	return 0
}

// trafficClass returns the former TOS byte: DSCP in the upper six bits, ECN below.
func (p *Packet) trafficClass() uint8 {
	switch p.Version {
	case 4:
		return p.data[1]
	case 6:
		return uint8(wire.Uint16(p.data) >> 4)
	}
	return 0
}

// DSCP returns the differentiated services code point, [0, 64) (RFC 2474).
func (p *Packet) DSCP() uint8 { return p.trafficClass() >> 2 }

// ECN returns the congestion notification field, [0, 4) (RFC 3168 §5).
func (p *Packet) ECN() uint8 { return p.trafficClass() & 3 }

// Fingerprint returns a hash of the datagram's bytes under a seed. Two fingerprints
// that differ prove an edit; edits that keep it have a chance of 2^-64.
func (p *Packet) Fingerprint(seed maphash.Seed) uint64 { return maphash.Bytes(seed, p.data) }
