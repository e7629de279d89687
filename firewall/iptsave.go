package firewall

import (
	"fmt"
	"slices"
	"strings"
)

// A savedTable is what iptables-save printed for one table.
type savedTable struct {
	name   string
	chains []string
	rules  []savedRule
}

type savedRule struct {
	chain string
	line  string // without "-A CHAIN "
	count Count
}

// parseSave reads the output of iptables-save, with or without -c. Lines that it does
// not know are an error: they would be lost in a comparison.
func parseSave(text string) ([]savedTable, error) {
	var tables []savedTable
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line == "COMMIT" {
			continue
		}
		if line[0] == '*' {
			tables = append(tables, savedTable{name: line[1:]})
			continue
		}
		if len(tables) == 0 {
			return nil, fmt.Errorf("firewall: iptables-save: line %d: %q before any table", n+1, line)
		}
		if err := tables[len(tables)-1].add(line); err != nil {
			return nil, fmt.Errorf("firewall: iptables-save: line %d: %w", n+1, err)
		}
	}
	return tables, nil
}

func (t *savedTable) add(line string) error {
	if line[0] == ':' {
		name, _, _ := strings.Cut(line[1:], " ")
		t.chains = append(t.chains, name)
		return nil
	}
	var r savedRule
	if line[0] == '[' {
		counts, rest, ok := strings.Cut(line[1:], "] ")
		if _, err := fmt.Sscanf(counts, "%d:%d", &r.count.Packets, &r.count.Bytes); err != nil || !ok {
			return fmt.Errorf("%q: counters are not [packets:bytes]", line)
		}
		line = rest
	}
	rest, ok := strings.CutPrefix(line, "-A ")
	if !ok {
		return fmt.Errorf("%q is neither chain nor rule", line)
	}
	r.chain, r.line, _ = strings.Cut(rest, " ")
	t.rules = append(t.rules, r)
	return nil
}

func savedNamed(tables []savedTable, name string) savedTable {
	for _, t := range tables {
		if t.name == name {
			return t
		}
	}
	return savedTable{name: name}
}

// savedChains returns our chains in a table.
func savedChains(tables []savedTable, name string) []string {
	var out []string
	for _, c := range savedNamed(tables, name).chains {
		if strings.HasPrefix(c, chainPrefix) {
			out = append(out, c)
		}
	}
	return out
}

// savedJumps returns "CHAIN rule" of every call of one of our chains from another's.
func savedJumps(tables []savedTable, name string) []string {
	var out []string
	for _, r := range savedNamed(tables, name).rules {
		if !strings.HasPrefix(r.chain, chainPrefix) && callOf(r.line) != "" {
			out = append(out, r.chain+" "+r.line)
		}
	}
	return out
}

// callOf returns the name of the chain of ours that the line calls, or "".
func callOf(line string) string {
	words := strings.Fields(line)
	for i := 0; i+1 < len(words); i++ {
		if (words[i] == "-j" || words[i] == "-g") && strings.HasPrefix(words[i+1], chainPrefix) {
			return words[i+1]
		}
	}
	return ""
}

// counterOfLine returns the counter that the line's comment names.
func counterOfLine(line string) Counter {
	_, rest, ok := strings.Cut(line, "--comment ")
	if !ok {
		return NoCounter
	}
	word, _, _ := strings.Cut(rest, " ")
	name, ok := strings.CutPrefix(strings.Trim(word, `"`), commentPrefix)
	if !ok {
		return NoCounter
	}
	return counterNamed(name)
}

// savedCounters adds up the counters of our chains.
func savedCounters(tables []savedTable) Counters {
	var c Counters
	for _, t := range tables {
		for _, r := range t.rules {
			if n := counterOfLine(r.line); n != NoCounter && strings.HasPrefix(r.chain, chainPrefix) {
				c[n].Packets += r.count.Packets
				c[n].Bytes += r.count.Bytes
			}
		}
	}
	return c
}

// compareSave lists how the saved tables differ from the planned chains.
func compareSave(chains []iptChain, saved []savedTable, family string) []Difference {
	var out []Difference
	for _, c := range chains {
		where := family + " " + c.table + " " + c.name
		t := savedNamed(saved, c.table)
		if !slices.Contains(t.chains, c.name) {
			out = append(out, Difference{where, "the chain is missing"})
			continue
		}
		var lines, calls []string
		for _, r := range t.rules {
			if r.chain == c.name {
				lines = append(lines, r.line)
			} else if callOf(r.line) == c.name && !strings.HasPrefix(r.chain, chainPrefix) {
				calls = append(calls, r.chain+" "+r.line)
			}
		}
		var want []string
		if c.caller != "" {
			want = []string{c.caller + " -j " + c.name}
		}
		if !slices.Equal(calls, want) {
			out = append(out, Difference{where, fmt.Sprintf("it is called by %q, planned %q", calls, want)})
		}
		if d := compareLines(c.lines, lines); d != "" {
			out = append(out, Difference{where, d})
		}
	}
	return append(out, foreignChains(chains, saved, family)...)
}

func foreignChains(chains []iptChain, saved []savedTable, family string) []Difference {
	var out []Difference
	for _, t := range saved {
		for _, name := range savedChains(saved, t.name) {
			if !slices.ContainsFunc(chains, func(c iptChain) bool { return c.table == t.name && c.name == name }) {
				out = append(out, Difference{family + " " + t.name + " " + name, "the chain is not in the plan"})
			}
		}
	}
	return out
}

// compareLines says how got differs from want, or "".
func compareLines(want, got []string) string {
	for i, w := range want {
		if i >= len(got) {
			return fmt.Sprintf("rule %d is missing: %s", i+1, w)
		}
		if got[i] != w {
			return fmt.Sprintf("rule %d is %q, planned %q", i+1, got[i], w)
		}
	}
	if len(got) > len(want) {
		return fmt.Sprintf("rule %d is not in the plan: %s", len(want)+1, got[len(want)])
	}
	return ""
}
