package firewall

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The rule sets that Weir owns: the second holds new rules, unseen, until they change places.
const (
	ipfwSet  = 23
	ipfwNext = 24
)

// ipfwTables end the names of tables in turn, so that new rules and old ones have tables of their own.
var ipfwTables = [...]string{"_a", "_b"}

// ipfwText returns what ipfw reads from a file: the tables, whose names end in suffix, and the rules.
func (rs *Ruleset) ipfwText(set int, suffix string) string {
	var b strings.Builder
	b.WriteString("# ipfw -q FILE\n")
	for _, t := range rs.Tables {
		fmt.Fprintf(&b, "table %s create type addr\n", ipfwTable(t.Name, suffix))
		for _, p := range t.Prefixes {
			fmt.Fprintf(&b, "table %s add %s\n", ipfwTable(t.Name, suffix), p)
		}
	}
	if rs.reassembles() {
		fmt.Fprintf(&b, "add %d set %d reass ip4 from any to any in // weir reassembles\n", rs.Number-1, set)
	}
	for _, d := range rs.Diversions {
		action := fmt.Sprintf("divert %d", rs.Port)
		if d.Counter != Queued {
			action = fmt.Sprintf("skipto %d", rs.Number+1)
		}
		// One number for all: a packet that comes back goes on behind the last of them.
		fmt.Fprintf(&b, "add %d set %d %s %s // weir %s\n", rs.Number, set, action, d.ipfwText(suffix), d.Counter)
	}
	return b.String()
}

// reassembles reports whether ports are asked for, which later fragments do not show.
func (rs *Ruleset) reassembles() bool {
	return rs.Backend == IPFW && slices.ContainsFunc(rs.Diversions, func(d Diversion) bool { return len(d.Sports)+len(d.Dports) > 0 })
}

func ipfwTable(name, suffix string) string { return tablePrefix + name + suffix }

func (d Diversion) ipfwText(suffix string) string {
	words := []string{
		d.ipfwProto(), "from", d.From.ipfwText(d.Family, suffix), ipfwPorts(d.Sports), "to", d.To.ipfwText(d.Family, suffix), ipfwPorts(d.Dports),
		d.From.ipfwAlso("src-ip", suffix), d.To.ipfwAlso("dst-ip", suffix),
	}
	if d.Neighbour {
		words = append(words, "icmp6types", neighbourTypes())
	}
	if d.Fragment {
		words = append(words, "ext6hdr frag")
	}
	words = append(words, map[Hook]string{HookInput: "in", HookOutput: "out"}[d.Direction], d.In.ipfwText("recv"), d.Out.ipfwText("xmit"))
	return spaced(words)
}

// neighbourTypes lists the ICMPv6 types of neighbour discovery: ipfw knows no ranges of them.
func neighbourTypes() string {
	var words []string
	for t := ndFirst; t <= ndLast; t++ {
		words = append(words, strconv.Itoa(t))
	}
	return strings.Join(words, ",")
}

func (d Diversion) ipfwProto() string {
	switch {
	case d.Proto != 0:
		return d.Proto.bsdName()
	case d.Family == V4:
		return "ip4"
	case d.Family == V6:
		return "ip6"
	}
	return "ip"
}

func (e End) ipfwText(f Family, suffix string) string {
	switch {
	case e.Self && f == V6:
		return "me6"
	case e.Self:
		return "me"
	case e.Table == "":
		return "any"
	}
	return ipfwNot(e.Not) + "table(" + ipfwTable(e.Table, suffix) + ")"
}

// ipfwAlso is the second condition on an address of the host's own.
func (e End) ipfwAlso(option, suffix string) string {
	if !e.Self || e.Table == "" {
		return ""
	}
	return ipfwNot(e.Not) + option + " table(" + ipfwTable(e.Table, suffix) + ")"
}

func (i Iface) ipfwText(option string) string {
	if i.Name == "" {
		return ""
	}
	return ipfwNot(i.Not) + option + " " + i.Name
}

func ipfwNot(not bool) string {
	if not {
		return "not "
	}
	return ""
}

func ipfwPorts(rs []PortRange) string {
	words := make([]string, len(rs))
	for i, r := range rs {
		words[i] = r.text("-")
	}
	return strings.Join(words, ",")
}
