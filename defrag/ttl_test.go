package defrag

import (
	"bytes"
	"testing"

	"github.com/weir-project/weir/packet"
)

// TestPiecesThatExpire has a fake piece with few hops left be none of its datagram, wherever it lies and whenever it
// comes: the receiver never sees it (HAZARDS I7).
func TestPiecesThatExpire(t *testing.T) {
	for _, s := range overlapShapes {
		original := s.datagram(noise(64, 1))
		lie := s.datagram(noise(64, 2))
		n := len(original) - s.headerLen()
		for off := 0; off < n; off += 8 {
			for end := off + 8; end <= n; end += 8 {
				for at := range 4 {
					b := newBench(Limits{}, t.Fatalf)
					more := off == 0 || end%16 != 0 // some say to be the last
					fake := decoded(s.piece(lie, off, end, more))
					fake.SetTTL(3)
					fake.Repair()
					var whole *Datagram
					for i, piece := range s.cut(original, 16, 32) {
						if i == at {
							b.add(fake.Bytes(), 0)
						}
						if d, why := b.add(piece, 0); why != "" {
							t.Fatalf("v6 %v, fake [%d, %d) before piece %d: %s", s.v6, off, end, at, why)
						} else if d != nil {
							whole = d
						}
					}
					if whole == nil || !bytes.Equal(whole.Whole.Bytes()[s.headerLen():], original[s.headerLen():]) {
						t.Fatalf("v6 %v, fake [%d, %d) before piece %d: the datagram is not what it was", s.v6, off, end, at)
					}
					b.flush()
				}
			}
		}
	}
}

// TestPathsOfPieces takes pieces that went ways of different lengths, and datagrams with few hops from the beginning.
func TestPathsOfPieces(t *testing.T) {
	for _, s := range overlapShapes {
		for _, ttls := range [][]uint8{{64, 55, 61}, {1, 1, 2}, {23, 30, 15}, {255, 64, 24}} {
			b := newBench(Limits{}, t.Fatalf)
			var whole *Datagram
			for i, piece := range s.cut(s.datagram(noise(64, 1)), 16, 32) {
				p := decoded(piece)
				p.SetTTL(ttls[i])
				p.Repair()
				d, why := b.add(p.Bytes(), 0)
				if why != "" {
					t.Errorf("v6 %v, %d: piece %d: %s", s.v6, ttls, i, why)
				}
				whole = d
			}
			if whole == nil {
				t.Errorf("v6 %v, %d: not whole", s.v6, ttls)
			}
		}
	}
}

// TestWhyAPieceExpires names the reason of one that comes behind others.
func TestWhyAPieceExpires(t *testing.T) {
	for _, s := range overlapShapes {
		b := newBench(Limits{}, t.Fatalf)
		pieces := s.cut(s.datagram(noise(64, 1)), 16, 32)
		b.add(pieces[0], 0)
		p := decoded(pieces[1])
		p.SetTTL(1)
		p.Repair()
		if _, why := b.add(p.Bytes(), 0); why != LowTTL {
			t.Errorf("v6 %v: %q", s.v6, why)
		}
		if _, why := b.add(pieces[1], 0); why != packet.Reason("") {
			t.Errorf("v6 %v: then the real one: %q", s.v6, why)
		}
	}
}
