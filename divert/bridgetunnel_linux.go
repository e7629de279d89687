package divert

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet/checksum"
)

// What is to be cut inside a tunnel, a packet socket cannot say: a virtio_net_hdr has the place of the inner TCP header and no word for what is
// around it, and the kernel, which takes the frame for a plain one, drops it (ENOBUFS, or EINVAL). So we cut it ourselves, as skb_gso_segment would
// (net/ipv4/udp_offload.c, gre_offload.c, tcp_offload.c): UDP tunnels (VXLAN, Geneve), GRE without checksum and sequence number, IP in IP.

// A tunnelled frame is one of TCP inside one tunnel.
type tunnelled struct {
	frame        []byte
	outer        int // IP header
	inner        int // IP header
	tcp, payload int
	segment      int
}

// mostPieces is how many frames a packet becomes at most; 64 KiB of 64 bytes each.
const mostPieces = 1024

// frameAt returns a gathered frame behind its vnet; one that stands in two pieces is put together in b.
func (o *outlet) frameAt(at int, b []byte) []byte {
	v := o.iovs[2*at:]
	first := unsafe.Slice(v[0].Base, int(v[0].Len))[vnetLen:]
	if o.msgs[at].hdr.Iovlen == 1 {
		return first
	}
	return append(append(b[:0], first...), unsafe.Slice(v[1].Base, int(v[1].Len))...)
}

// parseTunnelled reads a frame whose upper-layer header is not that of its datagram.
func parseTunnelled(frame []byte, link int, v vnet) (t tunnelled, ok bool) {
	t = tunnelled{frame: frame, outer: link, tcp: int(binary.NativeEndian.Uint16(v[6:])), segment: v.segment()}
	kind := v[1] &^ gsoECN
	if kind != gsoTCPv4 && kind != gsoTCPv6 || !v.needsChecksum() || t.segment == 0 || t.tcp+20 > len(frame) {
		return t, false
	}
	t.payload = t.tcp + int(frame[t.tcp+12]>>4)*4
	if t.payload < t.tcp+20 || t.payload > len(frame) {
		return t, false
	}
	least, most := 40, 40
	if kind == gsoTCPv4 {
		least, most = 20, 60
	}
	for n := least; n <= most; n += 4 {
		if t.inner = t.tcp - n; t.inner <= t.outer {
			break
		}
		if header, proto := ipHeader(frame[t.inner:]); header == n && proto == unix.IPPROTO_TCP {
			return t, t.known() && !t.nested() && t.pieces() <= mostPieces
		}
	}
	return t, false
}

// ipHeader returns the length of the header of a datagram that fills b, and its protocol; 0 if it does not.
func ipHeader(b []byte) (header int, proto byte) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && int(binary.BigEndian.Uint16(b[2:])) == len(b):
		if header = int(b[0]&15) * 4; header >= 20 && header <= len(b) && binary.BigEndian.Uint16(b[6:])&0x3fff == 0 { // no fragment
			return header, b[9]
		}
	case len(b) >= 40 && b[0]>>4 == 6 && int(binary.BigEndian.Uint16(b[4:])) == len(b)-40:
		return 40, b[6]
	}
	return 0, 0
}

// known reports whether the tunnel is one that we know to cut.
func (t *tunnelled) known() bool {
	header, proto := ipHeader(t.frame[t.outer:])
	at := t.outer + header
	switch {
	case header == 0:
		return false
	case proto == unix.IPPROTO_UDP:
		return at+8 <= t.inner && int(binary.BigEndian.Uint16(t.frame[at+4:])) == len(t.frame)-at
	case proto == unix.IPPROTO_GRE:
		return at+4 <= t.inner && t.frame[at]&0x90 == 0 // no checksum, no sequence number
	}
	return (proto == unix.IPPROTO_IPIP || proto == unix.IPPROTO_IPV6) && at == t.inner
}

// nested reports whether there is another datagram between the two: its header would have to fit each piece as well.
func (t *tunnelled) nested() bool {
	header, _ := ipHeader(t.frame[t.outer:])
	for at := t.outer + header; at < t.inner; at++ {
		if n, _ := ipHeader(t.frame[at:]); n > 0 {
			return true
		}
	}
	return false
}

// pieces is how many frames it becomes.
func (t *tunnelled) pieces() int {
	return max(1, (len(t.frame)-t.payload+t.segment-1)/t.segment)
}

