package detect

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/dlpcorpus"
)

// slowly returns what the scanner finds that looks at every place for every literal and every row of digits, and what it says of
// the end.
func slowly(s *Scanner, carry Carry, before, text []byte, more bool) (found []Match, open int, out Carry) {
	s.Resume(carry, before, text, more)
	for !s.done {
		s.stepSlowly()
		for m, ok := s.settle(); ok; m, ok = s.settle() {
			found = append(found, m)
		}
	}
	for m, ok := s.settle(); ok; m, ok = s.settle() {
		found = append(found, m)
	}
	return found, s.Open(), s.Carry()
}

// stepSlowly is step without blocks. Behind a private key no row of digits begins.
func (s *Scanner) stepSlowly() {
	switch i := s.at; {
	case s.key.goesOn():
		s.readKey()
	case s.late:
		s.late = false
		s.lateAt()
	case s.atHead:
		s.atHead = false
		s.look(numberAt, 0, numeric)
	case i+1 >= len(s.text):
		s.finish()
	default:
		s.at = i + 1
		s.literalsSlowlyAt(i)
		if !s.key.goesOn() && s.set.numeric && isDigit(s.text[i+1]) && !isDigit(s.text[i]) {
			s.look(numberAt, i+1, numeric)
		}
	}
}

func (s *Scanner) literalsSlowlyAt(i int) {
	for k := range literals {
		l := &literals[k]
		if l.kinds&s.set.kinds == 0 || s.text[i] != l.text[0] && !(l.fold && lower(s.text[i]) == l.text[0]) {
			continue
		}
		s.from, s.short = i, false
		if s.begins(i, l) {
			l.probe(s, i)
		}
		if s.settleShort(l.kinds); s.key.goesOn() {
			return
		}
	}
}

func quickly(s *Scanner, carry Carry, before, text []byte, more bool) (found []Match, open int, out Carry) {
	s.Resume(carry, before, text, more)
	for m, ok := s.Next(); ok; m, ok = s.Next() {
		found = append(found, m)
	}
	return found, s.Open(), s.Carry()
}

// inParts returns what look finds in a text in parts, and how much of the first one is decided.
func inParts(s *Scanner, look looker, text []byte, cuts []int) (found []Match, decided int) {
	var carry Carry
	at := 0
	for n, cut := range append(slices.Clone(cuts), len(text)) {
		some, open, next := look(s, carry, text[max(0, at-ContextBytes):at], text[at:cut], cut < len(text))
		for _, m := range some {
			m.Off, m.End = m.Off+at, m.End+at
			found = append(found, m)
		}
		if n == 0 {
			decided = open
		}
		at, carry = at+open, next
	}
	return found, decided
}

type looker func(s *Scanner, carry Carry, before, text []byte, more bool) ([]Match, int, Carry)

// sameAsSlowly wants the same of both, of a text in parts, and that no more of it is undecided.
func sameAsSlowly(t *testing.T, set *Set, text []byte, cuts []int) {
	t.Helper()
	got, decided := inParts(set.Scanner(), quickly, text, cuts)
	want, atLeast := inParts(set.Scanner(), slowly, text, cuts)
	if !slices.Equal(got, want) || decided < atLeast {
		t.Fatalf("set %b, text %q\ncut at %d\ngot  %v, of the first part %d bytes are decided\nwant %v, %d", set.kinds, text, cuts, got, decided, want, atLeast)
	}
}

// twinSets are sets for which blocks are read differently.
var twinSets = []*Set{
	everything, NewSet(Card, USSSN), NewSet(Email), NewSet(GitHubToken, Secret), NewSet(Phone),
	NewSet(FRNIR, ESDNI, ITCodiceFiscale, DESteuerID, IBAN), NewSet(PrivateKey, TelegramToken, DiscordToken),
}

