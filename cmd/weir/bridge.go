package main

import (
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/packet"
)

// A bridgeSite is where a weir is to be the wire.
type bridgeSite struct {
	ports  []string // the two interfaces
	bridge string   // of the kernel, of which both are ports; "": none
	others []string // ports that it has besides

	addresses map[string][]netip.Addr // by interface: of the two, and of all that receive what comes in there
	session   netip.Addr              // the machine's own end of the SSH session that starts weir; invalid: none is seen
}

// lookAtSite looks what stands upon the two interfaces.
func lookAtSite(ports []string) bridgeSite {
	s := bridgeSite{ports: ports, bridge: firewall.KernelBridge(ports, firewall.Options{}), addresses: map[string][]netip.Addr{}}
	if s.bridge != "" {
		s.others = slices.DeleteFunc(firewall.BridgePorts(s.bridge, firewall.Options{}), func(name string) bool { return slices.Contains(ports, name) })
	}
	for _, name := range firewall.Upon(ports, firewall.Options{}) {
		s.addresses[name] = addressesOf(name)
	}
	if session, ok, err := firewall.ParseSession(os.Getenv("SSH_CONNECTION")); ok && err == nil {
		s.session = session.Server
	}
	return s
}

// addressesOf returns an interface's addresses.
func addressesOf(name string) (all []netip.Addr) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil
	}
	prefixes, _ := i.Addrs()
	for _, p := range prefixes {
		if a, err := netip.ParsePrefix(p.String()); err == nil {
			all = append(all, a.Addr().Unmap())
		}
	}
	return all
}

// warn says what frames will do that the policy does not want, or its owner does not expect.
func (s *bridgeSite) warn(log *slog.Logger, absent packet.Verdict) {
	names := strings.Join(s.ports, " and ")
	switch {
	case absent == packet.Accept && s.bridge == "":
		log.Warn("outcomes.absent is pass, and nothing will cross while there is no weir: make both interfaces ports of one bridge of the kernel", "interfaces", names)
	case absent == packet.Drop && s.bridge != "":
		log.Warn("outcomes.absent is drop, and the kernel's bridge will carry frames while there is no weir: take the interfaces out of it", "interfaces", names, "bridge", s.bridge)
	}
	if len(s.others) > 0 {
		log.Warn("the kernel's bridge has other ports: what goes between these is not inspected, and nothing goes between these and the two while weir runs",
			"bridge", s.bridge, "others", strings.Join(s.others, " and "))
	}
	for _, name := range slices.Sorted(maps.Keys(s.addresses)) {
		all := s.addresses[name]
		if s.session.IsValid() && slices.Contains(all, s.session) {
			log.Warn("your SSH session comes in by an interface of the wire, and ends when weir begins: administer this machine by another", "interface", name, "address", s.session)
		}
		if all = slices.DeleteFunc(slices.Clone(all), netip.Addr.IsLinkLocalUnicast); len(all) > 0 {
			log.Warn("an interface of the wire has an address: what is sent to that from the two sides does not arrive while weir runs, and what the machine sends from there is not inspected",
				"interface", name, "address", all[0])
		}
	}
}
