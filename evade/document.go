package evade

import (
	"fmt"
	"io"
	"maps"
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
  where nobody inspects; *broken* counts those that do not.
- *recognised by*: fragments are tried without connection tracking, where Weir puts them together, and with it, where the kernel does
  that before Weir sees them. There, the router without Weir has connection tracking as well: what that breaks by itself (a piece
  that was to expire behind the router, I7 and I10) is no twin that arrives.

Fakes contradict what is true in the twin, too, and it must arrive all the same; but where a receiver may take either of two copies, by a
rule of its own that does not show on the way, the twin's agree: pieces that overlap (I2, I3, T10) and two ends of a
datagram (I4), a signature that only the two ends can check, or an option that few know (T17), and a byte beyond a window that may have opened
meanwhile (T19).

Of fakes with few hops left (I7), those that come first in a conversation have nothing that they could be held against: lies before anything
else of a connection that is met in its middle (T7), and the first datagram of QUIC (A6). They are made where the policy has
` + "`normalise: {min_ttl: 2}`" + `. All others are made without.

What is not tried: a name within an encrypted hello (nobody on the way can read it; ` + "`tls.ech`" + ` tells that it is there), protocols that
turn into TLS in their middle (SMTP and IMAP with STARTTLS, SOCKS), whose names are not recognised, and other protocols than DNS on
the ports of DNS before it.

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
	b.WriteString("\n## Without a twin\n\nOf these nothing has to arrive.\n\n" + withoutTwin(results))
	b.WriteString("\n## The attempts\n\nThe ways in which two (13) and three (409) pieces can lie to each other are not listed: `evade/overlap.go` makes them.\n")
	names := map[string][]string{}
	var rows []string
	for i := range results {
		r := &results[i]
		if isOverlap(r) {
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

// withoutTwin lists the attempts that have no twin, by their reasons.
func withoutTwin(results []Result) string {
	names := map[string][]string{}
	for i := range results {
		r := &results[i]
		if r.NoTwin == "" {
			continue
		}
		name := r.Row + " " + r.Name
		if isOverlap(r) {
			name = r.Row + ", where they contradict each other"
		}
		if !slices.Contains(names[r.NoTwin], name) {
			names[r.NoTwin] = append(names[r.NoTwin], name)
		}
	}
	var b strings.Builder
	for _, why := range slices.Sorted(maps.Keys(names)) {
		slices.Sort(names[why])
		fmt.Fprintf(&b, "- %s: %s\n", why, strings.Join(names[why], "; "))
	}
	return b.String()
}

// isOverlap reports whether the attempt is one of the thousands of evade/overlap.go.
func isOverlap(r *Result) bool {
	return strings.Contains(r.Name, " pieces ") && strings.Contains(r.Name, "is the word")
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
