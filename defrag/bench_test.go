package defrag

import (
	"math/rand/v2"
	"testing"

	"github.com/weir-project/weir/packet"
)

// BenchmarkWorstPiece adds the last of 64 pieces of 1,480 bytes that all overlap: the most that one
// packet of an Ethernet can cost.
func BenchmarkWorstPiece(b *testing.B) {
	s := shape{id: 1, proto: packet.GRE}
	original := s.datagram(noise(1480+8*64, 1))
	t := newBench(Limits{}, b.Fatalf).table
	order := rand.New(rand.NewPCG(1, 2)).Perm(63)
	for _, i := range order {
		t.Add(decoded(s.piece(original, 8*i, 8*i+1480, true)), 0)
	}
	p := decoded(s.piece(original, 8*63, 8*63+1480, true))
	d := t.oldest
	d.length = 1 << 20 // the last piece is there as well
	b.ReportAllocs()
	for b.Loop() {
		if why := d.check(p, 8*63, 8*63+1480, 64); why != "" || d.whole() {
			b.Fatal(why)
		}
	}
}

// BenchmarkDatagram reassembles one of 64 KiB from 46 pieces.
func BenchmarkDatagram(b *testing.B) {
	s := shape{id: 1, proto: packet.GRE}
	original := s.datagram(noise(65000, 1))
	var cuts []int
	for at := 1480; at < 65000; at += 1480 {
		cuts = append(cuts, at)
	}
	var ps []*packet.Packet
	for _, raw := range s.cut(original, cuts...) {
		ps = append(ps, decoded(raw))
	}
	t := newBench(Limits{}, b.Fatalf).table
	b.ReportAllocs()
	b.SetBytes(65000)
	for b.Loop() {
		for _, p := range ps {
			t.Add(p, 0)
		}
	}
	if n := t.Stats().Reassembled; n == 0 {
		b.Fatal("nothing was reassembled")
	}
}
