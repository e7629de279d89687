package pattern

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func compile(t testing.TB, expr string) *Pattern {
	t.Helper()
	p, err := Compile(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return p
}

// find is the matches in a text that is fed in parts.
func find(s *Scanner, text string, cuts ...int) (found []string) {
	from := 0
	for i, cut := range append(cuts, len(text)) {
		s.Reset([]byte(text[max(0, from-8):from]), []byte(text[from:cut]), i < len(cuts))
		done := 0
		for off, end, ok := s.Next(); ok; off, end, ok = s.Next() {
			found = append(found, fmt.Sprintf("%q at %d", text[from+off:from+end], from+off))
			done = end
		}
		from += max(done, s.Open())
	}
	return found
}

// twin is find by package regexp, for matches of usual length.
func twin(re *regexp.Regexp, text string) (found []string) {
	for _, m := range re.FindAllStringIndex(text, -1) {
		found = append(found, fmt.Sprintf("%q at %d", text[m[0]:m[1]], m[0]))
	}
	return found
}

var exprs = []string{
	`ACME-\d{4}`, `(?i)project (blue|bluebird)`, `\b[A-Z]{2}\d{3,6}\b`, `a.c|abcd+`, `(ab|abab)c?x*[abc]{3}`, `müller|ü{3}`, `^abc|abc$`, `(?m)^abc`, `a\Bbc`, `[^a]bc`, `(a+b+){2,}c?`, `aaa|aaaa|b(a|b)*bb`,
}

func TestLikeRegexp(t *testing.T) {
	alphabet := []string{"a", "b", "c", "d", "x", "A", "B", "ACME-", "1", "23", "project ", "blue", "bird", " ", "\n", "ü", "müller", "\xff", "-"}
	for _, expr := range exprs {
		p := compile(t, expr)
		s, re := p.Scanner(), regexp.MustCompile(expr)
		re.Longest()
		t.Run(expr, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 20).Draw(rt, "text"), "")
				cuts := rapid.SliceOfN(rapid.IntRange(0, len(text)), 0, 4).Draw(rt, "cuts")
				slices.Sort(cuts)
				want := twin(re, text)
				if diff := cmp.Diff(want, find(s, text)); diff != "" {
					rt.Fatalf("%q: %s", text, diff)
				}
				if diff := cmp.Diff(want, find(s, text, cuts...)); diff != "" {
					rt.Fatalf("%q cut at %v: %s", text, cuts, diff)
				}
			})
		})
	}
}

func TestExpressionsThatCannotBe(t *testing.T) {
	for expr, want := range map[string]string{
		`(a)\1bc`:             `\1: back references cannot be done in linear time`,
		`abc(?=d)`:            `(?=: looking around and atomic groups cannot be done in linear time`,
		`(?<!a)bcd`:           `(?<!: looking around cannot be done in linear time`,
		`abc(`:                "abc(: missing closing )",
		`a*`:                  "it can match less than 3 bytes, and would match everywhere",
		`ab|abcd`:             "it can match less than 3 bytes, and would match everywhere",
		`((a{100}){100}){10}`: "{100}: invalid repeat count",
		`[a-z]{900}[a-z]{900}\w{900}\w{900}\w{900}`: "it is too large: 4502 steps of at most 4000, such as repetitions of repetitions make",
	} {
		if _, err := Compile(expr); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", expr, err, want)
		}
	}
}

// TestLongMatches are not found, and cost no more than others.
func TestLongMatches(t *testing.T) {
	s := compile(t, `a[bc]+d`).Scanner()
	for _, n := range []int{1, MaxBytes - 2, MaxBytes - 1, 100_000} {
		got := find(s, "a"+strings.Repeat("b", n)+"d")
		if want := n+2 <= MaxBytes; (len(got) == 1) != want {
			t.Errorf("%d bytes: %d found", n+2, len(got))
		}
		s.Reset(nil, []byte("a"+strings.Repeat("b", n)), true)
		if _, _, ok := s.Next(); ok || n+1-s.Open() > MaxBytes {
			t.Errorf("%d bytes wait", n+1-s.Open())
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	s, text := compile(t, `(?i)(project|projekt) [a-z]+\d`).Scanner(), []byte(strings.Repeat("a project, Projekt x1 ", 60))
	n := testing.AllocsPerRun(100, func() {
		s.Reset(nil, text, true)
		for _, _, ok := s.Next(); ok; _, _, ok = s.Next() {
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzPattern(f *testing.F) {
	for _, e := range exprs {
		f.Add(e, "ACME-1234 abcabc", 3)
	}
	f.Fuzz(func(t *testing.T, expr, text string, cut int) {
		p, err := Compile(expr)
		if err != nil || len(text) > MaxBytes {
			return
		}
		re := regexp.MustCompile(expr)
		re.Longest()
		if want, got := twin(re, text), find(p.Scanner(), text); !slices.Equal(want, got) {
			t.Fatalf("%q in %q: %q, want %q", expr, text, got, want)
		}
		if cut > 0 && cut < len(text) {
			if whole, parts := find(p.Scanner(), text), find(p.Scanner(), text, cut); !slices.Equal(whole, parts) {
				t.Fatalf("%q in %q cut at %d: %q, at once %q", expr, text, cut, parts, whole)
			}
		}
	})
}

func BenchmarkPattern(b *testing.B) {
	prose := []byte(strings.Repeat("In Xanadu did Kubla Khan a stately pleasure-dome decree. ", 26)[:1460])
	for _, expr := range []string{`ACME-\d{4}`, `(?i)project (blue|bluebird)`, `[a-z]+@[a-z]+\.com`} {
		s := compile(b, expr).Scanner()
		b.Run(expr, func(b *testing.B) {
			b.SetBytes(int64(len(prose)))
			for b.Loop() {
				s.Reset(nil, prose, true)
				for _, _, ok := s.Next(); ok; _, _, ok = s.Next() {
				}
			}
		})
	}
}
