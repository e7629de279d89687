package firewall

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// iptables is the backend of the kind IPTables. It runs the iptables commands, of
// either variant (legacy or nf_tables), since the kernel's own interface to legacy
// tables replaces whole tables, other programs' rules and all.
//
// Each table of each family changes atomically; the tables one after the other. Built-in
// chains that the commands create on first use stay behind, empty.
type iptables struct {
	ns   *os.File
	ipv6 bool
}

// An iptFamily is one IP version with its commands.
type iptFamily struct {
	family        Family
	name          string
	save, restore string
}

var iptFamilies = []iptFamily{
	{V4, "ip", "iptables-save", "iptables-restore"},
	{V6, "ip6", "ip6tables-save", "ip6tables-restore"},
}

func (n *iptables) families() []iptFamily {
	if n.ipv6 {
		return iptFamilies
	}
	return iptFamilies[:1]
}

// Apply implements Backend.
func (n *iptables) Apply(rs *Ruleset) error {
	saved, err := n.savedAll()
	if err != nil {
		return err
	}
	var from Counters
	for _, s := range saved {
		from.add(savedCounters(s))
	}
	for i, f := range n.families() {
		if i > 0 {
			from = Counters{} // the sum goes on in the first family
		}
		if err := n.restore(f, iptText(rs.iptChains(f.family), saved[i], from)); err != nil {
			return errors.Join(err, n.undo(saved[:i]))
		}
	}
	return nil
}

// undo puts back our chains of the families that Apply has changed already.
func (n *iptables) undo(saved [][]savedTable) error {
	for i, old := range saved {
		now, err := n.saved(n.families()[i])
		if err == nil {
			err = n.restore(n.families()[i], iptText(chainsOf(old), now, savedCounters(old)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chainsOf returns our chains as they were saved.
func chainsOf(saved []savedTable) []iptChain {
	var out []iptChain
	for _, t := range saved {
		for _, name := range savedChains(saved, t.name) {
			c := iptChain{table: t.name, name: name}
			for _, r := range t.rules {
				if r.chain == name {
					c.lines = append(c.lines, r.line)
				} else if callOf(r.line) == name && !strings.HasPrefix(r.chain, chainPrefix) {
					c.caller, c.first = r.chain, t.name == "filter"
				}
			}
			out = append(out, c)
		}
	}
	return out
}

// Pause implements Backend.
func (n *iptables) Pause() error {
	for _, f := range n.families() {
		old, err := n.saved(f)
		if err != nil {
			return err
		}
		var b strings.Builder
		for _, name := range savedChains(old, "mangle") {
			if diverts(strings.ToLower(strings.TrimPrefix(name, chainPrefix))) {
				fmt.Fprintf(&b, ":%s - [0:0]\n", name) // --noflush empties chains that are declared
			}
		}
		if b.Len() == 0 {
			continue
		}
		if err := n.restore(f, "*mangle\n"+b.String()+"COMMIT\n"); err != nil {
			return err
		}
	}
	return nil
}

// Remove implements Backend.
func (n *iptables) Remove() error {
	for _, f := range n.families() {
		old, err := n.saved(f)
		if err != nil {
			return err
		}
		if text := iptText(nil, old, Counters{}); text != "" {
			if err := n.restore(f, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// Verify implements Backend.
func (n *iptables) Verify(rs *Ruleset) ([]Difference, error) {
	var out []Difference
	for _, f := range n.families() {
		saved, err := n.saved(f)
		if err != nil {
			return nil, err
		}
		out = append(out, compareSave(rs.iptChains(f.family), saved, f.name)...)
	}
	return out, nil
}

// Counters implements Backend.
func (n *iptables) Counters() (Counters, error) {
	var sum Counters
	saved, err := n.savedAll()
	for _, s := range saved {
		sum.add(savedCounters(s))
	}
	return sum, err
}

func (n *iptables) savedAll() ([][]savedTable, error) {
	var out [][]savedTable
	for _, f := range n.families() {
		s, err := n.saved(f)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (n *iptables) saved(f iptFamily) ([]savedTable, error) {
	out, err := n.run(f.save, "", "-c")
	if err != nil {
		return nil, err
	}
	return parseSave(out)
}

func (n *iptables) restore(f iptFamily, text string) error {
	_, err := n.run(f.restore, text, "-w", "5", "--noflush", "--counters")
	return err
}

// run runs one of the commands and returns its output.
func (n *iptables) run(name, stdin string, args ...string) (string, error) {
	var out, complaint bytes.Buffer
	err := inNetNS(n.ns, func() error {
		cmd := exec.Command(commandPath(name), args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &complaint
		return cmd.Run()
	})
	if err != nil {
		return "", fmt.Errorf("firewall: %s: %w: %s", name, err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}

// commandPath finds a command where PATH lacks the directories of the administrator,
// as it often does for services and ordinary users.
func commandPath(name string) string {
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/sbin/", "/sbin/"} {
		if _, err := os.Stat(dir + name); err == nil {
			return dir + name
		}
	}
	return name
}
