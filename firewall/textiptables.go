package firewall

import (
	"fmt"
	"slices"
	"strings"
)

// iptables chain names start with this; nobody else's may.
const chainPrefix = "WEIR-"

// iptables' multiport takes 15 ports at most, a range counting as two.
const multiportMax = 15

// An iptChain is a chain as iptables needs it: in a table, called from a built-in
// chain, or (caller "") from another of ours. Lines are in the spelling of
// iptables-save, without the "-A NAME" at their start, so that what is installed can
// be compared with what was planned.
type iptChain struct {
	table, name string
	caller      string
	first       bool // called before all other rules of caller, otherwise after them
	lines       []string
}

// iptChains returns the chains of one family. The queue rule stands in mangle, at the
// end of the built-in chain; what comes behind it is mangle POSTROUTING, or for input,
// which has no later mangle hook, the head of filter INPUT.
func (rs *Ruleset) iptChains(f Family) []iptChain {
	var out []iptChain
	for _, c := range rs.Chains {
		ic := iptChain{table: "mangle", name: chainPrefix + iptName(c.Name)}
		switch {
		case c.Hook == NoHook:
		case c.Priority == priorityRaw:
			ic.table, ic.caller = "raw", strings.ToUpper(c.Hook.String())
		case !c.After:
			ic.caller = strings.ToUpper(c.Hook.String())
		case c.Hook == HookInput:
			ic.table, ic.caller, ic.first = "filter", "INPUT", true
		default:
			ic.caller = "POSTROUTING"
		}
		for _, r := range c.Rules {
			if table(f).holds(r.Match.Family) {
				ic.lines = append(ic.lines, rs.iptLines(r)...)
			}
		}
		out = append(out, ic)
	}
	return out
}

// iptName is the iptables spelling of a chain's name.
func iptName(chain string) string {
	return strings.ToUpper(strings.ReplaceAll(chain, "_", "-"))
}

// iptablesText prints the input of iptables-restore --noflush for a system that has
// none of our chains yet.
func (rs *Ruleset) iptablesText(f Family) string { return iptText(rs.iptChains(f), nil, Counters{}) }

// iptText prints chains as input of iptables-restore --noflush, replacing what old has
// of ours. A line with a counter starts from that counter's value.
func iptText(chains []iptChain, old []savedTable, from Counters) string {
	var b strings.Builder
	for _, table := range iptTables(chains, old) {
		stale := savedChains(old, table)
		fmt.Fprintf(&b, "*%s\n", table)
		for _, s := range stale {
			if !slices.ContainsFunc(chains, func(c iptChain) bool { return c.table == table && c.name == s }) {
				fmt.Fprintf(&b, ":%s - [0:0]\n", s)
			}
		}
		for _, c := range chains {
			if c.table == table {
				fmt.Fprintf(&b, ":%s - [0:0]\n", c.name)
			}
		}
		for _, j := range savedJumps(old, table) {
			fmt.Fprintf(&b, "-D %s\n", j)
		}
		for _, c := range chains {
			if c.table == table {
				c.write(&b, &from)
			}
		}
		for _, s := range stale {
			if !slices.ContainsFunc(chains, func(c iptChain) bool { return c.table == table && c.name == s }) {
				fmt.Fprintf(&b, "-X %s\n", s)
			}
		}
		b.WriteString("COMMIT\n")
	}
	return b.String()
}

// write prints the chain's rules and the call. The first rule of each counter takes
// over that counter's old value, so that the sum goes on.
func (c iptChain) write(b *strings.Builder, from *Counters) {
	for _, line := range c.lines {
		if n := counterOfLine(line); n != NoCounter && from[n] != (Count{}) {
			fmt.Fprintf(b, "[%d:%d] ", from[n].Packets, from[n].Bytes)
			from[n] = Count{}
		}
		fmt.Fprintf(b, "-A %s %s\n", c.name, line)
	}
	if c.caller == "" {
		return
	}
	if c.first {
		fmt.Fprintf(b, "-I %s 1 -j %s\n", c.caller, c.name)
	} else {
		fmt.Fprintf(b, "-A %s -j %s\n", c.caller, c.name)
	}
}

