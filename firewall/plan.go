package firewall

import (
	"fmt"
	"net/netip"
	"slices"
)

// Priorities of our nftables chains. The host's filters stand at 0 (security at 50),
// destination NAT of local output at -100, source NAT at input at 100
// (enum nf_ip_hook_priorities).
const (
	priorityAfterFilter  = 10
	priorityBeforeFilter = -50
	priorityBack         = 60
	priorityRaw          = -300 // ahead of connection tracking (NF_IP_PRI_RAW)
)

// Plan turns c into rules for a system with the given features. It is a pure function.
// The error names every combination that cannot work.
func Plan(c Config, f Features) (*Ruleset, error) {
	if c.Backend == Auto {
		best, err := f.Best()
		if err != nil {
			return nil, err
		}
		c.Backend = best
	} else if !f.Has(c.Backend) {
		return nil, fmt.Errorf("firewall: this system cannot divert with %s", c.Backend)
	}
	if c.Marks == (Marks{}) {
		c.Marks = DefaultMarks
	}
	if err := c.check(f); err != nil {
		return nil, err
	}
	if c.Backend.Sockets() {
		return planDiversions(c, f)
	}
	if c.Backend == Bridge {
		return planBridge(c, f), nil
	}
	p := planner{Config: c, rs: &Ruleset{Backend: c.Backend, Inet: f.inet(c), IPv6: f.IPv6, Marks: c.Marks}}
	if c.Inject && f.Untracks(c.Backend) {
		p.rs.Translated = c.Marks.Translated
	}
	p.managementSets()
	for _, h := range p.hooks() {
		p.divertChain(h)
	}
	p.queueChain()
	for _, h := range p.hooks() {
		p.afterChain(h)
	}
	p.untrackChain()
	p.finish(f)
	if n := p.rs.ruleCount(); n > MaxRules {
		return nil, fmt.Errorf("firewall: %d rules; the limit is %d: name fewer interfaces (a trailing * stands for many) or protocols", n, MaxRules)
	}
	return p.rs, nil
}

type planner struct {
	Config
	rs *Ruleset
}

// The chain that holds the queue rule, and the one that injected datagrams pass first.
const (
	queueChainName   = "divert"
	untrackChainName = "untrack"
)

func (p *planner) hooks() []Hook {
	var hs []Hook
	if p.Traffic&Forwarded != 0 {
		hs = append(hs, HookForward)
	}
	if p.Traffic&Local != 0 {
		hs = append(hs, HookInput, HookOutput)
	}
	return hs
}

func (p *planner) managementSets() {
	for _, f := range []Family{V4, V6} {
		p.addSet("mgmt", f, p.Management)
	}
}

// addSet adds the prefixes of one family as set name4 or name6 and returns its name,
// or "" where there are none.
func (p *planner) addSet(name string, f Family, prefixes []netip.Prefix) string {
	ps := canonical(prefixes, f)
	if len(ps) == 0 {
		return ""
	}
	name += [...]string{V4: "4", V6: "6"}[f]
	if !slices.ContainsFunc(p.rs.Sets, func(s Set) bool { return s.Name == name }) {
		p.rs.Sets = append(p.rs.Sets, Set{Name: name, Family: f, Prefixes: ps})
	}
	return name
}

func (p *planner) divertChain(h Hook) {
	priority := priorityAfterFilter
	if p.Position == BeforeFilter || p.Backend == IPTables {
		priority = priorityBeforeFilter
	}
	ch := Chain{Name: h.String(), Hook: h, Priority: priority}
	ch.Rules = slices.Concat(p.handedBack(), p.exemptions(h), p.stale())
	if h != HookForward {
		ch.Rules = append(ch.Rules, Rule{Match: Match{Family: V6, Proto: ICMPv6, Neighbour: true}, Counter: Neighbour, Action: Action{Kind: Return}})
	}
	if len(p.Select) == 0 {
		p.Select = []Selection{{}}
	}
	for i := range p.Select {
		ch.Rules = append(ch.Rules, p.selection(h, i)...)
	}
	p.rs.Chains = append(p.rs.Chains, ch)
}

