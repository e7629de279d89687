package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func allKinds() (ks []Kind) {
	for k := range kinds {
		ks = append(ks, k)
	}
	return ks
}

var everything = NewSet(allKinds()...)

// A find is a match with its value, at its place in the whole text.
type find struct {
	Match
	text, value string
}

func (f find) String() string {
	return fmt.Sprintf("%v[%d:%d] %d %v %v %q", f.Kind, f.Off, f.End, f.Score, f.Context, f.Part, f.text)
}

// scan returns all that is found in one piece of text.
func scan(set *Set, text string) (found []find) {
	s := set.Scanner()
	s.Reset(nil, []byte(text), false)
	s.Under(new(Table))
	return collect(s, []byte(text), 0)
}

func collect(s *Scanner, text []byte, off int) (found []find) {
	for m, ok := s.Next(); ok; m, ok = s.Next() {
		f := find{m, string(text[m.Off:m.End]), string(s.Value())}
		f.Off += off
		f.End += off
		found = append(found, f)
	}
	return found
}

// scanInParts returns what is found if text comes in parts that end at cuts, as an inspector would feed it.
func scanInParts(t *testing.T, set *Set, text string, cuts []int) (found []find) {
	t.Helper()
	return scanPartsBy(t, set.Scanner(), text, cuts)
}

func scanPartsBy(t *testing.T, s *Scanner, text string, cuts []int) (found []find) {
	t.Helper()
	var carry Carry
	var table Table
	b := []byte(text)
	at := 0
	for _, cut := range append(slices.Clone(cuts), len(b)) {
		s.Resume(carry, slices.Clone(b[max(0, at-ContextBytes):at]), slices.Clone(b[at:cut]), cut < len(b))
		s.Under(&table)
		found = append(found, collect(s, b[at:cut], at)...)
		open := s.Open()
		if open < 0 || open > cut-at || cut-at-open > MaxOpen {
			t.Fatalf("Open %d of a text of %d bytes", open, cut-at)
		}
		carry = s.Carry()
		if s.Tabled() {
			table.Seek(b[at : at+open])
		} else {
			table.Write(b[at : at+open])
		}
		at += open
	}
	return found
}

func sameFinds(t *testing.T, text string, cuts []int, got, want []find) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("text %q\ncut at %d\ngot  %v\nwant %v", text, cuts, got, want)
	}
}

// checkLaw cuts text at every offset, and at random ones.
func checkLaw(t *testing.T, set *Set, text string, r *rand.Rand) {
	t.Helper()
	want := scan(set, text)
	for i := 1; i < len(want); i++ {
		if want[i].Off < want[i-1].End {
			t.Fatalf("overlap in %q: %v", text, want)
		}
	}
	for cut := range len(text) + 1 {
		sameFinds(t, text, []int{cut}, scanInParts(t, set, text, []int{cut}), want)
	}
	var everywhere []int
	for cut := range min(len(text), 300) {
		everywhere = append(everywhere, cut)
	}
	sameFinds(t, text, everywhere, scanInParts(t, set, text, everywhere), want)
	for range 20 {
		var cuts []int
		for at := 0; at < len(text); at += 1 + r.IntN(60) {
			cuts = append(cuts, at)
		}
		sameFinds(t, text, cuts, scanInParts(t, set, text, cuts), want)
	}
}

// fragments are what texts are made of to try what may stand beside what.
// fragments is in the order of the kinds, so that what a seed draws from it is the same in each run.
func fragments() (all []string) {
	for k := range kinds {
		all = append(append(all, positives[k]...), negatives[k]...)
	}
	return append(all, "Server=db;User Id=sa;Password="+strings.Repeat("a.B3-", 50)+";", " ", "\n", ":", "=", "@", "+", "-", ".", "4", "12 ", "password=", "token: \"", "-----BEGIN ", "eyJ", "\"", "'", "a@b.co", "://u:",
		"token.4012888888881881: "+strings.Repeat("aB3dE5fG7hJ9", 12)+" ",
		// A secret with a card in its name, and a card that begins in its value and is better.
		"token.4012888888881881: "+strings.Repeat("aB3dE5fG7hJ9", 12)+"x.4111 1111 1111 1111 ", "-----BEGIN RSA PRIVATE KEY-----\n", strings.Repeat("MIIEpAIBAAKC", 5)+"\n")
}

func TestCutsChangeNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	parts := fragments()
	for range 400 {
		var b strings.Builder
		for range 1 + r.IntN(6) {
			p := parts[r.IntN(len(parts))]
			if r.IntN(4) == 0 {
				p = p[:r.IntN(len(p)+1)]
			}
			b.WriteString(p)
			if r.IntN(2) == 0 {
				b.WriteString(" ")
			}
		}
		checkLaw(t, everything, b.String()[:min(b.Len(), 700)], r)
	}
}

