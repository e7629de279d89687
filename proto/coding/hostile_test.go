package coding

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-project/weir/packet"
)

// A bitWriter is a string of bits, the first in the lowest place (RFC 1951 §3.1.1, RFC 7932 §1.5.1).
type bitWriter struct {
	b []byte
	n int
}

// put adds the n lowest bits of v.
func (w *bitWriter) put(v uint64, n int) *bitWriter {
	for n > 0 {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		k := min(n, 8-w.n%8)
		w.b[w.n/8] |= byte(v) & (1<<k - 1) << (w.n % 8)
		v >>= k
		w.n += k
		n -= k
	}
	return w
}

// repeat adds what f does, to a writer of its own, until there are n bytes.
func (w *bitWriter) repeat(n int, f func(w *bitWriter)) []byte {
	one := &bitWriter{}
	f(one)
	for len(w.b) < n {
		for i, b := range one.b {
			w.put(uint64(b), min(8, one.n-8*i))
		}
	}
	return w.b[:n]
}

// align goes on at a byte's edge.
func (w *bitWriter) align() *bitWriter {
	w.n = len(w.b) * 8
	return w
}

// codesOf returns the codes of these lengths, by symbol, their first bit in the lowest place (RFC 1951 §3.2.2).
func codesOf(lengths map[int]int) map[int]uint64 {
	codes, code := map[int]uint64{}, uint64(0)
	for n := 1; n <= 15; n++ {
		for sym := range 1024 {
			if lengths[sym] == n {
				var r uint64
				for i := range n {
					r |= code >> i & 1 << (n - 1 - i)
				}
				codes[sym] = r
				code++
			}
		}
		code <<= 1
	}
	return codes
}

// dynamic adds the head of a block with codes of its own (RFC 1951 §3.2.7).
func (w *bitWriter) dynamic(lit, dist map[int]int) (litCodes, distCodes map[int]uint64) {
	top := func(m map[int]int, least int) int {
		n := least
		for k := range m {
			n = max(n, k+1)
		}
		return n
	}
	nlit, ndist := top(lit, 257), top(dist, 1)
	all := make([]int, nlit+ndist)
	for k, v := range lit {
		all[k] = v
	}
	for k, v := range dist {
		all[nlit+k] = v
	}
	type one struct{ sym, extra, n int }
	var run []one
	used := map[int]int{}
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && all[i+n] == all[i] && n < 138 {
			n++
		}
		o := one{all[i], 0, 0}
		switch {
		case all[i] == 0 && n >= 11:
			o = one{18, n - 11, 7}
		case all[i] == 0 && n >= 3:
			o = one{17, n - 3, 3}
		default:
			n = 1
		}
		run = append(run, o)
		used[o.sym]++
		i += n
	}
	lens := map[int]int{} // a code of as few bits as can be, the oftenest symbol first
	syms := []int{}
	for s := range 19 {
		if used[s] > 0 {
			syms = append(syms, s)
		}
	}
	if len(syms) == 1 {
		lens[syms[0]] = 1
	} else {
		depth := 0
		for 1<<depth < len(syms) {
			depth++
		}
		short := 1<<depth - len(syms)
		for i, s := range syms {
			lens[s] = depth
			if i < short {
				lens[s] = depth - 1
			}
		}
	}
	order := [...]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	last := 4
	for i, s := range order {
		if lens[s] > 0 {
			last = max(last, i+1)
		}
	}
	w.put(2, 2).put(uint64(nlit-257), 5).put(uint64(ndist-1), 5).put(uint64(last-4), 4)
	for _, s := range order[:last] {
		w.put(uint64(lens[s]), 3)
	}
	c := codesOf(lens)
	for _, o := range run {
		w.put(c[o.sym], lens[o.sym]).put(uint64(o.extra), o.n)
	}
	return codesOf(lit), codesOf(dist)
}

// deep is a code whose symbols have all lengths up to 15, s[0] the shortest.
func deep(s ...int) map[int]int {
	m := map[int]int{}
	for i, k := range s {
		m[k] = min(i+1, len(s)-1)
	}
	return m
}

func seq(from, n int) (s []int) {
	for i := range n {
		s = append(s, from+i)
	}
	return s
}

