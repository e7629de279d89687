package evade

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A Result is what came of one attempt over one family.
type Result struct {
	Row, Name string
	Family    Family
	By        string // who was to recognise it: "Weir", or "kernel" where connection tracking reassembles first
	Missed    bool   // no single packet held the word
	Works     bool   // without inspection the application reads the word
	Passed    bool   // with inspection it does
	Arrives   bool   // without inspection the twin arrives
	Intact    bool   // with inspection it arrives, byte for byte
	NoTwin    string // why there is none; see Attempt.NoTwin
	Open      string // why it is known to fail; see Attempt.Open
	Unseen    bool   // the application read what inspection was not shown
	Note      string // for people, of what failed
}

// ByKernel is Result.By of fragments that connection tracking puts together before Weir sees them.
const ByKernel = "kernel"

// Failed reports whether the result speaks against Weir.
func (r *Result) Failed() bool {
	return r.Open == "" && r.Bad()
}

// Bad reports whether it does so, known or not.
func (r *Result) Bad() bool {
	return r.Passed || r.Unseen || r.Arrives && !r.Intact
}

// String is the result as a line.
func (r *Result) String() string {
	word := func(yes bool, is, not string) string {
		if yes {
			return is
		}
		return not
	}
	twin := word(r.Intact, "intact", "BROKEN")
	switch {
	case r.NoTwin != "":
		twin = "no twin"
	case !r.Arrives:
		twin = "not against Linux"
	}
	s := fmt.Sprintf("%-4s %s %-6s %-70s %-18s %-7s %s", r.Row, r.Family, r.By, r.Name,
		word(r.Works, "works", "not against Linux"), word(r.Passed, "PASSED", "stopped"), twin)
	if r.Unseen {
		s += " UNSEEN BYTES"
	}
	if r.Open != "" {
		s += " (known: " + r.Open + ")"
	}
	if r.Note != "" {
		s += " (" + r.Note + ")"
	}
	return s
}

// A Count sums up results.
type Count struct {
	Attempts, Missed, Works, Passed, Arrive, Broken, Unseen int
}

func (c *Count) add(r *Result) {
	c.Attempts++
	c.Missed += one(r.Missed && r.Works)
	c.Works += one(r.Works)
	c.Passed += one(r.Passed)
	c.Arrive += one(r.Arrives)
	c.Broken += one(r.Arrives && !r.Intact)
	c.Unseen += one(r.Unseen)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Total sums up all results.
func Total(results []Result) (c Count) {
	for i := range results {
		c.add(&results[i])
	}
	return c
}

// A group is what one line of the table is about.
type group struct {
	row    string
	family Family
	by     string
}

// WriteTable writes the results as a table in Markdown, a line for each row and family.
func WriteTable(w io.Writer, results []Result) error {
	counts := map[group]*Count{}
	var groups []group
	for i := range results {
		r := &results[i]
		g := group{r.Row, r.Family, r.By}
		if counts[g] == nil {
			counts[g] = &Count{}
			groups = append(groups, g)
		}
		counts[g].add(r)
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(rank(a.row), rank(b.row)), cmp.Compare(a.family, b.family), strings.Compare(b.by, a.by))
	})
	var b strings.Builder
	b.WriteString("| row | family | recognised by | attempts | work without | missed by a match per packet | passed | twins that arrive without | broken |\n")
	b.WriteString("|---|---|---|---:|---:|---:|---:|---:|---:|\n")
	line := func(row, family, by string, c Count) {
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %d | %d | %d | %d |\n", row, family, by,
			c.Attempts, c.Works, c.Missed, c.Passed, c.Arrive, c.Broken)
	}
	for _, g := range groups {
		line(g.row, g.family.String(), g.by, *counts[g])
	}
	line("**all**", "", "", Total(results))
	_, err := io.WriteString(w, b.String())
	return err
}

// rank orders rows as the list does: IP, TCP, applications.
func rank(row string) int {
	n, _ := strconv.Atoi(row[1:])
	return 100*strings.IndexByte("ITA", row[0]) + n
}
