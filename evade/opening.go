package evade

import (
	"time"

	"github.com/weir-project/weir/packet"
)

// This file is T1 to T7: what is done before and while a connection opens.

// syn is a SYN of an attempt's client.
func (t *talk) syn(shift uint32, payload []byte, options []byte, h ip) {
	t.emit(segment{
		seq: t.iss + shift, flags: packet.SYN, window: t.window, payload: payload,
		options: append(t.synOptions(), options...), signed: t.attempt.Signed,
	}, h)
}

// fastOpenCookie asks for no cookie and has none: a receiver that is set up so takes data all the same
// (net.ipv4.tcp_fastopen, 0x200).
var fastOpenCookie = []byte{byte(packet.OptionFastOpen), 2}

// openings are T1 to T7.
func openings() (all []Attempt) {
	add := func(a Attempt, s ...step) {
		if a.Families == 0 {
			a.Families = Both
		}
		a.steps = append(s, finish)
		all = append(all, a)
	}
	synWith := func(from, to int, lie bool, options []byte) step {
		return func(t *talk) {
			t.shake(func() { t.syn(0, t.contents(from, to, lie), options, ip{}) })
		}
	}
	add(Attempt{Row: "T1", Name: "a lie in the SYN, which is not taken"}, synWith(0, cut1, true, nil))
	add(Attempt{Row: "T1", Name: "the first part in the SYN"}, synWith(0, cut1, false, nil))
	add(Attempt{Row: "T1", Name: "the first part in the SYN, Fast Open", FastOpen: true}, synWith(0, cut1, false, fastOpenCookie))
	add(Attempt{Row: "T1", Name: "all in the SYN, Fast Open", FastOpen: true}, synWith(0, 64, false, fastOpenCookie))
	add(Attempt{Row: "T1", Name: "all in the SYN, another SYN with a lie after, Fast Open", FastOpen: true}, func(t *talk) {
		t.shake(func() {
			t.syn(0, t.contents(0, 64, false), fastOpenCookie, ip{})
			t.syn(0, t.contents(0, 64, true), fastOpenCookie, ip{ttl: shortTTL})
		})
	})
	add(Attempt{Row: "T1", Name: "a lie in the SYN, then in the SYN the truth, Fast Open", FastOpen: true}, func(t *talk) {
		t.syn(0, t.contents(0, 64, true), fastOpenCookie, ip{ttl: shortTTL})
		synWith(0, 64, false, fastOpenCookie)(t)
	})

	add(Attempt{Row: "T3", Name: "the server answers with a SYN", Reverse: true, Slow: true}, splitHandshake(packet.SYN))
	add(Attempt{Row: "T3", Name: "the server answers with an ACK, and then a SYN", Reverse: true, Slow: true}, splitHandshake(packet.ACK), splitHandshake(packet.SYN))

	add(Attempt{Row: "T4", Name: "a SYN with another number and a small TTL before"}, func(t *talk) {
		t.syn(0x5000, nil, nil, ip{ttl: shortTTL})
	}, call)
	add(Attempt{Row: "T4", Name: "a SYN with another number and a small TTL after"}, callWith(1, ip{ttl: shortTTL}))
	add(Attempt{Row: "T4", Name: "six SYNs with other numbers and a small TTL after"}, callWith(6, ip{ttl: shortTTL}))
	add(Attempt{Row: "T4", Name: "six SYNs with other numbers after"}, callWith(6, ip{}))
	add(Attempt{Row: "T4", Name: "a SYN with a wrong checksum after"}, func(t *talk) {
		t.shake(func() {
			t.syn(0, nil, nil, ip{})
			s := segment{seq: t.iss + 0x5000, flags: packet.SYN, window: t.window, spoiled: 0x55}
			t.emit(s, ip{})
		})
	})
	add(Attempt{Row: "T4", Name: "SYN-ACKs for what was not asked", Reverse: true}, func(t *talk) {
		t.listen(5*time.Second, func() bool { return t.calls > 0 })
		for i := range uint32(5) {
			t.emit(segment{seq: t.iss + 0x9000*(i+1), ack: t.next + 0x777, flags: packet.SYN | packet.ACK, window: t.window}, ip{})
		}
	}, answer)
	add(Attempt{Row: "T4", Name: "a SYN-ACK with another number after", Reverse: true}, answer, func(t *talk) {
		t.emit(segment{seq: t.iss + 0x9000, ack: t.next, flags: packet.SYN | packet.ACK, window: t.window}, ip{})
	})

	add(Attempt{Row: "T5", Name: "data before the SYN-ACK"}, func(t *talk) {
		t.syn(0, nil, nil, ip{})
		seg{from: 0, to: cut1, lie: true}.do(t)
		call(t)
	})
	add(Attempt{Row: "T5", Name: "a lie with a wrong acknowledgement before the handshake ends"}, silently(func(t *talk) {
		seg{from: 0, to: cut2, lie: true, ack: 0x777}.do(t)
		seg{from: 0, to: cut2, lie: true, flags: packet.PSH}.do(t)
	}))
	add(Attempt{Row: "T5", Name: "data that ends the handshake"}, silently(real(0, cut1)))
	add(Attempt{Row: "T5", Name: "later data that ends the handshake"}, silently(real(cut1, cut2)))
	add(Attempt{Row: "T5", Name: "a lie with a small TTL that ends the handshake"}, silently(send(seg{from: 0, to: cut1, lie: true, ip: ip{ttl: shortTTL}})))

	for _, s := range []struct {
		name string
		do   func(t *talk)
	}{
		{"with its own number", func(t *talk) { t.syn(0, nil, nil, ip{}) }},
		{"in the window", func(t *talk) { t.syn(1+cut1, nil, nil, ip{}) }},
		{"with another number", func(t *talk) { t.syn(1<<30, nil, nil, ip{}) }},
		{"with another number and a small TTL", func(t *talk) { t.syn(1<<30, nil, nil, ip{ttl: shortTTL}) }},
		{"with another number, a small TTL, and a lie behind it", func(t *talk) {
			t.syn(1<<30, nil, nil, ip{ttl: shortTTL})
			seg{from: cut1, to: cut2, lie: true, seq: 1 << 30}.do(t)
		}},
		{"and a forged answer to it", func(t *talk) {
			t.syn(1<<30, nil, nil, ip{ttl: shortTTL})
			back := Path{Me: t.path.Peer, Peer: t.path.Me}
			s := segment{seq: 0x7000_0000, ack: t.iss + 1<<30 + 1, flags: packet.SYN | packet.ACK, window: 60000}
			t.link.Back(back.datagram(ip{}, packet.TCP, back.tcp(s)))
			t.listen(moment, nil)
			seg{from: 0, to: cut2, lie: true, seq: 1 << 30, ack: 0x7000_0001 - t.next, ip: ip{ttl: shortTTL}}.do(t)
		}},
	} {
		add(Attempt{Row: "T6", Name: "a SYN " + s.name + ", in the middle"}, start, real(0, cut1), acked(cut1), s.do, pause(moment))
	}

	add(Attempt{Row: "T7", Name: "inspection begins before the word", Late: true}, start, real(0, unit), acked(unit), divert)
	add(Attempt{Row: "T7", Name: "inspection begins before the word, pieces backwards", Late: true},
		start, real(0, unit), acked(unit), divert, real(40, 64), real(24, 40), pause(moment))
	add(Attempt{Row: "T7", Name: "inspection begins before the word, lies first", Late: true, Floor: true},
		start, real(0, unit), acked(unit), divert, send(seg{from: 24, to: 40, lie: true, ip: ip{ttl: shortTTL}}), real(24, 40), pause(moment))
	add(Attempt{Row: "T7", Name: "inspection begins before the word, lies long ago first", Late: true},
		start, real(0, unit), acked(unit), divert, send(seg{from: 0, to: unit, lie: true, seq: 1<<32 - 4000}), pause(moment))
	return all
}

