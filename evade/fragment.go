package evade

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/weir-project/weir/packet"
)

// This file is I1 to I3: what is done with fragments (piece.go has I4 and I5). The text goes in a UDP datagram, or in a segment.

// A piece is a fragment [off, end) of what stands behind the IP header.
type piece struct {
	off, end int
	lie      bool
	data     []byte // other bytes, instead
	last     bool   // there is nothing behind it, whatever is true
	more     bool   // there is, whatever is true
	id       uint32 // 0: that of the datagram
	h        ip
	claim    int // offset that it claims, if not 0
}

// A datagram is what is cut into pieces.
type datagram struct {
	proto packet.Proto
	real  []byte
	decoy []byte
	id    uint32
}

// whole is the attempt's text as one datagram.
func (t *talk) whole() datagram {
	t.id++
	if t.attempt.UDP {
		real := t.path.udp(t.text.Real)
		return datagram{packet.UDP, real, append(slices.Clone(real[:8]), t.contents(0, len(t.text.Real), true)...), t.id}
	}
	s := t.plain(packet.PSH|packet.ACK, t.place(0), t.text.Real)
	real := t.path.tcp(s)
	t.sent = len(t.text.Real)
	n := len(real) - len(t.text.Real)
	return datagram{packet.TCP, real, append(slices.Clone(real[:n]), t.contents(0, len(t.text.Real), true)...), t.id}
}

// fragment sends a piece.
func (t *talk) fragment(d datagram, p piece) {
	b := p.data
	if b == nil {
		b = d.real[p.off:p.end]
		if p.lie {
			b = d.decoy[p.off:p.end]
		}
	}
	more := (p.end < len(d.real) || p.more) && !p.last
	id := d.id
	if p.id != 0 {
		id = p.id
	}
	off := p.off
	if p.claim != 0 {
		off = p.claim
	}
	h := p.h
	if t.path.v4() {
		h.id = id
		h.word |= uint16(off / unit)
		if more {
			h.word |= 0x2000
		}
	} else {
		word := uint16(off)
		if more {
			word |= 1
		}
		h.chain = append(slices.Clone(h.chain), extension{packet.FragmentHeader, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, word), id)})
	}
	t.link.Send(t.path.datagram(h, d.proto, b))
}

// slices of a datagram of n bytes that have size bytes.
func slicesOf(n, size int) (all []piece) {
	for off := 0; off < n; off += size {
		all = append(all, piece{off: off, end: min(off+size, n)})
	}
	return all
}

// An order is how pieces are sent.
var orders = []struct {
	name string
	sort func([]piece) []piece
}{
	{"in order", func(p []piece) []piece { return p }},
	{"backwards", func(p []piece) []piece { slices.Reverse(p); return p }},
	{"last first", func(p []piece) []piece { return append([]piece{p[len(p)-1]}, p[:len(p)-1]...) }},
	{"odd ones first", func(p []piece) (q []piece) {
		for i := 1; i < len(p); i += 2 {
			q = append(q, p[i])
		}
		for i := 0; i < len(p); i += 2 {
			q = append(q, p[i])
		}
		return q
	}},
	{"each twice", func(p []piece) (q []piece) {
		for i, x := range p {
			q = append(q, x)
			if i < len(p)-1 { // a second last one would begin another datagram
				q = append(q, x)
			}
		}
		return q
	}},
}

// fragments are I1 to I5.
func fragments() (all []Attempt) {
	for _, size := range []int{8, 16, 24, 40} {
		for _, o := range orders {
			for _, udp := range []bool{true, false} {
				all = append(all, fragmented("I1", fmt.Sprintf("pieces of %d bytes, %s", size, o.name), Both, udp, false, func(t *talk, d datagram) {
					for _, p := range o.sort(slicesOf(len(d.real), size)) {
						t.fragment(d, p)
					}
				}))
			}
		}
	}
	all = append(all, contradicting()...)
	all = append(all, odd()...)
	return all
}

// fragmented is an attempt that sends the text in one datagram's pieces. If that is TCP, what the receiver
// did not take is sent again in segments.
func fragmented(row, name string, f Family, udp, either bool, send func(*talk, datagram)) Attempt {
	if udp {
		return Attempt{Row: row, Name: name + ", UDP", Families: f, UDP: true, Either: either, fragments: true, steps: steps(func(t *talk) {
			send(t, t.whole())
			t.listen(moment, nil)
		})}
	}
	return Attempt{Row: row, Name: name + ", TCP", Families: f, Either: either, fragments: true, steps: steps(start, func(t *talk) {
		send(t, t.whole())
		t.listen(moment, nil)
	}, finish)}
}

// Which piece a receiver of IPv4 takes, or neither, does not show on the way.
//
// contradicting is I2 and I3: the relations of pieces over the word, which begins at the datagram's third
// unit, and then what else there is.
func contradicting() (all []Attempt) {
	const at = 2 // units before the word: the UDP header, the lead
	for n := 2; n <= 3; n++ {
		for _, pieces := range relations(n) {
			for _, x := range []taste{tasteFirst, tasteLast} {
				for _, f := range []Family{IPv4, IPv6} {
					row := map[Family]string{IPv4: "I2", IPv6: "I3"}[f]
					a := fragmented(row, nameOf(pieces)+", "+x.name, f, true, true, func(t *talk, d datagram) {
						for i, p := range pieces {
							t.fragment(d, piece{off: (at + p.off) * unit, end: (at + p.end) * unit, data: x.mixed(t, pieces, i, at-1)})
						}
						for u := range len(d.real) / unit {
							if pickFirst(pieces, u-at) < 0 {
								t.fragment(d, piece{off: u * unit, end: (u + 1) * unit})
							}
						}
					})
					if f == IPv6 && contradicts(pieces) && !repeats(pieces) {
						a.NoTwin = "RFC 5722: pieces that overlap condemn their datagram"
					}
					all = append(all, a)
				}
			}
		}
	}
	return all
}

// repeats reports whether pieces that overlap are the same each time: duplicates, which the network makes too
// (RFC 8200 §4.5).
func repeats(pieces []interval) bool {
	for i, p := range pieces {
		for _, q := range pieces[:i] {
			if p != q && p.off < q.end && q.off < p.end {
				return false
			}
		}
	}
	return true
}
