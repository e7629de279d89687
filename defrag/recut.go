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
// A datagram that shrank loses its last pieces: their verdict becomes Drop, their reason Absorbed.
// One that grew finds room in its last piece, up to the size of the largest. An IPv4 datagram that
// grew more goes out whole in place of the piece that came first, for the kernel to cut, unless DF
// forbids that; an IPv6 one cannot.
func (d *Datagram) Recut() bool {
	body := d.Whole.Bytes()[headerLen(&d.first().Packet):]
	if len(body) > d.length && !d.roomFor(len(body)) {
		return d.carryWhole()
	}
	last := d.lastWithin(len(body))
	for _, piece := range d.Pieces {
		end := min(piece.end, len(body)) &^ 7 // of consistent overlaps, the last piece has the rest
		if piece == last {
			end = len(body)
		} else if end <= piece.off {
			piece.absorb()
			continue
		}
		piece.put(body[piece.off:end], piece != last)
		piece.Packet.SetDSCP(d.Whole.DSCP())
	}
	return true
}

// lastWithin returns the piece that will end a payload of n bytes: the one that reaches furthest
// among those that begin before its end, or the first.
func (d *Datagram) lastWithin(n int) *Piece {
	last := d.first()
	for _, piece := range d.sorted {
		if piece.off < n && piece.end > last.end {
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

// put replaces the piece's part of the payload.
func (piece *Piece) put(data []byte, more bool) {
	p := &piece.Packet
	at, _, v6 := p.FragmentHeader()
	if v6 {
		b := append(bytes.Clone(p.Bytes()[:at+fragmentHeaderLen]), data...)
		b[at+3] &^= 1
		if more {
			b[at+3] |= 1
		}
		p.Rewrite(b)
		return
	}
	b := append(bytes.Clone(p.Header()), data...)
	word := binary.BigEndian.Uint16(b[6:]) &^ moreFragments
	if more {
		word |= moreFragments
	}
	binary.BigEndian.PutUint16(b[6:], word)
	p.Rewrite(b)
}
