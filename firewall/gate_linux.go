package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A gate is the backend of the kind Bridge: while it is shut, what comes in at two interfaces goes to packet sockets, which see it first, and
// to nobody else. Otherwise the kernel's bridge, if the interfaces are ports of one, carries it.
//
// Its table belongs to the netlink socket that has made it (NFT_TABLE_F_OWNER, Linux 5.12): nobody else can change it, and it is gone
// with the process, however that ends.
type gate struct {
	ns *os.File

	mu   sync.Mutex
	conn *netlink.Conn // the table's owner; nil while it is open
}

const tableOwner = 0x2 // NFT_TABLE_F_OWNER

// Apply implements Backend.
func (g *gate) Apply(rs *Ruleset) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn != nil {
		return nil // the ports are the same for as long as the process lives
	}
	config := &netlink.Config{}
	if g.ns != nil {
		config.NetNS = int(g.ns.Fd())
	}
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, config)
	if err != nil {
		return fmt.Errorf("firewall: netlink socket: %w", err)
	}
	if err := shutGate(c, rs.Ports); err != nil {
		c.Close()
		switch {
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
			err = fmt.Errorf("%w (a bridge needs Linux 5.12 with CONFIG_NF_TABLES_NETDEV and CONFIG_NETFILTER_INGRESS)", err)
		case errors.Is(err, unix.EPERM), errors.Is(err, unix.EEXIST):
			err = fmt.Errorf("%w (another weir has table netdev %s, or CAP_NET_ADMIN is missing)", err, gateName)
		}
		return fmt.Errorf("firewall: keep the kernel from %s and %s: %w", rs.Ports[0], rs.Ports[1], err)
	}
	g.conn = c
	return nil
}

// Pause implements Backend. The ruleset is two chains, so it is the same as Remove.
func (g *gate) Pause() error { return g.Remove() }

// Remove implements Backend. What another process has made is gone with that.
func (g *gate) Remove() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn == nil {
		return nil
	}
	err := errors.Join(transact(g.conn, gateMessage(unix.NFT_MSG_DELTABLE, 0, tableAttr)), g.conn.Close())
	g.conn = nil
	if err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	return nil
}

// Verify implements Backend. Nobody but the owner can change the table.
func (g *gate) Verify(*Ruleset) ([]Difference, error) { return nil, nil }

// Counters implements Backend. There are none: a bridge inspects what it carries, or carries nothing.
func (g *gate) Counters() (Counters, error) { return Counters{}, nil }

// shutGate makes the table.
func shutGate(c *netlink.Conn, ports []string) error {
	ms := []netlink.Message{gateMessage(unix.NFT_MSG_NEWTABLE, netlink.Create|netlink.Excl, func(e *netlink.AttributeEncoder) {
		tableAttr(e)
		e.Uint32(unix.NFTA_TABLE_FLAGS, tableOwner)
	})}
	for i, port := range ports {
		ms = append(ms, gateMessage(unix.NFT_MSG_NEWCHAIN, netlink.Create, func(e *netlink.AttributeEncoder) {
			priority := int32(gatePriority)
			e.String(unix.NFTA_CHAIN_TABLE, gateName)
			e.String(unix.NFTA_CHAIN_NAME, gateChain(i))
			e.Nested(unix.NFTA_CHAIN_HOOK, func(e *netlink.AttributeEncoder) error {
				e.Uint32(unix.NFTA_HOOK_HOOKNUM, unix.NF_NETDEV_INGRESS)
				e.Uint32(unix.NFTA_HOOK_PRIORITY, uint32(priority))
				e.String(unix.NFTA_HOOK_DEV, port)
				return nil
			})
			e.Uint32(unix.NFTA_CHAIN_POLICY, 0) // NF_DROP
			e.String(unix.NFTA_CHAIN_TYPE, "filter")
		}))
	}
	return transact(c, ms...)
}

func tableAttr(e *netlink.AttributeEncoder) { e.String(unix.NFTA_TABLE_NAME, gateName) }

// gateMessage is a message to nf_tables about family netdev.
func gateMessage(kind int, flags netlink.HeaderFlags, attrs func(*netlink.AttributeEncoder)) netlink.Message {
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	attrs(e)
	b, err := e.Encode()
	if err != nil {
		panic("firewall: attributes of our own cannot be encoded: " + err.Error())
	}
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind), Flags: netlink.Request | netlink.Acknowledge | flags},
		Data:   append([]byte{unix.NFPROTO_NETDEV, unix.NFNETLINK_V0, 0, 0}, b...),
	}
}

// transact has all of the messages done, or none, and returns the first error.
func transact(c *netlink.Conn, ms ...netlink.Message) error {
	mark := func(kind int) netlink.Message {
		return netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request},
			Data:   []byte{0, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES},
		}
	}
	all := append(append([]netlink.Message{mark(unix.NFNL_MSG_BATCH_BEGIN)}, ms...), mark(unix.NFNL_MSG_BATCH_END))
	if _, err := c.SendMessages(all); err != nil {
		return err
	}
	var first error
	for range ms {
		if _, err := c.Receive(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// KernelBridge returns the kernel's bridge of which all of the interfaces are ports; "" if there is none.
func KernelBridge(ports []string, o Options) string {
	config := &netlink.Config{}
	if o.NetNS != nil {
		config.NetNS = int(o.NetNS.Fd())
	}
	c, err := netlink.Dial(unix.NETLINK_ROUTE, config)
	if err != nil {
		return ""
	}
	defer c.Close()
	master := uint32(0)
	for i, port := range ports {
		at := linkAttr(c, 0, port, unix.IFLA_MASTER)
		if len(at) != 4 || i > 0 && binary.NativeEndian.Uint32(at) != master {
			return ""
		}
		master = binary.NativeEndian.Uint32(at)
	}
	return strings.TrimRight(string(linkAttr(c, master, "", unix.IFLA_IFNAME)), "\x00")
}

// linkAttr asks for one attribute of the interface with that index or, if it is 0, that name; nil if there is none.
func linkAttr(c *netlink.Conn, index uint32, name string, attr uint16) []byte {
	data := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(data[4:], index)
	e := netlink.NewAttributeEncoder()
	if index == 0 {
		e.String(unix.IFLA_IFNAME, name)
	}
	attrs, err := e.Encode()
	if err != nil {
		return nil
	}
	ms, err := c.Execute(netlink.Message{Header: netlink.Header{Type: unix.RTM_GETLINK, Flags: netlink.Request}, Data: append(data, attrs...)})
	if err != nil || len(ms) == 0 || len(ms[0].Data) < unix.SizeofIfInfomsg {
		return nil
	}
	d, err := netlink.NewAttributeDecoder(ms[0].Data[unix.SizeofIfInfomsg:])
	for err == nil && d.Next() {
		if d.Type() == attr {
			return d.Bytes()
		}
	}
	return nil
}
