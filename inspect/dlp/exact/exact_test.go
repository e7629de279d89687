package exact

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func key(t testing.TB, secret string) Key {
	t.Helper()
	k, err := NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func table(t testing.TB, values ...string) *Table {
	t.Helper()
	b := NewBuilder(key(t, "a secret of the tests"))
	for _, v := range values {
		if err := b.Add(v); err != nil {
			t.Fatalf("%q: %v", v, err)
		}
	}
	return b.Table()
}

// find is the values found in a text that is fed in parts, as "value at offset".
func find(s *Scanner, text string, cuts ...int) (found []string) {
	from, shown := 0, 0
	for i, cut := range append(cuts, len(text)) {
		more := i < len(cuts)
		s.Reset([]byte(text[max(0, from-64):from]), []byte(text[from:cut]), more)
		for off, end, ok := s.Next(); ok; off, end, ok = s.Next() {
			found = append(found, fmt.Sprintf("%s at %d", text[from+off:from+end], from+off))
			shown = from + end
		}
		from = max(shown, from+s.Open())
	}
	return found
}

func TestFind(t *testing.T) {
	tab := table(t, "4711-AB", "Jörg Müller", "C0FFEE", "a b c d e f g h", "4711-AB-99", "jane@example.com")
	for text, want := range map[string][]string{
		"":                                    nil,
		"customer 4711-AB, please":            {"4711-AB at 9"},
		"4711 ab":                             {"4711 ab at 0"},
		"4711 -/ab":                           {"4711 -/ab at 0"},
		"4711 ---- ab":                        nil,
		"4711ab 14711-ab 4711-abc":            nil,
		"4711-AB-98 4711-AB-99":               {"4711-AB at 0", "4711-AB-99 at 11"},
		"mr jörg müller":                      {"jörg müller at 3"},
		"c0ffee,C0FFEE":                       {"c0ffee at 0", "C0FFEE at 7"},
		"A B C D E F G H":                     {"A B C D E F G H at 0"},
		"mail JANE@EXAMPLE.COM or jane@b.eu":  {"JANE@EXAMPLE.COM at 5"},
		strings.Repeat("x", 1000) + " c0ffee": {"c0ffee at 1001"},
	} {
		if diff := cmp.Diff(want, find(tab.Scanner(), text)); diff != "" {
			t.Errorf("%.40q: %s", text, diff)
		}
	}
}

// TestCaseDoesNotCount: of letters of all alphabets that have it, in values and in texts.
func TestCaseDoesNotCount(t *testing.T) {
	values := []string{"Ödland", "ÉCOLE normale", "Ÿ-12345", "σίσυφος", "ПРОЕКТ Щука", "Ἀθῆναι", "Nguyễn Văn", "Հայաստան"}
	tab := table(t, values...)
	for _, v := range values {
		for _, text := range []string{v, strings.ToUpper(v), strings.ToLower(v)} {
			if got := find(tab.Scanner(), "a "+text+" b"); len(got) != 1 {
				t.Errorf("%q: %v", text, got)
			}
		}
	}
	for _, text := range []string{"Odland", "Üdland", "ödlanð", "\xc3dland", "\x96dland", "école normalę"} {
		if got := find(tab.Scanner(), text); len(got) != 0 {
			t.Errorf("%q: %v", text, got)
		}
	}
	s := tab.Scanner()
	text := []byte("Mr NGUYỄN, of the ἀΘῆΝΑΙ of ПРОЕКТ")
	if n := testing.AllocsPerRun(100, func() {
		s.Reset(nil, text, true)
		for _, _, ok := s.Next(); ok; _, _, ok = s.Next() {
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestFoldIsOneForm: letters of one length that fold to each other have one form, and no other letter has it.
func TestFoldIsOneForm(t *testing.T) {
	for r := rune(utf8.RuneSelf); r < folded; r++ {
		b := []byte(string(r))
		fold(b)
		if string(b) != string(rune(letters[r])) || letters[letters[r]] != letters[r] || !strings.EqualFold(string(b), string(r)) {
			t.Errorf("%q: %q", r, b)
		}
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			if other < folded && utf8.RuneLen(other) == utf8.RuneLen(r) && letters[other] != letters[r] {
				t.Errorf("%q and %q", r, other)
			}
		}
	}
}

func TestValuesThatCannotBe(t *testing.T) {
	b := NewBuilder(key(t, "a secret of the tests"))
	for _, v := range []string{"", "abc", "a-b-c-d", "1 2 3 4 5 6 7 8 9", strings.Repeat("x", MaxBytes)} {
		if b.Add(v) == nil {
			t.Errorf("%.20q was added", v)
		}
	}
	if n := b.Table().Len(); n != 0 {
		t.Errorf("%d values", n)
	}
	if _, err := NewKey([]byte("too short")); err == nil {
		t.Error("a key of nine bytes")
	}
}

func TestFile(t *testing.T) {
	var file bytes.Buffer
	if err := table(t, "4711-AB", "c0ffee", "c0ffee", "C0FFEE").Write(&file); err != nil {
		t.Fatal(err)
	}
	right := key(t, "a secret of the tests")
	tab, err := Read(file.Bytes(), right)
	if err != nil {
		t.Fatal(err)
	}
	if got := find(tab.Scanner(), "4711-ab c0ffee"); len(got) != 2 || tab.Len() != 2 {
		t.Errorf("%q of %d values", got, tab.Len())
	}
	for _, plain := range []string{"4711", "c0ffee", "coffee"} {
		if bytes.Contains(bytes.ToLower(file.Bytes()), []byte(plain)) {
			t.Errorf("%q is in the file", plain)
		}
	}
	if _, err := Read(file.Bytes(), key(t, "another secret of the tests")); !errors.Is(err, ErrKey) {
		t.Errorf("another key: %v", err)
	}
	for cut := range file.Len() {
		if _, err := Read(file.Bytes()[:cut], right); err == nil {
			t.Errorf("cut at %d: read", cut)
		}
	}
	for at := range len(magic) + 5*8 { // lengths only cost time, or lose values
		b := bytes.Clone(file.Bytes())
		b[at] ^= 0x80
		if _, err := Read(b, right); err == nil {
			t.Errorf("changed at %d: read", at)
		}
	}
}

// TestWhateverTheCut cuts a text between any two bytes, and wants what is found in the whole.
func TestWhateverTheCut(t *testing.T) {
	tab := table(t, "c0ffee", "4711ab", "müller", "4711 ab", "4711 ab c0ffee x", "x müller", "x x x x x y", "müller c0ffee")
	s := tab.Scanner()
	pieces := []string{"c0ffee", "4711", "ab", "4711ab", "müller", "MÜLLER", "\xc3", "x", "y", " ", " ", "-", " - ", ", and ", "C0FFEE", "\n"}
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 12).Draw(rt, "text"), "")
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(text)), 0, 5).Draw(rt, "cuts")
		slices.Sort(cuts)
		if diff := cmp.Diff(find(s, text), find(s, text, cuts...)); diff != "" {
			rt.Fatalf("%q cut at %v: %s", text, cuts, diff)
		}
	})
}

