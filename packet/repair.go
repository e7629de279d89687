package packet

import "github.com/weir-project/weir/packet/checksum"

// Repair makes an edited packet fit to be sent: it cuts off what lies behind the
// datagram's end and computes the checksums that the edits left stale. An unchanged
// packet is left alone, also when its checksum is one that the kernel would fill in. A
// changed one gets its whole upper-layer checksum even if only the IP header changed:
// the kernel believes that a packet written back is complete (nfqnl_mangle sets
// CHECKSUM_NONE, net/netfilter/nfnetlink_queue.c), GSO packets included.
//
// A UDP checksum of zero over IPv4 stays zero: the sender chose to have none. Over IPv6
// it is computed. The upper-layer checksum of a fragment is left as it is, since
// it covers bytes that are elsewhere. A malformed packet stays as it is, apart from an
// IPv4 header checksum that was the only thing wrong with it. A truncated packet, which
// must not be written back, stays as it is.
//
// Repair allocates nothing, and a second call changes nothing.
func (p *Packet) Repair() {
	if p.dirty == 0 || p.Truncated() {
		return
	}
	if p.Malformed == BadHeaderChecksum && p.dirty&dirtyHeader != 0 {
		p.fillHeaderSum()
		p.Decode() // what else is wrong shows only now
	}
	if p.Malformed == WellFormed {
		p.Trim()
		p.repairSums()
	}
	p.dirty = dirtyBytes
}

func (p *Packet) repairSums() {
	if p.dirty&dirtyHeader != 0 && p.Version == 4 {
		p.fillHeaderSum()
	}
	if p.dirty&dirtyUpper == 0 && p.Meta.Checksum != ChecksumPartial || p.Fragment.IsFragment() {
		return
	}
	at := p.sumAt()
	if at < 0 {
		return
	}
	if p.Meta.Checksum != ChecksumPartial && p.Proto == UDP && p.Version == 4 && wire.Uint16(p.data[at:]) == 0 {
		return
	}
	p.fillSum(at)
	p.Meta.Checksum = ChecksumVerified
}

func (p *Packet) fillHeaderSum() {
	wire.PutUint16(p.data[10:], 0)
	wire.PutUint16(p.data[10:], ^checksum.Sum(p.data[:p.l4], 0))
}
