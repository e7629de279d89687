package defrag

import (
	"bytes"
	"testing"
	"time"

	"github.com/weir-project/weir/packet"
)

// FuzzAdd plays fragments of up to four datagrams of both IP versions to a table, three bytes for
// each: where it begins, how long it is, and what is special about it. The table must agree with
// the twin, answer every piece once and keep its accounts; cut again, a datagram must stay itself.
func FuzzAdd(f *testing.F) {
	f.Add([]byte{0, 2, 0x80, 2, 2, 0x80, 4, 1, 0})
	f.Add([]byte{2, 2, 0x80, 1, 2, 0x80, 0, 2, 0x88, 4, 1, 0, 0, 2, 0x80})
	f.Add([]byte{0, 2, 0x81, 0, 2, 0x82, 2, 1, 0x01, 2, 1, 0x02})
	f.Add([]byte{4, 1, 0, 0, 3, 0x80, 2, 3, 0x80, 255, 255, 0x20})
	f.Add([]byte{0, 1, 0x84, 1, 1, 0x84, 1, 1, 0x8c, 2, 1, 4})
	shapes := []shape{
		{id: 1, proto: packet.GRE},
		{v6: true, id: 1, proto: packet.GRE},
		{id: 1, proto: packet.UDP, headers: 3},
		{v6: true, id: 2, proto: packet.GRE, headers: 1},
	}
	const spoil, unaligned, wait, more = 0x08, 0x10, 0x20, 0x80
	original := noise(8*512, 1)
	f.Fuzz(func(t *testing.T, script []byte) {
		limits := Limits{Pieces: 20, Timeout: time.Second}
		b := newBench(limits, t.Fatalf)
		tw := &twin{limits: limits, datagrams: map[string]*twinDatagram{}}
		now := time.Duration(0)
		script = script[:min(len(script), 3*40)]
		for ; len(script) >= 3; script = script[3:] {
			off, n, how := 8*int(script[0]), 8*max(int(script[1]), 1), script[2]
			s := shapes[how&3]
			if how&unaligned != 0 && how&more == 0 {
				n--
			}
			if how&wait != 0 {
				now += 300 * time.Millisecond
			}
			if off == 0 && how&more == 0 {
				continue // no fragment
			}
			datagram := append(s.header(), original...)
			if how&spoil != 0 {
				datagram[s.headerLen()+off] ^= 1
			}
			raw := s.piece(datagram, off, off+n, how&more != 0)
			b.advance(now)
			tw.advance(now)
			d, why := b.add(raw, now)
			whole, want := tw.add(raw, now)
			if why != want || (d != nil) != (whole != nil) {
				t.Fatalf("%q, whole %v; the twin says %q, whole %v", why, d != nil, want, whole != nil)
			}
			if d == nil {
				continue
			}
			if !bytes.Equal(d.Whole.Bytes(), whole) {
				t.Fatal("the twin has other bytes")
			}
			if d.Whole.Decode(); d.Whole.Fragment.IsFragment() {
				t.Fatal("a whole datagram is a fragment")
			}
			if !d.Recut() || !bytes.Equal(rejoin(sent(d, t.Fatalf), t.Fatalf), whole) {
				t.Fatal("cut again, it is another datagram")
			}
		}
		b.flush()
	})
}
