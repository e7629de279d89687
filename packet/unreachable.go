package packet

// How much of an ICMP error's datagram is allowed, its IP header included: RFC 1812
// §4.3.2.3 and RFC 4443 §2.4 c.
const (
	maxError4 = 576
	maxError6 = 1280
)

// MaxUnreachable is the most bytes that Unreachable appends.
const MaxUnreachable = maxError6

// internetControl is the traffic class of ICMP errors over IPv4: precedence 6 (RFC 1812
// §4.3.2.5).
const internetControl = 0xc0

// Unreachable appends to dst the ICMP or ICMPv6 error that tells the sender of of, in
// its receiver's name, that communication is administratively prohibited: type 3 code
// 13 (RFC 1812 §5.2.7.1) or type 1 code 1 (RFC 4443 §3.1). It quotes as much of of as
// the limits allow.
//
// It appends nothing where no error may be sent (RFC 1812 §4.3.2.7, RFC 4443 §2.4 e):
// about an ICMP error or redirect, a fragment that is not the first, a malformed packet
// or one of a wrong checksum, or addresses that do not name a single host. Limiting the
// rate, which both RFCs ask for, is the caller's part. It allocates nothing if dst has
// room for MaxUnreachable bytes more.
func Unreachable(dst []byte, of *Packet) []byte {
	kind, code := byte(3), byte(13)
	if of.Version == 6 {
		kind, code = 1, 1
	}
	return icmpError(dst, of, [icmpHeaderLen]byte{kind, code})
}

// TooLong appends to dst the ICMP or ICMPv6 error that tells the sender of of that it is longer than what a link on its way
// bears, which is mtu bytes: type 3 code 4 (RFC 1191 §4) or type 2 code 0 (RFC 4443 §3.2). All else is as with Unreachable.
func TooLong(dst []byte, of *Packet, mtu uint16) []byte {
	h := [icmpHeaderLen]byte{3, 4}
	if of.Version == 6 {
		h = [icmpHeaderLen]byte{2, 0}
	}
	h[6], h[7] = byte(mtu>>8), byte(mtu) // of 16 bits over IPv4, of 32 over IPv6: they end at the same place
	return icmpError(dst, of, h)
}

const icmpHeaderLen = 8

// icmpError appends an error with the given header, whose checksum it fills in.
func icmpError(dst []byte, of *Packet, header [icmpHeaderLen]byte) []byte {
	if of.Version == 0 || of.Malformed != WellFormed && of.Malformed != Truncated ||
		of.Fragment.Offset != 0 || of.isICMPError() || !of.betweenHosts() || !of.VerifyChecksum() {
		return dst
	}
	proto, limit, class := ICMP, maxError4-ipv4MinHeader, uint8(internetControl)
	if of.Version == 6 {
		proto, limit, class = ICMPv6, maxError6-ipv6HeaderLen, 0
	}
	quote := of.data[:min(int(of.end), limit-icmpHeaderLen)]
	from, to := of.Addrs()
	at := len(dst)
	dst = appendIP(dst, proto, to, from, class, icmpHeaderLen+len(quote))
	dst = append(dst, header[:]...)
	dst = append(dst, quote...)
	finishAnswer(dst[at:])
	return dst
}