// hostileDeflate are bare blocks of n bytes.
func hostileDeflate(n int) map[string][]byte {
	until := func(f func(w *bitWriter)) []byte { return (&bitWriter{}).repeat(n, f) }
	one := func(head func(w *bitWriter) func()) []byte {
		w := &bitWriter{}
		w.put(0, 1)
		next := head(w)
		for len(w.b) < n {
			next()
		}
		return w.b[:n]
	}
	return map[string][]byte{
		"tiny-tables": until(func(w *bitWriter) {
			w.put(0, 1)
			c, _ := w.dynamic(map[int]int{256: 1}, nil)
			w.put(c[256], 1)
		}),
		"deep-tables": until(func(w *bitWriter) {
			w.put(0, 1)
			l := deep(append([]int{256}, seq(241, 15)...)...)
			c, _ := w.dynamic(l, deep(seq(0, 16)...))
			w.put(c[256], l[256])
		}),
		"bushy-tables": until(func(w *bitWriter) { // with as many tables of the second level as there can be
			w.put(0, 1)
			l := map[int]int{256: 1}
			for i := range 256 {
				l[i] = 9
			}
			l[0], l[1], l[257] = 10, 10, 9
			c, _ := w.dynamic(l, deep(seq(0, 16)...))
			w.put(c[256], l[256])
		}),
		"fixed-empty":  until(func(w *bitWriter) { w.put(0, 1).put(1, 2).put(0, 7) }),
		"stored-empty": until(func(w *bitWriter) { w.put(0, 3).align().put(0xffff0000, 32) }),
		"stored-of-1":  until(func(w *bitWriter) { w.put(0, 3).align().put(0xfffe0001, 32).put('a', 8) }),
		"literals-of-1-bit": one(func(w *bitWriter) func() {
			c, _ := w.dynamic(map[int]int{'a': 1, 256: 1}, nil)
			return func() { w.put(c['a'], 1) }
		}),
		"matches-of-2-bits": one(func(w *bitWriter) func() {
			c, d := w.dynamic(map[int]int{257: 1, 'a': 2, 256: 2}, map[int]int{0: 1, 1: 1})
			w.put(c['a'], 2)
			w.put(c['a'], 2)
			return func() { w.put(c[257], 1).put(d[1], 1) }
		}),
		"matches-and-literals": one(func(w *bitWriter) func() {
			c, d := w.dynamic(map[int]int{257: 2, 'a': 2, 'b': 2, 256: 2}, map[int]int{0: 1, 9: 1})
			for range 40 {
				w.put(c['a'], 2)
			}
			return func() { w.put(c['b'], 2).put(c[257], 2).put(d[9], 1).put(3, 3) }
		}),
		"longest-matches": one(func(w *bitWriter) func() {
			c, d := w.dynamic(map[int]int{285: 1, 'a': 2, 256: 2}, map[int]int{0: 1, 1: 1})
			w.put(c['a'], 2)
			w.put(c['a'], 2)
			return func() { w.put(c[285], 1).put(d[0], 1) }
		}),
		"deep-literals": one(func(w *bitWriter) func() {
			l := deep(append([]int{256}, seq(65, 15)...)...)
			c, _ := w.dynamic(l, nil)
			return func() { w.put(c[79], 15).put(c[78], 14) }
		}),
		"random-far": one(func(w *bitWriter) func() {
			c, d := w.dynamic(map[int]int{258: 1, 'a': 2, 256: 2}, map[int]int{29: 1, 28: 1})
			for range 33000 {
				w.put(c['a'], 2)
			}
			x := uint64(1)
			return func() { x = x*6364136223846793005 + 1442695040888963407; w.put(c[258], 1).put(d[29], 1).put(x>>40, 13) }
		}),
	}
}

func gzipFrame(deflated, text []byte) []byte {
	b := append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), deflated...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(text))
	return binary.LittleEndian.AppendUint32(b, uint32(len(text)))
}

// gzipOf puts a head before blocks that do not end.
func gzipOf(deflated []byte) []byte {
	return append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), deflated...)
}

func hostileGzip(n int) map[string][]byte {
	m := map[string][]byte{}
	for name, b := range hostileDeflate(n) {
		m[name] = gzipOf(b)[:n]
	}
	m["members"] = bytes.Repeat(gzipFrame([]byte{3, 0}, nil), n/20)
	m["members-of-1"] = bytes.Repeat(gzipFrame([]byte{1, 1, 0, 0xfe, 0xff, 'a'}, []byte("a")), n/24)
	dyn := &bitWriter{}
	dyn.put(1, 1)
	c, _ := dyn.dynamic(map[int]int{256: 1}, nil)
	dyn.put(c[256], 1)
	m["members-with-tables"] = bytes.Repeat(gzipFrame(dyn.b, nil), n/(18+len(dyn.b)))
	named := []byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff" + strings.Repeat("n", 500) + "\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	m["members-with-names"] = bytes.Repeat(named, n/len(named))
	return m
}

