package checksum

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// twin is RFC 1071 §4.1, as obvious as it gets: one 16-bit word at a time.
func twin(b []byte, sum uint16) uint16 {
	s := uint32(sum)
	for i := 0; i < len(b); i += 2 {
		w := uint32(b[i]) << 8
		if i+1 < len(b) {
			w |= uint32(b[i+1])
		}
		s += w
		for s > 0xffff {
			s = s&0xffff + s>>16
		}
	}
	return uint16(s)
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*167 + i>>8)
	}
	return b
}

func TestSumOfRFC1071(t *testing.T) {
	// RFC 1071 §3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2.
	got := Sum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, 0)
	if got != 0xddf2 {
		t.Fatalf("sum %04x, want ddf2", got)
	}
}

func TestSumAtEveryLengthAndAlignment(t *testing.T) {
	buf := pattern(700)
	for from := range 9 {
		for n := range 600 {
			b := buf[from : from+n]
			if got, want := Sum(b, 0x1234), twin(b, 0x1234); got != want {
				t.Fatalf("from %d, %d bytes: %04x, want %04x", from, n, got, want)
			}
		}
	}
}

func TestSumCarriesThroughAllOnes(t *testing.T) {
	for n := range 300 {
		b := bytes.Repeat([]byte{0xff}, n)
		for _, sum := range []uint16{0, 1, 0xfffe, 0xffff} {
			if got, want := Sum(b, sum), twin(b, sum); got != want {
				t.Fatalf("%d bytes of ff on %04x: %04x, want %04x", n, sum, got, want)
			}
		}
	}
}

func TestSumIsZeroOnlyForZeros(t *testing.T) {
	zeros := make([]byte, 300)
	if got := Sum(zeros, 0); got != 0 {
		t.Fatalf("zeros sum to %04x", got)
	}
	for i := range zeros {
		zeros[i] = 0xff
		zeros[i^1] = 0xff
		if got := Sum(zeros, 0); got != 0xffff {
			t.Fatalf("ffff at %d sums to %04x", i, got)
		}
		zeros[i], zeros[i^1] = 0, 0
	}
}

func TestSumInPiecesIsSumOfWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "b")
		start := rapid.Uint16().Draw(t, "start")
		cut := rapid.IntRange(0, len(b)).Draw(t, "cut")
		got := SumAt(b[cut:], cut, Sum(b[:cut], start))
		if want := twin(b, start); got != want {
			t.Fatalf("cut at %d: %04x, want %04x", cut, got, want)
		}
	})
}

func TestUpdateIsFullSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 2, 200).Draw(t, "b")
		b[0] |= 1 // real data is never all zero: a version or a protocol is in it
		off := rapid.IntRange(1, len(b)).Draw(t, "off")
		with := rapid.SliceOfN(rapid.Byte(), 0, len(b)-off).Draw(t, "with")
		check := ^twin(b, 0)
		got := Update(check, off, b[off:off+len(with)], with)
		copy(b[off:], with)
		if want := ^twin(b, 0); got != want {
			t.Fatalf("%d bytes at %d: %04x, want %04x", len(with), off, got, want)
		}
	})
}

func TestUpdateKeepsAWrongSumWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 8, 64).Draw(t, "b")
		b[0] |= 1
		right := ^twin(b, 0)
		wrong := rapid.Uint16Max(0xfffe).Filter(func(w uint16) bool { return w != right }).Draw(t, "wrong")
		after := rapid.Uint32().Draw(t, "after")
		got := Update32(wrong, binary.BigEndian.Uint32(b[4:]), after)
		binary.BigEndian.PutUint32(b[4:], after)
		if Valid(Combine(twin(b, 0), got)) {
			t.Fatalf("update of the wrong checksum %04x gave a valid one", wrong)
		}
	})
}

func TestPseudoIsSumOfTheWrittenHeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{4, 16}).Draw(t, "size")
		src := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "src")
		dst := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "dst")
		proto := rapid.Byte().Draw(t, "proto")
		length := rapid.IntRange(0, 1<<17).Draw(t, "length")
		h := append(append([]byte{}, src...), dst...)
		h = binary.BigEndian.AppendUint32(h, uint32(length))
		h = append(h, 0, 0, 0, proto)
		if got, want := Pseudo(src, dst, proto, length), twin(h, 0); got != want {
			t.Fatalf("%04x, want %04x", got, want)
		}
	})
}

func TestNothingAllocates(t *testing.T) {
	b := pattern(1501)
	var sink uint16
	if n := testing.AllocsPerRun(100, func() {
		sink += Update(Sum(b, Pseudo(b[:16], b[16:32], 6, 1501)), 3, b[3:9], b[10:16])
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func FuzzSum(f *testing.F) {
	f.Add([]byte{}, uint16(0), false)
	f.Add([]byte{0xff}, uint16(0xffff), true)
	f.Add(pattern(131), uint16(7), false)
	f.Fuzz(func(t *testing.T, b []byte, start uint16, odd bool) {
		if got, want := Sum(b, start), twin(b, start); got != want {
			t.Fatalf("%04x, want %04x", got, want)
		}
		if odd {
			if got, want := SumAt(b, 1, start), twin(append([]byte{0}, b...), start); got != want {
				t.Fatalf("odd: %04x, want %04x", got, want)
			}
		}
	})
}

func BenchmarkSum(b *testing.B) {
	for _, n := range []struct {
		name string
		size int
	}{{"20", 20}, {"40", 40}, {"576", 576}, {"1500", 1500}, {"65535", 65535}} {
		b.Run(n.name, func(b *testing.B) {
			data := pattern(n.size)
			b.SetBytes(int64(n.size))
			var sink uint16
			for b.Loop() {
				sink += Sum(data, 0)
			}
			_ = sink
		})
	}
}

func BenchmarkUpdate16(b *testing.B) {
	var c uint16
	for b.Loop() {
		c = Update16(c, 17, 99)
	}
}
