package firewall

import (
	"fmt"
	"net/netip"
	"slices"
)

// selection returns the rules of selection i at hook h.
func (p *planner) selection(h Hook, i int) []Rule {
	s := p.Select[i]
	action := p.networks(i)
	ports := ""
	if len(s.Ports) > 0 {
		ports = fmt.Sprintf("port%d", i)
		if !slices.ContainsFunc(p.rs.Sets, func(t Set) bool { return t.Name == ports }) {
			p.rs.Sets = append(p.rs.Sets, Set{Name: ports, Ports: canonicalPorts(s.Ports)})
		}
	}
	var rules []Rule
	for _, w := range s.ways(h) {
		for _, proto := range s.protocols() {
			m := Match{Family: proto.family(), In: w.in, Out: w.out, Proto: proto}
			if ports != "" && w.toPorts {
				m.DportSet = ports
			} else if ports != "" {
				m.SportSet = ports
			}
			rules = append(rules, Rule{Match: m, Action: action})
		}
		if ports != "" && !p.HandBack {
			// No conntrack of ours reassembles: later fragments have no ports.
			for _, f := range []Family{V4, V6} {
				rules = append(rules, Rule{Match: Match{Family: f, In: w.in, Out: w.out, LaterFragment: true}, Action: action})
			}
		}
	}
	return dedupe(rules)
}

// dedupe drops rules that repeat an earlier one; the mirrored ways of a selection
// often share theirs.
func dedupe(rules []Rule) []Rule {
	seen := make(map[Rule]bool, len(rules))
	return slices.DeleteFunc(rules, func(r Rule) bool {
		was := seen[r]
		seen[r] = true
		return was
	})
}

func (s *Selection) protocols() []Proto {
	switch {
	case len(s.Protocols) > 0:
		return s.Protocols
	case len(s.Ports) > 0:
		return []Proto{TCP, UDP}
	}
	return []Proto{0}
}

// A way is one direction of the conversations of a selection at one hook.
type way struct {
	in, out Iface
	toPorts bool // the selection's ports are destination ports
}

func (s *Selection) ways(h Hook) []way {
	var ws []way
	if h == HookForward {
		for _, in := range ifaces(s.In) {
			for _, out := range ifaces(s.Out) {
				ws = append(ws, way{in, out, true}, way{out, in, false})
			}
		}
	} else {
		local := ifaces(append(slices.Clone(s.In), s.Out...))
		if local[0] == (Iface{}) {
			local[0] = Iface{Name: "lo", Not: true}
		}
		for _, i := range local {
			w := way{in: i}
			if h == HookOutput {
				w = way{out: i}
			}
			ws = append(ws, way{w.in, w.out, true}, way{w.in, w.out, false})
		}
	}
	return ws
}

func ifaces(names []string) []Iface {
	if len(names) == 0 {
		return []Iface{{}}
	}
	out := make([]Iface, len(names))
	for i, name := range names {
		out[i] = Iface{Name: name}
	}
	return out
}

// networks returns what becomes of packets that the rest of selection i matches. Its
// networks are tested in a chain of their own, made at the first call.
func (p *planner) networks(i int) Action {
	s := p.Select[i]
	divert := Action{Kind: Goto, Target: queueChainName}
	if len(s.Networks)+len(s.Except) == 0 {
		return divert
	}
	ch := Chain{Name: fmt.Sprintf("select%d", i)}
	to := Action{Kind: Jump, Target: ch.Name}
	if slices.ContainsFunc(p.rs.Chains, func(c Chain) bool { return c.Name == ch.Name }) {
		return to
	}
	either := func(list string, prefixes []netip.Prefix, a Action) {
		for _, f := range []Family{V4, V6} {
			if set := p.addSet(list, f, prefixes); set != "" {
				ch.Rules = append(ch.Rules,
					Rule{Match: Match{Family: f, SrcSet: set}, Action: a},
					Rule{Match: Match{Family: f, DstSet: set}, Action: a})
			}
		}
	}
	either(fmt.Sprintf("except%d_", i), s.Except, Action{Kind: Return})
	either(fmt.Sprintf("net%d_", i), s.Networks, divert)
	if len(s.Networks) == 0 {
		ch.Rules = append(ch.Rules, Rule{Action: divert})
	}
	p.rs.Chains = append(p.rs.Chains, ch)
	return to
}
