package policy

import (
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPrintedPolicyMeansTheSame holds every good policy against itself, printed.
func TestPrintedPolicyMeansTheSame(t *testing.T) {
	goods := goodPolicies(t)
	goods["full"] = []byte(full)
	goods["anchors"] = []byte("inspect:\n  probe:\n    any: &a {x: ['1', 1, ~, 1.5, \"a\\tb\", true]}\n    named: {'a b': 1, '2': 2}\n    classes: [&c {name: 'yes', rate: 0x10}, *c]\nmanagement: [&m 192.0.2.1, 192.0.2.2]\n")
	for name, src := range goods {
		p := mustLoad(t, string(src))
		again := mustLoad(t, p.Text())
		if again.Text() != p.Text() || again.Fingerprint() != p.Fingerprint() {
			t.Errorf("%s: printed again:\n%s\nfirst:\n%s", name, again.Text(), p.Text())
		}
		if c, _ := again.Changes(p); len(c) != 0 {
			t.Errorf("%s: differs from itself, printed: %+v", name, c)
		}
	}
}

// TestCommentsAndOrderMeanNothing shuffles the blocks of a policy.
func TestCommentsAndOrderMeanNothing(t *testing.T) {
	blocks := strings.SplitAfter(strings.TrimSpace(strings.ReplaceAll(full, "\ndivert", "\x00divert")), "\n")
	want := mustLoad(t, full).Fingerprint()
	rapid.Check(t, func(t *rapid.T) {
		var top []string // a block is a line without indentation and the lines below it that have one
		for _, line := range blocks {
			line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\x00", "\n")
			if strings.HasPrefix(line, " ") {
				top[len(top)-1] += "\n" + line
			} else {
				top = append(top, strings.Split(line, "\n")...)
			}
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		r.Shuffle(len(top), func(i, j int) { top[i], top[j] = top[j], top[i] })
		src := "# " + rapid.StringMatching(`[a-z :]*`).Draw(t, "comment") + "\n" + strings.Join(top, "\n\n") + "\n"
		p, err := load(testFiles(src), "etc/weir/weir.yaml", Options{}, []room{probeRoom})
		if err != nil {
			t.Fatal(err)
		}
		if p.Fingerprint() != want {
			t.Fatalf("another fingerprint:\n%s", src)
		}
	})
}

// TestMistakesAreDeterministic loads what is wrong in many ways many times.
func TestMistakesAreDeterministic(t *testing.T) {
	for _, c := range wrong {
		_, first := loadText(t, c.src)
		for range 5 {
			if _, err := loadText(t, c.src); err.Error() != first.Error() {
				t.Fatalf("%s: %v, then %v", c.name, first, err)
			}
		}
	}
}
