package packet

import (
	"net/netip"

	"github.com/weir-project/weir/packet/seqnum"
)

// A Segment is a TCP segment of our own, said between the two ends of one that passes.
type Segment struct {
	Seq, Ack seqnum.Value
	Window   uint16   // as the header says it, scaled
	Flags    TCPFlags // beside ACK
	ToSender bool     // it answers the segment that passes; otherwise it goes where that goes

	Stamped  bool // TS and Echo are said (RFC 7323 §3.2)
	TS, Echo uint32
	Blocks   [][2]seqnum.Value // of SACK (RFC 2018), at most 3: [left, right)
	Payload  []byte
}

// AppendSegment appends to dst the datagram that carries s between the two ends of the segment of,
// in either direction. It appends nothing where Reset would not.
func AppendSegment(dst []byte, of *Packet, s *Segment) []byte {
	if of.Proto != TCP || of.Malformed != WellFormed || of.Fragment.IsFragment() || !of.betweenHosts() {
		return dst
	}
	from, to := of.Addrs()
	srcPort, dstPort := of.SrcPort, of.DstPort
	if s.ToSender {
		from, to = to, from
		srcPort, dstPort = dstPort, srcPort
	}
	var options [40]byte
	n := s.options(options[:])
	at := len(dst)
	dst = appendIP(dst, TCP, from, to, 0, tcpMinHeader+n+len(s.Payload))
	dst = wire.AppendUint16(dst, srcPort)
	dst = wire.AppendUint16(dst, dstPort)
	dst = wire.AppendUint32(dst, uint32(s.Seq))
	dst = wire.AppendUint32(dst, uint32(s.Ack))
	dst = wire.AppendUint16(dst, uint16(tcpMinHeader+n)/4<<12|uint16(s.Flags|ACK))
	dst = wire.AppendUint16(dst, s.Window)
	dst = append(dst, 0, 0, 0, 0)
	dst = append(dst, options[:n]...)
	dst = append(dst, s.Payload...)
	finishAnswer(dst[at:])
	return dst
}

// AppendEmpty appends to dst a segment with nothing in it, for AppendSegment where none has come.
func AppendEmpty(dst []byte, from, to netip.AddrPort) []byte {
	at := len(dst)
	dst = appendIP(dst, TCP, from.Addr().AsSlice(), to.Addr().AsSlice(), 0, tcpMinHeader)
	dst = wire.AppendUint16(dst, from.Port())
	dst = wire.AppendUint16(dst, to.Port())
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, tcpMinHeader/4<<4, byte(ACK), 0, 0, 0, 0, 0, 0)
	finishAnswer(dst[at:])
	return dst
}

// options writes timestamps and SACK blocks, padded as RFC 7323 appendix A shows, and returns
// how many bytes they take.
func (s *Segment) options(b []byte) (n int) {
	if s.Stamped {
		b[0], b[1], b[2], b[3] = byte(OptionNop), byte(OptionNop), byte(OptionTimestamps), 10
		wire.PutUint32(b[4:], s.TS)
		wire.PutUint32(b[8:], s.Echo)
		n = 12
	}
	if k := min(len(s.Blocks), 3); k > 0 {
		b[n], b[n+1], b[n+2], b[n+3] = byte(OptionNop), byte(OptionNop), byte(OptionSACK), byte(2+8*k)
		n += 4
		for _, r := range s.Blocks[:k] {
			wire.PutUint32(b[n:], uint32(r[0]))
			wire.PutUint32(b[n+4:], uint32(r[1]))
			n += 8
		}
	}
	return n
}
