package detect

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// weights is a Judge: what values of each kind weigh.
type weights [kinds]Weight

func (w *weights) Weigh(m Match, _ []byte) Weight { return w[m.Kind] }

// crowded is a text of values that stand close to each other.
func crowded(r *rand.Rand, parts []string) string {
	var b strings.Builder
	for range 1 + r.IntN(5) {
		b.WriteString(parts[r.IntN(len(parts))])
		b.WriteString([]string{"", " ", "="}[r.IntN(3)])
	}
	return b.String()[:min(b.Len(), 900)]
}

// TestNoneIsAsIfNotLookedFor compares with a set of the kinds that weigh anything.
func TestNoneIsAsIfNotLookedFor(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	parts := fragments()
	fewer := 0
	for range 3000 {
		var w weights
		var some []Kind
		for k := range kinds {
			if r.IntN(3) == 0 {
				w[k] = Stopped
				some = append(some, k)
			}
		}
		text := crowded(r, parts)
		s := everything.Scanner()
		s.By(&w)
		got, want := scanPartsBy(t, s, text, nil), scanInParts(t, NewSet(some...), text, nil)
		sameFinds(t, text, nil, got, want)
		if len(want) > 0 && len(want) < len(scan(everything, text)) {
			fewer++
		}
	}
	if fewer < 300 {
		t.Errorf("in %d texts there are values of other kinds", fewer)
	}
}

// TestTheHeavierIsNotHidden: what is Stopped is reported, or overlaps something else that is; and cuts change nothing.
func TestTheHeavierIsNotHidden(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 34))
	parts := fragments()
	for range 2000 {
		var w weights
		for k := range kinds {
			w[k] = Weight(r.IntN(4))
		}
		text := crowded(r, parts)
		s := everything.Scanner()
		s.By(&w)
		found := scanPartsBy(t, s, text, nil)
		for range 10 {
			var cuts []int
			for at := r.IntN(40); at < len(text); at += 1 + r.IntN(60) {
				cuts = append(cuts, at)
			}
			sameFinds(t, text, cuts, scanPartsBy(t, s, text, cuts), found)
		}
		for k := range kinds {
			if w[k] != Stopped || w[PrivateKey] != None && w[PrivateKey] != Told { // all that stands in a key is of it
				continue
			}
			for _, v := range scan(NewSet(k), text) {
				if !overlapsOne(v, found, &w) {
					t.Errorf("%v leaves, of %v", v, found)
				}
			}
		}
	}
}

// overlapsOne says whether v overlaps a value of those found that is Stopped; or lies in an account, of which no part is another number.
func overlapsOne(v find, found []find, w *weights) bool {
	for _, f := range found {
		if (w[f.Kind] == Stopped || f.Kind == IBAN && counts(v.Kind)) && f.Off < v.End && v.Off < f.End {
			return true
		}
	}
	return false
}
