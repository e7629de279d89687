package firewall

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ipfw is the backend of the kind IPFW. New rules are written into a set that is disabled, one by one, and change
// places with the old ones in one step.
//
// Rules are compared with what ipfw printed when they had been put there; by an ipfw that has not done that they can
// only be counted.
type ipfw struct {
	run runner

	applied *Ruleset // by this process; nil: none, or removed
	shown   ipfwShown
	base    Counters // of rules that were replaced
}

// ipfwShown is what ipfw prints of Weir's rules and tables.
type ipfwShown struct {
	rules  []ipfwRule
	tables map[string][]string // entries by name, of tables that are Weir's
}

// An ipfwRule is a line of ipfw show.
type ipfwRule struct {
	disabled bool
	number   int
	count    Count
	body     string // with its comment
}

// Apply implements Backend.
func (n *ipfw) Apply(rs *Ruleset) error {
	old, err := n.own()
	if err != nil {
		return err
	}
	base := n.base
	base.add(old.counters())
	suffix := old.free()
	err = n.prepare(rs, suffix)
	if err == nil {
		err = n.ipfw("set", "swap", strconv.Itoa(ipfwSet), strconv.Itoa(ipfwNext))
	}
	if err != nil {
		return errors.Join(err, n.drop(ipfwNext, suffix))
	}
	n.base, n.applied, n.shown = base, rs, ipfwShown{}
	err = n.ipfw("set", "enable", strconv.Itoa(ipfwSet)) // a pause ends
	if err == nil {
		err = n.drop(ipfwNext, other(suffix))
	}
	if err == nil {
		n.shown, err = n.show()
	}
	if err != nil {
		return fmt.Errorf("%w: the new rules are in place all the same", err)
	}
	return nil
}

// prepare writes rules into the set that is disabled, with tables whose names end in suffix.
func (n *ipfw) prepare(rs *Ruleset, suffix string) error {
	if err := n.ipfw("set", "disable", strconv.Itoa(ipfwNext)); err != nil {
		return err
	}
	if err := n.drop(ipfwNext, suffix); err != nil { // of one that crashed here
		return err
	}
	_, err := n.output(rs.ipfwText(ipfwNext, suffix), "-q", "/dev/stdin")
	return err
}

// Pause implements Backend.
func (n *ipfw) Pause() error {
	return n.ipfw("set", "disable", strconv.Itoa(ipfwSet))
}

// Remove implements Backend.
func (n *ipfw) Remove() error {
	if _, err := n.own(); err != nil {
		return err
	}
	if err := n.ipfw("delete", "set", strconv.Itoa(ipfwNext)); err != nil {
		return err
	}
	if err := n.drop(ipfwSet, ""); err != nil {
		return err
	}
	if err := n.ipfw("set", "enable", strconv.Itoa(ipfwSet), strconv.Itoa(ipfwNext)); err != nil {
		return err
	}
	n.applied, n.shown, n.base = nil, ipfwShown{}, Counters{}
	return nil
}

// drop deletes a set, and the tables whose names end in suffix. No error where there is nothing.
func (n *ipfw) drop(set int, suffix string) error {
	if err := n.ipfw("delete", "set", strconv.Itoa(set)); err != nil {
		return err
	}
	tables, err := n.tables()
	if err != nil {
		return err
	}
	for name := range tables {
		if strings.HasSuffix(name, suffix) {
			if err := n.ipfw("table", name, "destroy"); err != nil {
				return err
			}
		}
	}
	return nil
}

// Verify implements Backend.
func (n *ipfw) Verify(rs *Ruleset) ([]Difference, error) {
	on, err := ipfwOn(n.run)
	if err != nil {
		return nil, err
	}
	var out []Difference
	if !on {
		out = append(out, Difference{"ipfw", "it is switched off, so that nothing is diverted (sysctl net.inet.ip.fw.enable, net.inet6.ip6.fw.enable)"})
	}
	now, err := n.show()
	if err != nil {
		return nil, err
	}
	where := fmt.Sprintf("set %d", ipfwSet)
	if slices.ContainsFunc(now.rules, func(r ipfwRule) bool { return r.disabled }) {
		out = append(out, Difference{where, "it is disabled"})
	}
	if n.applied != rs || n.shown.rules == nil {
		return append(out, rs.countIPFW(where, now.rules)...), nil
	}
	out = append(out, differences(where, "rule", n.shown.bodies(), now.bodies())...)
	for name, was := range n.shown.tables {
		out = append(out, differences("table "+name, "entry", was, now.tables[name])...)
	}
	return out, nil
}

// countIPFW is what can be said of rules that nobody has seen being written.
func (rs *Ruleset) countIPFW(where string, rules []ipfwRule) []Difference {
	want := len(rs.Diversions)
	if rs.reassembles() {
		want++
	}
	var out []Difference
	if len(rules) != want {
		out = append(out, Difference{where, fmt.Sprintf("it has %d rules, not %d", len(rules), want)})
	}
	for _, r := range rules {
		if r.counter() == Queued && !strings.HasPrefix(r.body, fmt.Sprintf("divert %d ", rs.Port)) {
			out = append(out, Difference{where, fmt.Sprintf("rule %q does not divert to port %d", r.body, rs.Port)})
		}
	}
	return out
}