// metablock adds the head of a meta-block of br of n bytes, up to the types of blocks (RFC 7932 §9.2).
func (w *bitWriter) metablock(n int) *bitWriter {
	return w.put(0, 1).put(2, 2).put(uint64(n-1), 24).put(0, 1)
}

// stored adds one that is not coded.
func (w *bitWriter) stored(text string) *bitWriter {
	w.put(0, 1).put(0, 2).put(uint64(len(text)-1), 16).put(1, 1).align()
	for i := range len(text) {
		w.put(uint64(text[i]), 8)
	}
	return w
}

// only adds a code of one symbol of so many bits, which itself then takes none (§3.4).
func (w *bitWriter) only(symbol, n int) *bitWriter {
	return w.put(1, 2).put(0, 2).put(uint64(symbol), n)
}

func hostileBrotli(n int) map[string][]byte {
	begin := func() *bitWriter {
		w := (&bitWriter{}).put(1, 1).put(7, 3)
		return w.stored(strings.Repeat("abcdefgh", 8))
	}
	// plain goes on behind metablock with one type of each kind, and one code of one symbol for each.
	plain := func(w *bitWriter, literal, command, distance int) *bitWriter {
		return w.put(0, 3).put(0, 6).put(0, 2).put(0, 2).only(literal, 8).only(command, 10).only(distance, 6)
	}
	fill := func(w *bitWriter) []byte {
		x := uint64(1)
		for len(w.b) < n {
			x = x*6364136223846793005 + 1442695040888963407
			w.put(x>>33, 31)
		}
		return w.b[:n]
	}
	until := func(f func(w *bitWriter)) []byte { return begin().repeat(n, f) }
	return map[string][]byte{
		"commands-of-0-bits": fill(plain(begin().metablock(1<<24), 'a', 0, 0)),
		"longest-copy":       fill(plain(begin().metablock(1<<24), 'a', 128+256+7, 0)),
		"literals-of-0-bits": fill(plain(begin().metablock(1<<24), 'a', 448+7*8, 0)),
		"words":              fill(plain(begin().metablock(1<<24), 'a', 130, 16+28)),
		"commands-of-3-bits": fill(begin().metablock(1<<24).put(0, 3).put(0, 6).put(0, 2).put(0, 2).only('a', 8).
			put(1, 2).put(3, 2).put(128, 10).put(129, 10).put(130, 10).put(131, 10).put(0, 1).
			put(1, 2).put(1, 2).put(0, 6).put(1, 6)),
		"commands-of-5-bits": fill(begin().metablock(1<<24).put(0, 3).put(0, 6).put(0, 2).put(0, 2).only('a', 8).
			put(1, 2).put(3, 2).put(128, 10).put(129, 10).put(130, 10).put(131, 10).put(0, 1).
			put(1, 2).put(3, 2).put(0, 6).put(1, 6).put(16, 6).put(17, 6).put(0, 1)),
		"literals-in-contexts": fill(func() *bitWriter {
			w := begin().metablock(1<<24).put(0, 3).put(0, 6).put(2, 2)
			w.put(1, 1).put(0, 3)                               // two codes
			w.put(0, 1).put(1, 2).put(1, 2).put(0, 1).put(1, 1) // which contexts have, by bits
			w.put(0x5a3c96f05a3c96f0, 64).put(0, 1)
			w.put(0, 1)
			for _, s := range []string{"aeio", "bcdf"} {
				w.put(1, 2).put(3, 2)
				for i := range len(s) {
					w.put(uint64(s[i]), 8)
				}
				w.put(0, 1)
			}
			return w.only(448+7*8, 10).only(0, 6)
		}()),
		"tiny":        until(func(w *bitWriter) { plain(w.put(0, 1).put(0, 2).put(1, 16).put(0, 1), 'a', 0, 0) }),
		"skipped":     until(func(w *bitWriter) { w.put(0, 1).put(3, 2).put(0, 3).align() }),
		"stored-of-1": until(func(w *bitWriter) { w.stored("a") }),
		"switches": fill(func() *bitWriter {
			w := begin().metablock(1 << 24)
			w.put(1, 1).put(0, 3).only(1, 2).only(0, 5).put(0, 2) // two types, one behind the other, of 1 to 4
			w.put(0, 2).put(0, 6).put(0, 4).put(0, 2)
			return w.only('a', 8).only(448+7*8, 10).only(0, 6)
		}()),
		"trees-of-1": until(func(w *bitWriter) {
			w.put(0, 1).put(0, 2).put(0, 16).put(0, 1)
			w.put(1, 1).put(1, 3).put(1, 1).only(1, 3).only(0, 5).put(0, 2) // four types
			w.put(0, 2).put(0, 6).put(0, 8)
			w.put(1, 1).put(7, 3).put(127, 7) // 256 codes
			w.put(0, 1).only(0, 8).put(0, 1)  // none of which is used but the first
			w.put(0, 1)                       // one for distances
			for i := range 256 {
				w.only(i, 8)
			}
			w.only(8, 10).only(0, 6)
		}),
		"trees-of-4": until(func(w *bitWriter) {
			w.put(0, 1).put(0, 2).put(0, 16).put(0, 1)
			w.put(1, 1).put(1, 3).put(1, 1).only(1, 3).only(0, 5).put(0, 2)
			w.put(0, 2).put(0, 6).put(0, 8)
			w.put(1, 1).put(7, 3).put(127, 7)
			w.put(0, 1).only(0, 8).put(0, 1)
			w.put(0, 1)
			for range 256 {
				w.put(1, 2).put(3, 2).put(1, 8).put(2, 8).put(3, 8).put(4, 8).put(1, 1)
			}
			w.only(8, 10).only(0, 6).put(0, 1)
		}),
		"maps": until(func(w *bitWriter) {
			w.put(0, 1).put(0, 2).put(0, 16).put(0, 1)
			w.put(1, 1).put(7, 3).put(127, 7) // 256 types of literals
			w.only(1, 9).only(0, 5).put(0, 2)
			w.put(0, 2).put(0, 6)
			for range 256 {
				w.put(0, 2)
			}
			w.put(1, 1).put(0, 3) // two codes
			w.put(1, 1).put(13, 4).only(14, 4).put(0, 14).put(1, 1)
			w.put(0, 1)
			w.only('a', 8).only('b', 8).only(8, 10).only(0, 6)
		}),
		"maps-of-1-bit": until(func(w *bitWriter) {
			w.put(0, 1).put(0, 2).put(0, 16).put(0, 1)
			w.put(1, 1).put(7, 3).put(127, 7)
			w.only(1, 9).only(0, 5).put(0, 2)
			w.put(0, 2).put(0, 6)
			for range 256 {
				w.put(0, 2)
			}
			w.put(1, 1).put(7, 3).put(127, 7)                       // 256 codes
			w.put(0, 1).put(1, 2).put(1, 2).put(254, 8).put(255, 8) // two of which are used
			for range 256 {
				w.put(0x123456789abcdef0, 64)
			}
			w.put(1, 1)
			w.put(0, 1)
			for range 256 {
				w.only('a', 8)
			}
			w.only(8, 10).only(0, 6)
		}),
	}
}