// TestEveryCut cuts values of several words at every byte, and at every two.
func TestEveryCut(t *testing.T) {
	s := table(t, "4711 ab", "4711 ab c0ffee", "jörg müller").Scanner()
	for _, text := range []string{"mr Jörg - Müller, 4711-ab, c0ffee", "4711 ab c0ffee", "4711 AB x", "4711 abc 4711 ab"} {
		whole := find(s, text)
		for a := range len(text) + 1 {
			for b := a; b <= len(text); b++ {
				if diff := cmp.Diff(whole, find(s, text, a, b)); diff != "" {
					t.Errorf("%q cut at %d and %d: %s", text, a, b, diff)
				}
			}
		}
	}
}

// TestTwin compares with a map and the words of a text.
func TestTwin(t *testing.T) {
	values := []string{"alpha one", "alpha one two", "bravo", "one two three", "three"}
	tab := table(t, values...)
	words := []string{"alpha", "one", "two", "bravo", "three", "other"}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom(words), 0, 12).Draw(rt, "words")
		var want []string
		at := 0
		for i := 0; i < len(text); {
			n := 1
			for k := min(3, len(text)-i); k > 0; k-- {
				if v := strings.Join(text[i:i+k], " "); slices.Contains(values, v) {
					want = append(want, fmt.Sprintf("%s at %d", v, at))
					n = k
					break
				}
			}
			at += len(strings.Join(text[i:i+n], " ")) + 1
			i += n
		}
		if diff := cmp.Diff(want, find(tab.Scanner(), strings.Join(text, " "))); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// TestManyValues holds tables of all sizes against a map, and a table's size against what it is to be.
