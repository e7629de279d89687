package firewall

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// planDiversions is Plan for the kinds that divert to a socket.
//
// ipfw sees a forwarded packet where it leaves, and knows then by which interface it came. pf sees it twice and knows
// the whole way at neither: diverted is what comes in by an inside interface and what leaves by one. No NAT happens
// there, so that both directions show one tuple.
func planDiversions(c Config, f Features) (*Ruleset, error) {
	p := diverter{Config: c, Features: f, rs: &Ruleset{
		Backend: c.Backend, IPv6: f.IPv6, Port: cmp.Or(c.Port, DefaultPort), DivertTo: c.Backend == PF && f.DivertTo,
	}}
	if len(p.Select) == 0 {
		p.Select = []Selection{{}}
	}
	if p.Backend == IPFW {
		p.rs.Number = cmp.Or(c.RuleNumber, DefaultRuleNumber)
		p.exemptions()
	}
	for i := range p.Select {
		if p.Traffic&Forwarded != 0 {
			p.forwarded(i)
		}
		if p.Traffic&Local != 0 {
			p.local(i)
		}
	}
	p.finish()
	if err := p.tooMuch(); err != nil {
		return nil, err
	}
	return p.rs, nil
}

// A diverter makes the rules of one Config.
type diverter struct {
	Config
	Features
	rs *Ruleset
}

// tooMuch holds the ruleset to the limits, and to diverting something.
func (p *diverter) tooMuch() error {
	rules, prefixes := 0, 0
	for _, d := range p.rs.Diversions {
		rules += d.rules(p.Backend)
	}
	for _, t := range p.rs.Tables {
		prefixes += len(t.Prefixes)
	}
	diverts := slices.ContainsFunc(p.rs.Diversions, func(d Diversion) bool { return d.Counter == Queued })
	switch {
	case !diverts:
		return fmt.Errorf("firewall: nothing is left to divert: what is selected is under management, or it is IPv6, which %s does not divert here", p.Backend)
	case rules > MaxRules:
		return fmt.Errorf("firewall: %d rules; the limit is %d: name fewer interfaces, protocols or ranges of ports", rules, MaxRules)
	case prefixes > MaxPrefixes:
		return fmt.Errorf("firewall: %d networks, once exceptions are taken out of them; the limit is %d: divert more and let an inspector decide", prefixes, MaxPrefixes)
	}
	return nil
}

// rules is how many rules the kernel makes of d: pf one for each range of ports.
func (d Diversion) rules(k Kind) int {
	if k == IPFW {
		return 1
	}
	return max(1, len(d.Sports)) * max(1, len(d.Dports))
}

// table returns the name of the table with these members. Selections share equal ones.
func (p *diverter) table(name string, prefixes []netip.Prefix, self Membership) string {
	t := Table{Self: self, Prefixes: append(canonical(prefixes, V4), canonical(prefixes, V6)...)}
	if len(t.Prefixes) == 0 && self != Listed {
		return ""
	}
	for _, old := range p.rs.Tables {
		if old.Self == t.Self && slices.Equal(old.Prefixes, t.Prefixes) {
			return old.Name
		}
	}
	t.Name = name
	p.rs.Tables = append(p.rs.Tables, t)
	return name
}

