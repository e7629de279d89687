package detect

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// betweenDigits are spaces and dashes of ASCII with digits on both sides.
var betweenDigits = regexp.MustCompile(`([0-9])([ -])([0-9])`)

// widen writes spaces and dashes between digits as the wide ones: all, or some.
func widen(r *rand.Rand, text, space, dash string) string {
	some := r.IntN(2) == 0
	var b strings.Builder
	for i := range len(text) {
		c := text[i : i+1]
		if i > 0 && i+1 < len(text) && betweenDigits.MatchString(text[i-1:i+2]) && !(some && r.IntN(2) == 0) {
			c = map[string]string{" ": space, "-": dash}[c]
		}
		b.WriteString(c)
	}
	return b.String()
}

// TestWideSeparatorsAreReadAsNarrow wants the same numbers of a text whose spaces and dashes between digits are wide, in pieces as well. Words of context may be
// further away then, so scores may differ.
func TestWideSeparatorsAreReadAsNarrow(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	set := NewSet(Card, IBAN, FRNIR, USSSN, UKNHS, CASIN, INAadhaar, AUTFN, Phone)
	sample := []string{
		"card 4111 1111 1111 1111", "4111-1111-1111-1111,", "IBAN DE89 3704 0044 0532 0130 00", "DE89-3704-0044-0532-0130-00", "1 85 05 78 006 084 91", "SSN 536-90-7399",
		"NHS 943 476 5919", "SIN 130 692 544", "2341 2341 2346", "TFN 876 543 210", "+49 30 901820", "4111 1111 1111 1112", "1 85 05 78 006 084 92", "12", "tel. 030 901820",
	}
	wide := [][2]string{{"\u00a0", "\u2011"}, {"\u202f", "\u2013"}, {"\u2009", "\u2010"}}
	found := 0
	for range 2000 {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteString(sample[r.IntN(len(sample))] + []string{". ", "\n", "; x "}[r.IntN(3)])
		}
		w := wide[r.IntN(len(wide))]
		text := widen(r, b.String(), w[0], w[1])
		want, got := scan(set, b.String()), scan(set, text)
		if len(want) != len(got) {
			t.Fatalf("%q: %v, want %v", text, got, want)
		}
		for i := range want {
			if got[i].Kind != want[i].Kind || got[i].value != want[i].value {
				t.Fatalf("%q: %v, want %v", text, got[i], want[i])
			}
		}
		found += len(got)
		cut := r.IntN(len(text) + 1)
		sameFinds(t, text, []int{cut}, scanInParts(t, set, text, []int{cut}), got)
	}
	if found < 2000 {
		t.Errorf("only %d numbers", found)
	}
}

// TestMasksKeepWideSeparators wants a mask over letters and digits only.
func TestMasksKeepWideSeparators(t *testing.T) {
	text := "4111\u00a01111\u20131111 1111"
	if got := string(AppendMasked(nil, []byte(text), Card, 4, '*')); got != "****\u00a0****\u2013**** 1111" {
		t.Errorf("masked is %q", got)
	}
}
