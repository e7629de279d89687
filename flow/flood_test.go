package flow

import (
	"net/netip"
	"testing"

	"github.com/weir-project/weir/packet"
)

// floods are kinds of packets that a stranger can send, and answers that he can provoke, without
// ever reading one.
var floods = map[string]func(src, dst netip.AddrPort) []message{
	"SYN": func(src, dst netip.AddrPort) []message {
		return []message{message{src: src, dst: dst, proto: packet.TCP}.with(syn)}
	},
	"SYN, SYN-ACK": func(src, dst netip.AddrPort) []message {
		m := message{src: src, dst: dst, proto: packet.TCP}
		return []message{m.with(syn), m.reversed().with(synAck)}
	},
	"port scan": func(src, dst netip.AddrPort) []message {
		m := message{src: src, dst: dst, proto: packet.TCP}
		return []message{m.with(syn), m.reversed().with(rst | ack)}
	},
	"RST": func(src, dst netip.AddrPort) []message {
		return []message{message{src: src, dst: dst, proto: packet.TCP}.with(rst)}
	},
	"ACK answered by RST": func(src, dst netip.AddrPort) []message {
		m := message{src: src, dst: dst, proto: packet.TCP}
		return []message{m.with(ack), m.reversed().with(rst)}
	},
	"DNS": func(src, dst netip.AddrPort) []message {
		m := message{src: src, dst: dst, proto: packet.UDP}
		return []message{m, m.reversed()}
	},
}

// TestFlood (HAZARDS F18) has established flows outlive floods of fifty times the table, and new
// connections still find their place.
func TestFlood(t *testing.T) {
	for name, flood := range floods {
		b := newBench(Limits{Flows: 1000}, 1)
		open := func(port uint16) *Flow {
			m := tcp("192.0.2.1:1", "198.51.100.1:443")
			m.src = netip.AddrPortFrom(m.src.Addr(), port)
			b.table.Observe(m.with(syn).packet(), 0)
			b.table.Observe(m.reversed().with(synAck).packet(), 0)
			f, _, _ := b.table.Observe(m.with(ack).packet(), 0)
			return f
		}
		var old []*Flow
		for port := range uint16(500) {
			old = append(old, open(10000+port))
		}
		victim := netip.MustParseAddrPort("198.51.100.1:53")
		for i := range 50_000 {
			src := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i>>16)}), uint16(i))
			for _, m := range flood(src, victim) {
				b.table.Observe(m.packet(), 0)
			}
		}
		for i, f := range old {
			if f.ID != uint64(i+1) || f.State != Established {
				t.Fatalf("%s: established flow %d is gone", name, i+1)
			}
		}
		if f := open(9999); f == nil || f.State != Established {
			t.Errorf("%s: no place for a new connection", name)
		}
		if s := b.table.Stats(); s.Refused != 0 || s.Live != 1000 || s.Ended[EndEvicted] < 49_000 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestFull refuses where nothing may give way.
func TestFull(t *testing.T) {
	c := tcp("192.0.2.1:40000", "198.51.100.1:443")
	established := []message{c.with(syn), c.reversed().with(synAck), c.with(ack)}
	for _, tt := range []struct {
		name   string
		limits Limits
		story  []message
		refuse bool
	}{
		{"half open", Limits{Flows: 1}, established[:1], false},
		{"half open, RefuseNew", Limits{Flows: 1, RefuseNew: true}, established[:1], true},
		{"established", Limits{Flows: 1}, established, true},
	} {
		b := newBench(tt.limits, 1)
		for _, m := range tt.story {
			b.table.Observe(m.packet(), 0)
		}
		f, _, _ := b.table.Observe(udp("192.0.2.1:1", "198.51.100.1:53").packet(), 0)
		if refused := b.table.Stats().Refused == 1; refused != tt.refuse || (f == nil) != tt.refuse {
			t.Errorf("%s: refused %v, want %v", tt.name, refused, tt.refuse)
		}
		if f, _ := b.table.Lookup(c.packet()); (f != nil) != tt.refuse {
			t.Errorf("%s: the old flow lives: %v", tt.name, f != nil)
		}
	}
}
