package stream

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/packet/seqnum"
)

// A twinMap is a seqMap as it would be explained: one list of what each received byte, and each edit, became.
type twinMap struct {
	pieces []twinPiece
}

// A twinPiece is in received bytes that left as out bytes; a copy if it is no edit.
type twinPiece struct {
	in, out int
	edit    bool
}

// toOut is as far as what stands before v has left, and, if with is true, what was inserted at v.
func (t *twinMap) toOut(v int, with bool) int {
	in, out := 0, 0
	for _, p := range t.pieces {
		switch {
		case v < in+p.in || v == in && p.in > 0:
			if p.edit {
				return out + min(v-in, p.out)
			}
			return out + v - in
		case p.in == 0 && v == in && !with:
			return out
		case !with && v == in+p.in && p.in > 0:
			if p.edit {
				return out + p.out
			}
			return out + p.in
		}
		in, out = in+p.in, out+p.out
	}
	return out + v - in
}

// toIn is what can be acknowledged once the receiver has w bytes: copies as far as they came, edits only whole.
func (t *twinMap) toIn(w int) int {
	in, out := 0, 0
	for _, p := range t.pieces {
		if out+p.out > w {
			if p.edit {
				return in
			}
			return in + w - out
		}
		in, out = in+p.in, out+p.out
	}
	return in + w - out
}

// total is how many bytes of either space the pieces take.
func (t *twinMap) total() (in, out int) {
	for _, p := range t.pieces {
		in, out = in+p.in, out+p.out
	}
	return in, out
}

func drawTwin(t *rapid.T) twinMap {
	var m twinMap
	for range rapid.IntRange(0, 40).Draw(t, "edits") {
		if n := rapid.IntRange(0, 5).Draw(t, "copied"); n > 0 {
			m.pieces = append(m.pieces, twinPiece{in: n, out: n})
		}
		e := twinPiece{in: rapid.IntRange(0, 5).Draw(t, "in"), out: rapid.IntRange(0, 5).Draw(t, "out"), edit: true}
		if e.in != e.out && (e.in > 0 || len(m.pieces) == 0 || !m.pieces[len(m.pieces)-1].edit) {
			m.pieces = append(m.pieces, e)
		}
	}
	return m
}

// build makes the real map, its spaces beginning at the given places.
func (t *twinMap) build(p *Pool, in, out seqnum.Value) (m seqMap) {
	m.shift = in.Size(out)
	at := in
	for _, piece := range t.pieces {
		if piece.edit {
			m.add(p, at, seqnum.Size(piece.in), seqnum.Size(piece.out))
		}
		at = at.Add(seqnum.Size(piece.in))
	}
	return m
}

// TestPlacesAgainstTwin holds every place of random maps against the twin, also where sequence numbers wrap.
func TestPlacesAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tw := drawTwin(t)
		in, out := tw.total()
		zero := seqnum.Value(rapid.SampledFrom([]uint32{0, 1 << 31, 1<<32 - 20, 77}).Draw(t, "received from"))
		zeroOut := seqnum.Value(rapid.SampledFrom([]uint32{0, 1<<31 - 9, 1<<32 - 5, 77}).Draw(t, "released from"))
		p := newPool()
		m := tw.build(p, zero, zeroOut)
		for v := range in + 10 {
			at := zero.Add(seqnum.Size(v))
			if got := int(zeroOut.Size(m.toOut(at))); got != tw.toOut(v, false) {
				t.Fatalf("%+v: toOut(%d) is %d, want %d", tw.pieces, v, got, tw.toOut(v, false))
			}
			if got := int(zeroOut.Size(m.toOutEnd(at))); got != tw.toOut(v, true) {
				t.Fatalf("%+v: toOutEnd(%d) is %d, want %d", tw.pieces, v, got, tw.toOut(v, true))
			}
		}
		acked := rapid.IntRange(0, out).Draw(t, "acknowledged")
		for w := range out + 10 {
			if got := int(zero.Size(m.toIn(zeroOut.Add(seqnum.Size(w))))); got != tw.toIn(w) {
				t.Fatalf("%+v: toIn(%d) is %d, want %d", tw.pieces, w, got, tw.toIn(w))
			}
		}
		m.acked(p, zeroOut.Add(seqnum.Size(acked)))
		for w := acked; w < out+10; w++ {
			if got := int(zero.Size(m.toIn(zeroOut.Add(seqnum.Size(w))))); got != tw.toIn(w) {
				t.Fatalf("%+v, acknowledged to %d: toIn(%d) is %d, want %d", tw.pieces, acked, w, got, tw.toIn(w))
			}
		}
		for v := tw.toIn(acked); v < in+10; v++ {
			if got := int(zeroOut.Size(m.toOutEnd(zero.Add(seqnum.Size(v))))); got != tw.toOut(v, true) {
				t.Fatalf("%+v, acknowledged to %d: toOutEnd(%d) is %d, want %d", tw.pieces, acked, v, got, tw.toOut(v, true))
			}
		}
		m.clear(p)
		if p.bytes != 0 {
			t.Fatalf("%d bytes are not given back", p.bytes)
		}
	})
}

// TestMoreSplicesThanRoom: where there is no room for another splice, it joins with the last, and places
// outside of both stay right.
func TestMoreSplicesThanRoom(t *testing.T) {
	p, r := newPool(), rand.New(rand.NewPCG(1, 2))
	var m seqMap
	in, out := seqnum.Value(5), seqnum.Value(5)
	for i := range spliceRoom[len(spliceRoom)-1] + 500 {
		in, out = in.Add(3), out.Add(3)
		grow := seqnum.Size(1 + r.IntN(4))
		m.add(p, in, 1, 1+grow)
		in, out = in.Add(1), out.Add(1+grow)
		if got := m.toOutEnd(in); got != out {
			t.Fatalf("behind splice %d: released place %d, want %d", i, got, out)
		}
		if got := m.toIn(out); got != in {
			t.Fatalf("behind splice %d: received place %d, want %d", i, got, in)
		}
	}
	if len(m.list) != spliceRoom[len(spliceRoom)-1] {
		t.Errorf("%d splices", len(m.list))
	}
	m.acked(p, out)
	if !m.straight() || m.toOut(in) != out || p.bytes != 0 {
		t.Errorf("%d splices, %d bytes are left", len(m.list), p.bytes)
	}
}

// TestInside tells places strictly inside of a splice from its ends.
func TestInside(t *testing.T) {
	p := newPool()
	var m seqMap
	m.add(p, 10, 4, 0)
	m.add(p, 20, 0, 5)
	for v, want := range map[seqnum.Value]bool{9: false, 10: false, 11: true, 13: true, 14: false, 20: false, 21: false} {
		if m.inside(v) != want {
			t.Errorf("%d: %v", v, !want)
		}
	}
	if got := m.toOutWhole(11); got != 10 {
		t.Errorf("what was begun to be taken out ends at %d", got)
	}
}