// TestCutsChangeNothingInLongTexts feeds texts of many times MaxOpen, in parts of all sizes.
func TestCutsChangeNothingInLongTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 23))
	parts := append(fragments(), "eyJhbGciOiJIUzI1NiJ9."+strings.Repeat("eyJzdWIi", 400), "eyJhbGciOiJIUzI1NiJ9."+strings.Repeat("a", 2000)+".c",
		strings.Repeat("lorem ipsum, ", 100), strings.Repeat("pwd=a1b2c3d&", 100), "password="+strings.Repeat("aB3", 90)+" ")
	for range 30 {
		var b strings.Builder
		for b.Len() < 40000 {
			b.WriteString(parts[r.IntN(len(parts))])
			b.WriteString([]string{"", " ", "\n"}[r.IntN(3)])
		}
		text := b.String()
		want := scan(everything, text)
		for _, most := range []int{100, 1460, 9000, 30000} {
			var cuts []int
			for at := r.IntN(most); at < len(text); at += 1 + r.IntN(most) {
				cuts = append(cuts, at)
			}
			sameFinds(t, text, cuts, scanInParts(t, everything, text, cuts), want)
		}
	}
}

// TestCleanTextWaitsForLittle wants the bytes that wait at the end of a clean text to be few: they are held back on
// the wire.
func TestCleanTextWaitsForLittle(t *testing.T) {
	s := everything.Scanner()
	for name, text := range clean() {
		text = text[:2*payloadBytes]
		sum := 0
		for cut := 1; cut < len(text); cut++ {
			s.Reset(nil, []byte(text[:cut]), true)
			s.Next()
			held := cut - s.Open()
			sum += held
			if held > maxToken {
				t.Errorf("%s: %d bytes wait behind %q", name, held, text[max(0, cut-80):cut])
			}
		}
		t.Logf("%s: %.1f bytes on average", name, float64(sum)/float64(len(text)))
	}
}

// TestPromptsDoNotWait: the space or the colon behind what asks for an answer leaves at once.
func TestPromptsDoNotWait(t *testing.T) {
	for _, text := range []string{"login: ", "path:", "choose (y/n) ", "* "} {
		s := NewSet(Secret).Scanner()
		s.Reset(nil, []byte(text), true)
		if _, ok := s.Next(); ok || s.Wait() != len(text) {
			t.Errorf("%q: found something, or waits from %d", text, s.Wait())
		}
	}
}

func TestCutsChangeNothingInEveryCase(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range fragments() {
		checkLaw(t, everything, c, r)
	}
}

func FuzzCuts(f *testing.F) {
	for _, text := range fragments() {
		f.Add([]byte(text), uint64(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		text := string(b[:min(len(b), 3000)])
		r := rand.New(rand.NewPCG(seed, 0))
		want := scan(everything, text)
		for range 8 {
			var cuts []int
			for at := r.IntN(40); at < len(text); at += 1 + r.IntN(1+r.IntN(200)) {
				cuts = append(cuts, at)
			}
			sameFinds(t, text, cuts, scanInParts(t, everything, text, cuts), want)
		}
	})
}

// TestWhatWaitsHasNotLeft cuts texts, and has some kinds wait: a value of theirs that was not reported in front of the cut has all its bytes behind Wait. Others
// make nothing wait.
func TestWhatWaitsHasNotLeft(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	parts := fragments()
	sets := map[Kind]*Set{}
	spared, held := 0, 0
	for range 4000 {
		var b strings.Builder
		for range 1 + r.IntN(6) {
			b.WriteString(parts[r.IntN(len(parts))])
			b.WriteString([]string{"", " "}[r.IntN(2)])
		}
		text := b.String()
		k := Kind(r.IntN(int(kinds)))
		if sets[k] == nil {
			sets[k] = NewSet(allKinds()...)
			sets[k].Waiting(k)
		}
		s, cut := sets[k].Scanner(), r.IntN(len(text)+1)
		s.Reset(nil, []byte(text[:cut]), true)
		for _, ok := s.Next(); ok; _, ok = s.Next() {
		}
		open, wait, carry := s.Open(), s.Wait(), s.Carry()
		if wait < open || wait > cut {
			t.Fatalf("%v: %q: %d waits, open from %d", k, text[:cut], wait, open)
		}
		s.Resume(carry, []byte(text[:open]), []byte(text[open:]), false)
		for m, ok := s.Next(); ok; m, ok = s.Next() {
			if off := open + m.Off; m.Kind == k && off < wait {
				t.Errorf("%v at %d has left up to %d: %q | %q", k, off, wait, text[:cut], text[cut:])
			} else if m.Kind == k && off < cut {
				held++
			}
		}
		if wait > open {
			spared++
		}
	}
	if spared < 1000 || held < 20 {
		t.Errorf("%d spared, %d held: nothing is shown", spared, held)
	}
}