// never are the addresses whose packets no router passes on (RFC 919, RFC 5771 §4, RFC 4291 §2.5.6, §2.7). Where
// packets come in, pf cannot tell what will be forwarded.
var never = []netip.Prefix{
	netip.MustParsePrefix("224.0.0.0/24"),
	netip.MustParsePrefix("255.255.255.255/32"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("ff01::/16"),
	netip.MustParsePrefix("ff02::/16"),
}

// exempt are the addresses that a rule of selection i must not have at either end. ipfw has rules of its own for
// management, ahead of the others; pf knows no way out of an anchor but to pass or to block.
func (p *diverter) exempt(i int) []netip.Prefix {
	out := slices.Clone(p.Select[i].Except)
	if p.Backend == PF {
		out = append(out, p.administrators()...)
	}
	return out
}

// administrators are those who must not be cut off.
func (p *diverter) administrators() []netip.Prefix {
	out := slices.Clone(p.Management)
	for _, s := range p.Sessions {
		out = append(out, netip.PrefixFrom(s.Client, s.Client.BitLen()))
	}
	return out
}

// ends returns the pairs of ends that the networks of selection i allow: one end in a network of it, and none in
// what is exempt. Its arguments make the tables: of all that is exempt, and of networks.
func (p *diverter) ends(i int, exempt func([]netip.Prefix) End, networks func([]netip.Prefix) End) [][2]End {
	skip := p.exempt(i)
	other := exempt(skip)
	if len(p.Select[i].Networks) == 0 {
		return [][2]End{{other, other}}
	}
	left := subtract(p.Select[i].Networks, skip)
	if len(left) == 0 {
		return nil // management covers all of it
	}
	in := networks(left)
	return [][2]End{{in, other}, {other, in}}
}

// routed returns the ends of forwarded conversations.
func (p *diverter) routed(i int) [][2]End {
	outside, inNet := Listed, Barred
	more := never
	if p.Backend == IPFW {
		outside, inNet, more = Unlisted, Unlisted, nil
	}
	return p.ends(i, func(ps []netip.Prefix) End {
		name := p.table(fmt.Sprintf("skip%d", i), append(slices.Clone(ps), more...), outside)
		return End{Table: name, Not: name != ""}
	}, func(ps []netip.Prefix) End {
		return End{Table: p.table(fmt.Sprintf("net%d", i), ps, inNet)}
	})
}

// forwarded adds the rules for what the host passes on.
func (p *diverter) forwarded(i int) {
	s := p.Select[i]
	for _, w := range p.routes(s) {
		for _, e := range p.routed(i) {
			d := Diversion{Direction: w.direction, In: w.in, Out: w.out, From: e[0], To: e[1]}
			p.divert(s, d, w.toPorts)
		}
	}
}

// A route is one direction of forwarded conversations where rules see it.
type route struct {
	way
	direction Hook
}

func (p *diverter) routes(s Selection) []route {
	var out []route
	if p.Backend == IPFW {
		for _, w := range s.ways(HookForward) {
			if w.in == (Iface{}) {
				w.in.Name = "*" // came in somewhere: it is not the host's own
			}
			out = append(out, route{w, HookOutput})
		}
		return out
	}
	for _, name := range s.In {
		i := Iface{Name: pfName(name)}
		again := Iface{}
		if !p.DivertTo && len(s.Ports) == 0 {
			again = Iface{Name: i.Name, Not: true} // diverted when it came in
		}
		out = append(out, route{way{i, Iface{}, true}, HookInput}, route{way{again, i, false}, HookOutput})
	}
	return out
}

// pfName makes of a pattern the group of that name.
func pfName(name string) string { return strings.TrimSuffix(name, "*") }

// local adds the rules for what the host itself sends and receives, with ports on either end.
func (p *diverter) local(i int) {
	s := p.Select[i]
	for _, name := range ifaces(append(slices.Clone(s.In), s.Out...)) {
		for _, e := range p.own(i) {
			for _, d := range p.bothWays(name, e[0], e[1]) {
				p.divert(s, d, true)
				if len(s.Ports) > 0 {
					p.divert(s, d, false)
				}
			}
		}
	}
}

// own returns the ends of the host's own conversations, the other host's first.
func (p *diverter) own(i int) [][2]End {
	es := p.ends(i, func(ps []netip.Prefix) End {
		name := p.table(fmt.Sprintf("other%d", i), ps, Unlisted)
		return End{Table: name, Not: name != ""}
	}, func(ps []netip.Prefix) End {
		return End{Table: p.table(fmt.Sprintf("near%d", i), ps, Unlisted)}
	})
	for j := range es {
		switch {
		case p.Backend == IPFW:
			es[j][1].Self = true
		case es[j][1].Not || es[j][1].Table == "":
			es[j][1] = End{Table: p.table("self", nil, Listed)} // pf has one condition for each end
		}
	}
	return es
}

// bothWays returns what comes in from other to own at an interface, and what leaves from own to other.
func (p *diverter) bothWays(i Iface, other, own End) []Diversion {
	families := []Family{AnyFamily}
	anywhere := Iface{}
	switch {
	case p.Backend == IPFW:
		families = []Family{V4, V6} // its words for the host's own addresses are of one family each
		if i == (Iface{}) {
			i = Iface{Name: "lo0", Not: true}
		}
	default:
		i.Name = pfName(i.Name)
		if !p.DivertTo {
			anywhere = Iface{Name: "any", Not: true} // sent from here: NAT gives forwarded packets our address
		}
	}
	var out []Diversion
	for _, f := range families {
		out = append(out,
			Diversion{Direction: HookInput, In: i, Family: f, From: other, To: own},
			Diversion{Direction: HookOutput, In: anywhere, Out: i, Family: f, From: own, To: other})
	}
	return out
}

// divert adds d for every protocol of s, with the ports of s at one end.
func (p *diverter) divert(s Selection, d Diversion, toPorts bool) {
	d.Counter = Queued
	for _, proto := range s.protocols() {
		r := d
		r.Proto = proto
		if f := proto.family(); f != AnyFamily && r.Family != AnyFamily && f != r.Family {
			continue
		} else if f != AnyFamily {
			r.Family = f
		}
		for _, ports := range p.portLists(s) {
			if toPorts {
				r.Dports = ports
			} else {
				r.Sports = ports
			}
			p.add(r)
		}
	}
	if p.Backend == IPFW && len(s.Ports) > 0 && d.Family != V4 {
		d.Family, d.Fragment = V6, true // nobody puts these together, and later fragments have no ports
		p.add(d)
	}
}

// ipfwMaxPorts is less than what fits into one rule: an instruction has 63 words at most (F_LEN in ip_fw.h).
const ipfwMaxPorts = 30

// portLists returns the ports of s for one rule each; one nil list for none.
func (p *diverter) portLists(s Selection) [][]PortRange {
	ports := canonicalPorts(s.Ports)
	if len(ports) == 0 {
		return [][]PortRange{nil}
	}
	if p.Backend == IPFW {
		return slices.Collect(slices.Chunk(ports, ipfwMaxPorts))
	}
	return [][]PortRange{ports}
}

// add adds a rule unless it is there already, or of a family that is not diverted here.
func (p *diverter) add(d Diversion) {
	if p.rs.DivertTo && d.Family == AnyFamily {
		d.Family = V4
	}
	if d.Family == V6 && (p.rs.DivertTo || !p.IPv6) || slices.ContainsFunc(p.rs.Diversions, d.equal) {
		return
	}
	p.rs.Diversions = append(p.rs.Diversions, d)
}

func (d Diversion) equal(e Diversion) bool {
	return slices.Equal(d.Sports, e.Sports) && slices.Equal(d.Dports, e.Dports) && d.bare() == e.bare()
}

// A bareDiversion is what of a Diversion can be compared.
type bareDiversion struct {
	direction           Hook
	in, out             Iface
	family              Family
	proto               Proto
	from, to            End
	neighbour, fragment bool
	counter             Counter
}

func (d Diversion) bare() bareDiversion {
	return bareDiversion{d.Direction, d.In, d.Out, d.Family, d.Proto, d.From, d.To, d.Neighbour, d.Fragment, d.Counter}
}

// exemptions adds what ipfw keeps from the rules that follow.
func (p *diverter) exemptions() {
	if name := p.table("management", p.administrators(), Unlisted); name != "" {
		p.add(Diversion{From: End{Table: name}, Counter: Management})
		p.add(Diversion{To: End{Table: name}, Counter: Management})
	}
	if p.Traffic&Local != 0 {
		p.add(Diversion{Family: V6, Proto: ICMPv6, Neighbour: true, Counter: Neighbour})
	}
}

// finish lists the counters, and says what is not as elsewhere.
func (p *diverter) finish() {
	for _, d := range p.rs.Diversions {
		if (p.Backend == IPFW || p.DivertTo) && !slices.Contains(p.rs.Counters, d.Counter) {
			p.rs.Counters = append(p.rs.Counters, d.Counter)
		}
	}
	slices.Sort(p.rs.Counters)
	note := func(format string, args ...any) { p.rs.Notes = append(p.rs.Notes, fmt.Sprintf(format, args...)) }
	if p.Backend == IPFW {
		p.ipfwNotes(note)
	} else {
		p.pfNotes(note)
	}
	if p.Queues.Bypass {
		note("a divert socket has no fail-open: if every process of Weir is killed at once, what these rules select is dropped until weir runs again, or weir rules remove")
	}
}
