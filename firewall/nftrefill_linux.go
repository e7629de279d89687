package firewall

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
)

// The kernel drops all packets that wait in any queue of a network namespace when a chain with a
// hook is taken away there (nf_queue_nf_hook_drop, called by __nf_unregister_net_hook in
// net/netfilter/core.c). Hence this file: rules come and go inside chains that stay.

// kept is what stays of a table while its rules are replaced; nil is nothing.
type kept struct {
	counters []Counter
	chains   []string
}

func (k *kept) counter(c Counter) bool { return k != nil && slices.Contains(k.counters, c) }
func (k *kept) chain(name string) bool { return k != nil && slices.Contains(k.chains, name) }

var errOtherTables = errors.New("the tables that exist are not the planned ones")

// refill queues the messages that turn the existing tables into rs. It fails if they are others, or
// out of use.
func (n *nft) refill(c *nftables.Conn, rs *Ruleset, old []*nftables.Table) error {
	if len(old) != len(rs.tables()) {
		return errOtherTables
	}
	for _, t := range rs.tables() {
		i := slices.IndexFunc(old, func(h *nftables.Table) bool { return h.Family == nftFamilies[t] && h.Flags == 0 })
		if i < 0 {
			return errOtherTables
		}
		stays, err := n.empty(c, rs, t, old[i])
		if err != nil {
			return err
		}
		if err := n.add(c, rs, t, Counters{}, stays); err != nil {
			return err
		}
	}
	return nil
}

// empty queues the removal of all that a table holds, except the counters and chains of rs that it
// has already.
func (n *nft) empty(c *nftables.Conn, rs *Ruleset, t table, have *nftables.Table) (*kept, error) {
	stays := &kept{}
	chains, err := chainsIn(c, have)
	if err != nil {
		return nil, err
	}
	sets, err := c.GetSets(have)
	if err != nil {
		return nil, fmt.Errorf("firewall: list sets: %w", hint(err))
	}
	objects, err := c.GetNamedObjects(have)
	if err != nil {
		return nil, fmt.Errorf("firewall: list counters: %w", hint(err))
	}
	c.FlushTable(have)
	for _, ch := range chains {
		i := slices.IndexFunc(rs.Chains, func(want Chain) bool { return want.Name == ch.Name })
		if i >= 0 && chainText(rs.Chains[i].nft(have)) == chainText(ch) {
			stays.chains = append(stays.chains, ch.Name)
			continue
		}
		c.DelChain(ch)
	}
	for _, s := range sets {
		if !s.Anonymous {
			c.DelSet(s)
		}
	}
	for _, o := range objects {
		named, ok := o.(*nftables.NamedObj)
		if !ok {
			return nil, errOtherTables
		}
		if k := counterNamed(named.Name); named.Type == nftables.ObjTypeCounter && k != NoCounter && slices.Contains(rs.Counters, k) {
			stays.counters = append(stays.counters, k)
			continue
		}
		c.DeleteObject(named)
	}
	return stays, nil
}

// chainsIn lists the chains of one table.
func chainsIn(c *nftables.Conn, t *nftables.Table) ([]*nftables.Chain, error) {
	chains, err := c.ListChainsOfTableFamily(t.Family)
	if err != nil {
		return nil, fmt.Errorf("firewall: list chains: %w", hint(err))
	}
	return slices.DeleteFunc(chains, func(ch *nftables.Chain) bool { return ch.Table.Name != t.Name }), nil
}

// Pause implements Backend.
func (n *nft) Pause() error {
	err := n.transaction(func(c *nftables.Conn, ours []*nftables.Table) error {
		for _, t := range ours {
			chains, err := chainsIn(c, t)
			if err != nil {
				return err
			}
			for _, ch := range chains {
				if diverts(ch.Name) {
					c.FlushChain(ch)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("firewall: pause rules: %w", hint(err))
	}
	return nil
}
