package urls

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSetSameAsMap compares with a map and a walk over prefixes.
func TestSetSameAsMap(t *testing.T) {
	label := rapid.SampledFrom([]string{"a", "b", "www", "example", "com", "x-1"})
	name := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(label, 1, 5).Draw(t, "labels"), ".")
	})
	rapid.Check(t, func(t *rapid.T) {
		s, twin := newSet(), map[string]byte{}
		for range rapid.IntRange(0, 150).Draw(t, "names") {
			n, covers := name.Draw(t, "name"), rapid.SampledFrom([]byte{itself, below, itself | below}).Draw(t, "covers")
			s.add([]byte(n), covers)
			twin[n] |= covers
		}
		if s.names != len(twin) {
			t.Fatalf("%d names, want %d", s.names, len(twin))
		}
		s.trim()
		for range 50 {
			n := name.Draw(t, "asked")
			want := twin[n]&itself != 0
			for k, covers := range twin {
				want = want || covers&below != 0 && strings.HasSuffix(n, "."+k)
			}
			if got := s.has([]byte(n)); got != want {
				t.Fatalf("%s: %v, want %v", n, got, want)
			}
		}
	})
}

func TestManyNames(t *testing.T) {
	s := newSet()
	for i := range 100000 {
		s.add(fmt.Appendf(nil, "host%d.example.com", i), itself)
	}
	for i := range 100000 {
		if !s.has(fmt.Appendf(nil, "host%d.example.com", i)) {
			t.Fatalf("name %d is lost", i)
		}
	}
	if s.has([]byte("host100000.example.com")) || s.has([]byte("example.com")) {
		t.Error("found what was not added")
	}
	if per := s.bytes() / s.names; per > 48 {
		t.Errorf("%d bytes for each name", per)
	}
}

func BenchmarkLookup(b *testing.B) {
	s := newSet()
	for i := range 1000000 {
		s.add(fmt.Appendf(nil, "host%d.example.com", i), itself|below)
	}
	s.trim()
	names := make([][]byte, 1024)
	for i := range names {
		names[i] = fmt.Appendf(nil, "www.host%d.example.com", i*1777%2000000)
	}
	i := 0
	for b.Loop() {
		s.has(names[i&1023])
		i++
	}
	b.ReportMetric(float64(s.bytes())/1e6, "MB")
}

// TestPlainHosts: the way for usual names says what the long one says, or nothing.
func TestPlainHosts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SliceOfN(rapid.SampledFrom([]byte("aZ09-._@:[]/ \t\x00\xc3*%")), 0, 300).Draw(t, "value")
		fast, ok := appendPlain(nil, value)
		if !ok {
			return
		}
		if slow := lowered(nil, value); string(fast) != string(slow) || string(appendHost(nil, append([]byte(" "), value...))) != string(fast) {
			t.Fatalf("%q: %q, and the long way %q", value, fast, slow)
		}
	})
}
