package firewall

import (
	"os"
	"testing"
	"time"
)

// A packet that waits in a queue must not be lost when the rules change under it: the kernel drops
// all that wait when a chain with a hook goes.
func TestWaitingPacketSurvivesApply(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		c := loopback()
		apply(t, b, v.plan(t, c))
		l, p := newListener(t, ns, c.Queues.First), newUDPPair(t, ns, "127.0.0.1:0")
		if _, err := p.send.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		c.Management = prefixes("192.0.2.0/24", "2001:db8::/64")
		c.Select = []Selection{{In: []string{"lo"}, Protocols: []Proto{UDP}}, {Protocols: []Proto{TCP}, Ports: []PortRange{Port(80)}}}
		apply(t, b, v.plan(t, c))
		c.Management, c.Select = prefixes("198.51.100.1/32"), loopback().Select
		apply(t, b, v.plan(t, c))
		l.accept(t, Bits{}) // at output, where it waited
		l.accept(t, Bits{}) // at input, by the new rules
		if !p.arrives(5 * time.Second) {
			t.Error("a packet that waited while the rules changed is lost")
		}
		wantCounts(t, b, map[Counter]uint64{Queued: 2})
	})
}

// Pause diverts nothing more, and loses nothing.
func TestPauseThenRemove(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		if err := b.Pause(); err != nil {
			t.Fatalf("pausing nothing: %v", err)
		}
		c := loopback()
		c.Queues.Bypass = false
		rs := v.plan(t, c)
		apply(t, b, rs)
		l, p := newListener(t, ns, c.Queues.First), newUDPPair(t, ns, "127.0.0.1:0")
		if _, err := p.send.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := b.Pause(); err != nil {
			t.Fatal(err)
		}
		l.accept(t, Bits{})
		if !p.arrives(5 * time.Second) {
			t.Error("a packet that waited is lost by the pause")
		}
		if !p.passes() {
			t.Error("a packet is diverted in the pause")
		}
		apply(t, b, rs)
		l.inspectedTwice(t, p, Bits{})
		if err := b.Pause(); err != nil {
			t.Fatal(err)
		}
		if err := b.Remove(); err != nil {
			t.Fatal(err)
		}
	})
}
