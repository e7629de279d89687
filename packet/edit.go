package packet

import (
	"github.com/weir-project/weir/packet/checksum"
	"github.com/weir-project/weir/packet/seqnum"
)

// Edits of single fields keep the checksums right as they go (RFC 1624), so that a
// wrong checksum stays as wrong as it was: an edit never launders a packet. Edits
// through MutablePayload, MarkDirty and Rewrite leave that to Repair, which computes
// the upper-layer checksum anew; whoever minds calls VerifyChecksum first.
//
// Refused, with the packet left alone, is every edit that could not be made whole
// again: of malformed and truncated packets, behind an authentication header, in
// protocols whose checksum this package does not know, and, for edits of unknown
// extent, of fragments, whose checksum covers bytes that are elsewhere.

// dirty says what Repair has to do.
type dirty uint8

const (
	dirtyBytes  dirty = 1 << iota // the bytes differ from those that arrived
	dirtyHeader                   // IPv4 header checksum is stale
	dirtyUpper                    // upper-layer checksum is stale
)

// Changed reports whether the packet's bytes were edited, as far as p was told.
func (p *Packet) Changed() bool { return p.dirty != 0 }

// MarkDirty tells p that its bytes were changed behind its back, all but their number.
// It decodes them again; Repair will compute every checksum.
func (p *Packet) MarkDirty() {
	p.Decode()
	p.dirty = dirtyBytes | dirtyHeader | dirtyUpper
}

// sound reports whether edits above the IP header can be made at all.
func (p *Packet) sound() bool {
	return p.Version != 0 && p.Malformed == WellFormed && !p.Truncated() && !p.Traits.Has(Authenticated)
}

// summable reports whether the payload may change in ways that only a full checksum
// can follow.
func (p *Packet) summable() bool {
	return p.sound() && !p.Fragment.IsFragment() &&
		(p.sumAt() >= 0 || p.Proto == IPIP || p.Proto == IPv6InIP)
}

// MutablePayload returns the payload for writing and marks the packet dirty; nil if
// the edit is refused, as said at the head of this file: of a fragment, a malformed or
// truncated packet, or a protocol whose checksum is not known. The slice cannot grow;
// it is valid until the packet is finished or edited otherwise.
func (p *Packet) MutablePayload() []byte {
	if !p.summable() {
		return nil
	}
	p.dirty |= dirtyBytes | dirtyUpper
	return p.data[p.payload:p.upper:p.upper]
}

// MutableTransportHeader is MutablePayload for the upper-layer header. Header length
// and data offset must stay as they are.
func (p *Packet) MutableTransportHeader() []byte {
	if !p.summable() {
		return nil
	}
	p.dirty |= dirtyBytes | dirtyUpper
	return p.data[p.l4:p.payload:p.payload]
}

// Overwrite puts with at offset off of the payload. It works on the first piece of a
// fragmented datagram too, whose checksum it corrects; not on later pieces. It reports
// whether it did: false if the edit is refused, or does not fit the payload.
func (p *Packet) Overwrite(off int, with []byte) bool {
	if !p.sound() || off < 0 || off > len(p.Payload())-len(with) {
		return false
	}
	if p.Fragment.IsFragment() && p.sumAt() < 0 || !p.Fragment.IsFragment() && !p.summable() {
		return false
	}
	p.patch(int(p.payload)+off, with)
	return true
}

// patch writes with over the bytes from offset at on, behind the IP header, and brings
// the upper-layer checksum along. What that makes of a partial one, Repair makes good.
func (p *Packet) patch(at int, with []byte) {
	old := p.data[at : at+len(with)]
	sum := p.sumAt()
	if sum >= 0 {
		if check := wire.Uint16(p.data[sum:]); check != 0 || p.Proto != UDP {
			p.putSum(sum, checksum.Update(check, at-int(p.l4), old, with))
		}
	}
	copy(old, with)
	p.dirty |= dirtyBytes
}

// SetSeq changes the sequence number. False if the edit is refused or this is not TCP.
func (p *Packet) SetSeq(v seqnum.Value) bool { return p.setTCP32(4, uint32(v)) }

// SetAck changes the acknowledgement number, whether or not ACK is set. False if the
// edit is refused or this is not TCP.
func (p *Packet) SetAck(v seqnum.Value) bool { return p.setTCP32(8, uint32(v)) }

func (p *Packet) setTCP32(off int, v uint32) bool {
	if !p.sound() || p.TCP() == nil {
		return false
	}
	at := int(p.l4) + off
	if wire.Uint32(p.data[at:]) != v {
		var b [4]byte
		wire.PutUint32(b[:], v)
		p.patch(at, b[:])
	}
	return true
}

// SetTTL changes the time to live, or hop limit. False if there is no IP header or the
// packet is truncated.
func (p *Packet) SetTTL(ttl uint8) bool {
	switch {
	case p.Version == 0 || p.Truncated():
		return false
	case p.TTL() == ttl:
	case p.Version == 4:
		p.setHeaderWord(8, uint16(ttl)<<8|uint16(p.data[9]))
	default:
		p.data[7] = ttl
		p.dirty |= dirtyBytes
	}
	return true
}

// SetDSCP changes the code point, [0, 64), and leaves ECN alone. False if there is no
// IP header, the packet is truncated, or dscp is too large.
func (p *Packet) SetDSCP(dscp uint8) bool {
	return dscp < 64 && p.setTrafficClass(dscp<<2|p.ECN())
}

// SetECN changes the congestion notification field, [0, 4), and leaves DSCP alone.
// False as for SetDSCP.
func (p *Packet) SetECN(ecn uint8) bool {
	return ecn < 4 && p.setTrafficClass(p.DSCP()<<2|ecn)
}

func (p *Packet) setTrafficClass(class uint8) bool {
	switch {
	case p.Version == 0 || p.Truncated():
		return false
	case p.trafficClass() == class:
	case p.Version == 4:
		p.setHeaderWord(0, uint16(p.data[0])<<8|uint16(class))
	default:
		p.data[0] = p.data[0]&0xf0 | class>>4
		p.data[1] = p.data[1]&0x0f | class<<4
		p.dirty |= dirtyBytes
	}
	return true
}

// setHeaderWord changes an aligned word of the IPv4 header and its checksum with it.
func (p *Packet) setHeaderWord(at int, v uint16) {
	check := wire.Uint16(p.data[10:])
	wire.PutUint16(p.data[10:], checksum.Update16(check, wire.Uint16(p.data[at:]), v))
	wire.PutUint16(p.data[at:], v)
	p.dirty |= dirtyBytes
}

// ClearOptions overwrites all IPv4 options by no-operations, which every receiver
// skips: the header keeps its length. It reports whether there were any, in a packet
// that is well formed and not truncated.
func (p *Packet) ClearOptions() bool {
	if p.Version != 4 || !p.sound() || !p.Traits.Has(IPOptions) {
		return false
	}
	options := p.data[ipv4MinHeader:p.l4]
	for i := range options {
		options[i] = optNop
	}
	p.Traits &^= IPOptions | SourceRoute
	p.dirty |= dirtyBytes | dirtyHeader
	return true
}

// Trim cuts off the bytes behind the datagram's end, if there are any, and reports
// whether there were. Repair does so too, for every packet that changed.
func (p *Packet) Trim() bool {
	if p.Malformed != WellFormed || p.Truncated() || int(p.end) == len(p.data) {
		return false
	}
	p.data = p.data[:p.end]
	p.Meta.OrigLen = len(p.data)
	p.Traits &^= TrailingBytes
	p.dirty |= dirtyBytes
	return true
}