// iptTables returns the tables that chains or old have something in, mangle first.
func iptTables(chains []iptChain, old []savedTable) []string {
	var out []string
	for _, t := range []string{"mangle", "filter", "raw"} {
		if slices.ContainsFunc(chains, func(c iptChain) bool { return c.table == t }) || len(savedChains(old, t)) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// iptLines returns the lines of one rule: one for each network, and for each 15 ports,
// of its sets.
func (rs *Ruleset) iptLines(r Rule) []string {
	m := r.Match
	v6 := m.Family == V6
	var tail []string
	if r.Counter != NoCounter {
		tail = append(tail, fmt.Sprintf("-m comment --comment %q", commentPrefix+r.Counter.String()))
	}
	if t := r.Action.iptText(); t != "" {
		tail = append(tail, t)
	}
	var lines []string
	for _, addr := range rs.iptAddrs(m) {
		for _, l4 := range rs.iptUpper(m) {
			words := slices.Concat(addr, m.iptHead(v6), l4, m.iptTests(), tail)
			lines = append(lines, strings.Join(words, " "))
		}
	}
	return lines
}

const commentPrefix = "weir:"

func (rs *Ruleset) iptAddrs(m Match) [][]string {
	var out [][]string
	switch {
	case m.SrcSet != "":
		for _, p := range rs.set(m.SrcSet).Prefixes {
			out = append(out, []string{"-s " + p.String()})
		}
	case m.DstSet != "":
		for _, p := range rs.set(m.DstSet).Prefixes {
			out = append(out, []string{"-d " + p.String()})
		}
	case m.Src.IsValid() && m.Dst.IsValid():
		out = [][]string{{"-s " + m.Src.String(), "-d " + m.Dst.String()}}
	default:
		out = [][]string{nil}
	}
	for i, words := range out {
		// iptables-save leaves out a network that matches every address.
		out[i] = slices.DeleteFunc(words, func(w string) bool { return strings.HasSuffix(w, "/0") })
	}
	return out
}

func (m Match) iptHead(v6 bool) []string {
	var w []string
	for _, side := range []struct {
		flag string
		i    Iface
	}{{"-i ", m.In}, {"-o ", m.Out}} {
		if side.i.Name == "" {
			continue
		}
		word := side.flag + strings.Replace(side.i.Name, "*", "+", 1)
		if side.i.Not {
			word = "! " + word
		}
		w = append(w, word)
	}
	if m.Proto != 0 {
		w = append(w, "-p "+m.Proto.String())
	}
	if m.LaterFragment && !v6 {
		w = append(w, "-f")
	} else if m.LaterFragment {
		w = append(w, "-m frag")
	}
	return w
}

// iptUpper returns the tests of the upper-layer header, one line each.
func (rs *Ruleset) iptUpper(m Match) [][]string {
	switch {
	case m.Neighbour:
		var out [][]string
		for t := ndFirst; t <= ndLast; t++ {
			out = append(out, []string{fmt.Sprintf("-m icmp6 --icmpv6-type %d", t)})
		}
		return out
	case m.Sport != 0:
		return [][]string{{fmt.Sprintf("-m %s --sport %d", m.Proto, m.Sport)}}
	case m.Dport != 0:
		return [][]string{{fmt.Sprintf("-m %s --dport %d", m.Proto, m.Dport)}}
	case m.SportSet != "":
		return multiport("--sports", rs.set(m.SportSet).Ports)
	case m.DportSet != "":
		return multiport("--dports", rs.set(m.DportSet).Ports)
	}
	return [][]string{nil}
}

func multiport(flag string, ranges []PortRange) [][]string {
	var out [][]string
	var list []string
	room := multiportMax
	flush := func() {
		if len(list) > 0 {
			out = append(out, []string{"-m multiport " + flag + " " + strings.Join(list, ",")})
		}
		list, room = nil, multiportMax
	}
	for _, r := range ranges {
		cost := 1
		if r.First != r.Last {
			cost = 2
		}
		if cost > room {
			flush()
		}
		list = append(list, r.text(":"))
		room -= cost
	}
	flush()
	return out
}

func (m Match) iptTests() []string {
	var w []string
	for _, t := range []struct {
		name string
		test MarkTest
	}{{"mark", m.Mark}, {"connmark", m.ConnMark}} {
		if t.test.Mask == 0 {
			continue
		}
		not := ""
		if t.test.Not {
			not = "! "
		}
		w = append(w, fmt.Sprintf("-m %s %s--mark %#x/%#x", t.name, not, t.test.Value, t.test.Mask))
	}
	if m.Translation != AnyTranslation {
		w = append(w, [...]string{OriginalDNAT: "-m conntrack --ctstate DNAT --ctdir ORIGINAL", ReplySNAT: "-m conntrack --ctstate SNAT --ctdir REPLY"}[m.Translation])
	}
	if m.HasUID {
		w = append(w, fmt.Sprintf("-m owner --uid-owner %d", m.UID))
	}
	return w
}

func (a Action) iptText() string {
	switch a.Kind {
	case Return:
		return "-j RETURN"
	case Jump:
		return "-j " + chainPrefix + iptName(a.Target)
	case Goto:
		return "-g " + chainPrefix + iptName(a.Target)
	case SetMark:
		return fmt.Sprintf("-j MARK --set-xmark %#x/%#x", a.Bits.Value, a.Bits.Mask)
	case SetConnMark:
		return fmt.Sprintf("-j CONNMARK --set-xmark %#x/%#x", a.Bits.Value, a.Bits.Mask)
	case NoTrack:
		return "-j CT --notrack"
	case Queue:
		text := fmt.Sprintf("-j NFQUEUE --queue-num %d", a.Queues.First)
		if a.Queues.Total() > 1 {
			text = fmt.Sprintf("-j NFQUEUE --queue-balance %d:%d", a.Queues.First, a.Queues.Last)
		}
		if a.Queues.Bypass {
			text += " --queue-bypass"
		}
		return text
	}
	return ""
}
