package firewall

import (
	"cmp"
	"net/netip"
	"slices"
)

// canonical returns ps of one family masked, sorted, without any that another
// contains, and with pairs of halves joined.
func canonical(ps []netip.Prefix, family Family) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range ps {
		if p.Addr().Is4() == (family == V4) {
			out = append(out, p.Masked())
		}
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	kept := out[:0]
	for _, p := range out {
		if n := len(kept); n > 0 && kept[n-1].Overlaps(p) {
			continue // sorted by address, then widest first: the earlier one contains it
		}
		kept = joinHalves(append(kept, p))
	}
	return kept
}

// joinHalves replaces the last two prefixes by their parent while they are its halves.
func joinHalves(ps []netip.Prefix) []netip.Prefix {
	for n := len(ps); n > 1; n = len(ps) {
		a, b := ps[n-2], ps[n-1]
		if a.Bits() != b.Bits() || a.Bits() == 0 {
			break
		}
		parent := netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked()
		if parent.Addr() != a.Addr() || !parent.Contains(b.Addr()) {
			break
		}
		ps = append(ps[:n-2], parent)
	}
	return ps
}

// covers reports whether canonical ps contains all of p.
func covers(ps []netip.Prefix, p netip.Prefix) bool {
	return slices.ContainsFunc(ps, func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) })
}

// lastAddr returns the highest address of p.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// canonicalPorts returns the ranges sorted, with overlapping and adjacent ones joined.
func canonicalPorts(rs []PortRange) []PortRange {
	out := slices.Clone(rs)
	slices.SortFunc(out, func(a, b PortRange) int { return cmp.Compare(a.First, b.First) })
	var kept []PortRange
	for _, r := range out {
		if n := len(kept); n > 0 && int(r.First) <= int(kept[n-1].Last)+1 {
			kept[n-1].Last = max(kept[n-1].Last, r.Last)
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

// subtract returns what ps cover and none of minus does, of both families.
func subtract(ps, minus []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, f := range []Family{V4, V6} {
		holes := canonical(minus, f)
		for _, p := range canonical(ps, f) {
			out = append(out, without(p, holes)...)
		}
	}
	return out
}

// without splits p until no part overlaps a hole; parts that a hole covers are gone.
func without(p netip.Prefix, holes []netip.Prefix) []netip.Prefix {
	if covers(holes, p) {
		return nil
	}
	var inside []netip.Prefix
	for _, h := range holes {
		if p.Overlaps(h) {
			inside = append(inside, h)
		}
	}
	if len(inside) == 0 {
		return []netip.Prefix{p}
	}
	low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	b := p.Addr().AsSlice()
	b[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	a, _ := netip.AddrFromSlice(b)
	return append(without(low, inside), without(netip.PrefixFrom(a, low.Bits()), inside)...)
}