// material is what texts are put together from: values, what looks so, the surroundings of the corpus, and single bytes.
func material(r *rand.Rand) func() []byte {
	parts := fragments()
	for _, c := range dlpcorpus.Generate(7, 4) {
		parts = append(parts, c.Text)
	}
	alphabet := "0123456789 -./()+@:_'\"\n\\%&=<>aAeEyYJkKMDTjzsSpPwWtTnN\x00\xc3\xa4\xff\xc2\xa0\xe2\x80\x93"
	return func() []byte {
		var b bytes.Buffer
		for b.Len() < r.IntN(600) {
			switch p := parts[r.IntN(len(parts))]; r.IntN(5) {
			case 0:
				for range r.IntN(80) {
					b.WriteByte(alphabet[r.IntN(len(alphabet))])
				}
			case 1:
				for range r.IntN(90) {
					b.WriteString(numerals[r.IntN(len(numerals))])
				}
			case 2:
				at := r.IntN(len(p) + 1)
				b.WriteString(p[at:min(len(p), at+r.IntN(40))])
			default:
				b.WriteString(p)
				b.WriteString([]string{"", " ", "\n", "="}[r.IntN(4)])
			}
		}
		return b.Bytes()
	}
}

// numerals are what numbers are made of.
var numerals = strings.Split("0|1|2|3|4|00|11|212|555|0123|4111|1111|800924|12345678| | | |-|-|.|.|/|(|)|: |a|X|Z| tel |\u00a0|\u202f|\u2013|\xe2\x80|(0)|00|5|61|98765", "|")

func TestBlocksLoseNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 33))
	next := material(r)
	for range 3000 {
		text := next()
		for _, set := range twinSets {
			var cuts []int
			for at := r.IntN(200); at < len(text); at += 1 + r.IntN(400) {
				cuts = append(cuts, at)
			}
			sameAsSlowly(t, set, text, nil)
			sameAsSlowly(t, set, text, cuts)
		}
	}
}

// TestBlocksLoseNothingAnywhere moves each fragment over all places of a block.
func TestBlocksLoseNothingAnywhere(t *testing.T) {
	for _, p := range fragments() {
		for n := range 2 * blockBytes {
			text := []byte(strings.Repeat(" ", n) + p + strings.Repeat(".", 150))
			sameAsSlowly(t, everything, text, nil)
			sameAsSlowly(t, everything, text[:n+len(p)], nil)
		}
	}
}

func FuzzBlocks(f *testing.F) {
	for _, text := range fragments() {
		f.Add([]byte(strings.Repeat(text+" ", 1+300/(1+len(text)))), uint64(0))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		text = text[:min(len(text), 3000)]
		for _, set := range twinSets {
			sameAsSlowly(t, set, text, nil)
			sameAsSlowly(t, set, text, []int{r.IntN(len(text) + 1)})
		}
	})
}

// TestHopelessNumbersAreNone looks at rows that are given up.
func TestHopelessNumbersAreNone(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 34))
	given, tried := 0, 0
	s := everything.Scanner()
	for range 20000 {
		var b bytes.Buffer
		for b.Len() < 40 {
			b.WriteString(numerals[r.IntN(len(numerals))])
		}
		b.Write(bytes.Repeat([]byte("tel. card "), 20))
		text := b.Bytes()
		s.Reset(nil, text, true)
		s.atHead = false
		for s.block.starts != 0 || s.block.advance(everything, text, nil) {
			i, digit := s.block.take()
			if !digit {
				continue
			}
			tried++
			if !s.hopeless(i) {
				continue
			}
			given++
			if s.look(numberAt, i, numeric); s.queue.n > 0 {
				t.Fatalf("%q: at %d begins %v", text, i, s.queue.q[0])
			}
		}
	}
	if given*2 < tried {
		t.Errorf("only %d of %d are given up", given, tried)
	}
}

func TestDigitsInFindsDigits(t *testing.T) {
	for c := range 256 {
		for at := range blockBytes {
			b := bytes.Repeat([]byte{byte(255 - c)}, blockBytes)
			b[at] = byte(c)
			for i, d := 0, digitsIn(b); i < blockBytes; i++ {
				if d>>i&1 != 0 != isDigit(b[i]) {
					t.Fatalf("%d at %d of % x: %v", c, at, b, d)
				}
			}
		}
	}
}
