package defrag

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/weir-project/weir/packet"
)

// An interval is a piece of a small datagram, in units of 8 bytes.
type interval struct{ off, end int }

func intervals(units int) (all []interval) {
	for off := range units {
		for end := off + 1; end <= units; end++ {
			all = append(all, interval{off, end})
		}
	}
	return all
}

// relation names how intervals lie to each other: the rank of every edge among all edges. Of two
// intervals there are Allen's 13, of three 409 (Novak, "Target-based fragmentation reassembly",
// names the first; Shankar and Paxson's model has six of them).
func relation(all ...interval) string {
	var edges []int
	for _, i := range all {
		edges = append(edges, i.off, i.end)
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	s := ""
	for _, i := range all {
		s += fmt.Sprint(slices.Index(edges, i.off), slices.Index(edges, i.end), " ")
	}
	return s
}

// playOverlaps sends the intervals as pieces of a datagram of the given number of units, the one
// at index spoiled with a wrong first byte (-1: none), then whatever else the datagram needs. The
// table must say of each piece what the twin says.
func playOverlaps(t *testing.T, s shape, units, spoiled int, all []interval) {
	if slices.Contains(all, interval{0, units}) {
		return // the datagram itself, not a piece of it
	}
	original := s.datagram(noise(8*units, 3))
	bad := slices.Clone(original)
	if spoiled >= 0 {
		bad[s.headerLen()+8*all[spoiled].off] ^= 0x80
	}
	var pieces [][]byte
	for i, v := range all {
		from := original
		if i == spoiled {
			from = bad
		}
		pieces = append(pieces, s.piece(from, 8*v.off, 8*v.end, v.end != units))
	}
	for unit := range units {
		pieces = append(pieces, s.piece(original, 8*unit, 8*unit+8, unit != units-1))
	}
	b := newBench(Limits{}, t.Fatalf)
	tw := &twin{limits: b.table.limits, datagrams: map[string]*twinDatagram{}}
	for i, raw := range pieces {
		d, why := b.add(raw, 0)
		whole, want := tw.add(raw, 0)
		if why != want || (d != nil) != (whole != nil) {
			t.Fatalf("%v of %d, spoiled %d, v6 %v, piece %d: %q, whole %v; the twin says %q, whole %v",
				all, units, spoiled, s.v6, i, why, d != nil, want, whole != nil)
		}
		if d != nil && !bytes.Equal(d.Whole.Bytes(), whole) {
			t.Fatalf("%v of %d: the twin has other bytes", all, units)
		}
		if d != nil && s.v6 {
			d.checkDisjoint(t)
		}
		if d != nil {
			return
		}
	}
	conflict := slices.ContainsFunc(b.dropped, func(why packet.Reason) bool { return why == Overlap })
	if !conflict {
		t.Fatalf("%v of %d: neither whole nor condemned: %v", all, units, b.dropped)
	}
}

func (d *Datagram) checkDisjoint(t *testing.T) {
	for i, piece := range d.sorted[1:] {
		if piece.off < d.sorted[i].end {
			t.Fatal("an IPv6 datagram was made of overlapping pieces (RFC 5722)")
		}
	}
}

var overlapShapes = []shape{{id: 1, proto: packet.GRE}, {v6: true, id: 1, proto: packet.GRE}}

// TestTwoPieces (HAZARDS I2, I3) takes two pieces through Allen's 13 relations, with equal and with
// contradicting bytes, as inner pieces and as the last.
func TestTwoPieces(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range intervals(4) {
		for _, b := range intervals(4) {
			seen[relation(a, b)] = true
			for _, s := range overlapShapes {
				for spoiled := -1; spoiled < 2; spoiled++ {
					playOverlaps(t, s, 4, spoiled, []interval{a, b})
					playOverlaps(t, s, 5, spoiled, []interval{a, b})
				}
			}
		}
	}
	if len(seen) != 13 {
		t.Errorf("%d relations of two pieces were tried, there are 13", len(seen))
	}
}

// TestThreePieces does so with three pieces, which have 409 relations.
func TestThreePieces(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range intervals(5) {
		for _, b := range intervals(5) {
			for _, c := range intervals(5) {
				r := relation(a, b, c)
				first := !seen[r]
				seen[r] = true
				for _, s := range overlapShapes {
					for spoiled := -1; spoiled < 3; spoiled++ {
						if first || spoiled < 1 {
							playOverlaps(t, s, 5, spoiled, []interval{a, b, c})
							playOverlaps(t, s, 6, spoiled, []interval{a, b, c})
						}
					}
				}
			}
		}
	}
	if len(seen) != 409 {
		t.Errorf("%d relations of three pieces were tried, there are 409", len(seen))
	}
}

// TestExactDuplicate drops a second copy and goes on; with another flag it is no copy.
func TestExactDuplicate(t *testing.T) {
	for _, s := range overlapShapes {
		original := s.datagram(noise(32, 1))
		pieces := s.cut(original, 8, 24)
		b := newBench(Limits{}, t.Fatalf)
		for _, n := range []int{1, 1, 2, 2, 1} {
			_, why := b.add(pieces[n], 0)
			if want := map[bool]packet.Reason{false: "", true: Duplicate}[b.serial != 1 && b.serial != 3]; why != want {
				t.Errorf("v6 %v: piece %d as number %d: %q, want %q", s.v6, n, b.serial, why, want)
			}
		}
		if d, _ := b.add(pieces[0], 0); d == nil || !bytes.Equal(d.Whole.Bytes(), original) || len(d.Pieces) != 3 {
			t.Errorf("v6 %v: not whole", s.v6)
		}
		b.add(s.piece(original, 8, 16, true), 0)
		more := s.piece(original, 8, 16, false)
		if _, why := b.add(more, 0); s.v6 && why != Overlap || !s.v6 && why != "" {
			t.Errorf("v6 %v: the same bytes as the last piece: %q", s.v6, why)
		}
	}
}

// TestDuplicateOfWhatExpires keeps the larger TTL of two copies: the smaller one's may never arrive.
func TestDuplicateOfWhatExpires(t *testing.T) {
	for _, s := range overlapShapes {
		original := s.datagram(noise(32, 1))
		pieces := s.cut(original, 16)
		for _, ttls := range [][2]uint8{{50, 64}, {64, 50}, {2, 64}, {64, 2}} {
			b := newBench(Limits{}, t.Fatalf)
			for _, ttl := range ttls {
				p := decoded(pieces[0])
				p.SetTTL(ttl)
				p.Repair()
				b.add(p.Bytes(), 0)
			}
			d, _ := b.add(pieces[1], 0)
			if d == nil || len(d.Pieces) != 2 {
				t.Fatalf("v6 %v: not whole", s.v6)
			}
			if p := &d.Pieces[0].Packet; p.TTL() != 64 {
				t.Errorf("v6 %v: TTLs %d: the piece that is kept has %d", s.v6, ttls, p.TTL())
			}
		}
	}
}

// TestDuplicateBesideOverlap lets a copy pass beside pieces that overlap: a receiver that has begun anew at
// the overlap needs it (ip_frag_queue of Linux).
func TestDuplicateBesideOverlap(t *testing.T) {
	s := overlapShapes[0]
	original := s.datagram(noise(32, 1))
	b := newBench(Limits{}, t.Fatalf)
	for i, v := range []interval{{0, 1}, {0, 2}, {0, 2}} {
		if _, why := b.add(s.piece(original, 8*v.off, 8*v.end, true), 0); why != "" {
			t.Errorf("piece %d: %q", i, why)
		}
	}
	if d, _ := b.add(s.piece(original, 16, 32, false), 0); d == nil || len(d.Pieces) != 4 {
		t.Error("not whole, or not of all four pieces")
	}
}

// TestCondemned wants late pieces refused, and the datagram forgotten in the end.
func TestCondemned(t *testing.T) {
	for _, s := range overlapShapes {
		original, other := s.datagram(noise(32, 1)), s.datagram(noise(32, 2))
		b := newBench(Limits{}, t.Fatalf)
		b.add(s.piece(original, 8, 16, true), 0)
		if _, why := b.add(s.piece(other, 8, 16, true), 0); why != Overlap {
			t.Errorf("%q", why)
		}
		if len(b.dropped) != 1 || b.dropped[0] != Overlap || len(b.pending) != 0 {
			t.Errorf("given up %v, %d pieces wait", b.dropped, len(b.pending))
		}
		for _, raw := range s.cut(original, 8, 16) {
			if _, why := b.add(raw, b.table.limits.Timeout-1); why != Late {
				t.Errorf("a late piece: %q", why)
			}
		}
		b.advance(b.table.limits.Timeout)
		b.check()
		if s := b.table.Stats(); s.Waiting != 0 || s.TimedOut != 0 || s.Condemned != 1 || len(b.dropped) != 1 {
			t.Errorf("%+v, given up %v", s, b.dropped)
		}
		for i, raw := range s.cut(original, 8, 16) {
			if d, why := b.add(raw, b.table.limits.Timeout); why != "" || (d != nil) != (i == 2) {
				t.Errorf("the next datagram of that ID, piece %d: %q", i, why)
			}
		}
	}
}