// diverts reports whether a chain is one of those that divertChain makes.
func diverts(chain string) bool {
	return chain == HookForward.String() || chain == HookInput.String() || chain == HookOutput.String()
}

// exemptions returns the rules for what is never diverted.
func (p *planner) exemptions(h Hook) []Rule {
	exempt := func(c Counter, m Match) Rule { return Rule{Match: m, Counter: c, Action: Action{Kind: Return}} }
	rules := []Rule{exempt(Own, Match{Mark: MarkTest{Bits: p.Marks.Injected}})}
	for _, f := range []Family{V4, V6} {
		if set := p.addSet("mgmt", f, p.Management); set != "" {
			rules = append(rules, exempt(Management, Match{Family: f, SrcSet: set}), exempt(Management, Match{Family: f, DstSet: set}))
		}
	}
	for _, s := range p.Sessions {
		f := familyOf(s.Client)
		client, server := netip.PrefixFrom(s.Client, s.Client.BitLen()), netip.PrefixFrom(s.Server, s.Server.BitLen())
		rules = append(rules,
			exempt(Management, Match{Family: f, Proto: TCP, Src: client, Dst: server, Dport: s.ServerPort}),
			exempt(Management, Match{Family: f, Proto: TCP, Src: server, Dst: client, Sport: s.ServerPort}))
	}
	if h == HookOutput {
		for _, uid := range p.OwnUIDs {
			m := Match{UID: uid, HasUID: true}
			rules = append(rules, p.saveGeneration(m, NoCounter), exempt(Own, m))
		}
	}
	return rules
}

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return V4
	}
	return V6
}

// handedBack lets settled flows pass. It is the first rule: of most packets nothing else is asked.
func (p *planner) handedBack() []Rule {
	if !p.HandBack {
		return nil
	}
	now := Bits{Value: field(p.Marks.Conn, p.Generation), Mask: p.Marks.Conn}
	return []Rule{{Match: Match{ConnMark: MarkTest{Bits: now}}, Counter: HandedBack, Action: Action{Kind: Return}}}
}

// stale forgets settlements of other generations.
func (p *planner) stale() []Rule {
	if !p.HandBack {
		return nil
	}
	unset := Bits{Mask: p.Marks.Conn}
	return []Rule{{Match: Match{ConnMark: MarkTest{Bits: unset, Not: true}}, Counter: Stale, Action: Action{Kind: SetConnMark, Bits: unset}}}
}

func (p *planner) saveGeneration(m Match, c Counter) Rule {
	now := Bits{Value: field(p.Marks.Conn, p.Generation), Mask: p.Marks.Conn}
	return Rule{Match: m, Counter: c, Action: Action{Kind: SetConnMark, Bits: now}}
}

// queueChain sends what reaches it to the queues.
func (p *planner) queueChain() {
	ch := Chain{Name: queueChainName}
	if own := p.ownMark(); own != 0 {
		// Also clears a settle field that somebody else wrote.
		b := Bits{Mask: own}
		if p.CountUninspected {
			b.Value = p.Marks.Pending
		}
		ch.Rules = append(ch.Rules, Rule{Action: Action{Kind: SetMark, Bits: b}})
	}
	if bit := p.rs.Translated; bit != 0 {
		for _, tr := range []Translation{OriginalDNAT, ReplySNAT} {
			ch.Rules = append(ch.Rules, Rule{Match: Match{Translation: tr}, Action: Action{Kind: SetMark, Bits: Bits{bit, bit}}})
		}
	}
	ch.Rules = append(ch.Rules, Rule{Counter: Queued, Action: Action{Kind: Queue, Queues: p.Queues}})
	p.rs.Chains = append(p.rs.Chains, ch)
}

// ownMark is the part of the packet mark that lives from the queue rule to the chain
// behind it.
func (p *planner) ownMark() uint32 {
	m := p.rs.Translated
	if p.CountUninspected {
		m |= p.Marks.Pending
	}
	if p.HandBack {
		m |= p.Marks.Settle
	}
	return m
}

