package evade

import (
	"slices"

	"github.com/weir-project/weir/packet"
)

// odd is I4 and I5.
func odd() (all []Attempt) {
	add := func(row, name string, f Family, udp, either bool, send func(*talk, datagram)) {
		all = append(all, fragmented(row, name, f, udp, either, send))
	}
	rest := func(t *talk, d datagram, from, size int) {
		for _, p := range slicesOf(len(d.real), size) {
			if p.off >= from {
				t.fragment(d, p)
			}
		}
	}
	add("I4", "a piece that ends beyond 64 KiB, then the datagram", Both, true, false, func(t *talk, d datagram) {
		t.fragment(d, piece{off: 8, end: 64, lie: true, claim: 65528})
		rest(t, d, 0, 16)
	})
	add("I4", "a piece that ends beyond 64 KiB, of another datagram", Both, true, false, func(t *talk, d datagram) {
		t.fragment(d, piece{off: 8, end: 64, lie: true, claim: 65528, id: d.id + 1<<15})
		rest(t, d, 0, 16)
	})
	add("I4", "a first piece of 8 bytes", Both, false, false, func(t *talk, d datagram) {
		t.fragment(d, piece{off: 0, end: 8})
		rest(t, d, 8, 8)
	})
	add("I4", "a first piece of 8 bytes, last", Both, false, false, func(t *talk, d datagram) {
		for _, p := range slices.Backward(slicesOf(len(d.real), 8)) {
			t.fragment(d, p)
		}
	})
	add("I4", "a datagram whose last piece never comes, then another", Both, true, false, func(t *talk, d datagram) {
		t.fragment(d, piece{off: 0, end: 32, lie: true, id: d.id + 1<<15})
		rest(t, d, 0, 24)
	})
	add("I4", "an empty piece", Both, true, false, func(t *talk, d datagram) {
		t.fragment(d, piece{off: 16, end: 16, more: true, id: d.id + 1<<15})
		rest(t, d, 0, 24)
	})
	add("I4", "pieces whose size is no multiple of 8", Both, true, false, func(t *talk, d datagram) {
		t.fragment(d, piece{off: 0, end: 20, more: true, id: d.id + 1<<15})
		rest(t, d, 0, 24)
	})
	add("I4", "two ends", Both, true, true, func(t *talk, d datagram) {
		t.fragment(d, piece{off: 40, end: 48, last: true, lie: true})
		rest(t, d, 0, 24)
	})
	add("I4", "a hundred datagrams that never become whole", Both, true, false, func(t *talk, d datagram) {
		for i := range 100 {
			t.fragment(d, piece{off: 8, end: 16, lie: true, id: d.id + 1<<15 + uint32(i)})
		}
		rest(t, d, 0, 24)
	})
	add("I5", "an ID of UDP and of TCP at once", Both, true, false, func(t *talk, d datagram) {
		other := datagram{packet.TCP, d.decoy, d.decoy, d.id}
		for _, p := range slicesOf(len(d.real), 24) {
			if t.path.v4() { // IPv6 tells datagrams apart by addresses and ID alone
				t.fragment(other, p)
			}
			t.fragment(d, p)
		}
	})
	add("I5", "two datagrams with one ID, one after the other", Both, true, false, func(t *talk, d datagram) {
		for range 2 {
			rest(t, d, 0, 24)
			t.listen(moment, nil)
		}
	})
	add("I5", "two datagrams interleaved", Both, true, false, func(t *talk, d datagram) {
		for _, p := range slicesOf(len(d.real), 24) {
			q := p
			q.lie, q.id = true, d.id+1<<15
			t.fragment(d, q)
			t.fragment(d, p)
		}
	})
	add("I7", "a piece with small TTL, then the real one", Both, true, false, func(t *talk, d datagram) {
		t.fragment(d, piece{off: 16, end: 40, lie: true, h: ip{ttl: shortTTL}})
		rest(t, d, 0, 8)
	})
	add("I7", "a last piece with small TTL, then the datagram", Both, true, false, func(t *talk, d datagram) {
		t.fragment(d, piece{off: 0, end: 24})
		t.fragment(d, piece{off: 24, end: 72, lie: true, h: ip{ttl: shortTTL}})
		t.listen(moment, nil)
		rest(t, d, 24, 8)
	})
	add("I9", "pieces with DF", IPv4, true, false, func(t *talk, d datagram) {
		for _, p := range slicesOf(len(d.real), 24) {
			p.h.word = 0x4000
			t.fragment(d, p)
		}
	})
	add("I9", "pieces with the reserved bit", IPv4, true, false, func(t *talk, d datagram) {
		for _, p := range slicesOf(len(d.real), 24) {
			p.h.word = 0x8000
			t.fragment(d, p)
		}
	})
	add("I10", "pieces behind other headers", IPv6, true, false, func(t *talk, d datagram) {
		for i, p := range slicesOf(len(d.real), 24) {
			p.h.chain = repeated(i % 3)
			t.fragment(d, p)
		}
	})
	add("I10", "pieces, the first with a small TTL beside it", IPv6, true, false, func(t *talk, d datagram) {
		t.fragment(d, piece{off: 0, end: 24, lie: true, h: ip{ttl: shortTTL}})
		rest(t, d, 0, 24)
	})
	return all
}
