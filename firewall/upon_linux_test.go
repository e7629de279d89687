package firewall

import (
	"errors"
	"slices"
	"testing"

	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestUpon: a bridge and its VLAN receive what comes in at a port, and the other end of a veth does not.
func TestUpon(t *testing.T) {
	ns := newNS(t)
	named := func(name string) vnl.LinkAttrs {
		a := vnl.NewLinkAttrs()
		a.Name = name
		return a
	}
	br := &vnl.Bridge{LinkAttrs: named("br0")}
	upon := []string{"a1", "br0", "br0.7"}
	in(t, ns, func() error {
		for _, l := range []vnl.Link{br, &vnl.Veth{LinkAttrs: named("a0"), PeerName: "a1"}, &vnl.Veth{LinkAttrs: named("b0"), PeerName: "b1"}} {
			if err := vnl.LinkAdd(l); err != nil {
				return err
			}
		}
		for _, name := range []string{"a1", "b1"} {
			l, err := vnl.LinkByName(name)
			if err == nil {
				err = vnl.LinkSetMaster(l, br)
			}
			if err != nil {
				return err
			}
		}
		tagged := named("br0.7")
		tagged.ParentIndex = br.Index
		err := vnl.LinkAdd(&vnl.Vlan{LinkAttrs: tagged, VlanId: 7})
		if errors.Is(err, unix.EOPNOTSUPP) {
			upon, err = upon[:2], nil // a kernel without VLANs
		}
		return err
	})
	o := Options{NetNS: ns}
	for _, c := range []struct{ got, want []string }{
		{Upon([]string{"a1"}, o), upon},
		{Upon([]string{"a0", "none"}, o), []string{"a0", "none"}},
		{BridgePorts("br0", o), []string{"a1", "b1"}},
		{BridgePorts("none", o), nil},
	} {
		slices.Sort(c.got)
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
