package firewall

import (
	"fmt"
	"slices"
	"strings"
)

// trimmedLines returns the lines that are not empty; never nil.
func trimmedLines(text string) []string {
	lines := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// differences says in words how got differs from want.
func differences(where, what string, want, got []string) []Difference {
	if slices.Equal(want, got) {
		return nil
	}
	var out []Difference
	for _, line := range beyond(want, got) {
		out = append(out, Difference{where, fmt.Sprintf("%s %q is missing", what, line)})
	}
	for _, line := range beyond(got, want) {
		out = append(out, Difference{where, fmt.Sprintf("%s %q is not Weir's", what, line)})
	}
	if len(out) == 0 {
		out = append(out, Difference{where, "the order is another"})
	}
	return out
}

// beyond returns the lines of a that are not in b as often.
func beyond(a, b []string) []string {
	left := make(map[string]int, len(b))
	for _, line := range b {
		left[line]++
	}
	var out []string
	for _, line := range a {
		if left[line]--; left[line] < 0 {
			out = append(out, line)
		}
	}
	return out
}
