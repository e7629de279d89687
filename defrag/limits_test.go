package defrag

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/weir-project/weir/packet"
)

// TestBadEnd lists pieces that disagree about where the datagram ends.
func TestBadEnd(t *testing.T) {
	type p struct {
		off, end int
		more     bool
	}
	for _, tt := range []struct {
		name   string
		pieces []p
		why    packet.Reason
	}{
		{"beyond the last", []p{{16, 24, false}, {24, 32, true}}, BadEnd},
		{"over the last", []p{{16, 20, false}, {16, 24, true}}, BadEnd},
		{"last before others", []p{{16, 24, true}, {8, 16, false}}, BadEnd},
		{"last within another", []p{{0, 24, true}, {8, 16, false}}, BadEnd},
		{"two lasts, shorter", []p{{16, 24, false}, {16, 20, false}}, BadEnd},
		{"two lasts, longer", []p{{16, 20, false}, {16, 24, false}}, BadEnd},
		{"one last", []p{{16, 24, false}, {8, 16, true}}, ""},
	} {
		for _, s := range overlapShapes {
			original := s.datagram(noise(40, 1))
			b := newBench(Limits{}, t.Fatalf)
			var why packet.Reason
			for _, p := range tt.pieces {
				_, why = b.add(s.piece(original, p.off, p.end, p.more), 0)
			}
			if why != tt.why || (len(b.dropped) == 1) != (tt.why != "") {
				t.Errorf("%s, v6 %v: %q, want %q", tt.name, s.v6, why, tt.why)
			}
		}
	}
}

// long returns a fragment with a payload of n bytes at off, with no regard to sense.
func (s shape) long(off, n int, more bool) []byte {
	d := append(s.header(), make([]byte, n)...)
	raw := s.piece(d, 0, n, more)
	if s.v6 {
		at := s.headerLen()
		binary.BigEndian.PutUint16(raw[at+2:], uint16(off)|binary.BigEndian.Uint16(raw[at+2:])&1)
		return raw
	}
	binary.BigEndian.PutUint16(raw[6:], uint16(off/8)|binary.BigEndian.Uint16(raw[6:])&0xe000)
	sumHeader(raw)
	return raw
}

// TestTooLong (HAZARDS I4) has datagrams that would be one byte too long, also where only the first
// piece's header makes them so.
func TestTooLong(t *testing.T) {
	plain4, options4 := shape{id: 1, proto: packet.GRE}, shape{id: 1, proto: packet.GRE, headers: 10}
	plain6, options6 := shape{v6: true, id: 1, proto: packet.GRE}, shape{v6: true, id: 1, proto: packet.GRE, headers: 2}
	for _, tt := range []struct {
		name        string
		first, last shape
		most        int // of the payload
	}{
		{"IPv4", plain4, plain4, 65535 - 20},
		{"IPv4, options", options4, options4, 65535 - 60},
		{"IPv4, options in the first", options4, plain4, 65535 - 60},
		{"IPv4, options in the last", plain4, options4, 65535 - 20},
		{"IPv6", plain6, plain6, 65535},
		{"IPv6, extensions", options6, options6, 65535 - 16},
		{"IPv6, extensions in the first", options6, plain6, 65535 - 16},
		{"IPv6, extensions in the last", plain6, options6, 65535},
	} {
		for excess := range 2 {
			if tt.most+excess > 65535 {
				continue // no fragment can say so: packet.BadFragment
			}
			const cut = 65464 // leaves a last piece of less than 8 words
			pieces := [][]byte{
				tt.first.long(0, 8, true), tt.last.long(8, 32768, true), tt.last.long(32776, cut-32776, true),
				tt.last.long(cut, tt.most+excess-cut, false),
			}
			permute(len(pieces), func(order []int) {
				b := newBench(Limits{}, t.Fatalf)
				var d *Datagram
				for _, n := range order {
					if whole, _ := b.add(pieces[n], 0); whole != nil {
						d = whole
					}
				}
				if (d != nil) != (excess == 0) {
					t.Fatalf("%s, %d bytes too long, order %v: whole %v", tt.name, excess, order, d != nil)
				}
				if d == nil && !slices.Contains(b.dropped, TooLong) {
					t.Errorf("%s, order %v: given up for %v", tt.name, order, b.dropped)
				}
				if d != nil {
					d.Whole.Decode()
					if d.Whole.Malformed != packet.WellFormed || d.Whole.Traits.Has(packet.TrailingBytes) {
						t.Errorf("%s: %v", tt.name, d.Whole.Malformed)
					}
				}
			})
		}
	}
}

// TestTimeout gives up what never becomes whole, counted from its first piece.
func TestTimeout(t *testing.T) {
	for _, missing := range []int{0, 1, 2} {
		s := shape{id: 1, proto: packet.UDP}
		pieces := s.cut(s.datagram(noise(40, 1)), 8, 16)
		b := newBench(Limits{Timeout: 2 * time.Second}, t.Fatalf)
		now := time.Second
		for n, raw := range pieces {
			if n != missing {
				b.advance(now)
				b.add(raw, now)
				now += time.Second
			}
		}
		b.advance(3*time.Second - time.Millisecond)
		if len(b.dropped) != 0 {
			t.Errorf("piece %d missing: given up too early", missing)
		}
		b.advance(3 * time.Second)
		if b.check(); !slices.Equal(b.dropped, []packet.Reason{Timeout}) || len(b.pending) != 0 || b.table.Stats().TimedOut != 1 {
			t.Errorf("piece %d missing: given up for %v, %d pieces wait", missing, b.dropped, len(b.pending))
		}
	}
}

