package defrag

import (
	"bytes"
	"encoding/binary"

	"github.com/weir-project/weir/packet"
)

// Recut carries the bytes of an edited Whole back into the pieces, in their old sizes, and reports
// whether that could be done. Whole's header must be as long as it was; of it only the DSCP is
// carried over. Checksums are right after Packet.Repair.
//
// Pieces that are not needed any more, the last of a datagram that shrank, become Drop, Absorbed.
// One that grew finds room in its last piece, up to the size of the largest. An IPv4 datagram that
// grew more goes out whole in place of the piece that came first, for the kernel to cut, unless DF
// forbids that; an IPv6 one cannot.
func (d *Datagram) Recut() bool {
	body := d.Whole.Bytes()[headerLen(&d.first().Packet):]
	if len(body) == d.length {
		for _, piece := range d.Pieces {
			d.put(piece, body[piece.off:piece.end], piece.Packet.Fragment.More)
		}
		return true
	}
	kept := d.cover(len(body))
	last := kept[len(kept)-1]
	if len(body) > d.length && !d.roomFor(len(body)-d.length, last) {
		return d.carryWhole()
	}
	for _, piece := range d.Pieces {
		piece.absorb()
	}
	for _, piece := range kept {
		end := piece.end
		if piece == last {
			end = len(body)
		}
		piece.Packet.Verdict, piece.Packet.Reason = packet.Pass, ""
		d.put(piece, body[piece.off:end], piece != last)
	}
	return true
}

// cover returns as few pieces as hold the first n bytes of the payload, or all of it if n is
// more, in order and at least one. IPv4's pieces may overlap; one that is not needed would come to
// a receiver whose datagram is whole already, and begin another there.
func (d *Datagram) cover(n int) (kept []*Piece) {
	n = min(n, d.length)
	best, at := d.first(), 0 // of the pieces that begin up to at, best reaches furthest
	for _, piece := range d.sorted {
		if piece.off > at {
			kept, at = append(kept, best), best.end
		}
		if piece.end > best.end {
			best = piece
		}
		if best.end >= n {
			break
		}
	}
	return append(kept, best)
}

// roomFor reports whether the last piece can grow without becoming the largest.
func (d *Datagram) roomFor(growth int, last *Piece) bool {
	largest := 0
	for _, piece := range d.Pieces {
		largest = max(largest, len(piece.Packet.Bytes()))
	}
	return len(last.Packet.Bytes())+growth <= largest
}

// carryWhole puts Whole in place of the pieces.
func (d *Datagram) carryWhole() bool {
	w := d.Whole.Bytes()
	if d.Whole.Version != 4 || binary.BigEndian.Uint16(w[6:])&dontFragment != 0 {
		return false
	}
	d.Pieces[0].Packet.Rewrite(w)
	for _, piece := range d.Pieces[1:] {
		piece.absorb()
	}
	return true
}

func (piece *Piece) absorb() {
	piece.Packet.Verdict, piece.Packet.Reason = packet.Drop, Absorbed
}

// put replaces a piece's part of the payload.
func (d *Datagram) put(piece *Piece, data []byte, more bool) {
	p := &piece.Packet
	n := headerLen(p)
	if p.Version == 6 {
		n += fragmentHeaderLen
	}
	b := append(bytes.Clone(p.Bytes()[:n]), data...)
	if p.Version == 6 {
		b[n-5] &^= 1 // the last bit of offset and flags
		if more {
			b[n-5] |= 1
		}
	} else {
		word := binary.BigEndian.Uint16(b[6:]) &^ moreFragments
		if more {
			word |= moreFragments
		}
		binary.BigEndian.PutUint16(b[6:], word)
	}
	p.Rewrite(b)
	p.SetDSCP(d.Whole.DSCP())
}
