package codingtest

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
