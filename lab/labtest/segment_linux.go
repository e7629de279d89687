//go:build linux

package labtest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/weir-project/weir/lab"
)

// A Segment is a client and a server on one Ethernet segment. The router between them has no addresses and routes nothing: it is to be the
// wire.
type Segment struct {
	*lab.Lab
	ClientEnds, ServerEnds lab.Ends // of which nobody has been told; those of the nodes are the same
	unplugged              net.HardwareAddr
}

// NewSegment makes one. Iff vlan, both ends speak with a tag.
func NewSegment(t testing.TB, topology lab.Topology, vlan bool) *Segment {
	t.Helper()
	s := &Segment{
		Lab:        New(t, topology),
		ClientEnds: lab.Ends{V4: netip.MustParseAddr("203.0.113.10"), V6: netip.MustParseAddr("2001:db8:77::a")},
		ServerEnds: lab.Ends{V4: netip.MustParseAddr("203.0.113.20"), V6: netip.MustParseAddr("2001:db8:77::14")},
	}
	err := s.Router().Do(func() error { return errors.Join(bare(s.Router().In.Interface), bare(s.Router().Out.Interface)) })
	if err != nil {
		t.Fatal(err)
	}
	for node, e := range map[*lab.Node]*lab.Ends{s.Client(): &s.ClientEnds, s.Server(): &s.ServerEnds} {
		name := node.Out.Interface + node.In.Interface // it has one of them
		err := node.Do(func() error { return speak(name, e, vlan) })
		if errors.Is(err, lab.ErrNoSuchLink) {
			Elsewhere(t, err.Error())
		}
		if err != nil {
			t.Fatal(err)
		}
		node.In.V4, node.In.V6, node.Out.V4, node.Out.V6 = e.V4, e.V6, e.V4, e.V6
	}
	return s
}

// KernelBridge makes the router's interfaces ports of a bridge of the kernel's own.
func (s *Segment) KernelBridge(t testing.TB) {
	t.Helper()
	err := s.Router().Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "br0"
		b := &netlink.Bridge{LinkAttrs: attrs}
		if err := netlink.LinkAdd(b); err != nil {
			return fmt.Errorf("a bridge: %w: %w", lab.ErrNoSuchLink, err)
		}
		if err := bare(attrs.Name); err != nil {
			return err
		}
		for _, name := range []string{s.Router().In.Interface, s.Router().Out.Interface} {
			l, err := netlink.LinkByName(name)
			if err == nil {
				err = netlink.LinkSetMaster(l, b)
			}
			if err != nil {
				return err
			}
		}
		return netlink.LinkSetUp(b)
	})
	if errors.Is(err, lab.ErrNoSuchLink) {
		Elsewhere(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// bare takes all addresses off an interface.
func bare(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	for _, a := range addrs {
		err = errors.Join(err, netlink.AddrDel(l, &a))
	}
	return err
}

// speak gives the interface other addresses, of which nobody has been told, or has one with a tag upon it have them.
func speak(name string, e *lab.Ends, vlan bool) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if vlan {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.ParentIndex = "tagged", l.Attrs().Index
		v := &netlink.Vlan{LinkAttrs: attrs, VlanId: 7, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}
		if err := netlink.LinkAdd(v); err != nil {
			return fmt.Errorf("a link with a tag: %w: %w", lab.ErrNoSuchLink, err)
		}
		if err := netlink.LinkSetUp(v); err != nil {
			return err
		}
		l = v
	}
	for _, a := range []string{e.V4.String() + "/24", e.V6.String() + "/64"} {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			return err
		}
		addr.Flags = 2 // IFA_F_NODAD
		if err := netlink.AddrAdd(l, addr); err != nil {
			return err
		}
	}
	return nil
}

// Unplug deletes the link between the router and the server.
func (s *Segment) Unplug(t testing.TB) {
	t.Helper()
	err := s.Server().Do(func() error {
		l, err := netlink.LinkByName(s.Server().In.Interface)
		if err == nil {
			s.unplugged = l.Attrs().HardwareAddr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Router().Do(func() error {
		l, err := netlink.LinkByName(s.Router().Out.Interface)
		if err != nil {
			return err
		}
		return netlink.LinkDel(l)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Plug makes another link of the same names, with the server's hardware address. Iff bridged, it is a port of the kernel's bridge as the former was.
func (s *Segment) Plug(t testing.TB, bridged bool) {
	t.Helper()
	near, far := s.Router().Out.Interface, s.Server().In.Interface
	err := s.Router().Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = near
		v := &netlink.Veth{LinkAttrs: attrs, PeerName: far, PeerHardwareAddr: s.unplugged, PeerNamespace: netlink.NsFd(s.Server().NetNS().Fd())}
		if err := errors.Join(netlink.LinkAdd(v), bare(near)); err != nil || !bridged {
			return errors.Join(err, netlink.LinkSetUp(v))
		}
		b, err := netlink.LinkByName("br0")
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetMaster(v, b), netlink.LinkSetUp(v))
	})
	if err == nil {
		err = s.Server().Do(func() error {
			l, err := netlink.LinkByName(far)
			if err != nil {
				return err
			}
			return errors.Join(speak(far, &s.ServerEnds, false), netlink.LinkSetUp(l))
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}
