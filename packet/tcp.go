package packet

import (
	"strings"

	"github.com/weir-project/weir/packet/seqnum"
)

const tcpMinHeader = 20

// TCPFlags are the nine control bits of TCP (RFC 9293 §3.1, RFC 9768 for AE).
type TCPFlags uint16

// The flags.
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE
)

var tcpFlagNames = [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"}

// String returns the flags joined by "|", such as "SYN|ACK"; "none" if there is none.
func (f TCPFlags) String() string {
	var set []string
	for i, name := range tcpFlagNames {
		if f&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	if set == nil {
		return "none"
	}
	return strings.Join(set, "|")
}

// Has reports whether all flags of mask are set.
func (f TCPFlags) Has(mask TCPFlags) bool { return f&mask == mask }

// TCPHeader is a view of a TCP header with its options (RFC 9293 §3.1), of at least 20
// bytes. Read-only.
type TCPHeader []byte

// TCP returns the TCP header; nil unless the packet holds a whole one.
func (p *Packet) TCP() TCPHeader {
	if p.Proto != TCP || p.payload-p.l4 < tcpMinHeader {
		return nil
	}
	return TCPHeader(p.data[p.l4:p.payload])
}

// Seq returns the sequence number of the first byte, or of SYN.
func (h TCPHeader) Seq() seqnum.Value { return seqnum.Value(wire.Uint32(h[4:])) }

// Ack returns the acknowledgement number; valid iff ACK is set.
func (h TCPHeader) Ack() seqnum.Value { return seqnum.Value(wire.Uint32(h[8:])) }

// HeaderLen returns the header's length in bytes, as its data offset claims.
func (h TCPHeader) HeaderLen() int { return int(h[12]>>4) * 4 }

// Flags returns the control bits.
func (h TCPHeader) Flags() TCPFlags { return TCPFlags(wire.Uint16(h[12:]) & 0x1ff) }

// Reserved returns the three bits between data offset and flags; senders set them to 0.
func (h TCPHeader) Reserved() uint8 { return h[12] >> 1 & 7 }

// Window returns the window in the unit of the connection's window scale.
func (h TCPHeader) Window() uint16 { return wire.Uint16(h[14:]) }

// Checksum returns the checksum.
func (h TCPHeader) Checksum() uint16 { return wire.Uint16(h[16:]) }

// Urgent returns the urgent pointer; valid iff URG is set.
func (h TCPHeader) Urgent() uint16 { return wire.Uint16(h[18:]) }

// Options returns a cursor on the options.
func (h TCPHeader) Options() TCPOptions { return TCPOptions{rest: h[tcpMinHeader:]} }

// SegmentLen returns the sequence numbers that the segment takes: its payload, plus
// one each for SYN and FIN (SEG.LEN of RFC 9293 §3.4). 0 unless it is TCP.
func (p *Packet) SegmentLen() seqnum.Size {
	if p.Proto != TCP {
		return 0
	}
	n := seqnum.Size(p.upper - p.payload)
	return n + seqnum.Size(p.TCPFlags>>1&1) + seqnum.Size(p.TCPFlags&1)
}

func (p *Packet) decodeTCP(h []byte) {
	if len(h) < tcpMinHeader {
		p.readPorts(h)
		p.spoil(ShortHeader)
		return
	}
	p.SrcPort, p.DstPort, p.ports = wire.Uint16(h), wire.Uint16(h[2:]), true
	p.TCPFlags = TCPHeader(h).Flags()
	headerLen := TCPHeader(h).HeaderLen()
	if headerLen < tcpMinHeader || headerLen > len(h) {
		p.spoil(BadTCPDataOffset)
		headerLen = tcpMinHeader
	}
	p.payload += int32(headerLen)
}