func TestManyValues(t *testing.T) {
	for _, n := range []int{0, 1, 2, 7, 8, 9, 100, 5000, 200_000} {
		b := NewBuilder(key(t, "a secret of the tests"))
		for i := range n {
			if err := b.Add(fmt.Sprintf("%07d", 2*i)); err != nil {
				t.Fatal(err)
			}
		}
		var file bytes.Buffer
		if err := b.Table().Write(&file); err != nil {
			t.Fatal(err)
		}
		tab, err := Read(file.Bytes(), b.t.key)
		if err != nil || tab.Len() != n {
			t.Fatalf("%d values: %d, %v", n, tab.Len(), err)
		}
		s := tab.Scanner()
		for i := range 2 * min(n, 3000) {
			if got := len(find(s, fmt.Sprintf("%07d", i))); (got == 1) != (i%2 == 0) {
				t.Fatalf("%d values: %d is found %d times", n, i, got)
			}
		}
		if most := headSize + 16 + 7*n; file.Len() > most {
			t.Errorf("%d values take %d bytes, want %d at most", n, file.Len(), most)
		}
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	tab := table(t, "c0ffee", "4711-AB")
	s, text := tab.Scanner(), []byte(strings.Repeat("nothing of interest, but c0ffee and 4711/ab; ", 30))
	found := 0
	if n := testing.AllocsPerRun(100, func() {
		s.Reset(nil, text, true)
		for _, _, ok := s.Next(); ok; _, _, ok = s.Next() {
			found++
		}
	}); n != 0 || found == 0 {
		t.Errorf("%v allocations, %d found", n, found)
	}
}

func FuzzRead(f *testing.F) {
	var file bytes.Buffer
	if err := table(f, "4711-AB", "c0ffee").Write(&file); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes(), []byte("4711 ab"))
	k := key(f, "a secret of the tests")
	f.Fuzz(func(t *testing.T, b, text []byte) {
		tab, err := Read(b, k)
		if err != nil {
			tab = table(t, "c0ffee")
		}
		s := tab.Scanner()
		s.Reset(text[:len(text)/3], text[len(text)/3:], true)
		at := 0
		for off, end, ok := s.Next(); ok; off, end, ok = s.Next() {
			if off < at || end <= off || end > s.Open() {
				t.Fatalf("[%d,%d) behind %d of %d", off, end, at, s.Open())
			}
			at = end
		}
	})
}

func BenchmarkScan(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	build := NewBuilder(key(b, "a secret of the tests"))
	for range 1_000_000 {
		if err := build.Add(fmt.Sprintf("%08d", r.IntN(1e8))); err != nil {
			b.Fatal(err)
		}
	}
	tab := build.Table()
	for name, text := range map[string]string{
		"prose":   strings.Repeat("In Xanadu did Kubla Khan a stately pleasure-dome decree. ", 26)[:1460],
		"numbers": strings.Repeat("17263544 99887766 ", 90)[:1460],
	} {
		b.Run(name, func(b *testing.B) {
			s := tab.Scanner()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s.Reset(nil, []byte(text), true)
				for _, _, ok := s.Next(); ok; _, _, ok = s.Next() {
				}
			}
		})
	}
}
