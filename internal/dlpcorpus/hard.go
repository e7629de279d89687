package dlpcorpus

import (
	_ "embed" // for testdata
	"fmt"
	"strings"
)

//go:embed testdata/hard.txt
var hard string

// Hard returns the cases of testdata/hard.txt, which says how they are written; an error says what is wrong in which
// line.
func Hard() (cases []Case, err error) {
	n := 0
	for line := range strings.Lines(hard) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		c, err := parseHard(line)
		if err != nil {
			return nil, fmt.Errorf("hard.txt: line %d: %w", n, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

var unescape = strings.NewReplacer("¦", "", `\n`, "\n", `\r`, "\r", `\t`, "\t", `\\`, `\`)

// parseHard reads one line: text in which «kind|value» stands for a value.
func parseHard(line string) (Case, error) {
	t := new(text)
	for {
		before, rest, found := strings.Cut(line, "«")
		t.put(unescape.Replace(before))
		if !found {
			return t.done("hard"), nil
		}
		label, after, closed := strings.Cut(rest, "»")
		kind, value, named := strings.Cut(label, "|")
		if !closed || !named {
			return Case{}, fmt.Errorf("a value without its kind or its end: %q", rest)
		}
		t.value(kind, unescape.Replace(value), false)
		line = after
	}
}