// piece writes the n-th of them into b, which has room for it, and returns it.
func (t *tunnelled) piece(b []byte, n int) []byte {
	from := t.payload + n*t.segment
	to := min(from+t.segment, len(t.frame))
	b = append(append(b[:0], t.frame[:t.payload]...), t.frame[from:to]...)
	b[t.tcp+13] &= t.flags(n)
	binary.BigEndian.PutUint32(b[t.tcp+4:], binary.BigEndian.Uint32(b[t.tcp+4:])+uint32(n*t.segment))
	shorten(b[t.inner:], n)
	setSum(b[t.inner:], t.tcp-t.inner, 16, unix.IPPROTO_TCP)
	at := t.outer + shorten(b[t.outer:], n)
	if proto := protoOf(b[t.outer:]); proto == unix.IPPROTO_UDP {
		binary.BigEndian.PutUint16(b[at+4:], uint16(len(b)-at))
		if b[at+6]|b[at+7] != 0 { // none is none
			setSum(b[t.outer:], at-t.outer, 6, unix.IPPROTO_UDP)
		}
	}
	return b
}

// flags is which TCP flags a piece may have: FIN and PSH the last, CWR the first alone.
func (t *tunnelled) flags(n int) byte {
	may := byte(0xff)
	if n > 0 {
		may &^= 0x80
	}
	if n < t.pieces()-1 {
		may &^= 0x09
	}
	return may
}

func protoOf(b []byte) byte {
	if b[0]>>4 == 4 {
		return b[9]
	}
	return b[6]
}

// shorten has the header of a datagram fit b, which it fills, as the n-th piece of one, and returns the header's length.
func shorten(b []byte, n int) int {
	if b[0]>>4 == 6 {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		return 40
	}
	header := int(b[0]&15) * 4
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[4:], binary.BigEndian.Uint16(b[4:])+uint16(n))
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], ^checksum.Sum(b[:header], 0))
	return header
}

// setSum writes the checksum of what follows a datagram's header, at an offset of that.
func setSum(b []byte, header, at int, proto byte) {
	addresses := b[8:40]
	if b[0]>>4 == 4 {
		addresses = b[12:20]
	}
	upper := b[header:]
	upper[at], upper[at+1] = 0, 0
	pseudo := [4]byte{1: proto}
	binary.BigEndian.PutUint16(pseudo[2:], uint16(len(upper)))
	sum := ^checksum.Sum(upper, checksum.Sum(addresses, checksum.Sum(pseudo[:], 0)))
	if sum == 0 {
		sum = 0xffff // RFC 768; in TCP it is the same number
	}
	binary.BigEndian.PutUint16(upper[at:], sum)
}

// inTunnel reports whether a gathered frame is one that the kernel does not cut, as TCP inside a tunnel.
func (s *Bridge) inTunnel(o *outlet, at int) bool {
	e := s.pool.at(o.links[at])
	if !e.vnet().gso() {
		return false
	}
	if s.scratch == nil {
		s.scratch = make([]byte, 2*largeFrame)
	}
	frame := o.frameAt(at, s.scratch[largeFrame:])
	start := int(binary.NativeEndian.Uint16(e.vnet()[6:]))
	header, proto := ipHeader(frame[len(e.link()):])
	switch proto {
	case unix.IPPROTO_UDP, unix.IPPROTO_GRE, unix.IPPROTO_IPIP, unix.IPPROTO_IPV6:
		return header > 0 && start > len(e.link())+header
	}
	return false
}

// cut sends such a frame in pieces; false if we do not know how. What of these finds no room is lost, as on any wire.
func (s *Bridge) cut(o *outlet, at int) bool {
	e, room := s.pool.at(o.links[at]), s.scratch[:largeFrame]
	t, ok := parseTunnelled(o.frameAt(at, s.scratch[largeFrame:]), len(e.link()), e.vnet())
	if !ok {
		return false
	}
	clear(room[:vnetLen]) // nothing is left to the device
	for n := range t.pieces() {
		b := t.piece(room[vnetLen:largeFrame:largeFrame], n)
		_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(o.fd), uintptr(unsafe.Pointer(&room[0])), uintptr(vnetLen+len(b)), unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			s.verdictErrors.Add(1)
		}
	}
	s.ownCuts.Add(1)
	return true
}
