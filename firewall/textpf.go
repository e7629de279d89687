package firewall

import (
	"fmt"
	"strings"
)

// pfAnchor is the anchor that Weir owns.
const pfAnchor = TableName

// A pfManner is what the rules of the anchor do with what they select.
type pfManner uint8

const (
	pfDiverting pfManner = iota
	pfPassing            // as if diverted and accepted: no state comes of it
	pfLeaving            // pass, and make states by which connections go on without the rules
)

// Labels of rules, by what they do.
var pfLabels = [...]string{pfDiverting: "weir-queued", pfPassing: "weir-paused", pfLeaving: "weir-left"}

// pfText returns what pfctl -a weir -f reads.
func (rs *Ruleset) pfText(m pfManner) string {
	var b strings.Builder
	b.WriteString("# pfctl -a " + pfAnchor + " -o none -f FILE\n")
	for _, t := range rs.Tables {
		b.WriteString(t.pfText())
	}
	for _, d := range rs.Diversions {
		fmt.Fprintf(&b, "%s %s\n", d.pfText(), rs.pfOptions(d, m))
	}
	return b.String()
}

func (t Table) pfText() string {
	words := map[Membership][]string{Listed: {"self"}, Barred: {"! self"}}[t.Self]
	for _, p := range t.Prefixes {
		words = append(words, p.String())
	}
	return fmt.Sprintf("table %s { %s }\n", pfTable(t.Name), strings.Join(words, ", "))
}

func pfTable(name string) string { return "<" + tablePrefix + name + ">" }

// tablePrefix begins the names of Weir's tables in the kernel.
const tablePrefix = "weir_"

// pfText returns which packets a rule is for. Quick: what Weir accepts has been judged by the rules ahead.
func (d Diversion) pfText() string {
	words := []string{"pass", map[Hook]string{HookInput: "in", HookOutput: "out"}[d.Direction], "quick"}
	on := d.In
	if d.Direction == HookOutput {
		on = d.Out
	}
	if on.Name != "" {
		words = append(words, "on", on.Name)
	}
	words = append(words, [...]string{AnyFamily: "", V4: "inet", V6: "inet6"}[d.Family])
	if d.Proto != 0 {
		words = append(words, "proto", d.Proto.bsdName())
	}
	words = append(words, "from", d.From.pfText(), pfPorts(d.Sports), "to", d.To.pfText(), pfPorts(d.Dports))
	if d.Direction == HookOutput && d.In.Name != "" {
		words = append(words, not(d.In.Not), "received-on", d.In.Name)
	}
	return spaced(words)
}

func (rs *Ruleset) pfOptions(d Diversion, m pfManner) string {
	label := fmt.Sprintf("label %q", pfLabels[m])
	to := fmt.Sprintf("divert-packet port %d", rs.Port)
	if rs.DivertTo {
		to = fmt.Sprintf("divert-to 127.0.0.1 port %d", rs.Port)
	}
	switch {
	case m == pfDiverting:
		return "no state " + label + " " + to
	case m == pfPassing:
		return "no state " + label
	case d.Proto == 0 || d.Proto == TCP:
		return "flags any keep state (sloppy) " + label // in the middle of a connection
	}
	return "keep state " + label
}

func (e End) pfText() string {
	if e.Table == "" {
		return "any"
	}
	return spaced([]string{not(e.Not), pfTable(e.Table)})
}

func pfPorts(rs []PortRange) string {
	if len(rs) == 0 {
		return ""
	}
	words := make([]string, len(rs))
	for i, r := range rs {
		words[i] = r.text(":")
	}
	if len(words) == 1 {
		return "port " + words[0]
	}
	return "port { " + strings.Join(words, ", ") + " }"
}

func not(not bool) string {
	if not {
		return "!"
	}
	return ""
}

// spaced joins the words that are not empty.
func spaced(words []string) string {
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// bsdName is a name that the BSDs' /etc/protocols all have, or the number.
func (p Proto) bsdName() string {
	switch p {
	case TCP, UDP, ICMP:
		return p.String()
	}
	return fmt.Sprint(uint8(p))
}
