package firewall

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// nft is the backend of the kinds NFT and NFTCompat.
type nft struct {
	dialect nftDialect
	ns      *os.File
}

// The buffers that a whole transaction and its acknowledgements need; the kernel caps
// them at net.core.{w,r}mem_max where we have no privilege over the host.
const netlinkBufferBytes = 4 << 20

func (n *nft) conn() (*nftables.Conn, error) {
	opts := []nftables.ConnOption{nftables.WithSockOptions(func(c *netlink.Conn) error {
		// Best effort: with small buffers a large ruleset fails with a clear error.
		_ = c.SetWriteBuffer(netlinkBufferBytes)
		_ = c.SetReadBuffer(netlinkBufferBytes)
		return nil
	}), nftables.AsLasting()}
	if n.ns != nil {
		opts = append(opts, nftables.WithNetNSFd(int(n.ns.Fd())))
	}
	c, err := nftables.New(opts...)
	if err != nil {
		return nil, fmt.Errorf("firewall: netlink socket: %w", err)
	}
	return c, nil
}

var nftFamilies = [...]nftables.TableFamily{nftables.TableFamilyINet, nftables.TableFamilyIPv4, nftables.TableFamilyIPv6}

// ours returns Weir's tables that exist.
func (n *nft) ours(c *nftables.Conn) ([]*nftables.Table, error) {
	all, err := c.ListTables()
	if err != nil {
		return nil, fmt.Errorf("firewall: list tables: %w", hint(err))
	}
	return slices.DeleteFunc(all, func(t *nftables.Table) bool {
		return t.Name != TableName || !slices.Contains(nftFamilies[:], t.Family)
	}), nil
}

// Apply implements Backend. Where our table stands already it is filled anew around its chains with hooks, since the
// kernel drops every packet that waits in a queue when one of those goes; only if that fails it is replaced as a whole.
func (n *nft) Apply(rs *Ruleset) error {
	if n.transaction(func(c *nftables.Conn, old []*nftables.Table) error { return n.refill(c, rs, old) }) == nil {
		return nil
	}
	err := n.transaction(func(c *nftables.Conn, old []*nftables.Table) error { return n.replace(c, rs, old) })
	if err != nil {
		return fmt.Errorf("firewall: apply rules: %w", hint(err))
	}
	return nil
}

// transaction commits what f asks for, knowing our tables that exist.
func (n *nft) transaction(f func(c *nftables.Conn, ours []*nftables.Table) error) error {
	c, err := n.conn()
	if err != nil {
		return err
	}
	defer c.CloseLasting()
	old, err := n.ours(c)
	if err != nil {
		return err
	}
	if err := f(c, old); err != nil {
		return err
	}
	return c.Flush()
}

// replace queues the removal of old and the messages that make all anew.
func (n *nft) replace(c *nftables.Conn, rs *Ruleset, old []*nftables.Table) error {
	from := sumCounters(c, old)
	dropTables(c, old)
	for i, t := range rs.tables() {
		if i > 0 {
			from = Counters{} // the sum goes on in the first table
		}
		if err := n.add(c, rs, t, from, nil); err != nil {
			return err
		}
	}
	return nil
}

// dropTables queues the removal of tables. Adding each first keeps the transaction
// whole if somebody else has removed one meanwhile.
func dropTables(c *nftables.Conn, tables []*nftables.Table) {
	for _, t := range tables {
		c.AddTable(t)
		c.DelTable(t)
	}
}

// add queues the messages that make table t, but for what stays of it.
func (n *nft) add(c *nftables.Conn, rs *Ruleset, t table, from Counters, stays *kept) error {
	tbl := c.AddTable(&nftables.Table{Name: TableName, Family: nftFamilies[t]})
	for _, k := range rs.Counters {
		if stays.counter(k) {
			continue
		}
		c.AddObj(&nftables.NamedObj{
			Table: tbl, Name: k.String(), Type: nftables.ObjTypeCounter,
			Obj: &expr.Counter{Packets: from[k].Packets, Bytes: from[k].Bytes},
		})
	}
	for _, s := range rs.Sets {
		if !t.holds(s.Family) {
			continue
		}
		set := s.nft(tbl)
		if err := c.AddSet(set, nil); err != nil {
			return fmt.Errorf("firewall: set %s: %w", s.Name, err)
		}
		for part := range slices.Chunk(s.elements(), elementsPerMessage) {
			if err := c.SetAddElements(set, part); err != nil {
				return fmt.Errorf("firewall: set %s: %w", s.Name, err)
			}
		}
	}
	chains := make([]*nftables.Chain, len(rs.Chains))
	for i, ch := range rs.Chains {
		if chains[i] = ch.nft(tbl); !stays.chain(ch.Name) {
			c.AddChain(chains[i])
		}
	}
	for i, ch := range rs.Chains {
		for _, r := range ch.Rules {
			if t.holds(r.Match.Family) {
				c.AddRule(&nftables.Rule{Table: tbl, Chain: chains[i], Exprs: n.dialect.exprs(r, t)})
			}
		}
	}
	return nil
}

func (c Chain) nft(t *nftables.Table) *nftables.Chain {
	ch := &nftables.Chain{Table: t, Name: c.Name}
	if c.Hook == NoHook {
		return ch
	}
	hook := [...]*nftables.ChainHook{HookForward: nftables.ChainHookForward, HookInput: nftables.ChainHookInput, HookOutput: nftables.ChainHookOutput}
	policy := nftables.ChainPolicyAccept
	ch.Type, ch.Hooknum, ch.Policy = nftables.ChainTypeFilter, hook[c.Hook], &policy
	ch.Priority = nftables.ChainPriorityRef(nftables.ChainPriority(c.Priority))
	return ch
}

// Remove implements Backend.
func (n *nft) Remove() error {
	err := n.transaction(func(c *nftables.Conn, old []*nftables.Table) error {
		dropTables(c, old)
		return nil
	})
	if err != nil {
		return fmt.Errorf("firewall: remove rules: %w", hint(err))
	}
	return nil
}

// Counters implements Backend.
func (n *nft) Counters() (Counters, error) {
	c, err := n.conn()
	if err != nil {
		return Counters{}, err
	}
	defer c.CloseLasting()
	old, err := n.ours(c)
	if err != nil {
		return Counters{}, err
	}
	return sumCounters(c, old), nil
}

// sumCounters adds up the counters of the tables. A table that somebody removes
// meanwhile counts as zero.
func sumCounters(c *nftables.Conn, tables []*nftables.Table) Counters {
	var sum Counters
	for _, t := range tables {
		objs, err := c.GetNamedObjects(t)
		if err != nil {
			continue
		}
		for _, o := range objs {
			named, ok := o.(*nftables.NamedObj)
			if !ok || counterNamed(named.Name) == NoCounter {
				continue
			}
			if v, ok := named.Obj.(*expr.Counter); ok {
				k := counterNamed(named.Name)
				sum[k].Packets += v.Packets
				sum[k].Bytes += v.Bytes
			}
		}
	}
	return sum
}

// hint adds what to do about an error of the kernel.
func hint(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w (needs CAP_NET_ADMIN in this network namespace)", err)
	case errors.Is(err, unix.EMSGSIZE):
		return fmt.Errorf("%w (too many networks for one transaction: raise net.core.wmem_max or name fewer)", err)
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%w (the kernel lacks an expression or target that the rules need)", err)
	}
	return err
}