// Counters implements Backend.
func (n *ipfw) Counters() (Counters, error) {
	sum := n.base
	rules, err := n.rules(ipfwSet)
	sum.add(ipfwShown{rules: rules}.counters())
	return sum, err
}

// own is show for those who are to change what they find: it refuses sets that others use.
func (n *ipfw) own() (ipfwShown, error) {
	s, err := n.show()
	if err != nil {
		return s, err
	}
	next, err := n.rules(ipfwNext)
	if err != nil {
		return s, err
	}
	for _, r := range append(slices.Clone(s.rules), next...) {
		if !strings.Contains(r.body, ipfwComment) {
			return s, fmt.Errorf("firewall: the ipfw rule \"%05d %s\" is in set %d or %d, which are Weir's: move it into another set", r.number, r.body, ipfwSet, ipfwNext)
		}
	}
	return s, nil
}

// show reads the rules in force and all tables of Weir.
func (n *ipfw) show() (ipfwShown, error) {
	rules, err := n.rules(ipfwSet)
	if err != nil {
		return ipfwShown{}, err
	}
	tables, err := n.tables()
	return ipfwShown{rules: rules, tables: tables}, err
}

func (n *ipfw) rules(set int) ([]ipfwRule, error) {
	out, err := n.output("", "-S", "set", strconv.Itoa(set), "show")
	if err != nil {
		return nil, err
	}
	rules := []ipfwRule{}
	for _, line := range trimmedLines(out) {
		r, err := parseIPFW(line)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// parseIPFW reads a line: number, packets, bytes, perhaps the set, and the rule.
func parseIPFW(line string) (r ipfwRule, err error) {
	line, r.disabled = strings.CutPrefix(line, "# DISABLED ")
	f := strings.Fields(line)
	if len(f) < 4 {
		return r, fmt.Errorf("firewall: ipfw prints a rule as %q", line)
	}
	var errs [3]error
	r.number, errs[0] = strconv.Atoi(f[0])
	r.count.Packets, errs[1] = strconv.ParseUint(f[1], 10, 64)
	r.count.Bytes, errs[2] = strconv.ParseUint(f[2], 10, 64)
	if err := cmp.Or(errs[:]...); err != nil {
		return r, fmt.Errorf("firewall: ipfw prints a rule as %q: %w", line, err)
	}
	if f = f[3:]; f[0] == "set" && len(f) > 2 {
		f = f[2:]
	}
	r.body = strings.Join(f, " ")
	return r, nil
}

// tables reads the entries of our tables.
func (n *ipfw) tables() (map[string][]string, error) {
	out, err := n.output("", "table", "all", "list")
	if err != nil {
		return nil, err
	}
	tables := map[string][]string{}
	name := ""
	for _, line := range trimmedLines(out) {
		if head, ok := strings.CutPrefix(line, "--- table("); ok {
			name, _, _ = strings.Cut(head, ")")
			if !strings.HasPrefix(name, tablePrefix) {
				name = ""
			} else {
				tables[name] = []string{}
			}
		} else if name != "" {
			tables[name] = append(tables[name], line)
		}
	}
	return tables, nil
}

// ipfwComment begins the comments of our rules.
const ipfwComment = "// weir "

// counter is the one that a rule's comment names.
func (r ipfwRule) counter() Counter {
	_, name, _ := strings.Cut(r.body, ipfwComment)
	return counterNamed(name)
}

func (s ipfwShown) counters() Counters {
	var sum Counters
	for _, r := range s.rules {
		if c := r.counter(); c != NoCounter {
			sum[c].Packets += r.count.Packets
			sum[c].Bytes += r.count.Bytes
		}
	}
	return sum
}

func (s ipfwShown) bodies() []string {
	out := make([]string, len(s.rules))
	for i, r := range s.rules {
		out[i] = fmt.Sprintf("%05d %s", r.number, r.body)
	}
	return out
}

// free returns the ending that no table of a rule in force has.
func (s ipfwShown) free() string {
	for _, r := range s.rules {
		for name := range s.tables {
			if strings.Contains(r.body, "table("+name+")") {
				return other(name[len(name)-len(ipfwTables[0]):])
			}
		}
	}
	return ipfwTables[0]
}

func other(suffix string) string {
	if suffix == ipfwTables[0] {
		return ipfwTables[1]
	}
	return ipfwTables[0]
}

func (n *ipfw) ipfw(args ...string) error {
	_, err := n.output("", append([]string{"-q"}, args...)...)
	return err
}

func (n *ipfw) output(stdin string, args ...string) (string, error) {
	out, err := n.run(stdin, ipfwPath, args...)
	if err != nil {
		return "", fmt.Errorf("firewall: %w", err)
	}
	return out, nil
}
