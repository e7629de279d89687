package divert

import (
	"encoding/binary"
	"syscall"
)

// Names of divert(4) that package unix does not have, alike on FreeBSD and OpenBSD.
const (
	familyInet   = 2
	familyDivert = 44  // FreeBSD since 14.0 (sys/socket.h)
	protoDivert  = 258 // IPPROTO_DIVERT (netinet/in.h)
	sockRaw      = 3
	levelSocket  = 0xffff
	optRecvBuf   = 0x1002
	sizeInet     = 16 // of a sockaddr_in
	sizeInet6    = 28 // of a sockaddr_in6
)

// A dialect is what the systems with divert sockets differ in (FreeBSD: sys/netinet/ip_divert.c; OpenBSD:
// sys/netinet/ip_divert.c and sys/netinet6/ip6_divert.c).
type dialect struct {
	// kinds are the sockets that it takes to receive everything; of each the first that the kernel has.
	kinds [][]socketKind
	// inet6 is the number of AF_INET6.
	inet6 uint8
	// cookie says that sin_port is of use: the number of the rule that diverted, or with pf the direction.
	cookie bool
	// direct says that the cookie is the direction, 1 for in and 2 for out, also where the address does not tell.
	direct bool
	// ifnames says that sin_zero is the name of the interface that received the packet.
	ifnames bool
}

// A socketKind is the arguments of socket(2), and the family of the addresses.
type socketKind struct {
	domain, protocol int
	inet6            bool
}

var dialects = map[string]*dialect{
	"freebsd-ipfw": {
		kinds: freebsdKinds, inet6: 28, cookie: true, ifnames: true,
	},
	"freebsd-pf": {
		kinds: freebsdKinds, inet6: 28, cookie: true, direct: true, ifnames: true,
	},
	"openbsd": {
		inet6: 24,
		kinds: [][]socketKind{{{domain: familyInet, protocol: protoDivert}}, {{domain: 24, protocol: protoDivert, inet6: true}}},
	},
}

// freebsdKinds is one socket for both families: of a family of its own, before FreeBSD 14 of AF_INET.
var freebsdKinds = [][]socketKind{{{domain: familyDivert}, {domain: familyInet, protocol: protoDivert}}}

// A divertAddr is the address that travels with a diverted packet, as the kernel wrote it: a sockaddr_in, or of a sockaddr_in6
// the address alone, which is all that OpenBSD sets.
type divertAddr [16]byte

// Places in a sockaddr_in.
const (
	addrLen    = 0
	addrFamily = 1
	addrPort   = 2 // in the host's order: the cookie
	addrIP     = 4
	addrName   = 8 // sin_zero
)

func (a *divertAddr) cookie() uint16     { return binary.NativeEndian.Uint16(a[addrPort:]) }
func (a *divertAddr) setCookie(c uint16) { binary.NativeEndian.PutUint16(a[addrPort:], c) }
func (a *divertAddr) ip() uint32         { return binary.BigEndian.Uint32(a[addrIP:]) }
func (a *divertAddr) ifname() []byte     { return a[addrName:] }

// inetAddr is a sockaddr_in with nothing in it.
func inetAddr() divertAddr { return divertAddr{addrLen: sizeInet, addrFamily: familyInet} }

// inward reports whether a packet with this address is on its way in.
func (d *dialect) inward(a *divertAddr, inet6 bool) bool {
	switch {
	case inet6:
		return *a != divertAddr{}
	case d.direct && (a.cookie() == 1 || a.cookie() == 2):
		return a.cookie() == 1
	}
	return a.ip() != 0
}

// take returns the address that the kernel wrote into b; false if it is none of this dialect.
func (d *dialect) take(b []byte, inet6 bool) (a divertAddr, ok bool) {
	switch {
	case inet6 && len(b) == sizeInet6 && b[addrFamily] == d.inet6:
		copy(a[:], b[8:24]) // sin6_addr
		return a, true
	case !inet6 && len(b) == sizeInet && b[addrFamily] == familyInet:
		copy(a[:], b)
		return a, true
	}
	return a, false
}

// put writes the address for sendto into b, and returns that part of b.
func (d *dialect) put(b *[sizeInet6]byte, a *divertAddr, inet6 bool) []byte {
	if !inet6 {
		copy(b[:], a[:])
		b[addrLen], b[addrFamily] = sizeInet, familyInet
		return b[:sizeInet]
	}
	*b = [sizeInet6]byte{addrLen: sizeInet6, addrFamily: d.inet6}
	copy(b[8:24], a[:])
	return b[:]
}

// boundTo returns the address for bind(2) to a divert port.
func (d *dialect) boundTo(port uint16, inet6 bool) []byte {
	var b [sizeInet6]byte
	out := d.put(&b, &divertAddr{}, inet6)
	binary.BigEndian.PutUint16(out[addrPort:], port) // here it is a port, in network order
	return out
}

// passing reports whether an error of one system call may be gone the next time.
func passing(e syscall.Errno) bool {
	switch e {
	case syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR:
		return true
	}
	return false
}

// fatal reports whether an error means that the descriptor is of no use any more. All others concern one packet.
func fatal(e syscall.Errno) bool { return e == syscall.EBADF || e == syscall.ENOTSOCK }
