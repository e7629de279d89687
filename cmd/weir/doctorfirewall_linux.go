package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/firewall"
)

// What doctor finds about firewalls.

func lookBackends(e *evidence) []finding {
	f := e.features
	best, err := f.Best()
	lacks := func(kind firewall.Kind) finding {
		m := markNote
		text := "not here, and not needed"
		if err != nil {
			m, text = markMissing, "not here"
		}
		if why := f.Lacks(kind); why != "" {
			text += ": " + why
		}
		return finding{Mark: m, Text: text}
	}
	has := func(kind firewall.Kind, name, text string) finding {
		if f.Has(kind) && kind == best {
			text += "; this is what Weir will use"
		}
		return either(f.Has(kind), finding{Name: name, Text: text}, lacks(kind))
	}
	out := []finding{
		has(firewall.NFT, "nft", "nftables has a queue statement of its own"),
		has(firewall.NFTCompat, "nft-compat", "nftables can use the xtables target NFQUEUE, over netlink"),
		has(firewall.IPTables, "iptables", "iptables-restore works: "+f.IPTables),
	}
	if err != nil {
		hint := []string{"sudo modprobe nft_queue nft_compat xt_NFQUEUE", "sudo apt install iptables"}
		if !e.has(unix.CAP_NET_ADMIN) {
			hint = []string{"sudo weir doctor"}
		}
		out[len(out)-1].Hint = hint
	}
	if !f.Inet && err == nil && best != firewall.IPTables {
		out = append(out, finding{Name: "inet tables", Mark: markNote, Text: "Weir will make two tables, for IPv4 and IPv6, instead of one"})
	}
	if !f.IPv6 {
		out = append(out, finding{Name: "IPv6", Mark: markNote, Text: "IPv6 is off: its rules are left out"})
	}
	return out
}

// sentence returns the first of sentences that holds the words.
func sentence(sentences []string, words string) string {
	for _, s := range sentences {
		if strings.Contains(s, words) {
			return s
		}
	}
	return ""
}

// lookHandBack is about giving flows that nobody looks at any more back to the kernel.
func lookHandBack(e *evidence) []finding {
	f := e.features
	best, err := f.Best()
	if err != nil {
		return nil
	}
	is := finding{Name: "settled flows", Text: "flows that nobody looks at any more can be handed back to the kernel (connection marks)"}
	own := finding{Name: "own packets", Text: "they can pass NAT by where it does not know them (notrack)"}
	return []finding{either(best == firewall.IPTables || f.ConnMark || f.CompatConnMark, is, finding{
		Mark: markWarn, Text: "every packet of every flow will come to Weir: " + sentence(f.Missing, "mark"), Hint: []string{"sudo modprobe nft_ct xt_connmark"},
	}), either(f.Untracks(best), own, finding{
		Mark: markWarn, Text: "where addresses are translated, some of Weir's own packets arrive from a wrong port: " + sentence(f.Missing, "notrack"), Hint: []string{"sudo modprobe nft_ct xt_CT xt_conntrack"},
	})}
}

// lookFlowtables is about what takes established flows past the hooks.
func lookFlowtables(e *evidence) []finding {
	var out []finding
	for _, o := range e.features.Offloads {
		out = append(out, either(o.Spares(firewall.DefaultMarks), finding{
			Name: "flow offload", Text: fmt.Sprintf("flow table %s takes over only what Weir has handed back", o),
		}, finding{
			Name: "flow offload", Mark: markWarn,
			Text: fmt.Sprintf("flow table %s takes established flows past the forward hook: Weir would see only the beginning and the end of them", o),
			Hint: []string{
				"sudo nft -a list ruleset | grep -n 'flow add'",
				fmt.Sprintf("then delete these rules of table %s, or switch flow offloading off where it is configured", o.Table),
				fmt.Sprintf("or give it only what Weir has handed back, in a chain at forward of priority %d: %s", firewall.OffloadPriority, firewall.OffloadRule(firewall.DefaultMarks, o.Name)),
			},
		}))
	}
	return out
}

