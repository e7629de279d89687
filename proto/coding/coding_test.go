package coding

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/internal/codingtest"
	"github.com/weir-project/weir/packet"
)

var every = []string{"gzip", "deflate", "raw", "br", "zstd"}

func layers(t testing.TB, names ...string) (l Layers) {
	t.Helper()
	for _, n := range names {
		if n == "raw" {
			n = "deflate"
		}
		if l.Add([]byte(n)) != Known {
			t.Fatalf("%s is not known", n)
		}
	}
	return l
}

// undo feeds s with b in pieces and returns the text.
func undo(s *Stream, b []byte, piece func(left int) int) (text []byte, why packet.Reason) {
	var dst [700]byte
	for {
		n := piece(len(b))
		s.Feed(b[:n], n == len(b))
		for {
			got, w := s.Read(dst[:])
			text = append(text, dst[:got]...)
			if w != "" {
				return text, w
			}
			if got == 0 {
				break
			}
		}
		if b = b[n:]; len(b) == 0 {
			return text, ""
		}
	}
}

func whole(left int) int { return left }

func TestEachCodingCutAnywhere(t *testing.T) {
	text := codingtest.Sample(3000)
	p := NewPool(Limits{})
	for _, name := range every {
		b := codingtest.Encode(t, name, text)
		for size := range 40 {
			s := p.Open(layers(t, name))
			got, why := undo(s, b, func(left int) int { return min(left, size+1) })
			if why != "" || !bytes.Equal(got, text) || !s.Done() {
				t.Errorf("%s in pieces of %d: %q, %d bytes", name, size+1, why, len(got))
			}
			s.Close()
		}
	}
	if p.Used() != 0 {
		t.Errorf("%d bytes are still in use", p.Used())
	}
}

func TestLayersAndPieces(t *testing.T) {
	p := NewPool(Limits{})
	rapid.Check(t, func(rt *rapid.T) {
		text := codingtest.Sample(rapid.IntRange(0, 100_000).Draw(rt, "size"))
		names := rapid.SliceOfN(rapid.SampledFrom(every), 1, 2).Draw(rt, "codings")
		b := text
		for _, n := range names {
			b = codingtest.Encode(t, n, b)
		}
		s := p.Open(layers(t, names...))
		got, why := undo(s, b, func(left int) int { return rapid.IntRange(min(left, 1), left).Draw(rt, "piece") })
		s.Close()
		if why != "" || !bytes.Equal(got, text) {
			rt.Fatalf("%v: %q, %d of %d bytes", names, why, len(got), len(text))
		}
	})
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	text := codingtest.Sample(5000)
	p := NewPool(Limits{})
	for _, name := range every {
		b := codingtest.Encode(t, name, text)
		s := p.Open(layers(t, name))
		if got, why := undo(s, b[:len(b)/2], whole); why != Truncated || !bytes.HasPrefix(text, got) {
			t.Errorf("%s, half of it: %q", name, why)
		}
		s.Close()
		s = p.Open(layers(t, name))
		if _, why := undo(s, append(bytes.Clone(b), "junk"...), whole); why == "" != (name == "br") {
			t.Errorf("%s with junk behind it is not refused", name)
		}
		s.Close()
		s = p.Open(layers(t, name))
		if _, why := undo(s, []byte("this is no coding at all, \xff\xff\xff whatever its name"), whole); why == "" {
			t.Errorf("%s: plain text is not refused", name)
		}
		s.Close()
		s = p.Open(layers(t, name))
		if _, why := undo(s, nil, whole); why != Truncated {
			t.Errorf("%s of nothing: %q", name, why)
		}
		s.Close()
	}
	if p.Used() != 0 {
		t.Errorf("%d bytes are still in use", p.Used())
	}
}

func TestGzipMembersFollowEachOther(t *testing.T) {
	s := NewPool(Limits{}).Open(layers(t, "gzip"))
	b := append(codingtest.Encode(t, "gzip", []byte("one ")), codingtest.Encode(t, "gzip", []byte("two"))...)
	if got, why := undo(s, b, whole); string(got) != "one two" || why != "" {
		t.Errorf("%q, %q", got, why)
	}
}

// TestBombs: zeros in every coding, and gzip in gzip, stop at the ratio.
func TestBombs(t *testing.T) {
	zeros := make([]byte, 64<<20)
	for _, names := range [][]string{{"gzip"}, {"deflate"}, {"br"}, {"zstd"}, {"gzip", "gzip"}} {
		b := zeros
		for _, n := range names {
			b = codingtest.Encode(t, n, b)
		}
		s := NewPool(Limits{}).Open(layers(t, names...))
		got, why := undo(s, b, whole)
		if most := 100*len(b) + 1<<20 + 1000; why != Expands || len(got) > most {
			t.Errorf("%v: %d bytes became %d, %q", names, len(b), len(got), why)
		}
		s.Close()
	}
}

