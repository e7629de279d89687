package codingtest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

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

// Deflate are bare blocks of n bytes.
func Deflate(n int) map[string][]byte {
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

// Gzip are members of n bytes.
func Gzip(n int) map[string][]byte {
	m := map[string][]byte{}
	for name, b := range Deflate(n) {
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
