package dlp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/inspect/dlp/detect"
	"github.com/weir-project/weir/inspect/dlp/view"
	"github.com/weir-project/weir/internal/dlpcorpus"
)

// codedValues returns the values in the views of a text that are not written as themselves, and where the undecided begins.
func codedValues(f *view.Finder, s *detect.Scanner, text []byte, more, everywhere bool) (found []string, open int) {
	f.Begin(nil, text, more)
	open = len(text)
	for v := f.Next(); v != nil; v = f.Next() {
		if v.Code == view.Escapes && !everywhere {
			s.ResetWithin(v.Before, v.Text, v.More, v)
		} else {
			s.Reset(v.Before, v.Text, v.More)
		}
		for m, ok := s.Next(); ok; m, ok = s.Next() {
			if _, _, ok := seen(v, m.Off, m.End); ok {
				found = append(found, fmt.Sprintf("%s %v %q", v.Path().Append(nil), m, s.Value()))
			}
		}
		open = min(open, openIn(v, s.Open()))
	}
	return found, open
}

// TestStretchesLoseNothing looks at views in stretches and everywhere.
func TestStretchesLoseNothing(t *testing.T) {
	var all []detect.Kind
	for k := range detect.Bundled() {
		all = append(all, detect.Kind(k))
	}
	r := rand.New(rand.NewPCG(61, 62))
	cases := dlpcorpus.Generate(8, 40)
	f, s := new(view.Finder), detect.NewSet(all...).Scanner()
	n := 0
	for range 20000 {
		var b bytes.Buffer
		for range 1 + r.IntN(6) {
			b.WriteString(obscured(r, cases[r.IntN(len(cases))].Text))
			for range r.IntN(3) {
				b.WriteString([]string{
					"\x00", "\xff", "é", "+", "%", "\n", " card ", "-----BEGIN RSA PRIVATE KEY-----\n", "PuTTY-User-Key-File-3: ü\n", string(noise(9)),
					"\x00a%40b.co\x00", "\x00\xff4111%201111+1111 1111\xff", "\x01SSN+123456%37 89\x01",
					"card 4000\u00a00000%200000 0002 ", "SSN: 536\u201122%2D1234 ", "password=Trüs%624dor99 ", "password=Tr%FCs4dor99 ", "%\u00a0",
				}[r.IntN(18)])
			}
		}
		text := b.Bytes()[:min(b.Len(), 4000)]
		more := r.IntN(2) == 0
		want, wantOpen := codedValues(f, s, text, more, true)
		got, open := codedValues(f, s, text, more, false)
		if !slices.Equal(got, want) || open != wantOpen {
			t.Fatalf("%q, %v\ngot  %q, open %d\nwant %q, open %d", text, more, got, open, want, wantOpen)
		}
		n += len(want)
	}
	if n < 10000 {
		t.Errorf("only %d values", n)
	}
}

// obscured writes some bytes of a text with percent signs or as references, and some spaces as plus signs.
func obscured(r *rand.Rand, text string) string {
	var b strings.Builder
	often := 1 + r.IntN(60)
	for i := range len(text) {
		switch c := text[i]; {
		case r.IntN(often) > 0:
			b.WriteByte(c)
		case c == ' ':
			b.WriteByte('+')
		case r.IntN(2) == 0:
			fmt.Fprintf(&b, "%%%02x", c)
		default:
			fmt.Fprintf(&b, "&#%d;", c)
		}
	}
	return b.String()
}
