package demo

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCheckCard(t *testing.T) {
	for _, good := range []string{DefaultCard, "4111111111111111", "5500-0000-0000-0004", "340000000000009", "3400 000000 00009"} {
		if err := CheckCard(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"":                      "0 digits",
		"4111 1111 1111 1112":   "would be 1",
		"4111 1111 1111 111":    "would be", // 15 digits
		"411111111111":          "12 digits",
		"41111111111111111111":  "20 digits",
		"4111  1111 1111 1111":  "single spaces",
		"41 11 1111 1111 1111":  "groups",
		"4111 1111 1111 1111 ":  "groups",
		"4111 1111 1111 1111\n": "groups",
		"four":                  "digits",
	} {
		if err := CheckCard(bad); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want a word about %q", bad, err, why)
		}
	}
}

func TestMasked(t *testing.T) {
	for in, want := range map[string]string{
		DefaultCard:           "XXXX XXXX XXXX 1111",
		"3400-000000-00009":   "XXXX-XXXXXX-X0009",
		"4111111111111111":    "XXXXXXXXXXXX1111",
		"4111 1111 1111 11 1": "XXXX XXXX XXX1 11 1",
	} {
		if got := masked(in); got != want {
			t.Errorf("%q is masked as %q, want %q", in, got, want)
		}
	}
}

// TestExcerpt: whatever the bytes, both sides fit their columns, and what stands out is shown.
func TestExcerpt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		common := rapid.SliceOfN(rapid.Byte(), 0, 200)
		head, tail := common.Draw(t, "head"), common.Draw(t, "tail")
		a := bytes.Join([][]byte{head, rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "a"), tail}, nil)
		b := bytes.Join([][]byte{head, rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "b"), tail}, nil)
		n := rapid.IntRange(20, 90).Draw(t, "columns")
		as, bs := excerpt(a, b, n)
		for _, side := range [][]span{as, bs} {
			width, marks := 0, 0
			for _, s := range side {
				width += utf8.RuneCountInString(s.text)
				if s.style != plain {
					marks += utf8.RuneCountInString(s.text)
				}
			}
			if width > n+1 {
				t.Fatalf("%d columns of %d", width, n)
			}
			if bytes.Equal(a, b) && marks > 0 {
				t.Fatalf("%d columns stand out where nothing differs", marks)
			}
		}
		from, aEnd, bEnd := differs(a, b)
		if !bytes.Equal(a[:from], b[:from]) || !bytes.Equal(a[aEnd:], b[bEnd:]) {
			t.Fatalf("differs(%x, %x) = %d, %d, %d", a, b, from, aEnd, bEnd)
		}
	})
}

func TestWrapLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-zé]{1,40}( [a-zé]{1,40}){0,10}`).Draw(t, "text")
		n := rapid.IntRange(5, 60).Draw(t, "columns")
		lines := wrap(text, n)
		for _, l := range lines {
			if utf8.RuneCountInString(l) > n {
				t.Fatalf("%q has more than %d columns", l, n)
			}
		}
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if squeeze(strings.Join(lines, "")) != squeeze(text) {
			t.Fatalf("%q became %q", text, lines)
		}
	})
}

// TestRulesAreThoseOfThePolicy: what the demo prints as the rule is what the daemon loads.
func TestRulesAreThoseOfThePolicy(t *testing.T) {
	for _, sid := range []int{1000001, 1000002} {
		if r := rule(sid); !strings.Contains(policyText, "- '"+r+"'\n") {
			t.Errorf("sid %d: %q is not in the policy", sid, r)
		}
	}
}
