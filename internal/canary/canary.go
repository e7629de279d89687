// Package canary makes sensitive values that stand nowhere else, one line of text each, and finds them again in whatever a
// program has said, in any of the forms in which one could get there. Its law: what Finder misses has to be written in a
// form that is not among its forms; the values come from package dlpcorpus, which knows nothing of how they are detected.
//
// It does not find a value in compressed or encrypted bytes, nor pieces shorter than those that it looks for.
package canary

import (
	"fmt"
	"strings"

	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/internal/dlpcorpus"
)

// A Value is one that must not be told.
type Value struct {
	Kind  string // as events call it: a bundled detector, or one of Own
	Line  string // the value behind a word that says what it is: one line of printable ASCII
	Text  string // the value alone
	Open  int    // how many of its first characters may be seen
	Shown int    // how many of its last
}

// Own are the names of the values of one's own, as Policy has them.
var Own = []string{"own-keyword", "own-regex", "own-exact"}

// Values returns n values of each bundled detector and of each of Own, those of a kind behind one another. The same seed gives the
// same values.
func Values(seed uint64, n int) (all []Value) {
	shown := map[string]int{}
	for _, i := range detect.Bundled() {
		shown[i.Name] = i.Shown
	}
	for _, c := range dlpcorpus.Lines(seed, n) {
		l := c.Labels[0]
		v := Value{Kind: l.Kind, Line: Before + c.Text, Text: c.Text[l.Off:l.End], Shown: shown[l.Kind]}
		if l.Kind == "private-key" {
			v.Open = strings.LastIndex(v.Text, "-----") + len("-----")
		}
		all = append(all, v)
	}
	return append(all, own(seed, n)...)
}

// Before is what each line begins with, so that all are long enough to be looked for in base64.
const Before = "this is for you alone, "

// own makes values that no detector knows: words and numbers of a seed.
func own(seed uint64, n int) (all []Value) {
	for k, kind := range Own {
		for i := range n {
			x := mix(seed, uint64(k<<8|i))
			text := map[string]string{
				"own-keyword": "project " + letters(x) + " " + letters(mix(x, 1)),
				"own-regex":   fmt.Sprintf("ACME-%012d", x%1e12),
				"own-exact":   fmt.Sprintf("K%08d/%s", x%1e8, letters(mix(x, 2))),
			}[kind]
			all = append(all, Value{Kind: kind, Line: Before + "about " + text, Text: text})
		}
	}
	return all
}

// mix is a number that looks random (splitmix64).
func mix(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 + b + 0x632be59bd9b4e019
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// letters writes a number as a word of ten letters.
func letters(x uint64) string {
	var b [10]byte
	for i := range b {
		b[i] = 'a' + byte(x%26)
		x /= 26
	}
	return string(b[:])
}
