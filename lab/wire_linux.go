package lab

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A wire is the addressing of one link. The node nearer to the client has host number 1, except the
// client itself, and the farther one 10, or 2 if it routes.
type wire struct{ v4, v6 string } // network parts, the host part to be appended

var wires = map[int][]wire{ // by the number of nodes
	3: {{"192.0.2.", "2001:db8:1::"}, {"198.51.100.", "2001:db8:2::"}},
	4: {{"192.0.2.", "2001:db8:1::"}, {"203.0.113.", "2001:db8:3::"}, {"198.51.100.", "2001:db8:2::"}},
}

const (
	bits4 = 24
	bits6 = 64
)

// connect joins the nodes, gives them addresses and routes, and raises the links.
func (l *Lab) connect(t Topology) error {
	ws := wires[len(l.nodes)]
	last := len(l.nodes) - 1
	for i, w := range ws {
		near, far := l.nodes[i], l.nodes[i+1]
		nearHost, farHost := "1", "2"
		if i == 0 {
			nearHost, farHost = "10", "1"
		}
		if i+1 == last {
			farHost = "10"
		}
		near.Out = l.ends(w, "wan", nearHost)
		far.In = l.ends(w, "lan", farHost)
		if i == 0 {
			near.Out.Interface = "eth0"
		}
		if i+1 == last {
			far.In.Interface = "eth0"
		}
		var link Link
		if near == l.Router() {
			link = t.Outer
		}
		if err := join(near, far, link); err != nil {
			return fmt.Errorf("lab: link %s – %s: %w", near.Name, far.Name, err)
		}
	}
	for i, n := range l.nodes {
		if err := l.route(i, n); err != nil {
			return fmt.Errorf("lab: routes of %s: %w", n.Name, err)
		}
	}
	if t.Narrow > 0 {
		return l.nodes[last-1].narrow(l.Server().In, t.Narrow)
	}
	return nil
}

func (l *Lab) ends(w wire, name, host string) Ends {
	e := Ends{Interface: name, V4: netip.MustParseAddr(w.v4 + host)}
	if l.IPv6 {
		e.V6 = netip.MustParseAddr(w.v6 + host)
	}
	return e
}

// awaitUp waits until an interface carries packets, which the kernel decides some time after it was
// set up (net/core/link_watch.c), and returns its hardware address.
func awaitUp(n *Node, name string) (mac net.HardwareAddr, err error) {
	err = n.Do(func() error {
		for range 500 {
			link, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if mac = link.Attrs().HardwareAddr; link.Attrs().OperState == netlink.OperUp {
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		return fmt.Errorf("%s: not up within 5 s", name)
	})
	return mac, err
}

// awaitOwn waits until a node's addresses are its own, which for IPv6 comes some time after the interface
// is up (addrconf_dad_work in net/ipv6/addrconf.c): who connects to one before looks for a neighbour of that
// name.
func awaitOwn(n *Node, e Ends) error {
	return n.Do(func() error {
		for range 2500 {
			if isLocal(e.V4) && isLocal(e.V6) {
				return nil
			}
			time.Sleep(2 * time.Millisecond)
		}
		return fmt.Errorf("%s: its addresses are not there within 5 s", e.Interface)
	})
}

// isLocal reports whether what is sent to an address stays here; so does what is sent to none.
func isLocal(a netip.Addr) bool {
	if !a.IsValid() {
		return true
	}
	routes, err := netlink.RouteGet(a.AsSlice())
	return err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL
}

// introduce tells a node its neighbour's hardware address for good: neighbour discovery takes its
// time on a busy machine, gives up, and disturbs captures.
func introduce(n *Node, name string, to Ends, mac net.HardwareAddr) error {
	return n.Do(func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		for _, a := range []netip.Addr{to.V4, to.V6} {
			if !a.IsValid() {
				continue
			}
			err := netlink.NeighSet(&netlink.Neigh{
				LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: mac,
			})
			if err != nil {
				return fmt.Errorf("neighbour %v: %w", a, err)
			}
		}
		return nil
	})
}

// raise addresses an interface of the present namespace and sets it up.
func raise(e Ends) error {
	link, err := netlink.LinkByName(e.Interface)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(e.V4, bits4)}); err != nil {
		return fmt.Errorf("address %v: %w", e.V4, err)
	}
	if e.V6.IsValid() {
		// Without duplicate address detection, which takes a second.
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ipNet(e.V6, bits6), Flags: unix.IFA_F_NODAD}); err != nil {
			return fmt.Errorf("address %v: %w", e.V6, err)
		}
	}
	return nil
}

// route gives node i a default route towards the server if it stands before the last link, and
// otherwise towards the client; a hop also knows the way back to the client's network.
func (l *Lab) route(i int, n *Node) error {
	return n.Do(func() error {
		last := len(l.nodes) - 1
		switch {
		case i == last:
			return l.via(l.nodes[i-1].Out, nil)
		case i+1 < last:
			if err := l.via(l.nodes[i+1].In, nil); err != nil {
				return err
			}
		}
		if i < 2 {
			return nil
		}
		client := l.Client().Out
		return l.via(l.nodes[i-1].Out, &client)
	})
}

// via adds a route over a neighbour, to the network of to; nil is everywhere.
func (l *Lab) via(neighbour Ends, to *Ends) error {
	r4, r6 := netlink.Route{Gw: neighbour.V4.AsSlice()}, netlink.Route{Gw: neighbour.V6.AsSlice()}
	if to != nil {
		r4.Dst, r6.Dst = network(to.V4, bits4), network(to.V6, bits6)
	}
	if err := netlink.RouteAdd(&r4); err != nil {
		return fmt.Errorf("via %v: %w", neighbour.V4, err)
	}
	if !l.IPv6 {
		return nil
	}
	if err := netlink.RouteAdd(&r6); err != nil {
		return fmt.Errorf("via %v: %w", neighbour.V6, err)
	}
	return nil
}

func ipNet(a netip.Addr, bits int) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}
}

func network(a netip.Addr, bits int) *net.IPNet {
	if !a.IsValid() {
		return nil
	}
	return ipNet(netip.PrefixFrom(a, bits).Masked().Addr(), bits)
}
