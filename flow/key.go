package flow

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/weir-project/weir/packet"
)

// A Key names a conversation, the same for both directions: the lower endpoint is A.
// Keys compare with ==.
type Key struct {
	aHi, aLo, bHi, bLo uint64 // addresses, big-endian; IPv4 in the low 32 bits of Lo
	aPort, bPort       uint16 // ports; ICMP echo: the identifier, in both; otherwise 0
	Proto              packet.Proto
	Version            uint8 // 4 or 6
}

// Endpoints returns the two sides, lower first.
func (k *Key) Endpoints() (a, b netip.AddrPort) {
	return netip.AddrPortFrom(addr(k.Version, k.aHi, k.aLo), k.aPort),
		netip.AddrPortFrom(addr(k.Version, k.bHi, k.bLo), k.bPort)
}

func addr(version uint8, hi, lo uint64) netip.Addr {
	if version == 4 {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], uint32(lo))
		return netip.AddrFrom4(a)
	}
	var a [16]byte
	binary.BigEndian.PutUint64(a[:8], hi)
	binary.BigEndian.PutUint64(a[8:], lo)
	return netip.AddrFrom16(a)
}

// KeyOf returns the key of a decoded packet, and whether its sender is side B.
func KeyOf(p *packet.Packet) (k Key, senderIsB bool) {
	src, dst := p.Addrs()
	k.Version, k.Proto = p.Version, p.Proto
	var sHi, sLo, dHi, dLo uint64
	if p.Version == 4 {
		sLo = uint64(binary.BigEndian.Uint32(src))
		dLo = uint64(binary.BigEndian.Uint32(dst))
	} else {
		sHi, sLo = binary.BigEndian.Uint64(src), binary.BigEndian.Uint64(src[8:])
		dHi, dLo = binary.BigEndian.Uint64(dst), binary.BigEndian.Uint64(dst[8:])
	}
	sPort, dPort := p.SrcPort, p.DstPort
	if id, ok := p.EchoID(); ok {
		sPort, dPort = id, id
	}
	senderIsB = sHi > dHi || sHi == dHi && (sLo > dLo || sLo == dLo && sPort > dPort)
	if senderIsB {
		sHi, sLo, sPort, dHi, dLo, dPort = dHi, dLo, dPort, sHi, sLo, sPort
	}
	k.aHi, k.aLo, k.aPort = sHi, sLo, sPort
	k.bHi, k.bLo, k.bPort = dHi, dLo, dPort
	return k, senderIsB
}

// KeyBytes is the size of what Append writes.
const KeyBytes = 38

// Append appends the key's bytes to dst, by which KeyFrom knows it again.
func (k *Key) Append(dst []byte) []byte {
	for _, v := range [...]uint64{k.aHi, k.aLo, k.bHi, k.bLo} {
		dst = binary.BigEndian.AppendUint64(dst, v)
	}
	dst = binary.BigEndian.AppendUint16(dst, k.aPort)
	dst = binary.BigEndian.AppendUint16(dst, k.bPort)
	return append(dst, byte(k.Proto), k.Version)
}

// KeyFrom returns the key whose bytes b are; ok is false if there is none.
func KeyFrom(b []byte) (k Key, ok bool) {
	if len(b) != KeyBytes {
		return k, false
	}
	for i, v := range [...]*uint64{&k.aHi, &k.aLo, &k.bHi, &k.bLo} {
		*v = binary.BigEndian.Uint64(b[8*i:])
	}
	k.aPort, k.bPort = binary.BigEndian.Uint16(b[32:]), binary.BigEndian.Uint16(b[34:])
	k.Proto, k.Version = packet.Proto(b[36]), b[37]
	return k, k.Version == 4 || k.Version == 6
}

// secrets key the hash. Each factor of a product has its own: were one known, an address that
// equals it would make the product 0, and all keys with that address collide.
type secrets [5]uint64

// secretsOf stretches a seed (splitmix64: Steele, Lea, Flood, OOPSLA 2014).
func secretsOf(seed uint64) (s secrets) {
	for i := range s {
		seed += 0x9e3779b97f4a7c15
		z := (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		s[i] = z ^ z>>31
	}
	return s
}

// hash mixes the key with secrets, so that nobody outside can choose keys that collide. Each
// round is a 64×64→128 multiplication folded by xor (wyhash's mixer).
func (k *Key) hash(s *secrets) uint32 {
	h := fold(k.aLo^s[0], k.bLo^s[1])
	if k.Version == 6 {
		h ^= fold(k.aHi^s[2], k.bHi^s[3])
	}
	rest := uint64(k.aPort)<<32 | uint64(k.bPort)<<16 | uint64(k.Proto)<<8 | uint64(k.Version)
	h = fold(h^rest, s[4])
	return uint32(h ^ h>>32)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
