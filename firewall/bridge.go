package firewall

import (
	"fmt"
	"strings"
)

// gateName is the nftables table, of family netdev, that keeps the system's own stack from what comes in at the ports of a bridge.
const gateName = "weir_gate"

// gatePriority is ahead of what others have at ingress.
const gatePriority = -500

// checkBridge finds what cannot be asked of a wire.
func (c *Config) checkBridge(fail func(string, ...any)) {
	if c.Backend != Bridge {
		if len(c.Ports) > 0 {
			fail("two interfaces are named for a bridge, and the backend is %s: write backend bridge, or leave them out", c.Backend)
		}
		return
	}
	if len(c.Ports) != 2 || c.Ports[0] == c.Ports[1] {
		fail("a bridge is between two interfaces: name both, by their whole names")
		return
	}
	for _, name := range c.Ports {
		if err := checkIface(name); err != nil {
			fail("%w", err)
		} else if strings.ContainsAny(name, "*,") {
			fail("interface %s: a bridge needs whole names, without a comma", name)
		}
	}
	if len(c.Select) > 0 {
		fail("a bridge diverts all that crosses: leave select out, and have inspectors decide")
	}
	if len(c.Management) > 0 {
		fail("a bridge exempts nobody: leave management out, and administer the host by a third interface")
	}
	if c.Traffic != Forwarded {
		fail("a bridge has no traffic of its own: leave traffic to forwarded")
	}
	if c.Position != PositionAuto {
		fail("a bridge is neither before nor behind the filter: leave the position to Weir")
	}
}

// planBridge is Plan for Bridge.
func planBridge(c Config, f Features) *Ruleset {
	rs := &Ruleset{Backend: Bridge, IPv6: f.IPv6, Marks: c.Marks, Ports: c.Ports, Lanes: c.Queues.Total()}
	if c.Queues.Bypass {
		rs.Notes = append(rs.Notes, fmt.Sprintf("while no weir runs, frames cross iff %s and %s are ports of one bridge of the kernel", c.Ports[0], c.Ports[1]))
	} else {
		rs.Notes = append(rs.Notes, fmt.Sprintf("while no weir runs nothing is to cross, so %s and %s must not be ports of a bridge of the kernel", c.Ports[0], c.Ports[1]))
	}
	return rs
}

// gateChain is the name of a port's chain.
func gateChain(i int) string { return [...]string{"first", "second"}[i] }

// gateText prints the table as nft lists it.
func (rs *Ruleset) gateText() string {
	var b strings.Builder
	b.WriteString("# To be put in place over netlink (weir run): it goes with the process that has made it.\n")
	fmt.Fprintf(&b, "table netdev %s {\n\tflags owner\n", gateName)
	for i, port := range rs.Ports {
		fmt.Fprintf(&b, "\n\tchain %s {\n\t\ttype filter hook ingress device \"%s\" priority %d; policy drop;\n\t}\n", gateChain(i), port, gatePriority)
	}
	b.WriteString("}\n")
	return b.String()
}
