package lab

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
)

// settings are made in every node before it has links; those of forwarding only where the node
// routes..
var settings = map[string]string{
	"net.ipv4.conf.all.rp_filter":         "0",
	"net.ipv4.conf.default.rp_filter":     "0",
	"net.ipv4.ip_unprivileged_port_start": "0",
	"net.ipv4.ip_forward":                 "1",
	"net.ipv6.conf.all.disable_ipv6":      "0",
	"net.ipv6.conf.default.disable_ipv6":  "0",
	"net.ipv6.conf.default.accept_dad":    "0",
	"net.ipv6.conf.all.forwarding":        "1",
}

// prepare raises lo and makes the settings.
func (n *Node) prepare(ipv6 bool) error {
	return n.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			return fmt.Errorf("lab: %s: raise lo: %w", n.Name, err)
		}
		for name, value := range settings {
			if strings.HasPrefix(name, "net.ipv6.") && !ipv6 || strings.Contains(name, "forward") && !n.routes() {
				continue
			}
			if err := setSysctl(name, value); err != nil {
				return fmt.Errorf("lab: %s: %w", n.Name, err)
			}
		}
		return nil
	})
}

// routes reports whether the node forwards.
func (n *Node) routes() bool { return n.Name == "router" || n.Name == "hop" }

// Sysctl changes a setting of the node, such as "net.netfilter.nf_conntrack_tcp_be_liberal".
func (n *Node) Sysctl(name, value string) error {
	return n.Do(func() error { return setSysctl(name, value) })
}

func setSysctl(name, value string) error {
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	err := os.WriteFile(path, []byte(value), 0)
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("set %s=%s: %w (is /proc/sys mounted read-only, as in a container?)", name, value, err)
	}
	if err != nil {
		return fmt.Errorf("set %s=%s: %w", name, value, err)
	}
	return nil
}
