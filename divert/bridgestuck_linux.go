package divert

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A ring can get stuck: its next slot is the kernel's, and the kernel fills it no more. tpacket_rcv takes the slot before it translates what the
// stack has left to a device, and where it has no words for that in a virtio_net_hdr (UDP fragmentation offload of a virtual machine,
// SCTP segments) it drops the frame and keeps the slot (net/packet/af_packet.c, rx_owner_map), and drops every frame behind it. A new ring ends that.

const (
	pulseEvery   = 100 * time.Millisecond // while nothing comes
	pulseBatches = 64                     // while something does
)

// A pulse is what the last look at a ring has seen.
type pulse struct {
	read   uint64 // ring.read then
	still  bool   // nothing had come since the look before
	before bool   // still at that look
}

// feel looks whether rings are stuck, and makes those anew; and whether an interface is gone, of which the kernel does not tell a socket if it
// was down before. It belongs where no slot is lent: behind retire, and before anything is taken.
func (s *Bridge) feel() error {
	s.feltAt = s.batch
	for i := range s.ports {
		p, fd := &s.ports[i], int(s.poll[i].Fd)
		if !p.quiet() {
			continue
		}
		if err := p.there(fd); err != nil {
			return err
		}
		if !s.stuck(i) {
			continue
		}
		if err := s.heal(i); err != nil {
			return err
		}
	}
	return nil
}

// quiet looks, and reports whether nothing has come through a port since the last look. A ring that moves is asked nothing.
func (p *port) quiet() bool {
	was := p.pulse
	p.pulse = pulse{read: p.ring.read, still: p.ring.read == was.read, before: was.still}
	return p.pulse.still
}

// stuck reports whether the kernel has dropped frames since the last look, and the ring was empty all the while.
func (s *Bridge) stuck(i int) bool {
	p := &s.ports[i]
	drops := ringDrops(int(s.poll[i].Fd)) // since the last look, and so the first one says nothing
	s.kernelDropped.Add(drops)
	return p.pulse.before && drops > 0 && p.ring.empty()
}

// heal makes the ring of a port anew on its socket. That moves the socket behind the others of its fanout group, and so flows from lane to lane,
// on this port alone: of several lanes the sockets have to be bound anew, all of them.
func (s *Bridge) heal(i int) error {
	p, fd := &s.ports[i], int(s.poll[i].Fd)
	if s.lanes > 1 {
		return fmt.Errorf("bridge: the ring of %s is stuck (a frame that the kernel cannot describe): its lanes have to be bound anew", p.Name)
	}
	old := p.ring
	p.ring = ring{} // of no slots
	err := unix.Munmap(old.mem)
	if err == nil {
		err = unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq{})
	}
	if err == nil {
		err = unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, old.request())
	}
	if err == nil {
		p.ring = ring{shape: old.shape, read: old.read}
		p.ring.mem, err = unix.Mmap(fd, 0, old.bytes(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		p.ring = ring{}
		return fmt.Errorf("bridge: the ring of %s is stuck and cannot be made anew: %w", p.Name, err)
	}
	s.ringsRenewed.Add(1)
	return nil
}

// empty reports whether there is nothing to read.
func (r *ring) empty() bool {
	if r.lost {
		return !r.find()
	}
	return r.slots() == 0 || !r.filled(r.next)
}
