// Package packet decodes, edits and repairs one IP datagram in place: IPv4
// (RFC 791), IPv6 with extension headers (RFC 8200), TCP (RFC 9293), UDP
// (RFC 768), ICMP (RFC 792) and ICMPv6 (RFC 4443).
//
// Its law: decoding allocates nothing, never fails and never reads outside the
// datagram. What cannot be read is named by a Malformed reason, and whoever asked
// decides what becomes of it. It remembers nothing between packets: fragments
// belong to package defrag, conversations to package flow.
package packet

import "time"

// A Packet is one IP datagram on its way through user space, from its IP header
// on. The socket that received it owns the bytes until the packet is finished;
// everyone else borrows them for one call. The zero Packet is empty and ready for
// Set.
type Packet struct {
	data []byte // the datagram; len(data) is what arrived, not what the header claims

	Token Token // names the packet towards its socket; see package divert
	Meta  Meta  // what the divert socket told about the packet

	// The outcome, written by whoever decides, carried out by Socket.Finish.
	Verdict Verdict
	Reason  Reason // why; empty iff Verdict is Pass or Accept
	Mark    Mark   // what to do with the packet mark

	// Headers, filled by Decode.
	Version   uint8     // 4 or 6; 0 iff Malformed says that there is no IP header
	Proto     Proto     // upper-layer protocol, behind any IPv6 extension headers
	Malformed Malformed // why the packet cannot be trusted; WellFormed otherwise
	Traits    Traits    // what is unusual in the IP header and yet well formed
	TCPFlags  TCPFlags  // valid iff Proto is TCP; 0 where the bytes to hand do not reach to them
	Fragment  Fragment  // valid iff Version is not 0; zero for a whole datagram

	SrcPort, DstPort uint16 // valid iff HasPorts, otherwise 0; network order already undone

	ports   bool   // the ports were there to read
	routing uint16 // IPv6: offset of the last routing header; 0 if none
	frag    uint16 // IPv6: offset of the fragment header; 0 if none
	fragNH  uint16 // IPv6: offset of the next-header byte that names it; valid iff frag is not 0

	l4      int32 // offset of the upper-layer header, [0, len(data)]
	payload int32 // offset of the upper-layer payload, [l4, upper]
	upper   int32 // end of the upper-layer payload, ≤ end; less iff the UDP length says so
	end     int32 // end of the datagram by its own length field, ≤ len(data)

	dirty dirty
}

// Token names one diverted packet towards the socket that delivered it. It is
// opaque outside package divert, comparable, and travels by value: each packet
// has its own, so no verdict can go to another packet's address.
type Token struct {
	Queue uint16   // NFQUEUE: queue number
	ID    uint32   // NFQUEUE: packet id; other sockets: a serial number
	Addr  [16]byte // divert sockets: the whole sockaddr_in, cookie and interface name included
}

// Meta is what the divert socket told about a packet. Fields that a system does
// not tell are zero; divert.Caps says which those are.
type Meta struct {
	Hook     Hook
	InIf     uint32        // index of the interface that received it; 0 if none or unknown
	OutIf    uint32        // index of the interface that will send it; 0 if none or unknown
	Mark     uint32        // packet mark as it arrived
	Checksum ChecksumState // what the sender's kernel says of the upper-layer checksum
	GSO      bool          // an offload-sized packet: it may be larger than any MTU and is cut later
	OrigLen  int           // bytes of the datagram in the kernel; more than len(Bytes()) iff truncated
	Captured time.Duration // capture files: time since the Unix epoch; 0 for live traffic
}

// Hook is the place in the kernel's route where the packet was diverted.
type Hook uint8

// The hooks, in the numbering of enum nf_inet_hooks (include/uapi/linux/netfilter.h)
// plus one.
const (
	HookUnknown Hook = iota
	HookPrerouting
	HookInput
	HookForward
	HookOutput
	HookPostrouting
)

// ChecksumState says whether the upper-layer checksum in the bytes can be believed.
type ChecksumState uint8

const (
	ChecksumUnknown  ChecksumState = iota // nobody has looked: verify before trusting
	ChecksumPartial                       // not filled in yet, the kernel or the card will: never "bad"
	ChecksumVerified                      // the kernel or the card has verified it
)

// Truncated reports whether the kernel copied only a part of the datagram. Such a
// packet must never be written back.
func (p *Packet) Truncated() bool { return p.Meta.OrigLen > len(p.data) }

// Bytes returns the datagram, from its IP header on, as it will be re-injected.
// Read-only view; valid until the packet is finished or edited.
func (p *Packet) Bytes() []byte { return p.data }

// Set makes p the packet with the given bytes, which p borrows, and forgets all
// else. It does not decode.
func (p *Packet) Set(data []byte) {
	*p = Packet{data: data, Meta: Meta{OrigLen: len(data)}}
}