// zstdHead begins a frame with a window of 1 MiB.
const zstdHead = "\x28\xb5\x2f\xfd\x00\x50"

func zstdBlockOf(kind, size int, data string) string {
	v := kind<<1 | size<<3
	return string([]byte{byte(v), byte(v >> 8), byte(v >> 16)}) + data
}

// zstdBlockWith is a block in which an encoder puts n bytes of text that needs codes and tables of its own.
func zstdBlockWith(t testing.TB, n int) string {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	if err != nil {
		t.Fatal(err)
	}
	b := e.EncodeAll(sample(n), nil)
	b = b[len("magic")+1+int(b[4]>>6):] // and a size of one byte or two
	b[0] &^= 1                          // it is not the last
	return string(b)
}

func hostileZstd(t testing.TB, n int) map[string][]byte {
	fill := func(head, again string) []byte { return []byte((head + strings.Repeat(again, n/len(again)+1))[:n]) }
	coded := func(data string) string { return zstdBlockOf(2, len(data), data) }
	sequences := func(count int, modes byte, rest string) string {
		if count < 128 {
			return string([]byte{byte(count), modes}) + rest
		}
		if count < 0x7f00 {
			return string([]byte{byte(count>>8 + 128), byte(count), modes}) + rest
		}
		return string([]byte{255, byte(count - 0x7f00), byte((count - 0x7f00) >> 8), modes}) + rest
	}
	return map[string][]byte{
		"empty-blocks":        fill(zstdHead, zstdBlockOf(0, 0, "")),
		"runs":                fill(zstdHead, zstdBlockOf(1, 128<<10, "a")),
		"runs-of-1":           fill(zstdHead, zstdBlockOf(1, 1, "a")),
		"raw-of-1":            fill(zstdHead, zstdBlockOf(0, 1, "a")),
		"frames":              fill("", zstdHead+"\x01\x00\x00"),
		"skipped":             fill(zstdHead+"\x01\x00\x00", "\x50\x2a\x4d\x18\x00\x00\x00\x00"),
		"sequences-of-0-bits": fill(zstdHead, zstdBlockOf(0, 8, "abcdefgh")+coded("\x00"+sequences(40000, 0x54, "\x00\x00\x00\x01"))),
		"blocks-of-150":       fill(zstdHead, zstdBlockWith(t, 150)),
		"blocks-of-300":       fill(zstdHead, zstdBlockWith(t, 300)),
		"blocks-of-1000":      fill(zstdHead, zstdBlockWith(t, 1000)),
	}
}