// afterChain reads what the worker wrote into the mark, and wipes it.
func (p *planner) afterChain(h Hook) {
	if p.ownMark() == 0 {
		return
	}
	ch := Chain{Name: "after_" + h.String(), Hook: h, After: true, Priority: priorityBack}
	unset := Bits{Mask: p.ownMark()}
	// Packets that were in no queue, as those of settled flows, are through with one rule.
	ch.Rules = []Rule{{Match: Match{Mark: MarkTest{Bits: unset}}, Action: Action{Kind: Return}}}
	if p.HandBack {
		m := Match{Mark: MarkTest{Bits: Bits{Value: field(p.Marks.Settle, p.Generation), Mask: p.Marks.Settle}}}
		ch.Rules = append(ch.Rules, p.saveGeneration(m, Settled))
	}
	if p.CountUninspected {
		m := Match{Mark: MarkTest{Bits: Bits{Value: p.Marks.Pending, Mask: p.Marks.Pending}}}
		ch.Rules = append(ch.Rules, Rule{Match: m, Counter: Uninspected})
	}
	ch.Rules = append(ch.Rules, Rule{Action: Action{Kind: SetMark, Bits: unset}})
	p.rs.Chains = append(p.rs.Chains, ch)
}

// untrackChain has injected datagrams pass connection tracking by where it would not know them: those
// that look like packets which it has translated. It would take them for another connection's, whose
// source port is taken, and give them another. What is injected beside all other packets it knows,
// and translates as those.
func (p *planner) untrackChain() {
	bit, own := p.rs.Translated, p.Marks.Injected
	if bit == 0 {
		return
	}
	m := Match{Mark: MarkTest{Bits: Bits{Value: own.Value | bit, Mask: own.Mask | bit}}}
	p.rs.Chains = append(p.rs.Chains, Chain{
		Name: untrackChainName, Hook: HookOutput, Priority: priorityRaw,
		Rules: []Rule{{Match: m, Action: Action{Kind: NoTrack}}},
	})
}

// finish lists counters and settings, drops what a system without IPv6 cannot have, and
// puts called chains before their callers, as nft wants them.
func (p *planner) finish(f Features) {
	rs := p.rs
	for i := range rs.Chains {
		if !f.IPv6 {
			rs.Chains[i].Rules = slices.DeleteFunc(rs.Chains[i].Rules, func(r Rule) bool { return r.Match.Family == V6 })
		}
		for _, r := range rs.Chains[i].Rules {
			if r.Counter != NoCounter && !slices.Contains(rs.Counters, r.Counter) {
				rs.Counters = append(rs.Counters, r.Counter)
			}
		}
	}
	if !f.IPv6 {
		rs.Sets = slices.DeleteFunc(rs.Sets, func(s Set) bool { return s.Family == V6 })
	}
	slices.Sort(rs.Counters)
	slices.SortStableFunc(rs.Chains, func(a, b Chain) int { return chainRank(a) - chainRank(b) })
	if p.MayGrow && f.TCPLiberal {
		rs.Sysctls = append(rs.Sysctls, Sysctl{Name: "net/netfilter/nf_conntrack_tcp_be_liberal", Value: "1"})
	}
	p.notes(f)
}

func chainRank(c Chain) int {
	switch {
	case c.Name == queueChainName:
		return 0
	case c.Hook == NoHook:
		return 1
	case !c.After:
		return 2
	}
	return 3
}

func (p *planner) notes(f Features) {
	note := func(s string) { p.rs.Notes = append(p.rs.Notes, s) }
	if p.Backend == IPTables {
		note("iptables: a packet that comes back from the queue skips whatever rules other programs appended behind ours in the same mangle chain")
	}
	if p.Queues.Bypass && !p.CountUninspected {
		note("packets pass uninspected while no worker listens, and nothing counts them")
	}
	if p.Inject && p.rs.Translated == 0 {
		note("there are no rules that keep connection tracking from packets of Weir's own: where it translates addresses, some of them arrive from a wrong port and are not understood")
	}
	for _, o := range p.rs.PassedBy(f.Offloads) {
		note(p.rs.Bypass(o))
	}
}

func (rs *Ruleset) ruleCount() int {
	n := 0
	for _, c := range rs.Chains {
		n += len(c.Rules)
	}
	return n
}