// splitHandshake has the server answer a SYN with something else than a SYN-ACK, go on as that leads to,
// and otherwise answer as usual.
func splitHandshake(flags packet.TCPFlags) step {
	return func(t *talk) {
		if t.open || !t.listen(5*time.Second, func() bool { return t.calls > 0 }) {
			return
		}
		s := segment{seq: t.iss, flags: flags, window: t.window, options: t.synOptions()}
		if flags.Has(packet.ACK) {
			s.ack, s.options = t.next, nil
		}
		t.emit(s, ip{})
		if flags.Has(packet.ACK) {
			t.listen(moment, nil)
			return
		}
		calls := t.calls
		agreed := func() bool { return t.calls > calls && t.lastSeen.Has(packet.ACK) }
		if t.listen(300*time.Millisecond, agreed) {
			t.open = true
			t.emit(t.plain(packet.ACK, t.iss+1, nil), ip{})
			return
		}
		if t.listen(3*time.Second, func() bool { return t.calls > calls }) {
			answer(t)
		}
	}
}

// callWith follows the SYN by others.
func callWith(n int, h ip) step {
	return func(t *talk) {
		t.shake(func() {
			t.syn(0, nil, nil, ip{})
			for i := range n {
				t.syn(0x5000*uint32(i+1), nil, nil, h)
			}
		})
	}
}

// silently opens a connection and does something else in the place of the last ACK.
func silently(instead step) step {
	return func(t *talk) {
		for i := range tries {
			t.syn(0, nil, nil, ip{})
			if t.listen(timeout<<i, func() bool { return t.next != 0 }) {
				t.open = true
				instead(t)
				t.listen(moment, nil)
				return
			}
		}
		t.broken = true
	}
}
