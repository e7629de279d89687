package evade

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/weir-project/weir/packet"
)

// This file is what is done with IP headers: I6 to I10 and I12.

// IPv4 options, padded to a multiple of four (RFC 791 §3.1).
var (
	optNops        = []byte{1, 1, 1, 0}
	optRecordRoute = []byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	optLooseRoute  = []byte{131, 7, 4, 198, 51, 100, 77, 0}
	optStrictRoute = []byte{137, 7, 4, 198, 51, 100, 77, 0}
	optTimestamp   = []byte{68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	optAlert       = []byte{148, 4, 0, 0}
	optUnknown     = []byte{222, 4, 1, 2}
	optBroken      = []byte{7, 0, 4, 0}
	optTooLong     = []byte{7, 40, 4, 0}
)

// headerFakes are fakes by their IP headers.
func headerFakes() []fake {
	v4 := func(row, name string, h ip) fake {
		return fake{row: row, name: name, make: with(seg{ip: h}), families: IPv4}
	}
	v6 := func(name string, chain ...extension) fake {
		return fake{row: "I10", name: name, make: with(seg{ip: ip{chain: chain}}), families: IPv6}
	}
	set := func(at int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at] = v; return b }
	}
	return []fake{
		v4("I6", "wrong header checksum", ip{edit: func(b []byte) []byte { b[10] ^= 0x55; return b }}),
		v4("I6", "header of 16 bytes", ip{edit: set(0, 0x44), resum: true}),
		v4("I6", "version 5", ip{edit: set(0, 0x55), resum: true}),
		v4("I6", "length beyond the bytes", ip{edit: set(2, 2), resum: true}),
		v4("I6", "length within the header", ip{edit: func(b []byte) []byte { b[2], b[3] = 0, 18; return b }, resum: true}),
		v4("I6", "length without the payload's end", ip{edit: func(b []byte) []byte { b[3] -= 8; return b }, resum: true}),
		v4("I8", "loose source route", ip{options: optLooseRoute}),
		v4("I8", "strict source route", ip{options: optStrictRoute}),
		v4("I8", "option of length 0", ip{options: optBroken}),
		v4("I8", "option beyond the header", ip{options: optTooLong}),
		v4("I9", "reserved bit and small TTL", ip{word: 0x8000, ttl: shortTTL}),
		v4("I9", "more fragments, and none", ip{word: 0x2000, id: 7}),
		v4("I9", "DF with an offset", ip{word: 0x4001, id: 8}),
		v6("routing header 0", routing(0)),
		v6("routing header of an unknown type", routing(99)),
		v6("destination option that discards", extension{packet.DestinationOptions, badOption}),
		v6("hop-by-hop option that discards", extension{packet.HopByHop, badOption}),
		v6("nine headers", repeated(9)...),
		v6("hop-by-hop behind another", extension{packet.DestinationOptions, padding}, extension{packet.HopByHop, padding}),
		v6("unknown header", extension{140, padding}),
		{row: "I6", name: "length beyond the bytes", families: IPv6, make: with(seg{ip: ip{edit: set(4, 2)}})},
		{row: "I6", name: "version 5", families: IPv6, make: with(seg{ip: ip{edit: set(0, 0x50)}})},
		{row: "I6", name: "length without the payload's end", families: IPv6, make: with(seg{ip: ip{edit: func(b []byte) []byte { b[5] -= 8; return b }}})},
	}
}

var padding = []byte{1, 4, 0, 0, 0, 0} // PadN

func routing(kind byte) extension {
	b := make([]byte, 6+16)
	b[0], b[1] = kind, 1 // one address left
	copy(b[6:], netip.MustParseAddr("2001:db8:2::77").AsSlice())
	return extension{packet.Routing, b}
}

func repeated(n int) (chain []extension) {
	for range n {
		chain = append(chain, extension{packet.DestinationOptions, padding})
	}
	return chain
}

// headers are attempts whose real segments have unusual headers, and those that headers alone make.
func headers() (all []Attempt) {
	dressed := func(row, name string, f Family, h func(i int) ip) {
		all = append(all, Attempt{Row: row, Name: name, Families: f, steps: steps(start, dress(h), finish)})
	}
	same := func(h ip) func(int) ip { return func(int) ip { return h } }
	for name, o := range map[string][]byte{
		"no-operation": optNops, "record route": optRecordRoute, "timestamp": optTimestamp, "router alert": optAlert, "unknown option": optUnknown,
	} {
		dressed("I8", "real segments with "+name, IPv4, same(ip{options: o}))
	}
	dressed("I9", "real segments with the reserved bit", IPv4, same(ip{word: 0x8000}))
	dressed("I9", "real segments with DF and one ID", IPv4, same(ip{word: 0x4000, id: 1}))
	dressed("I10", "hop-by-hop padding", IPv6, same(ip{chain: []extension{{packet.HopByHop, padding}}}))
	dressed("I10", "eight headers", IPv6, same(ip{chain: repeated(8)}))
	dressed("I10", "another chain each time", IPv6, func(i int) ip { return ip{chain: repeated(i % 4)} })
	dressed("I10", "routing header with none left", IPv6, same(ip{chain: []extension{{packet.Routing, make([]byte, 6+16)}}}))
	dressed("I10", "atomic fragments", IPv6, func(i int) ip {
		return ip{chain: []extension{{packet.FragmentHeader, binary.BigEndian.AppendUint32([]byte{0, 0}, uint32(77+i))}}}
	})
	dressed("I6", "trailing bytes", Both, same(ip{edit: func(b []byte) []byte { return append(b, "trailing bytes"...) }}))
	dressed("I7", "a TTL that only just suffices", Both, same(ip{ttl: 3}))
	dressed("T24", "ECN marks of all kinds", Both, func(i int) ip { return ip{class: byte(i % 4)} })
	return append(all, martians()...)
}

// dress sends the text in small segments with headers of h.
func dress(h func(i int) ip) step {
	return func(t *talk) {
		for i, at := 0, 0; at < len(t.text.Real); i, at = i+1, at+chunk {
			seg{from: at, to: min(at+chunk, len(t.text.Real)), ip: h(i)}.do(t)
			t.listen(moment, nil)
		}
	}
}

// martians are datagrams from addresses that send none (I12).
func martians() (all []Attempt) {
	v4 := []string{"127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1"}
	v6 := []string{"::1", "::", "ff02::1", "::ffff:127.0.0.1"}
	for f, list := range map[Family][]string{IPv4: v4, IPv6: v6} {
		for _, addr := range list {
			all = append(all, Attempt{Row: "I12", Name: fmt.Sprintf("a datagram from %s", addr), Families: f, UDP: true, steps: steps(func(t *talk) {
				t.sendFrom(netip.MustParseAddr(addr))
			})})
		}
	}
	all = append(all, Attempt{Row: "I12", Name: "a datagram from the receiver itself", Families: Both, UDP: true, steps: steps(func(t *talk) {
		t.sendFrom(t.path.Peer.Addr())
	})})
	return all
}

// sendFrom sends the text in a datagram with another source.
func (t *talk) sendFrom(src netip.Addr) {
	p := t.path
	p.Me = netip.AddrPortFrom(src, p.Me.Port())
	t.id++
	t.link.Send(p.datagram(ip{id: t.id}, packet.UDP, p.udp(t.text.Real)))
	t.listen(moment, nil)
}
