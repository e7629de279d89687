package divert

import (
	"encoding/binary"

	"github.com/weir-project/weir/packet"
)

// A vnet is struct virtio_net_hdr (include/uapi/linux/virtio_net.h), in the machine's byte order, as packet sockets have it in
// front of each frame: what the stack has left to a device to do, to cut a packet or to complete its checksum.
type vnet []byte

const (
	vnetLen = 10

	vnetNeedsChecksum = 1 // flags: the sum of the pseudo-header stands where the checksum belongs
	vnetDataValid     = 2 // flags: the checksum was verified

	gsoNone  = 0
	gsoTCPv4 = 1
	gsoTCPv6 = 4
	gsoECN   = 0x80 // of the type, beside it
)

func (v vnet) needsChecksum() bool { return v[0]&vnetNeedsChecksum != 0 }
func (v vnet) gso() bool           { return v[1]&^gsoECN != gsoNone }
func (v vnet) segment() int        { return int(binary.NativeEndian.Uint16(v[4:])) }

// checksumState is what the header says of the upper-layer checksum.
func (v vnet) checksumState() packet.ChecksumState {
	switch {
	case v.needsChecksum():
		return packet.ChecksumPartial
	case v[0]&vnetDataValid != 0:
		return packet.ChecksumVerified
	}
	return packet.ChecksumUnknown
}

// shift moves the places that the header names by n bytes that were put in front of them.
func (v vnet) shift(n int) {
	for _, at := range []int{2, 6} { // hdr_len, csum_start
		if was := binary.NativeEndian.Uint16(v[at:]); was != 0 {
			binary.NativeEndian.PutUint16(v[at:], was+uint16(n))
		}
	}
}

// edited has the header fit a datagram that was edited and repaired, behind a link header of that many bytes. A datagram that
// is still longer than the pieces that the device is to make of it is cut by it, which completes the checksum of each piece and takes
// its share of the pseudo-header's sum for granted; any other has its own checksum, and nothing is left to do.
func (v vnet) edited(p *packet.Packet, link int) {
	if v.gso() && len(p.Payload()) > v.segment() && p.LeaveChecksum() {
		at := link + len(p.Header())
		v[0] = vnetNeedsChecksum
		binary.NativeEndian.PutUint16(v[2:], uint16(at+len(p.TransportHeader())))
		binary.NativeEndian.PutUint16(v[6:], uint16(at))
		binary.NativeEndian.PutUint16(v[8:], sumOffset[p.Proto])
		return
	}
	clear(v)
}

// sumOffset is where the checksum stands in the upper-layer header.
var sumOffset = map[packet.Proto]uint16{packet.TCP: 16, packet.UDP: 6}

const (
	maxLink = 12 + 4*(maxTags+1) + 2 // bytes of a link header: addresses, tags, one of them taken off by the device, type
	maxHead = vnetLen + maxLink
)

// A head is what stands before a datagram: a vnet, and the link header.
type head struct {
	bytes [maxHead]byte
	n     uint8
}

func (h *head) vnet() vnet   { return vnet(h.bytes[:vnetLen]) }
func (h *head) link() []byte { return h.bytes[vnetLen:h.n] }
func (h *head) all() []byte  { return h.bytes[:h.n] }

// A tag is a VLAN tag that the device, or the kernel, has taken off a frame. The zero tag is none.
type tag struct {
	there  bool
	ether  uint16 // 0x8100 or another that says that a tag follows
	number uint16 // with priority and drop bit
}

// set makes h the head of a frame whose link header is link, with the tag put back where it was.
func (h *head) set(v vnet, link []byte, t tag) {
	b := append(append(h.bytes[:0], v[:vnetLen]...), link[:12]...)
	if t.there {
		b = binary.BigEndian.AppendUint16(b, t.ether)
		b = binary.BigEndian.AppendUint16(b, t.number)
	}
	b = append(b, link[12:]...)
	h.n = uint8(len(b))
	if t.there {
		h.vnet().shift(4)
	}
}

// plain has nothing left to the device.
func (h *head) plain() { clear(h.bytes[:vnetLen]) }

// turn has the frame go back to where it came from.
func (h *head) turn() {
	var was [6]byte
	l := h.link()
	copy(was[:], l)
	copy(l, l[6:12])
	copy(l[6:12], was[:])
}
