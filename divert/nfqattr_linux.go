package divert

import "github.com/weir-project/weir/packet"

// packetAttrs sets p from the attributes of a packet message and returns the packet's
// id. It is false without one: there is nothing that a verdict could name.
func packetAttrs(a []byte, p *packet.Packet) (id uint32, ok bool) {
	var (
		meta    packet.Meta
		data    []byte
		length  int
		skbInfo uint32
	)
	for len(a) >= 4 {
		n := int(native.Uint16(a))
		typ := native.Uint16(a[2:]) & attrMask
		if n < 4 {
			break
		}
		if n > len(a) { // the message did not fit its slot
			if typ != attrPayload {
				break
			}
			length = n - 4
			n = len(a)
		}
		v := a[4:n]
		switch typ {
		case attrPayload:
			data = v
		case attrPacketHdr:
			if len(v) >= 7 {
				id, ok = big.Uint32(v), true
				meta.Hook = packet.Hook(v[6] + 1)
			}
		case attrMark:
			meta.Mark = word(v)
		case attrInDev:
			meta.InIf = word(v)
		case attrOutDev:
			meta.OutIf = word(v)
		case attrCapLen:
			length = int(word(v))
		case attrSkbInfo:
			skbInfo = word(v)
		}
		a = a[min((n+3)&^3, len(a)):]
	}
	meta.GSO = skbInfo&skbGSO != 0
	meta.Checksum = checksumState(meta.Hook, skbInfo)
	meta.OrigLen = max(length, len(data))
	p.Set(data)
	p.Meta = meta
	return id, ok
}

// checksumState reads NFQA_SKB_INFO. The kernel looks at received checksums up to the
// forward hook only (nfqnl_build_packet_message).
func checksumState(h packet.Hook, skbInfo uint32) packet.ChecksumState {
	switch {
	case skbInfo&skbCsumNotReady != 0:
		return packet.ChecksumPartial
	case skbInfo&skbCsumNotVerified != 0 || h > packet.HookForward:
		return packet.ChecksumUnknown
	}
	return packet.ChecksumVerified
}

// word is a 32-bit attribute; 0 if it is cut short.
func word(v []byte) uint32 {
	if len(v) < 4 {
		return 0
	}
	return big.Uint32(v)
}
