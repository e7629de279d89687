package packet

import "github.com/weir-project/weir/packet/seqnum"

// An Ack is an acknowledgement without data.
type Ack struct {
	Seq, Ack seqnum.Value
	Window   uint16 // as the header says it, scaled
	ToSender bool   // it answers the segment; otherwise it goes where that goes

	Stamped  bool // TS and Echo are said (RFC 7323 §3.2)
	TS, Echo uint32
	Blocks   [][2]seqnum.Value // of SACK (RFC 2018), at most 3: [left, right)
}

// Acknowledge appends to dst the datagram that says a, between the two ends of the segment of, in
// either direction. It appends nothing where Reset would not.
func Acknowledge(dst []byte, of *Packet, a *Ack) []byte {
	if !resettable(of) {
		return dst
	}
	from, to := of.Addrs()
	srcPort, dstPort := of.SrcPort, of.DstPort
	if a.ToSender {
		from, to = to, from
		srcPort, dstPort = dstPort, srcPort
	}
	var options [40]byte
	n := a.options(options[:])
	at := len(dst)
	dst = appendIP(dst, TCP, from, to, 0, tcpMinHeader+n)
	dst = wire.AppendUint16(dst, srcPort)
	dst = wire.AppendUint16(dst, dstPort)
	dst = wire.AppendUint32(dst, uint32(a.Seq))
	dst = wire.AppendUint32(dst, uint32(a.Ack))
	dst = wire.AppendUint16(dst, uint16(tcpMinHeader+n)/4<<12|uint16(ACK))
	dst = wire.AppendUint16(dst, a.Window)
	dst = append(dst, 0, 0, 0, 0)
	dst = append(dst, options[:n]...)
	finishAnswer(dst[at:])
	return dst
}

// options writes timestamps and SACK blocks, padded as RFC 7323 appendix A shows, and returns
// how many bytes they take.
func (a *Ack) options(b []byte) (n int) {
	if a.Stamped {
		b[0], b[1], b[2], b[3] = byte(OptionNop), byte(OptionNop), byte(OptionTimestamps), 10
		wire.PutUint32(b[4:], a.TS)
		wire.PutUint32(b[8:], a.Echo)
		n = 12
	}
	if k := min(len(a.Blocks), 3); k > 0 {
		b[n], b[n+1], b[n+2], b[n+3] = byte(OptionNop), byte(OptionNop), byte(OptionSACK), byte(2+8*k)
		n += 4
		for _, r := range a.Blocks[:k] {
			wire.PutUint32(b[n:], uint32(r[0]))
			wire.PutUint32(b[n+4:], uint32(r[1]))
			n += 8
		}
	}
	return n
}
