package sim

import "encoding/binary"

// Links that bear less than both ends know, and what routers and Weir tell of them (RFC 1191, RFC 8201).

// tooLong has an end told that a datagram with its segment at seq was too long. It takes that for a fake unless the segment is on its
// way and not acknowledged (RFC 5927 §4.1), as Linux does (tcp_v4_err).
func (n *network) tooLong(who int, seq uint32, mtu int) {
	e := &n.ends[who]
	if place := e.placeOf(seq); place < e.una || place > e.top {
		n.say("%s does not believe that %d bytes were too long", names[who], mtu)
		return
	}
	e.pmtu = mtu
}

// told delivers an ICMP error of Weir's own; false if it is something else.
func (n *network) told(b []byte) bool {
	header, proto, is := 20, b[9], byte(1)
	if !n.path.v4() {
		header, proto, is = 40, b[6], 58
	}
	if proto != is {
		return false
	}
	icmp := b[header:]
	mtu := int(binary.BigEndian.Uint16(icmp[6:]))
	tooLong := [2]byte{3, 4}
	if !n.path.v4() {
		tooLong = [2]byte{2, 0}
	}
	if [2]byte(icmp) != tooLong {
		n.problem("an ICMP error of type %d, code %d", icmp[0], icmp[1])
		return true
	}
	quoted := icmp[8:]
	n.tooLong(n.path.sender(quoted), binary.BigEndian.Uint32(quoted[header+4:]), mtu)
	return true
}
