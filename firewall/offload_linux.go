package firewall

import (
	"encoding/binary"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Offloads returns the flow tables of a namespace that rules feed. It needs CAP_NET_ADMIN; without, there are none to be seen.
func Offloads(o Options) []Offload {
	n := nft{ns: o.NetNS}
	c, err := n.conn()
	if err != nil {
		return nil
	}
	defer c.CloseLasting()
	tables, err := c.ListTables()
	if err != nil {
		return nil
	}
	var out []Offload
	for _, t := range tables {
		fts, err := c.ListFlowtables(t)
		if err != nil || len(fts) == 0 {
			continue
		}
		fed := feeders(c, t)
		for _, ft := range fts {
			if mask, ok := fed[ft.Name]; ok {
				out = append(out, Offload{Table: familyNames[t.Family] + " " + t.Name, Name: ft.Name, Mask: mask})
			}
		}
	}
	return out
}

var familyNames = map[nftables.TableFamily]string{
	nftables.TableFamilyINet: "inet", nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6",
}

// feeders returns, by the names of flow tables that rules of a table feed, what Offload.Mask says.
func feeders(c *nftables.Conn, t *nftables.Table) map[string]uint32 {
	fed := map[string]uint32{}
	chains, err := c.ListChainsOfTableFamily(t.Family)
	if err != nil {
		return fed
	}
	for _, ch := range chains {
		if ch.Table.Name != t.Name {
			continue
		}
		rules, err := c.GetRules(t, ch)
		if err != nil {
			continue
		}
		for _, r := range rules {
			name, mask := feeds(r.Exprs)
			if name == "" {
				continue
			}
			if ch.Priority == nil || *ch.Priority <= priorityBack {
				mask = 0
			}
			if before, ok := fed[name]; ok && (before == 0 || mask == 0) {
				mask = 0
			} else {
				mask |= before
			}
			fed[name] = mask
		}
	}
	return fed
}

// feeds returns the flow table that a rule feeds, and of which bits of the connection mark it wants one; 0: it takes others too.
func feeds(es []expr.Any) (name string, mask uint32) {
	i := slices.IndexFunc(es, func(e expr.Any) bool { _, ok := e.(*expr.FlowOffload); return ok })
	if i < 0 {
		return "", 0
	}
	for at := range max(i-2, 0) {
		ct, isCt := es[at].(*expr.Ct)
		and, isAnd := es[at+1].(*expr.Bitwise)
		cmp, isCmp := es[at+2].(*expr.Cmp)
		if isCt && isAnd && isCmp && ct.Key == expr.CtKeyMARK && !ct.SourceRegister && and.SourceRegister == ct.Register && cmp.Register == and.DestRegister {
			mask |= wanted(and, cmp)
		}
	}
	return es[i].(*expr.FlowOffload).Name, mask
}

// wanted returns the bits of which one must be set for a masked mark to pass the comparison; 0 if it passes without any.
func wanted(and *expr.Bitwise, cmp *expr.Cmp) uint32 {
	if len(and.Mask) != 4 || len(and.Xor) != 4 || len(cmp.Data) != 4 || binary.NativeEndian.Uint32(and.Xor) != 0 {
		return 0
	}
	mask, value := binary.NativeEndian.Uint32(and.Mask), binary.NativeEndian.Uint32(cmp.Data)
	switch {
	case cmp.Op == expr.CmpOpNeq && value == 0:
		return mask
	case cmp.Op == expr.CmpOpEq:
		return value & mask
	}
	return 0
}
