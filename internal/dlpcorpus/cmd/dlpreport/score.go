package main

import (
	"regexp"

	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/internal/dlpcorpus"
)

// A tally is how a detector did with the values of one kind.
type tally struct {
	found   int // of the values that can be told from others
	missed  int
	wrong   int // found where there is none
	bare    int // found, of the values that nothing tells from other numbers
	allBare int
	example string // of the first one missed or wrong
}

func (t *tally) precision() float64 { return ratio(t.found+t.bare, t.wrong) }

func (t *tally) recall() float64 { return ratio(t.found, t.missed) }

// ratio is good of good and bad; 1 if there are none.
func ratio(good, bad int) float64 {
	if good+bad == 0 {
		return 1
	}
	return float64(good) / float64(good+bad)
}

// A detector returns the values of each kind in a text.
type detector func(text []byte) []dlpcorpus.Label

// score lets find look for the values of all cases. same says whether what was found is the value that was labelled.
func score(cases []dlpcorpus.Case, find detector, same func(found, label dlpcorpus.Label) bool) map[string]*tally {
	scores := map[string]*tally{}
	for _, info := range detect.Bundled() {
		scores[info.Name] = &tally{}
	}
	for _, c := range cases {
		found := find([]byte(c.Text))
		used := make([]bool, len(found))
		for _, l := range c.Labels {
			t := scores[l.Kind]
			t.label(l, c, take(found, used, l, same))
		}
		for i, f := range found {
			if t := scores[f.Kind]; !used[i] {
				t.wrong++
				t.note("wrong", c.Text[f.Off:f.End], c)
			}
		}
	}
	return scores
}

// take marks what was found of l as used, and reports whether that is anything.
func take(found []dlpcorpus.Label, used []bool, l dlpcorpus.Label, same func(found, label dlpcorpus.Label) bool) (any bool) {
	for i, f := range found {
		if f.Kind == l.Kind && same(f, l) {
			used[i], any = true, true
		}
	}
	return any
}

func (t *tally) label(l dlpcorpus.Label, c dlpcorpus.Case, found bool) {
	switch {
	case l.Bare:
		t.allBare++
		if found {
			t.bare++
		}
	case found:
		t.found++
	default:
		t.missed++
		t.note("missed", c.Text[l.Off:l.End], c)
	}
}

func (t *tally) note(what, value string, c dlpcorpus.Case) {
	if t.example == "" {
		t.example = what + " " + value + " in " + c.Sort + ": " + c.Text
	}
}

// ours finds values as an inspector does.
func ours() detector {
	var all []detect.Kind
	for k := range detect.Bundled() {
		all = append(all, detect.Kind(k))
	}
	s := detect.NewSet(all...).Scanner()
	return func(text []byte) (found []dlpcorpus.Label) {
		s.Reset(nil, text, false)
		s.Under(new(detect.Table))
		for m, ok := s.Next(); ok; m, ok = s.Next() {
			if !m.Part {
				found = append(found, dlpcorpus.Label{Kind: m.Kind.String(), Off: m.Off, End: m.End})
			}
		}
		return found
	}
}

// theirs finds values with one regexp for each kind.
func theirs() detector {
	all := map[string]*regexp.Regexp{}
	for kind, e := range dlpcorpus.PlainRegexps {
		all[kind] = regexp.MustCompile(e)
	}
	return func(text []byte) (found []dlpcorpus.Label) {
		for kind, re := range all {
			for _, m := range re.FindAllIndex(text, -1) {
				found = append(found, dlpcorpus.Label{Kind: kind, Off: m[0], End: m[1]})
			}
		}
		return found
	}
}

func exactly(found, label dlpcorpus.Label) bool {
	return found.Off == label.Off && found.End == label.End
}

func touching(found, label dlpcorpus.Label) bool {
	return found.Off < label.End && label.Off < found.End
}
