package detect

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// A twin finds what a form says, slowly: by regexps for the form and for what may stand on both sides of it, at every
// offset.
type twin struct {
	*form
	text, before, after *regexp.Regexp
}

func twinOf(f *form) twin {
	classes := map[byte]string{'9': "[0-9]", 'A': "[A-Za-z]", 'C': "[ABab]", 'X': "[0-9LMNPQRSTUVlmnpqrstuv]"}
	text := ""
	for i := range len(f.text) {
		if class, ok := classes[f.text[i]]; ok {
			text += class
		} else {
			text += regexp.QuoteMeta(f.text[i : i+1])
		}
	}
	before, after := `[A-Za-z0-9_+]$|[0-9.]\.$|[A-Za-z0-9][-/]$`, `^[A-Za-z0-9_@]|^[./][0-9]|^-[A-Za-z0-9]`
	if f.sep != 0 {
		before += "|[0-9]" + regexp.QuoteMeta(string(f.sep)) + "$"
		after += "|^" + regexp.QuoteMeta(string(f.sep)) + "[0-9]"
	}
	return twin{f, regexp.MustCompile("^" + text), regexp.MustCompile(before), regexp.MustCompile(after)}
}

// at says whether the form stands at off, and is valid.
func (w twin) at(text string, off int) bool {
	end := off + len(w.form.text)
	return end <= len(text) && w.text.MatchString(text[off:]) && !w.before.MatchString(text[:off]) && !w.after.MatchString(text[end:]) &&
		w.check(appendCanonical(nil, []byte(text[off:end]), w.kind))
}

// TestFormsAreThoseOfTheirTwins compares on texts of digits and separators, all close behind a word of context.
func TestFormsAreThoseOfTheirTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 21))
	found := 0
	for _, k := range []Kind{UKNHS, CASIN, DESteuerID, ESDNI, INAadhaar, PLPESEL, NLBSN, SEPersonnummer, AUTFN, USSSN, USITIN, BRCPF} {
		var twins []twin
		for i := range forms {
			if forms[i].kind == k {
				twins = append(twins, twinOf(&forms[i]))
			}
		}
		set := NewSet(k)
		for range 3000 {
			text := strings.Fields(contexts[k])[0] + ": " + likeForms(r, twins)
			if unchecked.has(k) { // of which the word must stand in the same line
				text = strings.ReplaceAll(text, "\n", " ")
			}
			matches := scan(set, text)
			found += len(matches)
			for off := range text {
				for _, w := range twins {
					covered := false
					for _, m := range matches {
						covered = covered || m.Off < off+len(w.form.text) && off < m.End
					}
					if w.at(text, off) && !covered {
						t.Fatalf("%v: %q at %d of %q is not found: %v", k, w.form.text, off, text, matches)
					}
				}
			}
			for _, m := range matches {
				if !anyAt(twins, text, m) {
					t.Fatalf("%v: the twin does not find %v in %q", k, m, text)
				}
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d numbers in all texts", found)
	}
}

func anyAt(twins []twin, text string, m find) bool {
	for _, w := range twins {
		if m.End-m.Off == len(w.form.text) && w.at(text, m.Off) {
			return true
		}
	}
	return false
}

// likeForms returns a short text of numbers in the forms of the twins, some with a byte changed.
func likeForms(r *rand.Rand, twins []twin) string {
	var b strings.Builder
	for range 1 + r.IntN(3) {
		for _, c := range twins[r.IntN(len(twins))].form.text {
			switch {
			case r.IntN(60) == 0:
				b.WriteByte("0 -.AX+/@_"[r.IntN(10)])
			case c == '9':
				b.WriteByte(byte('0' + r.IntN(10)))
			case c == 'A':
				b.WriteByte("TRWAGMYFPDXBNJZSQVHLCKE"[r.IntN(23)])
			default:
				b.WriteRune(c)
			}
		}
		b.WriteString([]string{" ", "-", ".", ", ", "/", "", "\n"}[r.IntN(7)])
	}
	return b.String()[:min(b.Len(), 40)]
}
