// Package rule is the Suricata rule language as text: it reads rules into a tree,
// says for every mistake where it is, and prints the tree so that reading it again gives
// the same tree. Source: the Suricata user guide, "Rules Format", and for what the guide leaves
// open detect-parse.c and detect-engine-address.c of Suricata 7.
//
// It knows no engine: which keywords exist, and what they mean, is for those who compile
// rules. It reads no file and follows no include.
package rule

import (
	"net/netip"
	"strconv"
	"strings"
)

// A Pos is a place in a rule file. Lines and columns count from 1; columns count bytes.
type Pos struct{ Line, Col int }

// A Rule is one line of a rule file.
type Rule struct {
	Pos     Pos
	Action  Word // "alert", "drop", "reject", "pass", …
	Proto   Word // "tcp", "http", …
	Src     Addresses
	SrcPort Ports
	Both    bool // <> instead of ->
	Dst     Addresses
	DstPort Ports
	Options []Option
}

// A Word is a word and its place.
type Word struct {
	Text string
	Pos  Pos
}

// A Set is the set of addresses or ports that one place of a header names. Exactly one of
// its forms is used: Any, a variable, a group, or one Range.
type Set[T Range] struct {
	Pos   Pos
	Not   bool // everything but what follows
	Any   bool
	Var   string   // name of a variable, without the $
	Group []Set[T] // iff Grouped
	// Grouped says that the set is a bracketed list: the union of its members that are not negated (of
	// everything, if all are), less those that are.
	Grouped bool
	Range   T
}

// Addresses and Ports are the sets of a header.
type (
	Addresses = Set[AddrRange]
	Ports     = Set[PortRange]
)

// A Range is what a Set is made of.
type Range interface {
	AddrRange | PortRange
	String() string
}

// An AddrRange is all addresses from First to Last, both included and of one family.
type AddrRange struct{ First, Last netip.Addr }

// A PortRange is all ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }

// String returns the range as rules write it: an address, a prefix, or first-last.
func (r AddrRange) String() string {
	if r.First == r.Last {
		return r.First.String()
	}
	for bits := r.First.BitLen() - 1; bits >= 0; bits-- {
		p := netip.PrefixFrom(r.First, bits)
		if p.Masked().Addr() != r.First {
			break
		}
		if lastOf(p) == r.Last {
			return p.String()
		}
	}
	return r.First.String() + "-" + r.Last.String()
}

// String returns the range as rules write it: one port, or first:last.
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return strconv.Itoa(int(r.First)) + ":" + strconv.Itoa(int(r.Last))
}

// lastOf returns the highest address of p.
func lastOf(p netip.Prefix) netip.Addr {
	a := p.Addr().As16()
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	for i := range a {
		host := min(8, max(0, 8*(i+1)-bits))
		a[i] |= 1<<host - 1
	}
	if p.Addr().Is4() {
		return netip.AddrFrom16(a).Unmap()
	}
	return netip.AddrFrom16(a)
}

// Option returns the first option with the given name, or nil.
func (r *Rule) Option(name string) *Option {
	for i := range r.Options {
		if r.Options[i].Name == name {
			return &r.Options[i]
		}
	}
	return nil
}

// String prints the rule on one line, in canonical form: what Parse reads from it prints the
// same.
func (r *Rule) String() string {
	var b strings.Builder
	b.WriteString(r.Action.Text + " " + r.Proto.Text + " " + r.Src.String() + " " + r.SrcPort.String())
	if r.Both {
		b.WriteString(" <> ")
	} else {
		b.WriteString(" -> ")
	}
	b.WriteString(r.Dst.String() + " " + r.DstPort.String() + " (")
	for i := range r.Options {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(r.Options[i].String())
		b.WriteByte(';')
	}
	b.WriteByte(')')
	return b.String()
}

// String prints the set as rules write it.
func (s *Set[T]) String() string {
	not := ""
	if s.Not {
		not = "!"
	}
	switch {
	case s.Any:
		return not + "any"
	case s.Var != "":
		return not + "$" + s.Var
	case s.Grouped:
		parts := make([]string, len(s.Group))
		for i := range s.Group {
			parts[i] = s.Group[i].String()
		}
		return not + "[" + strings.Join(parts, ",") + "]"
	}
	return not + s.Range.String()
}
