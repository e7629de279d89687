package lab

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// tableName is the nft table of a lab's own rules; Weir's is another.
const tableName = "lab"

// filter installs what the topology asks of packet filters.
func (l *Lab) filter(t Topology) error {
	if t.Loss < 0 || t.Loss > 1 {
		return fmt.Errorf("lab: loss of %v: it is a share, 0 to 1", t.Loss)
	}
	families := []family{{nftables.TableFamilyIPv4, 4, 16}}
	if l.IPv6 {
		families = append(families, family{nftables.TableFamilyIPv6, 16, 24})
	}
	if t.Loss > 0 {
		for _, n := range l.nodes {
			if err := n.rules(families, func(r rules) { r.lose(t.Loss) }); err != nil {
				return fmt.Errorf("lab: loss at %s: %w", n.Name, err)
			}
		}
	}
	if !t.Masquerade && len(t.Redirects) == 0 {
		return nil
	}
	for _, r := range t.Redirects {
		if r.From.Addr().Is4() != r.To.Addr().Is4() {
			return fmt.Errorf("lab: redirect %v to %v: two address families", r.From, r.To)
		}
	}
	err := l.Router().rules(families, func(r rules) {
		if t.Masquerade {
			r.masquerade(l.Router().Out.Interface)
		}
		r.redirect(t.Redirects)
	})
	if err != nil {
		return fmt.Errorf("lab: NAT: %w (kernel without CONFIG_NFT_NAT or CONFIG_NFT_MASQ?)", err)
	}
	return nil
}

// A family is what differs between the two: the length of an address and where the destination lies
// in the header.
type family struct {
	table   nftables.TableFamily
	addrLen int
	dstAt   uint32
}

// rules is one family's table on its way.
type rules struct {
	family
	conn *nftables.Conn
	tab  *nftables.Table
}

// rules commits what f asks for, for each family, in the node.
func (n *Node) rules(families []family, f func(rules)) error {
	c, err := nftables.New(nftables.WithNetNSFd(int(n.ns.Fd())))
	if err != nil {
		return err
	}
	for _, fam := range families {
		f(rules{fam, c, c.AddTable(&nftables.Table{Family: fam.table, Name: tableName})})
	}
	return c.Flush()
}

func (r rules) chain(name string, t nftables.ChainType, hook *nftables.ChainHook, prio nftables.ChainPriority) *nftables.Chain {
	return r.conn.AddChain(&nftables.Chain{Name: name, Table: r.tab, Type: t, Hooknum: hook, Priority: &prio})
}

func (r rules) add(c *nftables.Chain, e ...expr.Any) {
	r.conn.AddRule(&nftables.Rule{Table: r.tab, Chain: c, Exprs: e})
}

// lose drops a share of what arrives, before connection tracking and before anybody looks; not on
// lo.
func (r rules) lose(share float64) {
	c := r.chain("loss", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, -400)
	below := binaryutil.BigEndian.PutUint32(uint32(min(share*(1<<32), math.MaxUint32)))
	r.add(c,
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: interfaceName("lo")},
		&expr.Meta{Key: expr.MetaKeyPRANDOM, Register: 1},
		&expr.Cmp{Op: expr.CmpOpLt, Register: 1, Data: below},
		&expr.Verdict{Kind: expr.VerdictDrop},
	)
}

func (r rules) masquerade(out string) {
	c := r.chain("masquerade", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource)
	r.add(c,
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: interfaceName(out)},
		&expr.Masq{},
	)
}

func (r rules) redirect(all []Redirect) {
	c := r.chain("redirect", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest)
	local := r.chain("redirect-local", nftables.ChainTypeNAT, nftables.ChainHookOutput, *nftables.ChainPriorityNATDest)
	for _, d := range all {
		if d.From.Addr().BitLen() != 8*r.addrLen {
			continue
		}
		for _, proto := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
			r.add(c, r.redirection(d, proto)...)
			r.add(local, r.redirection(d, proto)...)
		}
	}
}

func (r rules) redirection(d Redirect, proto byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: r.dstAt, Len: uint32(r.addrLen)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: d.From.Addr().AsSlice()},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: port(d.From)},
		&expr.Immediate{Register: 1, Data: d.To.Addr().AsSlice()},
		&expr.Immediate{Register: 2, Data: port(d.To)},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(r.table), RegAddrMin: 1, RegProtoMin: 2},
	}
}

func port(a netip.AddrPort) []byte { return binary.BigEndian.AppendUint16(nil, a.Port()) }

// interfaceName is a name as nft compares it: all 16 bytes.
func interfaceName(s string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, s)
	return b
}
