package defrag

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/packet"
)

// sent is what goes on its way of a datagram that was recut: the pieces that are not dropped,
// repaired as the socket does it.
func sent(d *Datagram, fatalf func(string, ...any)) (raw [][]byte) {
	for _, piece := range d.Pieces {
		p := &piece.Packet
		if p.Verdict == packet.Drop {
			if p.Reason != Absorbed {
				fatalf("a piece is dropped because of %q", p.Reason)
			}
			continue
		}
		p.Repair()
		p = decoded(p.Bytes()) // panics unless it is well formed
		if p.Truncated() || p.Traits.Has(packet.TrailingBytes) {
			fatalf("a piece of wrong length")
		}
		raw = append(raw, p.Bytes())
	}
	return raw
}

// rejoin puts datagrams or pieces together byte by byte.
func rejoin(raw [][]byte, fatalf func(string, ...any)) []byte {
	tw := &twin{limits: Limits{Pieces: 1000}, datagrams: map[string]*twinDatagram{}}
	for i, r := range raw {
		whole, why := tw.add(r, 0)
		if why != "" && why != Duplicate {
			fatalf("the receiver finds piece %d of %d wrong: %s", i, len(raw), why)
		}
		if whole != nil && i != len(raw)-1 {
			fatalf("pieces %d of %d are whole already", i+1, len(raw))
		}
		if whole != nil {
			return whole
		}
	}
	fatalf("the receiver waits for more than these %d pieces", len(raw))
	return nil
}

// TestRecut edits a datagram as inspectors do, and wants the receiver, a twin that knows nothing of
// Recut, to read the edited one; pieces may not outgrow the largest that came.
func TestRecut(t *testing.T) {
	outcomes := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := drawShape(t)
		s.proto = packet.UDP
		payload := noise(rapid.IntRange(1, 200).Draw(t, "length"), 1)
		original := s.datagram(payload)
		b := newBench(Limits{}, t.Fatalf)
		var d *Datagram
		largest, ending := 0, 0 // bytes of the largest piece, and of the largest that ends the datagram
		for _, raw := range s.drawPieces(t, original) {
			if d != nil {
				break
			}
			d, _ = b.add(raw, 0)
			largest = max(largest, len(raw))
			if f := read(raw); f.end == len(original)-s.headerLen() {
				ending = max(ending, len(raw))
			}
		}
		if d == nil || !bytes.Equal(d.Whole.Bytes(), original) {
			return // spoiled, or of one piece
		}
		w := &d.Whole
		w.Decode()
		off := rapid.IntRange(0, len(payload)).Draw(t, "off")
		end := rapid.IntRange(off, len(payload)).Draw(t, "end")
		with := noise(rapid.IntRange(0, 150).Draw(t, "with"), 2)
		if rapid.IntRange(0, 3).Draw(t, "same length") == 0 {
			with = noise(end-off, 2)
		}
		growth := len(with) - (end - off)
		if !w.Splice(make([]byte, 1000), off, end, with) || !w.SetDSCP(rapid.ByteRange(0, 63).Draw(t, "new dscp")) {
			t.Fatal("the edit was refused")
		}
		w.Repair()
		edited := slices.Clone(w.Bytes())
		if !d.Recut() {
			outcomes["refused"]++
			if !s.v6 && !s.df || growth <= largest-ending {
				t.Fatalf("refused: v6 %v, DF %v, growth %d, largest %d, last %d", s.v6, s.df, growth, largest, ending)
			}
			return
		}
		raw := sent(d, t.Fatalf)
		if got := rejoin(raw, t.Fatalf); !bytes.Equal(got, edited) {
			t.Fatalf("sent   %x\nedited %x", got, edited)
		}
		carried := len(raw) == 1 && len(raw[0]) == len(edited) && growth > 0
		switch {
		case carried:
			outcomes["whole"]++
			if s.v6 || s.df {
				t.Fatal("nobody can cut this datagram")
			}
		case growth > 0:
			outcomes["grown"]++
		case growth < 0:
			outcomes["shrunk"]++
		default:
			outcomes["equal"]++
		}
		for _, r := range raw {
			if len(r) > largest && !carried {
				t.Fatalf("a piece of %d bytes, none that came had more than %d", len(r), largest)
			}
		}
	})
	t.Log(outcomes)
	for _, o := range []string{"refused", "whole", "grown", "shrunk", "equal"} {
		if outcomes[o] == 0 {
			t.Errorf("no case was %s", o)
		}
	}
}

