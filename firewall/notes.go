package firewall

import (
	"slices"
	"strings"
)

func (p *diverter) ipfwNotes(note func(string, ...any)) {
	if p.Lower != 0 && p.Lower < p.rs.Number {
		note("rules of ipfw with lower numbers, such as %d, decide before Weir: what they allow passes uninspected", p.Lower)
	}
	if p.rs.reassembles() {
		note("IPv4 fragments that come in are put together by ipfw (rule %d, reass), since later ones show no ports", p.rs.Number-1)
	}
}

func (p *diverter) pfNotes(note func(string, ...any)) {
	if p.DivertTo {
		note("IPv6 PASSES UNINSPECTED: the pf of FreeBSD diverts IPv4 only; ipfw diverts both")
	} else {
		note("pf does not count what it diverts: the counter queued stays at 0")
	}
	note("connections of which pf has a state on these interfaces pass uninspected until they end; pfctl -F states ends them all")
	if len(p.Blocks) > 0 {
		note("what Weir diverts it also passes, and pf.conf has rules before the anchor that block without quick, such as %q: let those that must hold say quick", p.Blocks[0])
	}
	if slices.ContainsFunc(p.rs.Tables, func(t Table) bool { return t.Self != Unlisted }) {
		note("an address that this host gets later counts as its own once the rules are applied anew (weir reload)")
	}
	if p.Traffic&Forwarded != 0 {
		p.pfForwardedNotes(note)
	}
	if p.Traffic&Local != 0 {
		p.pfLocalNotes(note)
	}
}

func (p *diverter) pfForwardedNotes(note func(string, ...any)) {
	var outs []string
	for _, s := range p.Select {
		outs = append(outs, s.Out...)
	}
	if len(outs) > 0 {
		note("pf cannot tell by which interface a packet will leave: conversations are diverted whether or not they leave by %s", strings.Join(outs, ", "))
	}
	if p.DivertTo || slices.ContainsFunc(p.Select, func(s Selection) bool { return len(s.Ports) > 0 }) {
		note("a packet that comes in and leaves by %s is diverted twice if it is selected either way, such as by both of its ports", strings.Join(inside(p.Select), ", "))
	}
}

func (p *diverter) pfLocalNotes(note func(string, ...any)) {
	named := func(s Selection) bool { return len(s.In)+len(s.Out) > 0 }
	if !slices.ContainsFunc(p.Select, named) {
		note("pf.conf should say set skip on lo: else the host's traffic with itself is diverted too, twice")
	}
	if p.DivertTo {
		note("forwarded packets that NAT gives an address of this host are diverted as its own")
	}
	if slices.ContainsFunc(p.Select, func(s Selection) bool { return len(s.Networks) > 0 }) {
		note("packets to be forwarded to the selected networks are diverted where they come in, as the host's own: pf has one condition for each end")
	}
	if len(p.administrators()) > 0 || slices.ContainsFunc(p.Select, func(s Selection) bool { return len(s.Except) > 0 }) {
		note("of the host's own conversations, management and exceptions are held against the other end only")
	}
}
