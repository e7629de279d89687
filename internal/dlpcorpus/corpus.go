// Package dlpcorpus makes texts with sensitive values in them, and texts that only look so, from a seed. It knows
// where the values are, and how they are made, and nothing of how they are found: check digits are computed here in
// another way than in inspect/dlp/detect, so that a mistake there shows.
//
// It does not know what real traffic is like. Surroundings are drawn evenly from a handful of sorts, and there are as
// many texts with values as without, so its precision is not that of a network: it compares detectors with one another
// and with what they were yesterday.
package dlpcorpus

import (
	"math/rand/v2"
	"strings"
)

// A Label is a value in a text: text[Off:End].
type Label struct {
	Kind     string // as detect.Info.Name
	Off, End int
	// Bare is true of a value whose digits alone do not tell it from other numbers, without a word that does: a
	// detector that puts precision first leaves it.
	Bare bool
}

// A Case is a text with all the values in it.
type Case struct {
	Sort   string // of the surroundings, or of what only looks like a value
	Text   string
	Labels []Label
}

// A text is a Case that is being made.
type text struct {
	b      strings.Builder
	labels []Label
}

func (t *text) put(s string) *text {
	t.b.WriteString(s)
	return t
}

func (t *text) value(kind, s string, bare bool) *text {
	off := t.b.Len()
	t.put(s)
	t.labels = append(t.labels, Label{kind, off, t.b.Len(), bare})
	return t
}

func (t *text) done(sort string) Case { return Case{sort, t.b.String(), t.labels} }

// Generate returns n texts with a value of each kind, and as many without any value. The same seed gives the same
// texts.
func Generate(seed uint64, n int) (cases []Case) {
	r := newSource(seed)
	for _, m := range makers {
		for range n {
			cases = append(cases, r.surround(&m))
		}
	}
	for range n * len(makers) {
		cases = append(cases, r.negative())
	}
	return cases
}

// A source is what all texts are drawn from.
type source struct{ *rand.Rand }

func newSource(seed uint64) *source { return &source{rand.New(rand.NewPCG(seed, 0x7765697264))} }

const (
	digits   = "0123456789"
	lowers   = "abcdefghijklmnopqrstuvwxyz"
	uppers   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnum    = digits + uppers + lowers
	hexadec  = "0123456789abcdef"
	urlSafe  = alnum + "-_"
	standard = alnum + "+/"
)

// of returns n characters of the alphabet.
func (r *source) of(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func (r *source) digits(n int) string { return r.of(digits, n) }

// between returns a number from min to max.
func (r *source) between(min, max int) int { return min + r.IntN(max-min+1) }

func (r *source) pick(from ...string) string { return from[r.IntN(len(from))] }

func (r *source) chance(percent int) bool { return r.IntN(100) < percent }

// until draws until ok.
func until(draw func() string, ok func(string) bool) string {
	for {
		if s := draw(); ok(s) {
			return s
		}
	}
}

// grouped writes s in groups of these lengths, the last as often as needed, with sep between.
func grouped(s, sep string, lens ...int) string {
	var parts []string
	for i := 0; s != ""; i++ {
		n := min(lens[min(i, len(lens)-1)], len(s))
		parts = append(parts, s[:n])
		s = s[n:]
	}
	return strings.Join(parts, sep)
}
