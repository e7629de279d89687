package evade

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/weir-project/weir/lab"
)

// track has a router follow connections, as one does that has a stateful filter or NAT: its kernel then puts fragments
// together before anything else happens to them, whoever inspects, or nobody.
func track(n *lab.Node) error {
	c, err := nftables.New(nftables.WithNetNSFd(int(n.NetNS().Fd())))
	if err != nil {
		return err
	}
	for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
		tab := c.AddTable(&nftables.Table{Family: family, Name: "stateful"})
		ch := c.AddChain(&nftables.Chain{
			Name: "forward", Table: tab, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
		})
		c.AddRule(&nftables.Rule{Table: tab, Chain: ch, Exprs: []expr.Any{
			&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
			&expr.Counter{},
		}})
	}
	return c.Flush()
}