// hostile are bodies of n bytes that make a decoder work hard, by their codings and names.
func hostile(t testing.TB, n int) map[string]map[string][]byte {
	all := map[string]map[string][]byte{
		"gzip": hostileGzip(n), "raw": hostileDeflate(n), "br": hostileBrotli(n), "zstd": hostileZstd(t, n), "gzip gzip": {}, "gzip br": {}, "gzip zstd": {},
	}
	for name, b := range hostileGzip(2 * n) {
		for _, outer := range []string{"gzip", "br", "zstd"} {
			c := coded(t, outer, b)
			all["gzip "+outer][name] = c[:min(len(c), n)]
		}
	}
	return all
}

// endsWith are those that do not come to the end of what was fed.
var endsWith = map[string]packet.Reason{
	"raw/longest-matches": Expands, "raw/matches-of-2-bits": Laborious,
	"gzip/longest-matches": Expands, "gzip/matches-of-2-bits": Laborious,

	"br/literals-of-0-bits": Expands, "br/longest-copy": Expands, "br/commands-of-0-bits": Laborious, "br/maps": Laborious, "br/commands-of-3-bits": Laborious,
	"br/maps-of-1-bit": Laborious, "br/switches": Laborious,

	"zstd/runs": Expands, "zstd/empty-blocks": Laborious, "zstd/frames": Laborious, "zstd/raw-of-1": Laborious,
	"zstd/runs-of-1": Laborious, "zstd/sequences-of-0-bits": Laborious, "zstd/skipped": Laborious,
}

// read reads what s was fed, and returns why it ended.
func read(s *Stream, dst []byte) packet.Reason {
	for {
		if n, why := s.Read(dst); n == 0 || why != "" {
			return why
		}
	}
}

// TestWorkIsBounded: what 64 KiB cost is bounded, in work that is counted, whatever they are.
func TestWorkIsBounded(t *testing.T) {
	const n, most = 64 << 10, 48 // for each byte
	dst := make([]byte, n)
	for codings, bodies := range hostile(t, n) {
		for name, b := range bodies {
			s := NewPool(Limits{}).Open(layers(t, strings.Fields(codings)...))
			s.Feed(b, false)
			why := read(s, dst)
			if s.Work() > most*n {
				t.Errorf("%s/%s: work %d of coded %d", codings, name, s.Work(), s.read)
			}
			if len(strings.Fields(codings)) == 1 && why != endsWith[codings+"/"+name] || why == Bad {
				t.Errorf("%s/%s: %q", codings, name, why)
			}
		}
	}
}

// TestLittleIsDecodedAtOnce: a few bits of br that stand for 16 MiB are not decoded beyond what is read.
func TestLittleIsDecodedAtOnce(t *testing.T) {
	for _, name := range []string{"longest-copy", "literals-of-0-bits"} {
		s := NewPool(Limits{}).Open(layers(t, "br"))
		s.Feed(hostileBrotli(100)[name], false)
		s.Read(make([]byte, 1))
		s.Read(make([]byte, 1000))
		if z := s.layer[0].brotli; z.w > 2*atOnce {
			t.Errorf("%s: %d bytes for 1001", name, z.w)
		}
	}
}

// BenchmarkWorst is what 64 KiB of a body take, and half of it.
func BenchmarkWorst(b *testing.B) {
	dst := make([]byte, 64<<10)
	for _, n := range []int{64 << 10, 32 << 10} {
		for codings, bodies := range hostile(b, n) {
			for name, body := range bodies {
				b.Run(strings.ReplaceAll(codings, " ", "-")+"/"+name+"/"+dec(n), func(b *testing.B) {
					p, l := NewPool(Limits{}), layers(b, strings.Fields(codings)...)
					var work int64
					b.ReportAllocs()
					for b.Loop() {
						s := p.Open(l)
						s.Feed(body, false)
						read(s, dst)
						work = s.Work()
						s.Close()
					}
					b.ReportMetric(float64(work), "work")
				})
			}
		}
	}
}
