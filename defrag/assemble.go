package defrag

import (
	"bytes"
	"encoding/binary"

	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/checksum"
)

const (
	maxDatagram   = 65535
	moreFragments = 0x2000 // in the word of IPv4's flags and offset
	dontFragment  = 0x4000
)

// check says what is wrong with a new piece [off, end) beside those that are there.
func (d *Datagram) check(p *packet.Packet, off, end, maxPieces int) packet.Reason {
	last := !p.Fragment.More
	if _, _, v6 := p.FragmentHeader(); !v6 && len(p.Header())+end > maxDatagram || end > maxDatagram {
		return TooLong
	}
	if d.length >= 0 && (end > d.length || last && end != d.length) {
		return BadEnd
	}
	data := p.FragmentPayload()
	for _, other := range d.Pieces {
		if last && other.end > end {
			return BadEnd
		}
		if off >= other.end || other.off >= end {
			continue
		}
		from, to := max(off, other.off), min(end, other.end)
		same := bytes.Equal(data[from-off:to-off], other.Packet.FragmentPayload()[from-other.off:to-other.off])
		switch {
		case !same:
			return Overlap
		case off == other.off && end == other.end && last == !other.Packet.Fragment.More:
			return Duplicate
		case p.Version == 6:
			return Overlap
		}
	}
	if len(d.Pieces) >= maxPieces {
		return TooMany
	}
	return ""
}

// whole reports whether the pieces cover the payload.
func (d *Datagram) whole() bool {
	if d.length < 0 {
		return false
	}
	for at := 0; at < d.length; {
		next := at
		for _, piece := range d.Pieces {
			if piece.off <= at && piece.end > next {
				next = piece.end
			}
		}
		if next == at {
			return false
		}
		at = next
	}
	return true
}

// assemble builds Whole: the header of the first piece, without what spoke of fragments, and the payload.
func (d *Datagram) assemble() {
	first := d.first()
	h := header(&first.Packet)
	b := make([]byte, len(h)+d.length)
	copy(b, h)
	for _, piece := range d.Pieces {
		copy(b[len(h)+piece.off:], piece.Packet.FragmentPayload())
	}
	if first.Packet.Version == 4 {
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		binary.BigEndian.PutUint16(b[6:], binary.BigEndian.Uint16(b[6:])&0xc000) // reserved bit and DF stay
		binary.BigEndian.PutUint16(b[10:], 0)
		binary.BigEndian.PutUint16(b[10:], ^checksum.Sum(b[:len(h)], 0))
	} else {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	}
	meta := d.Pieces[len(d.Pieces)-1].Packet.Meta
	meta.OrigLen, meta.Checksum, meta.GSO = len(b), packet.ChecksumUnknown, false
	d.Whole.Set(b)
	d.Whole.Meta = meta
}

// first returns the piece that begins the payload; of several the first to come.
func (d *Datagram) first() *Piece {
	for _, piece := range d.Pieces {
		if piece.off == 0 {
			return piece
		}
	}
	panic("defrag: a whole datagram has a first piece")
}

// header returns the packet's header as it stands before the fragmentable part, with IPv6's fragment header taken out (RFC 8200
// §4.5).
func header(p *packet.Packet) []byte {
	at, nextAt, ok := p.FragmentHeader()
	if !ok {
		return p.Header()
	}
	h := bytes.Clone(p.Bytes()[:at])
	h[nextAt] = p.Bytes()[at]
	return h
}

// Recut carries the bytes of an edited Whole back into the pieces, in their old sizes, and reports whether that could be
// done. A datagram that shrank loses its last pieces, whose verdict becomes Drop; one that grew finds room in its last
// piece, up to the size of the largest. An IPv4 datagram that grew more goes out whole in place of its first piece, for the kernel to
// cut; an IPv6 one cannot.
func (d *Datagram) Recut() bool {
	body := d.Whole.Bytes()[len(header(&d.first().Packet)):]
	if len(body) > d.length && !d.roomFor(len(body)) {
		return d.carryWhole()
	}
	last := d.lastWithin(len(body))
	for _, piece := range d.Pieces {
		if piece.off >= len(body) {
			piece.Packet.Verdict = packet.Drop
			continue
		}
		end := min(piece.end, len(body))
		if piece == last {
			end = len(body)
		}
		piece.put(body[piece.off:end], piece != last)
		piece.Packet.SetDSCP(d.Whole.DSCP())
	}
	return true
}

// lastWithin returns the piece that will end a payload of n bytes: the one that reaches furthest among those that begin before
// its end.
func (d *Datagram) lastWithin(n int) *Piece {
	var last *Piece
	for _, piece := range d.Pieces {
		if piece.off < n && (last == nil || piece.end > last.end) {
			last = piece
		}
	}
	return last
}

// roomFor reports whether the last piece can grow to end at n without becoming the largest.
func (d *Datagram) roomFor(n int) bool {
	largest := 0
	for _, piece := range d.Pieces {
		largest = max(largest, len(piece.Packet.Bytes()))
	}
	last := d.lastWithin(n)
	return len(last.Packet.Bytes())+n-last.end <= largest
}

func (d *Datagram) carryWhole() bool {
	w := d.Whole.Bytes()
	if d.Whole.Version != 4 || binary.BigEndian.Uint16(w[6:])&dontFragment != 0 {
		return false
	}
	for i, piece := range d.Pieces {
		if i > 0 {
			piece.Packet.Verdict = packet.Drop
			continue
		}
		piece.Packet.Rewrite(w)
	}
	return true
}

// put replaces the piece's part of the payload.
func (piece *Piece) put(data []byte, more bool) {
	p := &piece.Packet
	h := p.Bytes()[:len(p.Bytes())-len(p.FragmentPayload())]
	if p.Version == 4 {
		h = p.Header()
	}
	b := append(bytes.Clone(h), data...)
	if p.Version == 4 {
		word := binary.BigEndian.Uint16(b[6:]) &^ moreFragments
		if more {
			word |= moreFragments
		}
		binary.BigEndian.PutUint16(b[6:], word)
	} else if at, _, ok := p.FragmentHeader(); ok {
		b[at+3] &^= 1
		if more {
			b[at+3] |= 1
		}
	}
	p.Rewrite(b)
}
