package firewall

import (
	"fmt"
	"strings"
)

// compatQueue is how nft(8) lists the target that stands for its queue statement. It can list it, not read it.
const compatQueue = `xt target "NFQUEUE" # `

// nftText prints rs in the syntax of nft(8). Without the inet family there are two
// tables of the same content, each with the rules that its family can hold. Before
// each queue statement stands queue.
func (rs *Ruleset) nftText(queue string) string {
	var b strings.Builder
	for _, t := range rs.tables() {
		fmt.Fprintf(&b, "table %s %s\ndelete table %[1]s %[2]s\ntable %[1]s %[2]s {\n", t.name(), TableName)
		for _, c := range rs.Counters {
			fmt.Fprintf(&b, "\tcounter %s {\n\t}\n", c)
		}
		for _, s := range rs.Sets {
			if t.holds(s.Family) {
				b.WriteString(s.nftText())
			}
		}
		for _, c := range rs.Chains {
			b.WriteString(c.nftText(t, queue))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// A table is the family of an nftables table; AnyFamily is inet.
type table Family

// tables returns the tables that rs needs.
func (rs *Ruleset) tables() []table {
	switch {
	case rs.Inet:
		return []table{table(AnyFamily)}
	case rs.IPv6:
		return []table{table(V4), table(V6)}
	}
	return []table{table(V4)}
}

func (t table) name() string { return [...]string{"inet", "ip", "ip6"}[t] }

// holds reports whether a rule or set of family f belongs into t.
func (t table) holds(f Family) bool {
	return Family(t) == AnyFamily || f == AnyFamily || f == Family(t)
}

func (s Set) nftText() string {
	var elems []string
	kind := "inet_service"
	for _, r := range s.Ports {
		elems = append(elems, r.text("-"))
	}
	if s.Family != AnyFamily {
		kind = [...]string{V4: "ipv4_addr", V6: "ipv6_addr"}[s.Family]
		for _, p := range s.Prefixes {
			elems = append(elems, p.String())
		}
	}
	return fmt.Sprintf("\tset %s {\n\t\ttype %s\n\t\tflags interval\n\t\telements = { %s }\n\t}\n", s.Name, kind, strings.Join(elems, ",\n\t\t\t     "))
}

func (c Chain) nftText(t table, queue string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\tchain %s {\n", c.Name)
	if c.Hook != NoHook {
		fmt.Fprintf(&b, "\t\ttype filter hook %s priority %d; policy accept;\n", c.Hook, c.Priority)
	}
	for _, r := range c.Rules {
		if t.holds(r.Match.Family) {
			fmt.Fprintf(&b, "\t\t%s\n", strings.Join(r.nftWords(t, queue), " "))
		}
	}
	b.WriteString("\t}\n")
	return b.String()
}

func (r Rule) nftWords(t table, queue string) []string {
	w := r.Match.nftWords(t)
	if r.Counter != NoCounter {
		w = append(w, fmt.Sprintf("counter name %q", r.Counter.String()))
	}
	if r.Action.Kind == Queue {
		w = append(w, queue+r.Action.nftText())
	} else if a := r.Action.nftText(); a != "" {
		w = append(w, a)
	}
	return w
}

func (m Match) nftWords(t table) []string {
	var w []string
	add := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }
	ip := [...]string{"", "ip", "ip6"}[m.Family]
	if Family(t) == AnyFamily && m.Family != AnyFamily {
		add("meta nfproto %s", [...]string{V4: "ipv4", V6: "ipv6"}[m.Family])
	}
	m.In.nftWord("iifname", add)
	m.Out.nftWord("oifname", add)
	if m.Proto != 0 {
		add("meta l4proto %s", m.Proto)
	}
	for _, side := range []struct {
		word   string
		one    string
		single bool
		set    string
	}{
		{"saddr", m.Src.String(), m.Src.IsValid(), m.SrcSet},
		{"daddr", m.Dst.String(), m.Dst.IsValid(), m.DstSet},
	} {
		if side.single {
			add("%s %s %s", ip, side.word, strings.TrimSuffix(strings.TrimSuffix(side.one, "/32"), "/128"))
		} else if side.set != "" {
			add("%s %s @%s", ip, side.word, side.set)
		}
	}
	m.nftPorts(add)
	if m.Neighbour {
		add("icmpv6 type %d-%d", ndFirst, ndLast)
	}
	if m.LaterFragment {
		add("%s", [...]string{V4: "ip frag-off & 0x1fff != 0", V6: "exthdr frag exists"}[m.Family])
	}
	m.Mark.nftWord("meta mark", add)
	m.ConnMark.nftWord("ct mark", add)
	if m.Translation != AnyTranslation {
		add("%s", [...]string{OriginalDNAT: "ct direction original ct status dnat", ReplySNAT: "ct direction reply ct status snat"}[m.Translation])
	}
	if m.HasUID {
		add("meta skuid %d", m.UID)
	}
	return w
}

func (m Match) nftPorts(add func(string, ...any)) {
	switch {
	case m.Sport != 0:
		add("th sport %d", m.Sport)
	case m.SportSet != "":
		add("th sport @%s", m.SportSet)
	}
	switch {
	case m.Dport != 0:
		add("th dport %d", m.Dport)
	case m.DportSet != "":
		add("th dport @%s", m.DportSet)
	}
}

func (i Iface) nftWord(key string, add func(string, ...any)) {
	switch {
	case i.Name == "":
	case i.Not:
		add("%s != %q", key, i.Name)
	default:
		add("%s %q", key, i.Name)
	}
}

func (t MarkTest) nftWord(key string, add func(string, ...any)) {
	op := "=="
	if t.Not {
		op = "!="
	}
	if t.Mask != 0 {
		add("%s & 0x%08x %s 0x%08x", key, t.Mask, op, t.Value)
	}
}

func (a Action) nftText() string {
	switch a.Kind {
	case Return:
		return "return"
	case Jump:
		return "jump " + a.Target
	case Goto:
		return "goto " + a.Target
	case SetMark:
		return nftSet("meta mark", a.Bits)
	case SetConnMark:
		return nftSet("ct mark", a.Bits)
	case NoTrack:
		return "notrack"
	case Queue:
		text := fmt.Sprintf("queue num %d", a.Queues.First)
		if a.Queues.Total() > 1 {
			text += fmt.Sprintf("-%d", a.Queues.Last)
		}
		if a.Queues.Bypass {
			text += " bypass"
		}
		return text
	}
	return ""
}

func nftSet(key string, b Bits) string {
	if b.Value == 0 {
		return fmt.Sprintf("%s set %[1]s & 0x%08x", key, ^b.Mask)
	}
	return fmt.Sprintf("%s set %[1]s & 0x%08x | 0x%08x", key, ^b.Mask, b.Value)
}
