package divert

import (
	"bytes"
	"errors"
	"time"

	"github.com/weir-project/weir/packet"
)

// Inject implements Socket: the datagram goes to the output where it stands between the
// packets finished before and those finished later, at the time Meta.Captured.
//
// Its Token may be that of a received packet which is not finished yet and which it
// answers. It then gets that packet's link header, with the two Ethernet addresses
// exchanged iff it goes back to where that packet came from. Without, it gets a plain
// header.
func (s *Pcap) Inject(p *packet.Packet, _ Injection) error {
	if s.closed.Load() {
		return ErrClosed
	}
	ip := p.Bytes()
	if len(ip) == 0 || ip[0]>>4 != 4 && ip[0]>>4 != 6 {
		return errors.New("pcap: inject: not an IP datagram")
	}
	if p.Changed() {
		p.Repair()
		ip = p.Bytes()
	}
	s.injected.Add(1)
	if s.out == nil {
		return nil
	}
	f := s.answering(s.frames[p.Token.ID], ip)
	f.released(p.Meta.Captured)
	s.fail(s.out.writeChanged(f, ip))
	return nil
}

// answering returns a frame with the link header for an answer to the datagram of f,
// which is nil if it answers none.
func (s *Pcap) answering(f *frame, ip []byte) *frame {
	if f == nil {
		f = &frame{link: linkRaw}
		if s.out.begun {
			f.link = s.out.link
		}
		f.data = appendLinkHeader(nil, f.link, ip)
		f.l2 = len(f.data)
		return f
	}
	head := bytes.Clone(f.data[:f.l2])
	if f.link == linkEthernet && bytes.Equal(destination(ip), source(f.data[f.l2:f.end])) {
		copy(head, f.data[6:12])
		copy(head[6:], f.data[:6])
	}
	return &frame{info: f.info, link: f.link, data: head, l2: len(head)}
}

// source and destination return the addresses of a datagram; nil if it is too short.
func source(ip []byte) []byte      { return address(ip, 12, 8) }
func destination(ip []byte) []byte { return address(ip, 16, 24) }

func address(ip []byte, at4, at6 int) []byte {
	switch {
	case len(ip) >= 20 && ip[0]>>4 == 4:
		return ip[at4 : at4+4]
	case len(ip) >= 40 && ip[0]>>4 == 6:
		return ip[at6 : at6+16]
	}
	return nil
}

// released notes when the frame leaves; 0 if that is not known.
func (f *frame) released(at time.Duration) {
	if at != 0 {
		f.info.Timestamp = time.Unix(0, int64(at)).UTC()
	}
}
