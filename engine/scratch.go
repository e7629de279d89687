package engine

import "github.com/weir-project/weir/packet"

// scratch is memory that a lane writes in on a packet's way. Packets that grew need theirs until
// they are answered, so there is one buffer for each of a batch, made when first used.
type scratch struct {
	payload  []byte // an edited payload while it is put together
	answer   []byte // a datagram of our own
	injected packet.Packet
	template packet.Packet // an empty segment, of the bytes empty
	empty    [60]byte
	packets  [][]byte // for packets that changed their size
	used     int
}

const maxDatagram = 1 << 16

func (s *scratch) init(batch int) {
	s.answer = make([]byte, 0, 1500)
	s.packets = make([][]byte, 0, batch)
}

func (s *scratch) reset() { s.used = 0 }

// edited returns the empty buffer in which an edited payload is put together.
func (s *scratch) edited() []byte {
	if s.payload == nil {
		s.payload = make([]byte, 0, 2*maxDatagram)
	}
	return s.payload[:0]
}

// packet returns a buffer for one packet, valid until the next flush.
func (s *scratch) packet() []byte {
	if s.used == len(s.packets) {
		s.packets = append(s.packets, make([]byte, maxDatagram))
	}
	s.used++
	return s.packets[s.used-1]
}
