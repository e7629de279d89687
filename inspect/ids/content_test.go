package ids

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// twin matches contents by trying everything: each content at each place, with all the others behind it.
func twin(b []byte, cs []content, prev int) bool {
	if len(cs) == 0 {
		return true
	}
	c, rest := &cs[0], cs[1:]
	matched := false
	for start := 0; start+len(c.pattern) <= len(b); start++ {
		end := start + len(c.pattern)
		hay := b[start:end]
		if c.nocase && !bytes.EqualFold(hay, c.pattern) || !c.nocase && !bytes.Equal(hay, c.pattern) {
			continue
		}
		if c.ends && end != len(b) {
			continue
		}
		if c.relative {
			if start < max(0, prev+c.distance) || c.within != unset && end > prev+c.distance+c.within {
				continue
			}
		} else if start < c.offset || c.depth != unset && end > c.offset+c.depth {
			continue
		}
		matched = true
		if !c.not && twin(b, rest, end) {
			return true
		}
	}
	return c.not && !matched && twin(b, rest, prev)
}

var anyContent = rapid.Custom(func(t *rapid.T) content {
	c := content{depth: unset, within: unset}
	c.pattern = []byte(rapid.StringOfN(rapid.SampledFrom([]rune("abAB")), 1, 3, -1).Draw(t, "pattern"))
	c.nocase = rapid.Bool().Draw(t, "nocase")
	c.not = rapid.IntRange(0, 3).Draw(t, "not") == 0
	c.ends = rapid.IntRange(0, 5).Draw(t, "ends") == 0
	switch rapid.IntRange(0, 2).Draw(t, "place") {
	case 1:
		c.offset = rapid.IntRange(0, 6).Draw(t, "offset")
		if rapid.Bool().Draw(t, "depth?") {
			c.depth = len(c.pattern) + rapid.IntRange(0, 6).Draw(t, "depth")
		}
	case 2:
		c.relative = true
		c.distance = rapid.IntRange(-4, 4).Draw(t, "distance")
		if rapid.Bool().Draw(t, "within?") {
			c.within = len(c.pattern) + rapid.IntRange(0, 5).Draw(t, "within")
		}
	}
	if c.nocase {
		c.pattern = bytes.ToLower(c.pattern)
	}
	return c
})

func TestContentsSameAsTwin(t *testing.T) {
	var m matcher
	matches := 0
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(rapid.StringOfN(rapid.SampledFrom([]rune("aAbB")), 0, 24, -1).Draw(t, "text"))
		cs := rapid.SliceOfN(anyContent, 1, 5).Draw(t, "contents")
		link(cs)
		want := twin(b, cs, 0)
		if got := m.match(text{plain: b, low: bytes.ToLower(b)}, cs); got != want {
			t.Fatalf("%q, %+v: %v, want %v", b, cs, got, want)
		}
		if want {
			matches++
		}
	})
	if matches == 0 {
		t.Error("nothing ever matched: the comparison says nothing")
	}
}

func TestAutomatonSameAsContains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.SampledFrom([]rune("abAB\x00é")), 1, 5, -1)
		patterns := rapid.SliceOfN(word, 1, 12).Draw(t, "patterns")
		in := []byte(rapid.StringOfN(rapid.SampledFrom([]rune("abAB\x00éx")), 0, 40, -1).Draw(t, "text"))
		var keys []keyed
		for i, p := range patterns {
			keys = append(keys, keyed{[]byte(p), int32(i)})
		}
		low := lowerAll(in)
		for _, table := range []int{maxDense, 0} {
			a := newAutomaton(keys, table, 3)
			if (a.dense != nil) != (table > 0) {
				t.Fatal("wrong form")
			}
			found := newCandidates(len(keys), 3+len(a.lists))
			for range 2 { // the second time over used scratch
				found.reset()
				a.scan(in, &found)
				for i, p := range patterns {
					want := bytes.Contains(low, lowerAll([]byte(p)))
					if got := found.rules[i] == found.generation; got != want {
						t.Fatalf("%q in %q: %v, want %v (table %d)", p, in, got, want, table)
					}
				}
			}
		}
	})
}

func lowerAll(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] = lower(out[i])
	}
	return out
}

func TestAllByteValuesInPatterns(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	a := newAutomaton([]keyed{{all, 0}}, maxDense, 0)
	found := newCandidates(1, 1)
	found.reset()
	a.scan(bytes.Repeat(all, 2), &found)
	if len(found.ids) != 1 {
		t.Error("not found")
	}
}

// hostile are texts and contents that make a matcher which tries everything go on for ever.
func hostile(n int) ([]byte, []content) {
	var cs []content
	for range 8 {
		cs = append(cs, content{pattern: []byte("aa"), relative: true, depth: unset, within: unset})
	}
	cs = append(cs, content{pattern: []byte("b"), relative: true, depth: unset, within: 10})
	link(cs)
	return []byte(strings.Repeat("a", n)), cs
}

func BenchmarkHostileContents(b *testing.B) {
	in, cs := hostile(64 << 10)
	var m matcher
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		m.match(text{plain: in}, cs)
	}
}

func BenchmarkScan(b *testing.B) {
	var keys []keyed
	for i := range 10000 {
		keys = append(keys, keyed{[]byte(strings.Repeat(string(rune('a'+i%26)), 3) + strings.Repeat("xyz", i%3+1) + string(rune('0'+i/1000)) + string(rune('a'+i/26%26))), int32(i)})
	}
	in := []byte(strings.Repeat("GET /index.html HTTP/1.1\r\nHost: www.example.com\r\naaaxyzxyz\r\n", 25)[:1460])
	for name, table := range map[string]int{"table": 1 << 30, "edges": 0} {
		a := newAutomaton(keys, table, 0)
		found := newCandidates(len(keys), len(a.lists))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				found.reset()
				a.scan(in, &found)
			}
		})
	}
}

// BenchmarkScanFew is the case of few rules: most bytes begin no pattern.
func BenchmarkScanFew(b *testing.B) {
	a := newAutomaton([]keyed{{[]byte("weir-bench-marker"), 0}, {[]byte("/etc/passwd"), 1}, {[]byte("\xde\xad\xbe\xef"), 2}}, 1<<30, 0)
	found := newCandidates(3, len(a.lists))
	for name, in := range map[string][]byte{
		"text":  []byte(strings.Repeat("name=Ada&city=London&order=38291&note=please ring twice", 1200)),
		"zeros": make([]byte, 64<<10),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				found.reset()
				a.scan(in, &found)
			}
		})
	}
}