// recut reassembles pieces, replaces the payload and cuts again.
func recut(t *testing.T, pieces [][]byte, payload []byte) (d *Datagram, ok bool) {
	t.Helper()
	b := newBench(Limits{}, t.Fatalf)
	for _, raw := range pieces {
		var why packet.Reason
		if d, why = b.add(raw, 0); why != "" {
			t.Fatal(why)
		}
	}
	d.Whole.Decode()
	if !d.Whole.ReplacePayload(make([]byte, 4000), payload) {
		t.Fatal("the edit was refused")
	}
	d.Whole.Repair()
	return d, d.Recut()
}

// TestRecutConsistentOverlap shrinks IPv4 datagrams of overlapping pieces to every length: none of
// those that go out may end off a multiple of 8 and still say that more follow.
func TestRecutConsistentOverlap(t *testing.T) {
	s := shape{id: 1, proto: packet.UDP}
	original := s.datagram(noise(60, 1)) // 68 bytes in pieces
	for _, pieces := range [][][]byte{
		{s.piece(original, 0, 40, true), s.piece(original, 24, 48, true), s.piece(original, 32, 68, false)},
		{s.piece(original, 32, 68, false), s.piece(original, 40, 68, false), s.piece(original, 0, 48, true)},
		{s.piece(original, 8, 64, true), s.piece(original, 64, 68, false), s.piece(original, 0, 16, true)},
	} {
		for n := range 61 {
			d, ok := recut(t, pieces, noise(n, 2))
			if !ok {
				t.Fatalf("%d bytes: refused", n)
			}
			if got := rejoin(sent(d, t.Fatalf), t.Fatalf); !bytes.Equal(got, d.Whole.Bytes()) {
				t.Errorf("%d bytes: the receiver reads %x", n, got)
			}
		}
	}
}

// TestRecutTrailingBytes leaves bytes behind a piece's end out of the edited one.
func TestRecutTrailingBytes(t *testing.T) {
	for _, s := range []shape{{id: 1, proto: packet.UDP}, {v6: true, id: 1, proto: packet.UDP}} {
		pieces := s.cut(s.datagram(noise(60, 1)), 16, 40)
		for i := range pieces {
			pieces[i] = append(pieces[i], "padding"...)
		}
		d, ok := recut(t, pieces, noise(60, 2))
		if got := rejoin(sent(d, t.Fatalf), t.Fatalf); !ok || !bytes.Equal(got, d.Whole.Bytes()) {
			t.Errorf("v6 %v: the receiver reads %x", s.v6, got)
		}
	}
}

// TestRecutToOnePiece has the pieces that are left over dropped, not sent empty.
func TestRecutToOnePiece(t *testing.T) {
	for _, s := range []shape{{id: 1, proto: packet.UDP}, {v6: true, id: 1, proto: packet.UDP}} {
		d, ok := recut(t, s.cut(s.datagram(noise(60, 1)), 16, 40), nil)
		raw := sent(d, t.Fatalf)
		if !ok || len(raw) != 1 || decoded(raw[0]).Fragment.IsFragment() {
			t.Errorf("v6 %v: %d pieces of an empty datagram", s.v6, len(raw))
		}
		if p := decoded(raw[0]); !p.VerifyChecksum() || len(p.Payload()) != 0 {
			t.Errorf("v6 %v: not the edited datagram", s.v6)
		}
	}
}
