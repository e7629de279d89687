package stream

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/packet/seqnum"
)

// TestKeptAgainstSlice holds a released copy against a slice.
func TestKeptAgainstSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPool()
		from := seqnum.Value(rapid.SampledFrom([]uint32{0, 1<<32 - 5000, 1 << 31}).Draw(t, "from"))
		k := kept{from: from}
		var all []byte
		gone := 0
		place := func(i int) seqnum.Value { return from.Add(seqnum.Size(i)) }
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				b := bytes.Repeat([]byte{byte(len(all))}, rapid.SampledFrom([]int{0, 1, 100, chunkBytes - 1, chunkBytes, 9000}).Draw(t, "size"))
				for i := range b {
					b[i] += byte(i)
				}
				if !k.append(p, b) {
					t.Fatal("no room")
				}
				all = append(all, b...)
			case 2:
				gone = rapid.IntRange(gone, len(all)).Draw(t, "acknowledged")
				k.forget(p, place(gone))
			case 3:
				lo := rapid.IntRange(gone, len(all)).Draw(t, "lo")
				hi := rapid.IntRange(lo, len(all)).Draw(t, "hi")
				if !k.holds(place(lo), place(hi)) || k.holds(place(lo), place(len(all)+1)) || gone > 0 && k.holds(place(gone-1), place(hi)) {
					t.Fatalf("[%d, %d) of [%d, %d): wrong about what it holds", lo, hi, gone, len(all))
				}
				got := make([]byte, hi-lo)
				k.read(got, place(lo))
				if !bytes.Equal(got, all[lo:hi]) || !k.equal(place(lo), all[lo:hi]) {
					t.Fatalf("[%d, %d) is something else", lo, hi)
				}
				if len(got) > 0 {
					got[len(got)-1] ^= 1
					if k.equal(place(lo), got) {
						t.Fatal("other bytes are taken for the same")
					}
				}
			}
		}
		k.clear(p)
		if p.bytes != 0 {
			t.Fatalf("%d bytes are not given back", p.bytes)
		}
	})
}

// TestKeptHasACeiling: a pool that is exhausted takes nothing, not even a part.
func TestKeptHasACeiling(t *testing.T) {
	p := NewPool(Limits{Bytes: 8192}, nil)
	var k kept
	if !k.append(p, make([]byte, 2*chunkBytes)) || k.append(p, []byte{1}) || int(k.size) != 2*chunkBytes {
		t.Errorf("%d bytes of 8192 are kept", k.size)
	}
}
