package rule

import (
	"bytes"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// FuzzParse holds that print(parse(x)) is a fixed point, that reading it again gives the same
// tree, and that every mistake lies inside the text.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/example.rules")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f.Add(line)
	}
	f.Add(string(text))
	f.Fuzz(func(t *testing.T, text string) {
		rules, errs := Parse(text)
		for _, e := range errs {
			if e.Pos.Line < 1 || e.Pos.Line > 1+strings.Count(text, "\n") || e.Pos.Col < 1 || e.Pos.Col > len(text)+1 {
				t.Errorf("mistake outside the text: %v", e)
			}
		}
		for i := range rules {
			printed := rules[i].String()
			again, err := ParseRule(printed, 1)
			if err != nil {
				t.Fatalf("cannot read what was printed: %v\n%s", err, printed)
			}
			if got := again.String(); got != printed {
				t.Fatalf("not a fixed point:\n%s\n%s", printed, got)
			}
			if d := cmp.Diff(&rules[i], again, cmpopts.IgnoreTypes(Pos{}), cmpopts.EquateComparable(netip.Addr{})); d != "" {
				t.Fatal(d)
			}
			for n := range rules[i].Options {
				_, _, _ = rules[i].Options[n].Content()
				rules[i].Options[n].Text()
			}
		}
	})
}

func TestFormatContentReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "pattern")
		r, err := ParseRule("alert tcp any any -> any any (content:"+FormatContent(p)+"; sid:1;)", 1)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := r.Options[0].Content()
		if err != nil || !bytes.Equal(got, p) {
			t.Fatalf("%q became %q: %v", p, got, err)
		}
	})
}
