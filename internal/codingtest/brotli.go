package codingtest

import (
	"strings"
)

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

// Brotli are bodies in br of n bytes.
func Brotli(n int) map[string][]byte {
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
