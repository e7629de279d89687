package rule

import (
	"net/netip"
	"strconv"
	"strings"
)

// ParseAddresses reads a set of addresses as headers have it, such as the value of a variable. The error is an
// *Error in line 1.
func ParseAddresses(text string) (Addresses, error) { return parseAlone(text, addrRange) }

// ParsePorts reads a set of ports, like ParseAddresses.
func ParsePorts(text string) (Ports, error) { return parseAlone(text, portRange) }

func parseAlone[T Range](text string, leaf func(string) (T, string)) (Set[T], error) {
	p := &parser{s: text, line: 1}
	if len(text) > MaxRule {
		return Set[T]{}, mistake(p.pos(0), "split it into variables", "longer than %d bytes", MaxRule)
	}
	s, err := parseSet(p, leaf)
	if err != nil {
		return s, err
	}
	if p.space(); p.at < len(p.s) {
		return s, mistake(p.pos(p.at), "put several into brackets: [a,b]", "unexpected %q", p.s[p.at:])
	}
	return s, nil
}

// parseSet reads the set that begins at the next byte that is not a space.
func parseSet[T Range](p *parser, leaf func(string) (T, string)) (Set[T], *Error) {
	return parseNested(p, leaf, 0)
}

func parseNested[T Range](p *parser, leaf func(string) (T, string), depth int) (s Set[T], err *Error) {
	p.space()
	s.Pos = p.pos(p.at)
	if depth > MaxDepth {
		return s, mistake(s.Pos, "use a variable for the inner list", "brackets nested deeper than %d", MaxDepth)
	}
	if p.at < len(p.s) && p.s[p.at] == '!' {
		s.Not = true
		p.at++
		p.space()
	}
	if p.at < len(p.s) && p.s[p.at] == '[' {
		p.at++
		s.Grouped = true
		err = parseGroup(p, leaf, &s, depth)
		return s, err
	}
	at := p.pos(p.at)
	text := p.leaf()
	switch {
	case text == "":
		return s, mistake(at, "write any, an address or port, a $VARIABLE or a [list]", "nothing where the header wants addresses or ports")
	case strings.EqualFold(text, "any"):
		if s.Not {
			return s, mistake(s.Pos, "remove the rule", "!any matches nothing")
		}
		s.Any = true
	case text[0] == '$':
		s.Var = text[1:]
		if !isName(s.Var) {
			return s, mistake(at, "write $NAME", "%q is not a variable", text)
		}
	default:
		var hint string
		if s.Range, hint = leaf(text); hint != "" {
			return s, mistake(at, hint, "cannot read %q", text)
		}
	}
	return s, nil
}

// parseGroup reads the members of a bracketed list up to its closing bracket.
func parseGroup[T Range](p *parser, leaf func(string) (T, string), s *Set[T], depth int) *Error {
	for {
		member, err := parseNested(p, leaf, depth+1)
		if err != nil {
			return err
		}
		s.Group = append(s.Group, member)
		p.space()
		if p.at == len(p.s) {
			return mistake(s.Pos, "close it with ]", "the list is not closed")
		}
		p.at++
		switch p.s[p.at-1] {
		case ']':
			return nil
		case ',':
		default:
			return mistake(p.pos(p.at-1), "members of a list are separated by commas", "unexpected %q in a list", p.s[p.at-1])
		}
	}
}

// leaf reads up to what cannot be part of an address, a port or a variable.
func (p *parser) leaf() string {
	start := p.at
	for p.at < len(p.s) && !isSpace(p.s[p.at]) && !strings.ContainsRune("[],()!", rune(p.s[p.at])) {
		p.at++
	}
	return p.s[start:p.at]
}

// addrRange reads an address, a prefix or first-last; hint is empty iff it could.
func addrRange(s string) (r AddrRange, hint string) {
	const shape = "write an address, a prefix such as 192.0.2.0/24, or first-last"
	if first, last, ok := strings.Cut(s, "-"); ok {
		a, err1 := plainAddr(first)
		b, err2 := plainAddr(last)
		if err1 != nil || err2 != nil || a.BitLen() != b.BitLen() {
			return r, shape
		}
		if b.Less(a) {
			return r, "the first address of a range is the lower one"
		}
		return AddrRange{a, b}, ""
	}
	if !strings.Contains(s, "/") {
		a, err := plainAddr(s)
		if err != nil {
			return r, shape
		}
		return AddrRange{a, a}, ""
	}
	p, err := prefix(s)
	if err != nil {
		return r, shape
	}
	p = p.Masked()
	return AddrRange{p.Addr(), lastOf(p)}, ""
}

func plainAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err == nil && (a.Zone() != "" || a.Is4In6()) {
		return a, strconv.ErrSyntax
	}
	return a, err
}

// prefix reads 192.0.2.0/24, and the older 192.0.2.0/255.255.255.0.
func prefix(s string) (netip.Prefix, error) {
	addr, bits, _ := strings.Cut(s, "/")
	a, err := plainAddr(addr)
	if err != nil {
		return netip.Prefix{}, err
	}
	if m, err := netip.ParseAddr(bits); err == nil && m.Is4() && a.Is4() {
		for n := range 33 {
			if lastOf(netip.PrefixFrom(netip.IPv4Unspecified(), 32-n)) == invert(m) {
				return netip.PrefixFrom(a, 32-n), nil
			}
		}
		return netip.Prefix{}, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(bits, 10, 8)
	if err != nil || int(n) > a.BitLen() {
		return netip.Prefix{}, strconv.ErrRange
	}
	return netip.PrefixFrom(a, int(n)), nil
}

func invert(a netip.Addr) netip.Addr {
	b := a.As4()
	for i := range b {
		b[i] = ^b[i]
	}
	return netip.AddrFrom4(b)
}

// portRange reads a port, first:last, first: or :last; hint is empty iff it could.
func portRange(s string) (r PortRange, hint string) {
	first, last, isRange := strings.Cut(s, ":")
	r = PortRange{0, 65535}
	ok1, ok2 := true, true
	if first != "" {
		r.First, ok1 = port(first)
	}
	switch {
	case !isRange:
		r.Last = r.First
	case last != "":
		r.Last, ok2 = port(last)
	}
	switch {
	case !ok1 || !ok2 || s == ":" || first == "" && !isRange:
		return r, "write a port from 0 to 65535, or first:last"
	case r.Last < r.First:
		return r, "the first port of a range is the lower one"
	}
	return r, ""
}

func port(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}
