package evade

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// preface is what the document says before the table.
const preface = `# Evasions

Written by ` + "`go run ./evade/cmd/evade -write docs/evasions.md`" + ` (` + "`make evade`" + `); do not edit.

Each attempt tries to have a word delivered that Weir is told to stop: by fragments that overlap, segments that the receiver does
not take, numbers that wrap, connections that only look over. It speaks IP and TCP itself, to the stack of a real Linux kernel:

    attempt ── router with Weir ── hop ── server

What counts is what the application at the other end has read. The columns:

- *work without*: attempts that deliver the word where nobody inspects. The others do not work against this kernel; they count as no
  success.
- *missed by a match per packet*: those of them in which no single packet holds the word.
- *passed*: the application has read the word, with Weir between.
- *twins that arrive without*: each attempt is also made with a harmless word in the place of the other. It must arrive as it does
  where nobody inspects; *broken* counts those that do not. Where two copies of the same bytes contradict each other and the
  receiver could take either, the twin's agree.
- *recognised by*: fragments are tried without connection tracking, where Weir puts them together, and with it, where the kernel does
  that before Weir sees them.

Four kinds have no twin: messages that can be read in two ways or not at all, which are malformed by policy (` + "`outcomes.malformed`" + `); pieces that overlap in IPv6, which the standard has the receiver drop (RFC 5722); tunnels, which the policy of
this test refuses (` + "`refuse: [tunnel]`" + `), since Weir does not look into them; and what no honest host does.

`

// WriteDocument writes the table with what it means, and the names of all attempts but the overlaps.
func WriteDocument(w io.Writer, results []Result) error {
	if _, err := io.WriteString(w, preface); err != nil {
		return err
	}
	if err := WriteTable(w, results); err != nil {
		return err
	}
	var b strings.Builder
	if known := knownFailures(results); known != "" {
		b.WriteString("\n## Known, and not mended yet\n\n" + known)
	}
	b.WriteString("\n## The attempts\n\nThe ways in which two (13) and three (409) pieces can lie to each other are not listed: `evade/overlap.go` makes them.\n")
	names := map[string][]string{}
	var rows []string
	for i := range results {
		r := &results[i]
		if strings.Contains(r.Name, " pieces ") && strings.Contains(r.Name, "is the word") {
			continue
		}
		if names[r.Row] == nil {
			rows = append(rows, r.Row)
		}
		if !slices.Contains(names[r.Row], r.Name) {
			names[r.Row] = append(names[r.Row], r.Name)
		}
	}
	slices.SortFunc(rows, func(a, b string) int { return rank(a) - rank(b) })
	for _, row := range rows {
		slices.Sort(names[row])
		fmt.Fprintf(&b, "\n### %s\n\n- %s\n", row, strings.Join(names[row], "\n- "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// knownFailures lists what is known to fail.
func knownFailures(results []Result) string {
	var lines []string
	for i := range results {
		if r := &results[i]; r.Open != "" && r.Bad() {
			if line := fmt.Sprintf("- %s %s: %s\n", r.Row, r.Name, r.Open); !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
