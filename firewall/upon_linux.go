package firewall

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// BridgePorts returns the ports of the kernel's bridge of that name; nil if there is none.
func BridgePorts(bridge string, o Options) (names []string) {
	all := links(o)
	at := slices.IndexFunc(all, func(l link) bool { return l.name == bridge })
	if at < 0 {
		return nil
	}
	for _, l := range all {
		if l.master == all[at].index {
			names = append(names, l.name)
		}
	}
	return names
}

// Upon returns the interfaces, and those that receive what comes in at them: bridges and bonds whose ports they are, VLANs upon them, and
// so on.
func Upon(names []string, o Options) []string {
	all, upon := links(o), slices.Clone(names)
	for i := 0; i < len(upon); i++ { // no name is there twice, so it ends
		at := slices.IndexFunc(all, func(l link) bool { return l.name == upon[i] })
		if at < 0 {
			continue
		}
		for _, l := range all {
			if (l.index == all[at].master || l.lower == all[at].index) && !slices.Contains(upon, l.name) {
				upon = append(upon, l.name)
			}
		}
	}
	return upon
}

// A link is an interface and what it stands in.
type link struct {
	name                 string
	index, master, lower uint32 // 0: none
}

// links lists the interfaces; nil if the kernel does not say.
func links(o Options) (all []link) {
	config := &netlink.Config{}
	if o.NetNS != nil {
		config.NetNS = int(o.NetNS.Fd())
	}
	c, err := netlink.Dial(unix.NETLINK_ROUTE, config)
	if err != nil {
		return nil
	}
	defer c.Close()
	ms, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETLINK, Flags: netlink.Request | netlink.Dump}, Data: make([]byte, unix.SizeofIfInfomsg),
	})
	if err != nil {
		return nil
	}
	for _, m := range ms {
		if l, ok := parseLink(m.Data); ok {
			all = append(all, l)
		}
	}
	return all
}

// parseLink reads struct ifinfomsg and the attributes behind it. What a veth says of a lower link is its other end.
func parseLink(b []byte) (l link, ok bool) {
	if len(b) < unix.SizeofIfInfomsg {
		return l, false
	}
	l.index = binary.NativeEndian.Uint32(b[4:])
	d, err := netlink.NewAttributeDecoder(b[unix.SizeofIfInfomsg:])
	if err != nil {
		return l, false
	}
	kind := ""
	for d.Next() {
		switch d.Type() {
		case unix.IFLA_IFNAME:
			l.name = d.String()
		case unix.IFLA_MASTER:
			l.master = d.Uint32()
		case unix.IFLA_LINK:
			l.lower = d.Uint32()
		case unix.IFLA_LINKINFO:
			d.Nested(func(n *netlink.AttributeDecoder) error {
				for n.Next() {
					if n.Type() == unix.IFLA_INFO_KIND {
						kind = n.String()
					}
				}
				return nil
			})
		}
	}
	if kind == "veth" {
		l.lower = 0
	}
	return l, d.Err() == nil && !strings.ContainsRune(l.name, 0)
}
