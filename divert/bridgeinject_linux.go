package divert

import (
	"errors"
	"fmt"

	"github.com/weir-project/weir/packet"
)

// Inject implements Socket. The datagram gets the link header, VLAN tags included, of the packet whose Token it carries: it goes
// where that goes, or, iff it is addressed to where that came from, back. Without such a Token it goes where the last TCP segment between
// its ends went, or came from. There are no marks and no connection tracking, so InjectUntracked is the same as InjectOut.
func (s *Bridge) Inject(p *packet.Packet, how Injection) error {
	if how == InjectIn {
		return fmt.Errorf("bridge: a bridge puts nothing into this host: %w", ErrUnsupported)
	}
	if !s.enter() {
		return ErrClosed
	}
	defer s.leave()
	if s.orphaned() {
		return errOrphaned
	}
	if p.Changed() {
		p.Repair()
	}
	pair, ok := pairOf(p.Bytes())
	if !ok {
		return errors.New("bridge: inject: not an IP datagram")
	}
	in, h, ok := s.template(p.Token, pair)
	if !ok {
		return fmt.Errorf("bridge: inject: no frame between its ends has come by: %w", ErrUnsupported)
	}
	i, ok := s.pool.take()
	if !ok {
		return errors.New("bridge: inject: too many packets wait for a verdict")
	}
	e := s.pool.at(i)
	e.head, e.in, e.open, e.ours, e.batch = h, uint8(in), false, true, s.batch-1
	before := s.injected.Load()
	s.send(1-in, i, p.Bytes())
	if err := s.flush(1 - in); err != nil {
		return err
	}
	if s.injected.Load() == before {
		return fmt.Errorf("bridge: inject: interface %s did not take it", s.ports[1-in].Name)
	}
	return nil
}

// template returns the port where a datagram of ours would have come in, and its head.
func (s *Bridge) template(t packet.Token, pair hostPair) (in int, h head, ok bool) {
	_, e := s.pool.named(t.ID)
	if e == nil || t == (packet.Token{}) {
		return s.hosts.find(pair)
	}
	ends, known := e.between(s.batch)
	if !known {
		return s.hosts.find(pair)
	}
	in, h = int(e.in), e.head
	h.plain()
	if ends.src == pair.dst {
		in = 1 - in
		h.turn()
	}
	return in, h, true
}
