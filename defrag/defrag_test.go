package defrag

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/packet"
)

func drawShape(t *rapid.T) shape {
	s := shape{
		v6:    rapid.Bool().Draw(t, "v6"),
		src:   rapid.ByteRange(1, 2).Draw(t, "src"),
		id:    rapid.Uint32Range(7, 8).Draw(t, "id"),
		proto: rapid.SampledFrom([]packet.Proto{packet.UDP, packet.UDP, packet.GRE}).Draw(t, "proto"),
		dscp:  rapid.ByteRange(0, 63).Draw(t, "dscp"),
	}
	s.headers = rapid.IntRange(0, 3).Draw(t, "headers")
	s.behind = s.v6 && rapid.Bool().Draw(t, "behind")
	s.df = !s.v6 && rapid.IntRange(0, 3).Draw(t, "df") == 0
	s.noChecksum = !s.v6 && s.proto == packet.UDP && rapid.IntRange(0, 3).Draw(t, "no checksum") == 0
	return s
}

// drawCuts returns increasing offsets, multiples of 8, within (0, length). IPv6's first piece holds
// all headers (RFC 7112).
func (s shape) drawCuts(t *rapid.T, length int) []int {
	least := 1
	if s.behind {
		least = 2
	}
	most := (length - 1) / 8
	if most < least {
		return nil
	}
	cuts := rapid.SliceOfNDistinct(rapid.IntRange(least, most), 1, min(8, most-least+1), rapid.ID[int]).Draw(t, "cuts")
	slices.Sort(cuts)
	for i := range cuts {
		cuts[i] *= 8
	}
	return cuts
}

// drawPieces returns the fragments of a datagram in any order, and sometimes what an attacker or a
// bad network adds: copies, pieces cut elsewhere, other bytes, other ends.
func (s shape) drawPieces(t *rapid.T, datagram []byte) [][]byte {
	length := len(datagram) - s.headerLen()
	cuts := s.drawCuts(t, length)
	if cuts == nil {
		return nil
	}
	pieces := s.cut(datagram, cuts...)
	for range rapid.SampledFrom([]int{0, 0, 1, 2, 3}).Draw(t, "extras") {
		pieces = append(pieces, s.drawExtra(t, datagram, pieces))
	}
	return rapid.Permutation(pieces).Draw(t, "order")
}

func (s shape) drawExtra(t *rapid.T, datagram []byte, pieces [][]byte) []byte {
	length := len(datagram) - s.headerLen()
	if rapid.Bool().Draw(t, "copy") {
		return rapid.SampledFrom(pieces).Draw(t, "copied")
	}
	from := 0
	if s.behind {
		from = 2
	}
	off := 8 * rapid.IntRange(from, (length-1)/8).Draw(t, "off")
	end := min(length, off+8*rapid.IntRange(1, 8).Draw(t, "words"))
	data := datagram
	if at := s.headerLen() + rapid.IntRange(off, end-1).Draw(t, "spoiled"); off > 8 && rapid.IntRange(0, 3).Draw(t, "spoil") == 0 {
		data = slices.Clone(datagram)
		data[at] ^= 1
	}
	more := end != length
	if rapid.IntRange(0, 5).Draw(t, "other end") == 0 {
		more = !more
	}
	if more {
		end -= (end - off) % 8
	}
	if end <= off || !more && off == 0 {
		return pieces[0]
	}
	return s.piece(data, off, end, more)
}

// TestAgainstTwin interleaves the pieces of several datagrams, whose keys differ in one thing each,
// and wants the same answer to each piece as the twin gives (HAZARDS I1 to I5).
func TestAgainstTwin(t *testing.T) {
	reasons := map[packet.Reason]int{}
	wholes := 0
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{Pieces: rapid.SampledFrom([]int{2, 4, 64}).Draw(t, "pieces"), Timeout: 5 * time.Second}
		b := newBench(limits, t.Fatalf)
		tw := &twin{limits: limits, datagrams: map[string]*twinDatagram{}}
		var queue [][]byte
		for range rapid.IntRange(1, 4).Draw(t, "datagrams") {
			s := drawShape(t)
			payload := noise(rapid.IntRange(1, 120).Draw(t, "length"), rapid.Uint64().Draw(t, "noise"))
			queue = append(queue, s.drawPieces(t, s.datagram(payload))...)
		}
		if rapid.Bool().Draw(t, "interleave") {
			queue = rapid.Permutation(queue).Draw(t, "queue")
		}
		now := time.Duration(0)
		for _, raw := range queue {
			now += time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 1000, 4999}).Draw(t, "wait")) * time.Millisecond
			b.advance(now)
			tw.advance(now)
			d, why := b.add(raw, now)
			whole, want := tw.add(raw, now)
			reasons[why]++
			switch {
			case why != want || (d != nil) != (whole != nil):
				t.Fatalf("%v, whole %v; the twin says %v, whole %v", why, d != nil, want, whole != nil)
			case d != nil && !bytes.Equal(d.Whole.Bytes(), whole):
				t.Fatalf("reassembled\n%x\nthe twin\n%x", d.Whole.Bytes(), whole)
			case d != nil:
				wholes++
				d.Whole.Decode()
				if d.Whole.Fragment.IsFragment() || d.Whole.Truncated() || d.Whole.Malformed == packet.BadHeaderChecksum {
					t.Fatalf("a whole datagram that is none: %v", d.Whole.Malformed)
				}
			}
		}
		b.flush()
	})
	t.Logf("%d whole, %v", wholes, reasons)
	for _, why := range []packet.Reason{"", Overlap, Duplicate, BadEnd, Late, TooMany} {
		if reasons[why] == 0 {
			t.Errorf("no case led to %q", why)
		}
	}
}

