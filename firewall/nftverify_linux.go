package firewall

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
)

// Verify implements Backend.
func (n *nft) Verify(rs *Ruleset) ([]Difference, error) {
	d, err := n.verify(rs)
	if err != nil {
		// Several dumps make one comparison: a table that goes meanwhile is an
		// error of the next dump, and a difference if we look again.
		d, err = n.verify(rs)
	}
	return d, err
}

func (n *nft) verify(rs *Ruleset) ([]Difference, error) {
	c, err := n.conn()
	if err != nil {
		return nil, err
	}
	defer c.CloseLasting()
	have, err := n.ours(c)
	if err != nil {
		return nil, err
	}
	var out []Difference
	for _, t := range rs.tables() {
		i := slices.IndexFunc(have, func(h *nftables.Table) bool { return h.Family == nftFamilies[t] })
		if i < 0 {
			out = append(out, Difference{"table " + t.name() + " " + TableName, "it is missing"})
			continue
		}
		diffs, err := n.verifyTable(c, rs, t, have[i])
		if err != nil {
			return nil, err
		}
		out = append(out, diffs...)
		have = slices.Delete(have, i, i+1)
	}
	for _, t := range have {
		out = append(out, Difference{fmt.Sprintf("table %s, family %d", TableName, t.Family), "it is not in the plan"})
	}
	return out, nil
}

func (n *nft) verifyTable(c *nftables.Conn, rs *Ruleset, t table, have *nftables.Table) ([]Difference, error) {
	var out []Difference
	where := t.name() + " " + TableName
	if have.Flags != 0 {
		out = append(out, Difference{where, fmt.Sprintf("the table has flags %#x (1: dormant)", have.Flags)})
	}
	chains, err := chainsIn(c, have)
	if err != nil {
		return nil, err
	}
	for _, ch := range rs.Chains {
		i := slices.IndexFunc(chains, func(h *nftables.Chain) bool { return h.Name == ch.Name })
		if i < 0 {
			out = append(out, Difference{where + " chain " + ch.Name, "it is missing"})
			continue
		}
		if want, got := chainText(ch.nft(have)), chainText(chains[i]); want != got {
			out = append(out, Difference{where + " chain " + ch.Name, fmt.Sprintf("it is %s, planned %s", got, want)})
		}
		rules, err := c.GetRules(have, chains[i])
		if err != nil {
			return nil, fmt.Errorf("firewall: list rules of %s: %w", ch.Name, hint(err))
		}
		if d := compareLines(n.planned(ch, t), installed(rules)); d != "" {
			out = append(out, Difference{where + " chain " + ch.Name, d})
		}
		chains = slices.Delete(chains, i, i+1)
	}
	for _, ch := range chains {
		out = append(out, Difference{where + " chain " + ch.Name, "it is not in the plan"})
	}
	sets, err := verifySets(c, rs, t, have)
	return append(out, sets...), err
}

func verifySets(c *nftables.Conn, rs *Ruleset, t table, have *nftables.Table) ([]Difference, error) {
	var out []Difference
	sets, err := c.GetSets(have)
	if err != nil {
		return nil, fmt.Errorf("firewall: list sets: %w", hint(err))
	}
	for _, s := range rs.Sets {
		if !t.holds(s.Family) {
			continue
		}
		where := t.name() + " " + TableName + " set " + s.Name
		i := slices.IndexFunc(sets, func(h *nftables.Set) bool { return h.Name == s.Name })
		if i < 0 {
			out = append(out, Difference{where, "it is missing"})
			continue
		}
		elems, err := c.GetSetElements(sets[i])
		if err != nil {
			return nil, fmt.Errorf("firewall: list set %s: %w", s.Name, hint(err))
		}
		if elementText(elems) != elementText(s.elements()) {
			out = append(out, Difference{where, "its elements are not the planned ones"})
		}
	}
	return out, nil
}

func chainText(c *nftables.Chain) string {
	if c.Hooknum == nil || c.Priority == nil {
		return "without a hook"
	}
	policy := nftables.ChainPolicyAccept
	if c.Policy != nil {
		policy = *c.Policy
	}
	return fmt.Sprintf("type %s hook %d priority %d policy %d", c.Type, *c.Hooknum, *c.Priority, policy)
}

// elementText is one string for equal sets, whatever order the kernel lists them in.
func elementText(elems []nftables.SetElement) string {
	var out []string
	for _, e := range elems {
		if e.IntervalEnd && strings.Trim(string(e.Key), "\x00") == "" {
			continue // the end of nothing at the first key, which nft(8) adds
		}
		out = append(out, fmt.Sprintf("%x/%v", e.Key, e.IntervalEnd))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (n *nft) planned(c Chain, t table) []string {
	var out []string
	for _, r := range c.Rules {
		if t.holds(r.Match.Family) {
			out = append(out, exprText(n.dialect.exprs(r, t)))
		}
	}
	return out
}

func installed(rules []*nftables.Rule) []string {
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = exprText(r.Exprs)
	}
	return out
}

// exprText prints expressions so that equal rules are equal strings, whether they come
// from us or back from the kernel.
func exprText(es []expr.Any) string {
	out := make([]string, len(es))
	for i, e := range es {
		name := strings.TrimPrefix(fmt.Sprintf("%T", e), "*expr.")
		switch e := e.(type) {
		case *expr.Lookup:
			out[i] = fmt.Sprintf("%s{reg %d set %s invert %v}", name, e.SourceRegister, e.SetName, e.Invert)
		case *expr.Ct:
			// The library reads no source register back: a load has one, a store none.
			out[i] = fmt.Sprintf("%s{key %d load %v}", name, e.Key, e.Register != 0 && !e.SourceRegister)
		case *expr.Target:
			out[i] = fmt.Sprintf("%s{%s rev %d %x}", name, e.Name, e.Rev, infoBytes(e.Info))
		case *expr.Match:
			out[i] = fmt.Sprintf("%s{%s rev %d %x}", name, e.Name, e.Rev, infoBytes(e.Info))
		default:
			out[i] = name + strings.TrimPrefix(fmt.Sprintf("%+v", e), "&")
		}
	}
	return strings.Join(out, " ")
}

func infoBytes(info xt.InfoAny) []byte {
	if u, ok := info.(*xt.Unknown); ok {
		return *u
	}
	return fmt.Appendf(nil, "%+v", info)
}
