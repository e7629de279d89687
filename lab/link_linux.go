package lab

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// join connects two nodes, in the namespaces of both.
func join(near, far *Node, link Link) error {
	lowerNear, lowerFar := near.Out, far.In
	if link.Kind != Ethernet {
		lowerNear, lowerFar = under(near, near.Out.Interface, 1), under(far, far.In.Interface, 2)
	}
	if err := pair(near, far, lowerNear, lowerFar, link); err != nil {
		return err
	}
	switch link.Kind {
	case VLAN:
		return tagged(near, far, lowerNear, lowerFar, link)
	case WireGuard:
		return tunnel(near, far, lowerNear, lowerFar, link)
	}
	return nil
}

// under is the end of the link that carries another.
func under(n *Node, name string, host byte) Ends {
	e := Ends{Interface: "under-" + name, V4: netip.AddrFrom4([4]byte{203, 0, 113, 252 + host})}
	n.under = append(n.under, e.Interface)
	return e
}

// pair makes a pair of veth, of which each is in the namespace of its node.
func pair(near, far *Node, nearEnd, farEnd Ends, link Link) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = nearEnd.Interface
	v := &netlink.Veth{LinkAttrs: attrs, PeerName: farEnd.Interface, PeerNamespace: netlink.NsFd(far.ns.Fd())}
	if link.Kind == Ethernet && link.MTU > 0 {
		v.MTU, v.PeerMTU = link.MTU, uint32(link.MTU)
	}
	err := near.Do(func() error {
		if err := netlink.LinkAdd(v); err != nil {
			return fmt.Errorf("make a veth pair: %w", err)
		}
		return raise(nearEnd)
	})
	if err != nil {
		return err
	}
	if err := far.Do(func() error { return raise(farEnd) }); err != nil {
		return err
	}
	return acquaint(near, far, nearEnd, farEnd)
}

// acquaint waits until both ends carry packets, and tells each the other's hardware address.
func acquaint(near, far *Node, nearEnd, farEnd Ends) error {
	nearMAC, err := awaitUp(near, nearEnd.Interface)
	if err != nil {
		return err
	}
	farMAC, err := awaitUp(far, farEnd.Interface)
	if err != nil {
		return err
	}
	if err := errors.Join(awaitOwn(near, nearEnd), awaitOwn(far, farEnd)); err != nil {
		return err
	}
	if err := introduce(near, nearEnd.Interface, farEnd, farMAC); err != nil {
		return err
	}
	return introduce(far, farEnd.Interface, nearEnd, nearMAC)
}

// tagged makes a link whose frames carry a tag upon one whose frames do not.
func tagged(near, far *Node, lowerNear, lowerFar Ends, link Link) error {
	if err := near.tag(lowerNear, near.Out, link); err != nil {
		return err
	}
	if err := far.tag(lowerFar, far.In, link); err != nil {
		return err
	}
	return acquaint(near, far, near.Out, far.In)
}

// tag makes a node's end of one.
func (n *Node) tag(lower, upper Ends, link Link) error {
	return n.Do(func() error {
		parent, err := netlink.LinkByName(lower.Interface)
		if err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.ParentIndex, attrs.MTU = upper.Interface, parent.Attrs().Index, link.MTU
		return add(&netlink.Vlan{LinkAttrs: attrs, VlanId: 7, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}, upper)
	})
}

// add makes a link of a kind that the kernel may lack, and raises it.
func add(l netlink.Link, e Ends) error {
	if err := netlink.LinkAdd(l); err != nil {
		if errors.Is(err, unix.EOPNOTSUPP) {
			err = ErrNoSuchLink
		}
		return fmt.Errorf("make a %s: %w", l.Type(), err)
	}
	return raise(e)
}

// tunnel connects two nodes by WireGuard, with keys of its own.
func tunnel(near, far *Node, lowerNear, lowerFar Ends, link Link) error {
	nearKey, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	farKey, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	const port = 51820
	if err := near.mouth(near.Out, link.MTU, wireGuard{port, nearKey, farKey.PublicKey(), netip.AddrPortFrom(lowerFar.V4, port)}); err != nil {
		return err
	}
	if err := far.mouth(far.In, link.MTU, wireGuard{port, farKey, nearKey.PublicKey(), netip.AddrPortFrom(lowerNear.V4, port)}); err != nil {
		return err
	}
	return errors.Join(awaitOwn(near, near.Out), awaitOwn(far, far.In))
}

// mouth makes a node's end of a tunnel.
func (n *Node) mouth(e Ends, mtu int, w wireGuard) error {
	return n.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = e.Interface, mtu
		if err := add(&netlink.Wireguard{LinkAttrs: attrs}, e); err != nil {
			return err
		}
		return w.configure(e.Interface)
	})
}

// narrow has the node let no more bytes than mtu through to a neighbour in one datagram.
func (n *Node) narrow(to Ends, mtu int) error {
	return n.Do(func() error {
		link, err := netlink.LinkByName(n.Out.Interface)
		if err != nil {
			return err
		}
		for _, a := range []netip.Addr{to.V4, to.V6} {
			if !a.IsValid() {
				continue
			}
			r := netlink.Route{Dst: ipNet(a, a.BitLen()), LinkIndex: link.Attrs().Index, MTU: mtu}
			if err := netlink.RouteAdd(&r); err != nil {
				return fmt.Errorf("lab: narrow route to %v: %w", a, err)
			}
		}
		return nil
	})
}