// TestReassembles takes datagrams of all sizes apart and wants them back, to the byte.
func TestReassembles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawShape(t)
		payload := noise(rapid.SampledFrom([]int{9, 100, 1480, 3000, 9000, 65000}).Draw(t, "length"), 1)
		original := s.datagram(payload)
		cuts := s.drawCuts(t, len(original)-s.headerLen())
		if cuts == nil {
			return
		}
		b := newBench(Limits{}, t.Fatalf)
		pieces := rapid.Permutation(s.cut(original, cuts...)).Draw(t, "order")
		for i, raw := range pieces {
			d, why := b.add(raw, 0)
			if why != "" || (d != nil) != (i == len(pieces)-1) {
				t.Fatalf("piece %d of %d: %v, whole %v", i, len(pieces), why, d != nil)
			}
			if d != nil && !bytes.Equal(d.Whole.Bytes(), original) {
				t.Fatal("not the datagram that was cut")
			}
			if d != nil && d.Whole.Meta.OrigLen != len(original) {
				t.Fatalf("OrigLen %d for %d bytes", d.Whole.Meta.OrigLen, len(original))
			}
		}
	})
}

// TestEveryOrder sends five pieces in all 120 orders.
func TestEveryOrder(t *testing.T) {
	for _, s := range []shape{{id: 1, proto: packet.UDP}, {v6: true, id: 1, proto: packet.UDP, headers: 2, behind: true}} {
		original := s.datagram(noise(61, 2))
		pieces := s.cut(original, 16, 24, 40, 48)
		orders := 0
		permute(len(pieces), func(order []int) {
			orders++
			b := newBench(Limits{}, t.Fatalf)
			for i, n := range order {
				d, why := b.add(pieces[n], 0)
				if why != "" || (d != nil) != (i == len(order)-1) {
					t.Fatalf("order %v: piece %d: %v, whole %v", order, n, why, d != nil)
				}
				if d != nil && !bytes.Equal(d.Whole.Bytes(), original) {
					t.Fatalf("order %v: not the datagram that was cut", order)
				}
			}
		})
		if orders != 120 {
			t.Errorf("%d orders", orders)
		}
	}
}

// permute calls yield with every order of [0, n).
func permute(n int, yield func([]int)) {
	order := make([]int, 0, n)
	var walk func()
	walk = func() {
		if len(order) == n {
			yield(order)
			return
		}
		for i := range n {
			if !slices.Contains(order, i) {
				order = append(order, i)
				walk()
				order = order[:len(order)-1]
			}
		}
	}
	walk()
}

// TestTinyFirst cuts TCP's ports from its flags (RFC 1858 §3): what is inspected has both.
func TestTinyFirst(t *testing.T) {
	s := shape{id: 1, proto: packet.TCP}
	segment := make([]byte, 20, 30)
	segment[1], segment[3], segment[12], segment[13] = 1, 80, 5<<4, byte(packet.SYN)
	original := s.datagram(append(segment, "0123456789"...))
	pieces := s.cut(original, 8, 16, 24)
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}} {
		b := newBench(Limits{}, t.Fatalf)
		var d *Datagram
		for _, n := range order {
			d, _ = b.add(pieces[n], 0)
		}
		if d == nil {
			t.Fatal("not whole")
		}
		d.Whole.Decode()
		if d.Whole.TCPFlags != packet.SYN || d.Whole.DstPort != 80 || !d.Whole.VerifyChecksum() {
			t.Errorf("flags %v, port %d", d.Whole.TCPFlags, d.Whole.DstPort)
		}
	}
}

// TestMeta gives the whole datagram what the socket told of the piece that completed it.
func TestMeta(t *testing.T) {
	s := shape{id: 1, proto: packet.UDP}
	b := newBench(Limits{}, t.Fatalf)
	for i, raw := range s.cut(s.datagram(noise(30, 1)), 8, 16) {
		p := decoded(raw)
		p.Meta.InIf, p.Meta.Captured, p.Meta.Checksum = uint32(i), time.Duration(i), packet.ChecksumVerified
		if d, _ := b.table.Add(p, 0); d != nil {
			if m := d.Whole.Meta; m.InIf != 2 || m.Captured != 2 || m.Checksum != packet.ChecksumUnknown {
				t.Errorf("%+v", m)
			}
			return
		}
	}
	t.Error("not whole")
}

// TestFirstOfTwo takes the header of the first piece to come, of two that both begin the datagram.
func TestFirstOfTwo(t *testing.T) {
	one, two := shape{id: 1, proto: packet.GRE, dscp: 1}, shape{id: 1, proto: packet.GRE, dscp: 2, headers: 3}
	payload := noise(24, 1)
	short, long := one.piece(one.datagram(payload), 0, 8, true), two.piece(two.datagram(payload), 0, 16, true)
	for _, tt := range []struct {
		pieces [][]byte
		want   shape
	}{{[][]byte{short, long}, one}, {[][]byte{long, short}, two}} {
		b := newBench(Limits{}, t.Fatalf)
		for _, raw := range append(tt.pieces, one.piece(one.datagram(payload), 16, 24, false)) {
			d, _ := b.add(raw, 0)
			if d != nil && !bytes.Equal(d.Whole.Bytes(), tt.want.datagram(payload)) {
				t.Errorf("want the header with DSCP %d, have %x", tt.want.dscp, d.Whole.Bytes())
			}
			if (d != nil) != (b.serial == 3) {
				t.Errorf("piece %d: whole %v", b.serial, d != nil)
			}
		}
	}
}
