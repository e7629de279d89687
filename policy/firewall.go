package policy

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/firewall"
)

// Firewall returns what package firewall is to divert, on a system with the given features and
// under the given generation (1 to Marks.Generations). Flows are handed back as settle.hand_back
// says; auto means: if the rules can be planned so. Never keeps the rules from asking connection
// tracking anything, unless it is on already for NAT's sake. The sessions and users that are exempt are the
// caller's to add.
func (p *Policy) Firewall(f firewall.Features, generation uint32) firewall.Config {
	c := p.doc.firewall()
	c.Generation = generation
	c.MayGrow = p.mayGrow()
	c.Inject = p.doc.Settle.HandBack != "never" || f.NAT
	c.HandBack = p.doc.Settle.HandBack != "never"
	if p.doc.Settle.HandBack == "auto" {
		_, err := firewall.Plan(c, f)
		c.HandBack = err == nil
	}
	if !c.HandBack {
		c.Generation = 0
	}
	return c
}

// mayGrow reports whether an inspector may edit fields: what leaves decoded, or with another record, has another length.
func (p *Policy) mayGrow() bool {
	if p.doc.Mode == Monitor {
		return false
	}
	c, err := p.Chain(1)
	return err == nil && c.Edits&^field.SetOf(field.Payload) != 0
}

// SettleMark returns how lanes hand flows back under the rules of c; nothing if c hands nothing
// back.
func SettleMark(c firewall.Config) engine.Settle {
	var s engine.Settle
	if c.HandBack {
		bits := c.Marks.Settled(c.Generation)
		s.Mark.Value, s.Mark.Mask = bits.Value, bits.Mask
	}
	return s
}

func (d *Document) firewall() firewall.Config {
	backend, err := firewall.ParseKind(string(d.Divert.Backend))
	if err != nil {
		panic("policy: the words of Backend are not those of package firewall")
	}
	c := firewall.Config{
		Backend:  backend,
		Traffic:  map[Traffic]firewall.Traffic{"forwarded": firewall.Forwarded, "local": firewall.Local, "both": firewall.Both}[d.Divert.Traffic],
		Position: firewall.Position(slices.Index(Position("").Words(), string(d.Divert.Position))),
		Ports:    names(d.Divert.Bridge),
		Port:     uint16(d.Divert.Port), RuleNumber: uint16(d.Divert.Rule),
		Queues: firewall.Queues{First: d.Divert.Queues.First, Last: d.Divert.Queues.Last, Bypass: d.Outcomes.Absent == Pass},
		Marks: firewall.Marks{
			Injected: firewall.Bits{Value: uint32(d.Marks.Injected), Mask: uint32(d.Marks.Injected)},
			Pending:  uint32(d.Marks.Pending), Translated: uint32(d.Marks.Translated), Settle: uint32(d.Marks.Settle), Conn: uint32(d.Marks.Connection),
		},
		Management:       prefixes(d.Management),
		CountUninspected: true,
	}
	for _, s := range d.Divert.Select {
		c.Select = append(c.Select, s.firewall())
	}
	return c
}

func (s *Selection) firewall() firewall.Selection {
	out := firewall.Selection{In: names(s.In), Out: names(s.Out), Networks: prefixes(s.Networks), Except: prefixes(s.Except)}
	for _, p := range s.Protocols {
		out.Protocols = append(out.Protocols, firewall.Proto(p))
	}
	for _, p := range s.Ports {
		out.Ports = append(out.Ports, p.PortRange)
	}
	return out
}

func names(is []Interface) []string {
	var out []string
	for _, i := range is {
		out = append(out, string(i))
	}
	return out
}

func prefixes(ns []Network) []netip.Prefix {
	var out []netip.Prefix
	for _, n := range ns {
		out = append(out, n.Prefix)
	}
	return out
}

// index is the path of an item of a list.
func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