// TestPiecesLimit condemns a datagram of too many pieces, and has its late pieces under the same
// reason, so that policy does with all of them the same.
func TestPiecesLimit(t *testing.T) {
	s := shape{id: 1, proto: packet.GRE}
	original := s.datagram(noise(8*70, 1))
	b := newBench(Limits{}, t.Fatalf)
	for n := range 70 {
		_, why := b.add(s.piece(original, 8*n, 8*n+8, true), 0)
		if want := map[bool]packet.Reason{false: "", true: TooMany}[n >= 64]; why != want {
			t.Fatalf("piece %d: %q, want %q", n+1, why, want)
		}
	}
	if !IsLimit(TooMany) || len(b.dropped) != 1 || b.table.Stats().Condemned != 1 {
		t.Errorf("given up for %v", b.dropped)
	}
	b = newBench(Limits{}, t.Fatalf)
	for n := range 64 {
		if d, why := b.add(s.piece(original[:20+8*64], 8*n, 8*n+8, n != 63), 0); why != "" || (d != nil) != (n == 63) {
			t.Errorf("piece %d of 64: %q", n+1, why)
		}
	}
}

// TestEviction has the oldest datagram give way, but not to a piece of its own.
func TestEviction(t *testing.T) {
	const each = bookkeeping + bookkeeping + 20 + 8
	b := newBench(Limits{Bytes: 3 * each}, t.Fatalf)
	datagram := func(id uint32) (pieces [][]byte) {
		s := shape{id: id, proto: packet.GRE}
		return s.cut(s.datagram(noise(16, uint64(id))), 8)
	}
	for id := range uint32(4) {
		b.add(datagram(id)[0], 0)
	}
	if s := b.table.Stats(); s.Waiting != 3 || s.Evicted != 1 || !slices.Equal(b.dropped, []packet.Reason{Exhausted}) {
		t.Fatalf("%+v, given up for %v", s, b.dropped)
	}
	if d, why := b.add(datagram(1)[1], 0); d == nil {
		t.Errorf("the oldest that is left cannot become whole: %q", why)
	}
	if s := b.table.Stats(); s.Evicted != 2 || s.Waiting != 1 {
		t.Errorf("%+v: the piece's own datagram should stay, the oldest other go", s)
	}
	if d, _ := b.add(datagram(3)[1], 0); d == nil {
		t.Error("the youngest should have stayed")
	}
	b.flush()
}

// TestTooSmallLimit leaves room for nothing, or for one piece.
func TestTooSmallLimit(t *testing.T) {
	s := shape{id: 1, proto: packet.GRE}
	pieces := s.cut(s.datagram(noise(24, 1)), 8, 16)
	b := newBench(Limits{Bytes: 100}, t.Fatalf)
	for _, raw := range pieces {
		if _, why := b.add(raw, 0); why != Exhausted {
			t.Errorf("no room at all: %q", why)
		}
	}
	b = newBench(Limits{Bytes: 2*bookkeeping + 100}, t.Fatalf)
	for i, raw := range pieces {
		if _, why := b.add(raw, 0); why != map[bool]packet.Reason{true: "", false: Exhausted}[i == 0] {
			t.Errorf("room for one piece, number %d: %q", i, why)
		}
	}
	if len(b.pending) != 0 || b.table.Stats().Condemned != 1 {
		t.Errorf("%d pieces wait, %+v", len(b.pending), b.table.Stats())
	}
}

// TestFlood (HAZARDS F19) sends four hundred thousand first pieces, each of a datagram of its own.
// The account must be what the heap holds, about, and no list may grow for ever.
func TestFlood(t *testing.T) {
	for _, size := range []int{8, 1480} {
		limits := Limits{Bytes: 4 << 20}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		b := newBench(limits, t.Fatalf)
		b.table.dropped = func(*Datagram, packet.Reason) {}
		raw := shape{id: 1, proto: packet.GRE}.long(0, size, true)
		p := decoded(raw)
		for i := range 400_000 {
			p.Fragment.ID = uint32(i)
			b.table.Add(p, time.Duration(i)*time.Microsecond)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := int(after.HeapAlloc - before.HeapAlloc)
		t.Logf("pieces of %d bytes: %d bytes on the heap for a limit of %d", size, held, limits.Bytes)
		if held > limits.Bytes*5/4 {
			t.Errorf("pieces of %d bytes: %d bytes on the heap for a limit of %d", size, held, limits.Bytes)
		}
		if n, most := len(b.table.byIndex), limits.Bytes/(2*bookkeeping); n > most+1 || len(b.table.free) > n {
			t.Errorf("%d places, %d free; no more than %d were needed", n, len(b.table.free), most)
		}
		b.check()
		b.table.Flush()
		b.check()
	}
}

// TestSameID (HAZARDS I5): one ID everywhere, and only source, protocol or version
// differ.
func TestSameID(t *testing.T) {
	var shapes []shape
	for _, src := range []byte{1, 2} {
		for _, v6 := range []bool{false, true} {
			for _, proto := range []packet.Proto{packet.UDP, packet.GRE} {
				if v6 && proto == packet.GRE {
					continue // to IPv6, that is the same datagram
				}
				shapes = append(shapes, shape{v6: v6, src: src, id: 0x1234, proto: proto})
			}
		}
	}
	b := newBench(Limits{}, t.Fatalf)
	for n := range 3 {
		for i, s := range shapes {
			original := s.datagram(noise(50, uint64(i)))
			d, why := b.add(s.cut(original, 16, 40)[n], 0)
			if why != "" || (d != nil) != (n == 2) {
				t.Fatalf("%+v, piece %d: %q", s, n, why)
			}
			if d != nil && !bytes.Equal(d.Whole.Bytes(), original) {
				t.Errorf("%+v: mixed with another", s)
			}
		}
	}
}