func TestClosingInTheMiddle(t *testing.T) {
	p := NewPool(Limits{})
	text := codingtest.Sample(50_000)
	for range 3 {
		for _, name := range every {
			b := codingtest.Encode(t, name, text)
			for _, n := range []int{0, 1, 7, len(b) / 2, len(b)} {
				s := p.Open(layers(t, name))
				var dst [100]byte
				s.Feed(b[:n], n == len(b))
				if n != 7 {
					s.Read(dst[:])
				}
				s.Close()
				s = p.Open(layers(t, name))
				if got, why := undo(s, b, whole); why != "" || !bytes.Equal(got, text) {
					t.Fatalf("%s after one closed at %d: %q, %d bytes", name, n, why, len(got))
				}
				s.Close()
			}
		}
	}
	if p.Used() != 0 {
		t.Errorf("%d bytes are still in use", p.Used())
	}
}

func TestThePoolHasACeiling(t *testing.T) {
	p := NewPool(Limits{Bytes: 10 * baseCost})
	var open []*Stream
	for {
		s := p.Open(layers(t, "gzip"))
		if s == nil {
			break
		}
		open = append(open, s)
	}
	if len(open) != 10 {
		t.Errorf("%d are open", len(open))
	}
	open[0].Close()
	s := p.Open(layers(t, "br")) // whose window finds no room
	if _, why := undo(s, codingtest.Encode(t, "br", codingtest.Sample(100)), whole); why != Window {
		t.Errorf("a window without room: %q", why)
	}
}

func TestNames(t *testing.T) {
	for list, want := range map[string]Outcome{
		"gzip": Known, "GZIP": Known, "x-gzip, br": Known, "": Known, "identity": Known, " , zstd ,": Known,
		"compress": Unknown, "gzip, utf-8": Unknown, "gzip,gzip,gzip": TooMany, "gzip, identity, br": Known,
	} {
		var l Layers
		if got := l.Add([]byte(list)); got != want {
			t.Errorf("%q: %v, want %v", list, got, want)
		}
	}
}

func TestWarmStreamsAllocateNothing(t *testing.T) {
	text := codingtest.Sample(20_000)
	var dst [4096]byte
	for _, name := range every {
		p, l, b := NewPool(Limits{}), layers(t, name), codingtest.Encode(t, name, text)
		run := func() {
			s := p.Open(l)
			s.Feed(b, true)
			for !s.Done() {
				s.Read(dst[:])
			}
			s.Close()
		}
		run()
		if n := testing.AllocsPerRun(50, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzStream(f *testing.F) {
	for i, name := range every {
		f.Add(codingtest.Encode(f, name, []byte("hello, hello")), uint8(i), uint8(3))
	}
	p := NewPool(Limits{})
	f.Fuzz(func(t *testing.T, b []byte, which, size uint8) {
		name := every[int(which)%len(every)]
		s := p.Open(layers(t, name))
		one, whyOne := undo(s, b, whole)
		s.Close()
		s = p.Open(layers(t, name))
		two, whyTwo := undo(s, b, func(left int) int { return min(left, int(size)+1) })
		s.Close()
		if (whyOne == "") != (whyTwo == "") || whyOne == "" && !bytes.Equal(one, two) {
			t.Fatalf("%s: %d bytes %q at once, %d bytes %q in pieces", name, len(one), whyOne, len(two), whyTwo)
		}
		if p.Used() != 0 {
			t.Fatal("memory is still counted")
		}
	})
}

func BenchmarkStream(b *testing.B) {
	text := codingtest.Sample(64 << 10)
	dst := make([]byte, 16<<10)
	for _, name := range []string{"gzip", "br", "zstd"} {
		b.Run(name, func(b *testing.B) {
			p, l, c := NewPool(Limits{}), layers(b, name), codingtest.Encode(b, name, text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				s := p.Open(l)
				s.Feed(c, true)
				for !s.Done() {
					s.Read(dst)
				}
				s.Close()
			}
		})
	}
}

// TestTextGoesAsFarAsTheBitsReach: it is the same whether its bytes come one by one or together, while more may follow.
func TestTextGoesAsFarAsTheBitsReach(t *testing.T) {
	p, dst := NewPool(Limits{}), make([]byte, 64<<10)
	for _, name := range every {
		b := codingtest.Encode(t, name, codingtest.Sample(20_000))
		slow := p.Open(layers(t, name))
		far, n := 0, 0
		for n < len(b) {
			slow.Feed(b[n:n+1], false)
			far += readAll(slow, dst)
			if n++; n%3 != 0 {
				continue
			}
			s := p.Open(layers(t, name))
			s.Feed(b[:n], false)
			if got := readAll(s, dst); got != far {
				t.Errorf("%s: of %d bytes together %d of text, one by one %d", name, n, got, far)
			}
			s.Close()
		}
		slow.Close()
	}
}

// readAll reads what s was fed, and returns how much text it is.
func readAll(s *Stream, dst []byte) (all int) {
	for {
		n, _ := s.Read(dst)
		if all += n; n == 0 {
			return all
		}
	}
}
