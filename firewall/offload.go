package firewall

import "fmt"

// An Offload is a flow table that rules feed. What arrives of a flow in it the kernel sends on from the hook at ingress
// (nf_flow_table_ip.c), past the forward hook and so past Weir, but for the beginning and the end of a TCP connection.
type Offload struct {
	Table string // family and name: "inet fw4"
	Name  string
	// Mask has bits of the connection mark of which a flow must have one to be taken over, by rules that stand behind
	// Weir's; 0: some rule takes others too.
	Mask uint32
}

// String returns the table, and the flow table's name in it.
func (o Offload) String() string { return fmt.Sprintf("%s %s", o.Table, o.Name) }

// Spares reports whether only flows are taken over that Weir has handed back, under marks m.
func (o Offload) Spares(m Marks) bool { return o.Mask != 0 && o.Mask&^m.Conn == 0 }

// OffloadRule is the rule, for a chain at the forward hook of priority OffloadPriority, that feeds a flow table with what Weir has
// handed back under marks m and with nothing else.
func OffloadRule(m Marks, name string) string {
	return fmt.Sprintf("ct mark and %#x != 0 flow add @%s", m.Conn, name)
}

// OffloadPriority is behind all chains of Weir's: before them, a flow has yet the mark of an older policy.
const OffloadPriority = priorityBack + 10

// PassedBy returns those of the flow tables that take over what rs diverts.
func (rs *Ruleset) PassedBy(all []Offload) []Offload {
	var out []Offload
	for _, o := range all {
		if rs.forwards() && !o.Spares(rs.Marks) {
			out = append(out, o)
		}
	}
	return out
}

// Bypass is a sentence about a flow table that takes over what rs diverts: what happens, and what to do.
func (rs *Ruleset) Bypass(o Offload) string {
	return fmt.Sprintf("established flows pass uninspected: a rule gives them to flow table %s; at forward, priority %d, give it only what Weir has handed back: %s",
		o, OffloadPriority, OffloadRule(rs.Marks, o.Name))
}

// forwards reports whether forwarded packets are diverted.
func (rs *Ruleset) forwards() bool {
	for _, c := range rs.Chains {
		if c.Hook == HookForward {
			return true
		}
	}
	return false
}
