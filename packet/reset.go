package packet

import "github.com/weir-project/weir/packet/seqnum"

// answerTTL is the hop count of datagrams of our own (RFC 1700's recommended value).
const answerTTL = 64

// MaxReset is the most bytes that Reset and ResetReceiver append.
const MaxReset = ipv6HeaderLen + tcpMinHeader

// Reset appends to dst the datagram that ends a TCP connection at the sender of of, in
// its receiver's name (RFC 9293 §3.10.7.1): with the sequence number that of
// acknowledges, which is the one that the sender expects (RFC 5961 §3), or else with
// an acknowledgement of all of of.
//
// It appends nothing where no answer is due: of is not TCP, is itself a reset, a
// fragment, malformed, truncated or of a wrong checksum, or an end of it is not a
// single host. It allocates nothing if dst has room for MaxReset bytes more.
func Reset(dst []byte, of *Packet) []byte {
	if !resettable(of) {
		return dst
	}
	h := of.TCP()
	r := reset{src: of.DstPort, dst: of.SrcPort, flags: RST}
	if of.TCPFlags.Has(ACK) {
		r.seq = h.Ack()
	} else {
		r.flags |= ACK
		r.ack = h.Seq().Add(of.SegmentLen())
	}
	from, to := of.Addrs()
	return r.append(dst, to, from)
}

// ResetReceiver appends to dst the datagram that ends a TCP connection at the receiver
// of of, in its sender's name: it takes of's place in the sequence, so that a receiver
// that has everything before of accepts it. It appends nothing where Reset would not,
// and for a SYN, of which the receiver has yet to hear.
func ResetReceiver(dst []byte, of *Packet) []byte {
	if !resettable(of) || of.TCPFlags&(SYN|ACK) == SYN {
		return dst
	}
	h := of.TCP()
	r := reset{src: of.SrcPort, dst: of.DstPort, seq: h.Seq(), flags: RST}
	if of.TCPFlags.Has(ACK) {
		r.flags |= ACK
		r.ack = h.Ack()
	}
	from, to := of.Addrs()
	return r.append(dst, from, to)
}

func resettable(of *Packet) bool {
	return of.Proto == TCP && of.Malformed == WellFormed && !of.Fragment.IsFragment() &&
		!of.Truncated() && !of.TCPFlags.Has(RST) && of.betweenHosts() && of.VerifyChecksum()
}

type reset struct {
	src, dst uint16
	seq, ack seqnum.Value
	flags    TCPFlags
}

func (r reset) append(b, src, dst []byte) []byte {
	at := len(b)
	b = appendIP(b, TCP, src, dst, 0, tcpMinHeader)
	b = wire.AppendUint16(b, r.src)
	b = wire.AppendUint16(b, r.dst)
	b = wire.AppendUint32(b, uint32(r.seq))
	b = wire.AppendUint32(b, uint32(r.ack))
	b = wire.AppendUint16(b, 5<<12|uint16(r.flags))
	b = append(b, 0, 0, 0, 0, 0, 0)
	finishAnswer(b[at:])
	return b
}

// appendIP appends an IP header of the addresses' family, without its checksum, for
// length bytes of the upper layer.
func appendIP(b []byte, proto Proto, src, dst []byte, class uint8, length int) []byte {
	if len(src) == 4 {
		b = append(b, 0x45, class)
		b = wire.AppendUint16(b, uint16(ipv4MinHeader+length))
		// No ID, since it is not to be fragmented (RFC 6864 §4.1).
		b = append(b, 0, 0, 0x40, 0, answerTTL, uint8(proto), 0, 0)
	} else {
		b = append(b, 0x60|class>>4, class<<4, 0, 0)
		b = wire.AppendUint16(b, uint16(length))
		b = append(b, uint8(proto), answerTTL)
	}
	b = append(b, src...)
	return append(b, dst...)
}

// finishAnswer fills in the checksums of a datagram of our own.
func finishAnswer(datagram []byte) {
	var p Packet
	p.Set(datagram)
	p.MarkDirty()
	p.Repair()
}

// betweenHosts reports whether both addresses can name a single host.
func (p *Packet) betweenHosts() bool {
	src, dst := p.Addrs()
	return namesHost(src) && namesHost(dst)
}

// namesHost is false for the unspecified address, multicast, and of IPv4 network 0 and
// class E with the limited broadcast (RFC 1122 §3.2.2). A directed broadcast cannot be
// told without knowing the network.
func namesHost(a []byte) bool {
	if len(a) == 4 {
		return a[0] != 0 && a[0] < 224
	}
	return a[0] != 0xff && [16]byte(a) != [16]byte{}
}
