package evade

import (
	"time"

	"github.com/weir-project/weir/packet"
)

// This file is I11: datagrams in datagrams. The receiver is such that it takes them out again.

// inner has all that the attempt sends go inside others, of which depth are around each.
func inner(depth int) step {
	return func(t *talk) { t.link = &tunnel{t.link, t.path, depth} }
}

// A tunnel is a Link whose datagrams go in others.
type tunnel struct {
	Link
	path  Path
	depth int
}

func (l *tunnel) Send(b []byte) {
	for range l.depth {
		proto := packet.IPIP
		if b[0]>>4 == 6 {
			proto = packet.IPv6InIP
		}
		b = l.path.datagram(ip{id: l.path.ID + 4}, proto, b)
	}
	l.Link.Send(b)
}

// tunnels is I11.
func tunnels() (all []Attempt) {
	for depth, name := range []string{1: "in another", 2: "in two others"} {
		if depth == 0 {
			continue
		}
		add := func(what string, udp bool, s ...step) {
			all = append(all, Attempt{Row: "I11", Name: what + " " + name, Families: Both, UDP: udp, Tunnel: true, NoTwin: "Weir does not look into tunnels; the policy of this test refuses them (`refuse: [tunnel]`)", steps: append(steps(inner(depth)), s...)})
		}
		add("a datagram", true, func(t *talk) {
			d := t.whole()
			t.link.Send(t.path.datagram(ip{id: d.id}, d.proto, d.real))
			t.listen(10*time.Millisecond, nil)
		})
		add("a datagram in pieces, each", true, func(t *talk) {
			d := t.whole()
			for _, p := range slicesOf(len(d.real), 24) {
				t.fragment(d, p)
			}
			t.listen(10*time.Millisecond, nil)
		})
		add("segments, each", false, start, real(0, cut1), real(cut1, cut2), finish)
		add("segments backwards, each", false, start, real(cut1, 64), real(0, cut1), finish)
	}
	return all
}