// otherFirewalls are known by the names of their tables and chains.
var otherFirewalls = []struct{ prefix, name, text string }{
	{"firewalld ", "firewalld", "Weir's rules stand beside its table and survive its reload"},
	{" ufw", "ufw", "Weir's rules stand beside its chains and survive its reload"},
	{" DOCKER", "Docker", "Weir's rules stand beside its chains; traffic of containers is forwarded traffic"},
	{" KUBE-", "Kubernetes", "Weir's rules stand beside its chains; traffic of pods is forwarded traffic"},
	{" cali-", "Calico", "its default marks (0xffff0000) are Weir's as well: choose other bits under marks: in weir.yaml"},
	{" CILIUM_", "Cilium", "packets that it redirects in BPF never reach the firewall's hooks, nor Weir"},
	{" ts-", "Tailscale", "its marks (0xff0000) and Weir's do not touch"},
	{" LIBVIRT_", "libvirt", "traffic of virtual machines in routed or NAT networks is forwarded traffic"},
	{"fw4 ", "OpenWrt fw4", "Weir's rules stand beside its table; switch its flow offloading off"},
	{" f2b-", "fail2ban", "Weir's rules stand beside its chains"},
}

func lookOthers(e *evidence) []finding {
	var out []finding
	if e.tables == nil && !e.has(unix.CAP_NET_ADMIN) {
		return []finding{{Name: "other firewalls", Mark: markNote, Text: "only root can see their rules"}}
	}
	for _, o := range otherFirewalls {
		if slices.ContainsFunc(e.tables, func(t string) bool {
			return strings.HasPrefix(o.prefix, " ") && strings.Contains(t, o.prefix) || strings.HasPrefix(t, o.prefix)
		}) {
			out = append(out, finding{Name: o.name, Mark: markNote, Text: o.text})
		}
	}
	if legacy := e.read("/proc/net/ip_tables_names"); legacy != "" {
		out = append(out, finding{Name: "old iptables", Mark: markNote, Text: "the tables " + strings.Join(strings.Fields(legacy), ", ") + " of the old iptables are in use; Weir works beside them"})
	}
	if f, ok := lookLeftovers(e); ok {
		out = append(out, f)
	}
	if len(out) == 0 {
		out = append(out, finding{Name: "other firewalls", Mark: markOK, Text: "none is seen"})
	}
	return out
}

// lookLeftovers finds rules of Weir without a Weir.
func lookLeftovers(e *evidence) (finding, bool) {
	ours := slices.ContainsFunc(e.tables, func(t string) bool { return strings.HasPrefix(t, firewall.TableName+" ") })
	runs := slices.ContainsFunc(e.queues, func(q divert.TakenQueue) bool { return strings.HasPrefix(q.Program, "weir") })
	switch {
	case ours && runs:
		return finding{Name: "Weir's rules", Mark: markOK, Text: "in place, and a Weir runs"}, true
	case ours:
		return finding{Name: "Weir's rules", Mark: markWarn, Text: "in place, but no Weir has a queue: packets pass or drop as the policy's outcomes.absent said", Hint: []string{"sudo weir rules remove"}}, true
	}
	return finding{}, false
}

// lookFwmarks compares the marks of policy routing with ours.
func lookFwmarks(e *evidence) []finding {
	m := firewall.DefaultMarks
	ours := m.Packet()
	var out []finding
	for _, r := range e.fwmarks {
		if r.mask&ours == 0 {
			continue
		}
		if whole := r.mask == 0xffffffff && r.mark&ours == 0; whole {
			out = append(out, finding{
				Name: "packet marks", Mark: markWarn,
				Text: fmt.Sprintf("a routing rule compares the whole mark with %#x: it will not fit packets that carry a bit of Weir's (%#x)", r.mark, ours),
				Hint: []string{fmt.Sprintf("give that rule a mask: ip rule … fwmark %#x/%#x", r.mark, ^ours)},
			})
			continue
		}
		out = append(out, finding{
			Name: "packet marks", Mark: markWarn,
			Text: fmt.Sprintf("a routing rule uses mark %#x/%#x, which overlaps with Weir's %#x", r.mark, r.mask, ours),
			Hint: []string{"choose other bits under marks: in weir.yaml"},
		})
	}
	if len(out) == 0 {
		out = append(out, finding{Name: "packet marks", Mark: markOK, Text: fmt.Sprintf("no routing rule uses Weir's bits (%#x)", ours)})
	}
	return out
}
