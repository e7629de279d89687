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

// hash mixes the key with a secret seed, so that nobody outside can choose keys that
// collide. Each round is a 64×64→128 multiplication folded by xor (wyhash's mixer).
func (k *Key) hash(seed uint64) uint32 {
	const c0, c1, c2 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3
	h := fold(k.aLo^c0^seed, k.bLo^c1)
	h = fold(h^uint64(k.aPort)<<32^uint64(k.bPort)<<16^uint64(k.Proto)<<8^uint64(k.Version), c2^seed)
	if k.aHi|k.bHi != 0 {
		h = fold(h^k.aHi, k.bHi^c0^seed)
	}
	return uint32(h ^ h>>32)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
