package evade

import (
	"net/netip"

	"github.com/weir-project/weir/packet"
)

// This file is T21 and T22: what looks like the end of a connection and is not.

// closings are T21 and T22.
func closings() (all []Attempt) {
	add := func(row, name string, s seg, back bool) {
		for _, where := range []struct {
			name   string
			before []step
		}{
			{"before the text", nil},
			{"in its middle", steps(real(0, cut1), acked(cut1))},
		} {
			s := s
			if where.before != nil {
				s.from = cut1
			}
			do := send(s)
			if back {
				do = sendBack(s)
			}
			all = append(all, Attempt{
				Row: row, Name: name + ", " + where.name, Families: Both,
				steps: append(append(steps(start), where.before...), do, pause(moment), real(cut1, cut2), finish),
			})
		}
	}
	const end = packet.RST | packet.ACK
	nothing := []byte{}
	add("T21", "RST with a small TTL", seg{data: nothing, flags: packet.RST, ip: ip{ttl: shortTTL}}, false)
	add("T21", "RST and ACK with a small TTL", seg{data: nothing, flags: end, ip: ip{ttl: shortTTL}}, false)
	add("T21", "RST with a wrong checksum", seg{data: nothing, flags: end, spoiled: true}, false)
	add("T21", "RST in the window, not at its edge", seg{data: nothing, flags: packet.RST, seq: 9}, false)
	add("T21", "RST left of the window", seg{data: nothing, flags: packet.RST, seq: 1<<32 - 3000}, false)
	add("T21", "RST right of the window", seg{data: nothing, flags: packet.RST, seq: 1 << 28}, false)
	add("T21", "RST with an MD5 signature", seg{data: nothing, flags: packet.RST, options: md5Option}, false)
	add("T21", "a forged RST of the receiver's", seg{data: nothing, flags: end}, true)
	add("T22", "FIN with a small TTL", seg{data: nothing, flags: packet.FIN | packet.ACK, ip: ip{ttl: shortTTL}}, false)
	add("T22", "FIN with a wrong checksum", seg{data: nothing, flags: packet.FIN | packet.ACK, spoiled: true}, false)
	add("T22", "FIN right of the window", seg{data: nothing, flags: packet.FIN | packet.ACK, seq: 1 << 28}, false)
	add("T22", "FIN ahead of a gap, small TTL", seg{data: nothing, flags: packet.FIN | packet.ACK, seq: 8, ip: ip{ttl: shortTTL}}, false)
	add("T22", "FIN with an acknowledgement of what was never sent", seg{data: nothing, flags: packet.FIN | packet.ACK, ack: 1 << 20}, false)
	add("T22", "a forged FIN of the receiver's", seg{data: nothing, flags: packet.FIN | packet.ACK}, true)
	return all
}

// sendBack sends a segment as if it came from the receiver. Whoever forges it does not heed it.
func sendBack(s seg) step {
	return func(t *talk) {
		back := Path{Me: t.path.Peer, Peer: t.path.Me}
		w := segment{seq: t.next, ack: t.place(t.acked), flags: s.flags, window: 60000}
		t.link.Back(back.datagram(ip{}, packet.TCP, back.tcp(w)))
		t.deaf = true
		t.listen(moment, nil)
		t.deaf = false
	}
}

func addPort(a netip.AddrPort, i int) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), 1024+uint16(i))
}
