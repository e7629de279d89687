package dlp

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func scan(b string) (found []value) {
	s := scanner{b: []byte(b), kinds: [kinds]bool{true, true}}
	for s.next() {
		found = append(found, value{s.kind, s.off, s.end})
	}
	return found
}

// texts shows what was found as text.
func texts(b string) []string {
	out := []string{}
	for _, v := range scan(b) {
		out = append(out, v.kind.String()+" "+b[v.off:v.end])
	}
	return out
}

func TestCardsOfEveryIssuer(t *testing.T) {
	for _, c := range []struct{ network, number string }{
		{"Visa", "4111111111111111"},
		{"Visa, 13", "4222222222222"},
		{"Mastercard", "5555555555554444"},
		{"Mastercard 2-series, first", "2221000000000009"},
		{"Mastercard 2-series, last", "2720990000000007"},
		{"American Express", "378282246310005"},
		{"American Express 34", "343434343434343"},
		{"Discover 6011", "6011111111111117"},
		{"Discover 65", "6500000000000002"},
		{"Diners Club 30", "30569309025904"},
		{"Diners Club 36", "36006666333344"},
		{"JCB", "3530111333300000"},
		{"UnionPay", "6200000000000005"},
		{"UnionPay, 19", "6205500000000000004"},
		{"Maestro, 12", "501800000009"},
		{"Maestro, 16", "6771798021000008"},
		{"Mir", "2200000000000004"},
	} {
		for _, text := range []string{c.number, "card=" + c.number + "&", `{"n":"` + c.number + `"}`, "x" + c.number + "."} {
			if d := cmp.Diff([]string{"card " + c.number}, texts(text)); d != "" {
				t.Errorf("%s in %s:\n%s", c.network, text, d)
			}
		}
	}
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"4111 1111 1111 1111", []string{"card 4111 1111 1111 1111"}},
		{"4111-1111-1111-1111", []string{"card 4111-1111-1111-1111"}},
		{"3782 822463 10005", []string{"card 3782 822463 10005"}},
		{"12 4111 1111 1111 1111 99", []string{"card 4111 1111 1111 1111"}},
		{"4111 1111 1111 1111 5555 5555 5555 4444", []string{"card 4111 1111 1111 1111", "card 5555 5555 5555 4444"}},
		{"4111111111111111 4242424242424242", []string{"card 4111111111111111", "card 4242424242424242"}},
		{"4111 1111-1111 1111", []string{}},  // mixed separators
		{"4111  1111 1111 1111", []string{}}, // two spaces
		{"41 11 11 11 11 11 11 11", []string{}},
		{"4111111111111112", []string{}},                              // Luhn
		{"1111111111111117", []string{}},                              // no issuer
		{"41111111111111111", []string{}},                             // a longer run of digits
		{"14111111111111111", []string{}},                             //
		{"00004111111111111111", []string{}},                          // 20 digits
		{"0.4111111111111111", []string{}},                            // a fraction
		{"4111111111111111.25", []string{}},                           // an amount
		{"4111111111111111. Next", []string{"card 4111111111111111"}}, // the end of a sentence
		{"4000000000000002000", []string{}},                           // Visa has 19 digits, but the check digit is wrong
		{"400000000000006", []string{}},                               // Visa has no 15 digits; Luhn is right
		{"078-05-1120", []string{}},
		{"123-45-6789", []string{"us-ssn 123-45-6789"}},
		{"123 45 6789", []string{"us-ssn 123 45 6789"}},
		{"123-45 6789", []string{}},
		{"123456789", []string{}},
		{"SSN: 123456789", []string{"us-ssn 123456789"}},
		{"Social Security number 123456789", []string{"us-ssn 123456789"}},
		{"ssn" + strings.Repeat(" ", contextBytes) + "123456789", []string{}},
		{"000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000 333-33-3333", []string{}},
		{"1-123-45-6789", []string{}},
		{"123-45-67890", []string{}},
		{"123-45-6789-1", []string{}},
		{"899-99-9999", []string{"us-ssn 899-99-9999"}},
		{"", []string{}},
		{"4", []string{}},
	} {
		if d := cmp.Diff(c.want, texts(c.text)); d != "" {
			t.Errorf("%q:\n%s", c.text, d)
		}
	}
}

// TestEveryWrongDigit holds that Luhn catches each single wrong digit of a card.
func TestEveryWrongDigit(t *testing.T) {
	const good = "4111111111111111"
	for i := range good {
		for c := byte('0'); c <= '9'; c++ {
			b := []byte(good)
			b[i] = c
			if got, want := len(texts(string(b))), map[bool]int{true: 1}[c == good[i]]; got != want {
				t.Errorf("%s: found %d, want %d", b, got, want)
			}
		}
	}
}

// TestSameAsTwin compares with the regexps on texts made of what scanners stumble over.
func TestSameAsTwin(t *testing.T) {
	pieces := []string{
		"4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "501800000009", "123-45-6789",
		"078-05-1120", "123456789", "ssn ", "SS#", "0", "4", "11", "356", "6759", "-", " ", ".", "x", "\xff", "é", ",",
	}
	rapid.Check(t, func(t *rapid.T) {
		b := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 24).Draw(t, "text"), "")
		if d := cmp.Diff(twinScan(b), scan(b), cmp.AllowUnexported(value{})); d != "" {
			t.Fatalf("%q:\n%s", b, d)
		}
	})
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("card 4111 1111 1111 1111, ssn 123-45-6789"))
	f.Add([]byte("4444 444 44444444444-444-444444 4.4111111111111111"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d := cmp.Diff(twinScan(string(b)), scan(string(b)), cmp.AllowUnexported(value{})); d != "" {
			t.Fatalf("%q:\n%s", b, d)
		}
	})
}

// TestDigitAtEveryOffset holds the wide search for a digit against the plain one.
func TestDigitAtEveryOffset(t *testing.T) {
	for n := range 48 {
		for c := range 256 {
			b := make([]byte, 48)
			for i := range b {
				b[i] = "/:\x00\xff\xb0"[i%5]
			}
			b[n] = byte(c)
			want := len(b)
			if isDigit(byte(c)) {
				want = n
			}
			if got := digitAt(b, 0); got != want {
				t.Fatalf("byte %#x at %d: found at %d", c, n, got)
			}
		}
	}
}

// adversaries are payloads that make scanners work.
func adversaries(n int) map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	digits := make([]byte, n)
	for i := range digits {
		digits[i] = "0123456789 -"[r.IntN(12)]
	}
	fill := func(s string) []byte { return []byte(strings.Repeat(s, n/len(s)+1)[:n]) }
	return map[string][]byte{
		"text":          fill("the quick brown fox jumps over the lazy dog, again and again; "),
		"digits":        fill("4"),
		"groups":        fill("444 "),
		"threes":        fill("676-"),
		"fours":         fill("4444 "),
		"dashes":        fill("4-"),
		"nines":         fill("sssssss123456788 "),
		"cards":         fill("4111111111111111 "),
		"random digits": digits,
	}
}

func BenchmarkScan(b *testing.B) {
	for name, text := range adversaries(64 << 10) {
		for _, size := range []int{1460, len(text)} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					s := scanner{b: text[:size], kinds: [kinds]bool{true, true}}
					for s.next() {
					}
				}
			})
		}
	}
}
