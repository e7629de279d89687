package firewall

import (
	"fmt"
	"slices"
	"strings"
)

// checkSockets finds what pf and ipfw, each with its own limits, cannot do.
func (c *Config) checkSockets(f Features, fail func(string, ...any)) {
	if !c.Backend.Sockets() {
		return
	}
	if c.Position != PositionAuto {
		fail("%s knows no position before or after the filter: the place of its rules decides (the anchor in pf.conf, the rule number of ipfw); leave the position to Weir", c.Backend)
	}
	if c.Backend == IPFW && c.RuleNumber != 0 && (c.RuleNumber < 2 || c.RuleNumber > 65533) {
		fail("rule number %d: ipfw needs the number before it and the one behind it too: choose 2 to 65533", c.RuleNumber)
	}
	if c.Backend == PF && !f.Anchor {
		fail(`pf.conf does not refer to Weir's rules: add the line anchor "weir" at its end, behind nat-to and behind the rules that block quick, then run pfctl -f /etc/pf.conf`)
	}
	sels := c.Select
	if len(sels) == 0 {
		sels = []Selection{{}}
	}
	for i := range sels {
		sels[i].checkSockets(c, f, func(format string, args ...any) {
			fail("selection %d: "+format, append([]any{i + 1}, args...)...)
		})
	}
	if names := inside(sels); c.Backend == PF && c.Traffic&Forwarded != 0 && len(names) > 1 && !allPorts(sels) {
		what := "put them into a group (ifconfig em1 group inside) and name that under in"
		if f.DivertTo {
			what = "name ports, or use ipfw"
		}
		fail("pf would divert packets from one of %s to another twice, on their way in and out: %s", strings.Join(names, ", "), what)
	}
}

func (s *Selection) checkSockets(c *Config, f Features, fail func(string, ...any)) {
	if c.Backend == PF && c.Traffic&Forwarded != 0 && len(s.In) == 0 {
		fail("pf needs the inside interfaces by name: there packets have the addresses that both ends know, before and after NAT, and no state of pf lets them pass by; write them under in")
	}
	for _, name := range append(append([]string{}, s.In...), s.Out...) {
		if err := checkBSDIface(name); err != nil {
			fail("%w", err)
		} else if c.Backend == PF {
			s.checkGroup(name, f, fail)
		}
	}
	for _, p := range s.protocols() {
		switch {
		case c.Backend == PF && len(s.Ports) > 0 && p != TCP && p != UDP:
			fail("pf knows ports of tcp and udp, not of %s: select it without ports", p)
		case c.Backend == IPFW && len(s.Ports) > 0 && p == DCCP:
			fail("ipfw knows no ports of dccp: select it without ports")
		}
	}
}

// checkGroup wants a group for a pattern: pf has nothing that matches the beginning of a name.
func (s *Selection) checkGroup(name string, f Features, fail func(string, ...any)) {
	group, pattern := strings.CutSuffix(name, "*")
	switch {
	case !pattern:
	case strings.Trim(group, letters) != "":
		fail("interface %s: pf knows names and groups, no patterns: name each, or a group of them", name)
	case f.Ifaces != nil && !slices.Contains(f.Ifaces, group):
		fail("interface %s: pf knows no group %s here: name each interface, or make the group (ifconfig %s0 group %s)", name, group, group, group)
	}
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// checkBSDIface lets only such names pass as pf.conf and ipfw take for the name of an interface, and nothing else.
func checkBSDIface(name string) error {
	base := strings.TrimSuffix(name, "*")
	switch {
	case base == "any" || base == "rdomain" || base == "table":
		return fmt.Errorf("interface name %q is a word of the rules' language", name)
	case strings.Trim(base, letters+"0123456789_.-") != "" || base != "" && strings.Trim(base[:1], letters+"_") != "":
		return fmt.Errorf("interface name %q cannot stand in a rule: letters first, then also digits and any of _.-", name)
	}
	return nil
}

// inside returns the interfaces by which forwarded conversations enter, each once.
func inside(sels []Selection) []string {
	var out []string
	for _, s := range sels {
		for _, name := range s.In {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// allPorts reports whether every selection has ports.
func allPorts(sels []Selection) bool {
	for _, s := range sels {
		if len(s.Ports) == 0 {
			return false
		}
	}
	return true
}
