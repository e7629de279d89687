package defrag

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/checksum"
)

const (
	maxDatagram       = 65535 // what a length field can say: IPv4's counts the header, IPv6's does not
	ipv4MinHeader     = 20
	ipv6HeaderLen     = 40
	fragmentHeaderLen = 8

	moreFragments = 0x2000 // in the word of IPv4's flags and offset
	dontFragment  = 0x4000
	keptFlags     = 0xc000 // DF and the reserved bit
)

// headerLen returns the bytes of p's header that the reassembled datagram will have: those before
// the fragmentable part, without IPv6's fragment header.
func headerLen(p *packet.Packet) int {
	if at, _, ok := p.FragmentHeader(); ok {
		return at
	}
	return len(p.Header())
}

// check says what is wrong with a new piece [off, end) beside those that are there.
func (d *Datagram) check(p *packet.Packet, off, end, maxPieces int) packet.Reason {
	last, room := !p.Fragment.More, d.room
	if off == 0 && d.first() == nil {
		room = roomBehind(p)
	}
	switch {
	case max(end, d.reach) > room:
		return TooLong
	case d.length >= 0 && (end > d.length || last && end != d.length), last && d.reach > end:
		return BadEnd
	}
	if why := d.overlap(p, off, end); why != "" {
		return why
	}
	if len(d.Pieces) >= maxPieces {
		return TooMany
	}
	return ""
}

// roomBehind returns how long the payload of a datagram can be that p begins. The pieces' own
// headers do not matter (RFC 8200 §4.5).
func roomBehind(p *packet.Packet) int {
	if p.Version == 4 {
		return maxDatagram - headerLen(p)
	}
	return maxDatagram - (headerLen(p) - ipv6HeaderLen)
}

// roomBeforeFirst is the same while the first piece is not here: the most that it can be.
func roomBeforeFirst(version uint8) int {
	if version == 4 {
		return maxDatagram - ipv4MinHeader
	}
	return maxDatagram
}

// overlap compares a new piece [off, end) with those that are there. They agree with each other,
// so each byte needs to be compared only once. A duplicate goes no further, unless there are pieces that
// overlap: receivers differ in what they make of those, and some throw away what came before.
func (d *Datagram) overlap(p *packet.Packet, off, end int) (why packet.Reason) {
	var same *Piece
	data := p.FragmentPayload()
	at := off
	for _, other := range d.sorted {
		if other.off >= end {
			break
		}
		if other.end <= off {
			continue
		}
		if from, to := max(at, other.off), min(end, other.end); from < to {
			old := other.Packet.FragmentPayload()
			if !bytes.Equal(data[from-off:to-off], old[from-other.off:to-other.off]) {
				return Overlap
			}
			at = to
		}
		if off == other.off && end == other.end && p.Fragment.More == other.Packet.Fragment.More {
			why, same = Duplicate, other
		} else if p.Version == 6 {
			return Overlap
		} else {
			d.overlaps = true
		}
	}
	switch {
	case same == nil:
	case d.overlaps:
		return "" // the receiver may have begun anew at an overlap, and need it
	case same.Packet.TTL() < p.TTL():
		same.Packet.SetTTL(p.TTL())
	}
	return why
}

// take keeps a copy of p, which check has found right, as the piece [off, end).
func (d *Datagram) take(p *packet.Packet, off, end int) {
	piece := &Piece{off: off, end: end}
	piece.Packet.CopyFrom(p, make([]byte, len(p.Bytes())))
	d.file(piece)
}

// file makes a piece one of the datagram's.
func (d *Datagram) file(piece *Piece) {
	p, off, end := &piece.Packet, piece.off, piece.end
	if off == 0 && d.first() == nil {
		d.room = roomBehind(p)
	}
	d.Pieces = append(d.Pieces, piece)
	i, _ := slices.BinarySearchFunc(d.sorted, off+1, func(piece *Piece, off int) int {
		return cmp.Compare(piece.off, off)
	})
	d.sorted = slices.Insert(d.sorted, i, piece)
	d.reach = max(d.reach, end)
	if !p.Fragment.More {
		d.length = end
	}
}

// whole reports whether the pieces cover the payload.
func (d *Datagram) whole() bool {
	if d.length < 0 {
		return false
	}
	at := 0
	for _, piece := range d.sorted {
		if piece.off > at {
			return false
		}
		at = max(at, piece.end)
	}
	return at == d.length
}

// first returns the piece that begins the payload, of several the first to come; nil if it is not
// here.
func (d *Datagram) first() *Piece {
	if len(d.sorted) == 0 || d.sorted[0].off != 0 {
		return nil
	}
	return d.sorted[0]
}

// assemble builds Whole: the header of the first piece, without what spoke of fragments, and the
// payload.
func (d *Datagram) assemble() {
	first := &d.first().Packet
	n := headerLen(first)
	b := make([]byte, n+d.length)
	copy(b, first.Bytes()[:n])
	at := 0
	for _, piece := range d.sorted {
		if piece.end > at {
			copy(b[n+at:], piece.Packet.FragmentPayload()[at-piece.off:])
			at = piece.end
		}
	}
	if _, nextAt, ok := first.FragmentHeader(); ok {
		b[nextAt] = first.Bytes()[n] // RFC 8200 §4.5
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-ipv6HeaderLen))
	} else {
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		binary.BigEndian.PutUint16(b[6:], binary.BigEndian.Uint16(b[6:])&keptFlags)
		binary.BigEndian.PutUint16(b[10:], 0)
		binary.BigEndian.PutUint16(b[10:], ^checksum.Sum(b[:n], 0))
	}
	meta := d.Pieces[len(d.Pieces)-1].Packet.Meta
	meta.OrigLen, meta.Checksum, meta.GSO = len(b), packet.ChecksumUnknown, false
	d.Whole.Set(b)
	d.Whole.Meta = meta
}
