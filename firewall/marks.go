package firewall

import (
	"fmt"
	"math/bits"
)

// Bits is a change or a test of a 32-bit mark: the bits of Mask have the values in
// Value; all others are left alone.
type Bits struct{ Value, Mask uint32 }

// Marks says which bits of the packet mark and of the conntrack mark are Weir's. No
// rule of Weir reads or writes any other bit. The zero Marks means DefaultMarks.
//
// Other programs use marks too, and nothing in the kernel arbitrates. The defaults lie
// in the top byte, clear of Kubernetes (0x4000, 0x8000), Tailscale (0xff0000), mwan3
// (0x3f00), wg-quick (0xca6c), Cilium (0x0f00) and most hand-written rules; they do
// collide with Calico, whose default is 0xffff0000. A collision shows as traffic that
// is not diverted (foreign Injected bits) or as another program's mark lost.
type Marks struct {
	Injected Bits   // packet mark of datagrams that Weir injects itself (SO_MARK)
	Pending  uint32 // packet mark: on its way to a worker; a worker's verdict clears it
	// Translated is in the packet mark of what goes to a worker with an address that connection tracking
	// has translated already, and of injected datagrams that are to pass connection tracking by.
	Translated uint32
	Settle     uint32 // packet mark field in which a verdict writes the generation to settle the flow
	Conn       uint32 // conntrack mark field that keeps the generation; as wide as Settle
}

// DefaultMarks uses the top byte of the packet mark and the top five bits of the
// conntrack mark, so there are 31 generations.
var DefaultMarks = Marks{
	Injected:   Bits{0x02000000, 0x02000000},
	Pending:    0x01000000,
	Translated: 0x04000000,
	Settle:     0xf8000000,
	Conn:       0xf8000000,
}

// Packet returns the bits of the packet mark that are Weir's.
func (m Marks) Packet() uint32 { return m.Injected.Mask | m.Pending | m.Translated | m.Settle }

// Generations returns how many generations the fields can tell apart; they are 1 to
// that number, and 0 means not settled.
func (m Marks) Generations() uint32 {
	return uint32(1<<bits.OnesCount32(m.Conn)) - 1
}

// Next returns the generation that follows gen. After the last comes 1 again: a
// connection that has not sent a packet through Generations()-1 reloads would then
// count as settled once more. Any packet in between clears its field (counter Stale).
func (m Marks) Next(gen uint32) uint32 { return gen%m.Generations() + 1 }

// Inspected is what the verdict of every inspected packet does to the packet mark, so
// that Uninspected counts only the others. It leaves equal marks on both directions of a
// connection, so that their verdicts can go as one.
func (m Marks) Inspected() Bits { return Bits{Mask: m.Pending | m.Translated} }

// Settled is what a verdict does to the packet mark in order to settle the packet's
// flow under generation gen. It includes Inspected. A verdict of an older generation
// settles nothing.
func (m Marks) Settled(gen uint32) Bits {
	return Bits{Value: field(m.Settle, gen), Mask: m.Settle | m.Inspected().Mask}
}

// field places v in the contiguous field mask.
func field(mask, v uint32) uint32 { return v << bits.TrailingZeros32(mask) & mask }

func contiguous(mask uint32) bool {
	m := mask >> bits.TrailingZeros32(mask)
	return mask != 0 && m&(m+1) == 0
}

// check refuses fields that could not work together.
func (m Marks) check() error {
	switch {
	case m.Injected.Mask == 0 || m.Injected.Value&m.Injected.Mask == 0:
		return fmt.Errorf("firewall: the mark of injected packets is %#x/%#x: it needs at least one bit set, or unmarked packets would pass for Weir's own", m.Injected.Value, m.Injected.Mask)
	case m.Injected.Value&^m.Injected.Mask != 0:
		return fmt.Errorf("firewall: the mark of injected packets is %#x/%#x: the value has bits outside the mask", m.Injected.Value, m.Injected.Mask)
	case m.Pending == 0:
		return fmt.Errorf("firewall: the pending mark has no bit")
	case m.Translated == 0:
		return fmt.Errorf("firewall: the mark of translated packets has no bit")
	case !contiguous(m.Settle) || !contiguous(m.Conn):
		return fmt.Errorf("firewall: the generation fields %#x (packet) and %#x (connection) must each be one unbroken run of bits", m.Settle, m.Conn)
	case bits.OnesCount32(m.Settle) != bits.OnesCount32(m.Conn):
		return fmt.Errorf("firewall: the generation fields %#x (packet) and %#x (connection) must be equally wide", m.Settle, m.Conn)
	case bits.OnesCount32(m.Conn) < 2 || bits.OnesCount32(m.Conn) > 31:
		return fmt.Errorf("firewall: the generation field %#x must have 2 to 31 bits", m.Conn)
	case bits.OnesCount32(m.Packet()) != bits.OnesCount32(m.Injected.Mask)+bits.OnesCount32(m.Pending)+bits.OnesCount32(m.Translated)+bits.OnesCount32(m.Settle):
		return fmt.Errorf("firewall: the packet mark fields overlap (injected %#x, pending %#x, translated %#x, settle %#x)", m.Injected.Mask, m.Pending, m.Translated, m.Settle)
	}
	return nil
}
