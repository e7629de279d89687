package main

import (
	"fmt"
	"io/fs"
	"net"
	"path"
	"slices"
	"strings"

	"github.com/weir-project/weir/firewall"
)

// What doctor finds about interfaces and the kernel's network settings.

// forwards reports whether the machine is a router, of either family.
func (e *evidence) forwards() bool {
	return e.read("/proc/sys/net/ipv4/ip_forward") == "1" || e.read("/proc/sys/net/ipv6/conf/all/forwarding") == "1"
}

func lookForwarding(e *evidence) []finding {
	v4, v6 := e.read("/proc/sys/net/ipv4/ip_forward") == "1", e.read("/proc/sys/net/ipv6/conf/all/forwarding") == "1"
	f := finding{Name: "forwarding", Mark: markOK}
	switch {
	case v4 && v6:
		f.Text = "IPv4 and IPv6: the machine is a router"
	case v4:
		f.Text = "IPv4: the machine is a router; IPv6 is not forwarded"
	case v6:
		f.Text = "IPv6: the machine is a router; IPv4 is not forwarded"
	default:
		f.Mark, f.Text = markNote, "off: policies for local traffic can run, those for forwarded traffic would see nothing"
		f.Hint = []string{"for a router: sudo sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"}
	}
	return []finding{f}
}

// lookConntrack is about connection tracking, its room, and the setting that growing payloads need.
func lookConntrack(e *evidence) []finding {
	const dir = "/proc/sys/net/netfilter/"
	liberal := e.read(dir + "nf_conntrack_tcp_be_liberal")
	if liberal == "" {
		return []finding{{Name: "conntrack", Mark: markWarn, Text: "connection tracking is not there: no flow can be handed back to the kernel, and fragments come one by one", Hint: []string{"sudo modprobe nf_conntrack"}}}
	}
	f := finding{Name: "conntrack", Mark: markOK, Text: "connections are tracked"}
	if n, ok := e.number(dir + "nf_conntrack_count"); ok {
		if most, ok := e.number(dir + "nf_conntrack_max"); ok && most > 0 {
			f.Text = fmt.Sprintf("%d of %d connections are tracked", n, most)
			if n > most/5*4 {
				f.Mark, f.Text = markWarn, f.Text+": a full table drops new ones"
				f.Hint = []string{fmt.Sprintf("sudo sysctl -w net.netfilter.nf_conntrack_max=%d", 2*most)}
			}
		}
	}
	l := finding{Name: "liberal TCP", Mark: markOK, Text: "nf_conntrack_tcp_be_liberal is on: NAT goes with payloads that grow"}
	if liberal == "0" {
		l.Text = "nf_conntrack_tcp_be_liberal is off: weir run sets it while payloads may grow, and puts it back"
	}
	return []finding{f, l}
}

// linkOffloads is what an interface does to packet sizes.
type linkOffloads struct {
	name          string
	gro, tso, lro bool
}

func lookOffloads(e *evidence) []finding {
	var out []finding
	var on []string
	for _, l := range e.links {
		if l.lro && e.forwards() {
			out = append(out, finding{Name: "LRO", Mark: markWarn, Text: l.name + " merges received packets for good (LRO), which a router must not do", Hint: []string{"sudo ethtool -K " + l.name + " lro off"}})
		}
		if l.gro || l.tso {
			on = append(on, l.name)
		}
	}
	f := finding{Name: "offloads", Mark: markOK, Text: "none is on"}
	if len(on) > 0 {
		f.Text = "GRO or TSO is on at " + list(on) + ": fine, packets come whole"
		if !e.probe.Caps.GSO && e.probe.Bound {
			f.Mark, f.Text = markWarn, "GRO or TSO is on at "+list(on)+", and this kernel cuts such packets before they come"
			f.Hint = []string{"sudo ethtool -K " + on[0] + " gro off tso off"}
		}
	}
	return append([]finding{f}, out...)
}

// list joins names, and says how many there are if there are many.
func list(names []string) string {
	const most = 4
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// lookBridges says what becomes of packets that are bridged: they pass the forward hook iff br_netfilter is asked to call it, for
// all bridges or for that one (br_nf_pre_routing in net/bridge/br_netfilter_hooks.c).
func lookBridges(e *evidence) []finding {
	dirs, _ := fs.Glob(e.root, "sys/class/net/*/bridge")
	var past []string    // bridges whose packets never come
	var seen [2][]string // those whose packets come, by family
	families := [...]string{"iptables", "ip6tables"}
	for _, d := range dirs {
		name, comes := path.Base(path.Dir(d)), false
		for i, f := range families {
			if e.read("/proc/sys/net/bridge/bridge-nf-call-"+f) == "1" || e.read(d+"/nf_call_"+f) == "1" {
				seen[i], comes = append(seen[i], name), true
			}
		}
		if !comes {
			past = append(past, name)
		}
	}
	var out []finding
	if len(past) > 0 {
		out = append(out, finding{
			Name: "bridges", Mark: markNote, Text: list(past) + ": packets between the ports of a bridge are not diverted; what is routed into and out of it is",
			Hint: []string{
				"to see them too: sudo modprobe br_netfilter && sudo sysctl -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1",
				"or have Weir be the wire between two ports: divert: {backend: bridge, bridge: [eth0, eth1]}",
			},
		})
	}
	for i, only := range []string{"IPv4", "IPv6"} {
		names := slices.DeleteFunc(slices.Clone(seen[i]), func(n string) bool { return slices.Contains(seen[1-i], n) })
		if len(names) > 0 {
			out = append(out, finding{
				Name: "bridges", Mark: markWarn, Text: list(names) + ": br_netfilter shows Weir packets between the ports of a bridge, but " + only + " alone",
				Hint: []string{"for both: sudo sysctl -w net.bridge.bridge-nf-call-" + families[1-i] + "=1"},
			})
		}
	}
	if len(seen[0])+len(seen[1]) > 0 {
		names := slices.Compact(slices.Sorted(slices.Values(slices.Concat(seen[0], seen[1]))))
		out = append(out, finding{
			Name: "bridged packets", Mark: markNote,
			Text: list(names) + ": br_netfilter is on, so Weir sees packets between the ports of a bridge as forwarded ones, from the bridge to the bridge: name it under in: and out:, never its ports",
		})
	}
	return out
}

// lookSession is about not cutting the branch that the caller sits on.
func lookSession(e *evidence) []finding {
	s, ok, err := firewall.ParseSession(e.env("SSH_CONNECTION"))
	switch {
	case err != nil:
		return []finding{{Name: "management", Mark: markWarn, Text: err.Error(), Hint: []string{"name the hosts you administer from under management: in weir.yaml"}}}
	case ok:
		f := finding{Name: "management", Mark: markOK, Text: fmt.Sprintf("your SSH session from %s to port %d will not be diverted", s.Client, s.ServerPort)}
		if e.session != "" {
			f.Text += fmt.Sprintf("; it comes in by %s: with backend bridge it would end, were that, or what it stands upon, one of the two interfaces", e.session)
		}
		return []finding{f}
	case e.env("SUDO_USER") != "":
		return []finding{{
			Name: "management", Mark: markWarn, Text: "sudo hides whether you are logged in by SSH, so Weir cannot exempt your session",
			Hint: []string{"sudo --preserve-env=SSH_CONNECTION weir run …", "or name your address in weir.yaml: management: [192.0.2.10]"},
		}}
	}
	return []finding{{Name: "management", Mark: markNote, Text: "no SSH session is seen; name the hosts you administer from under management: in weir.yaml"}}
}

// sessionLink returns the interface that has the machine's own end of a session; "" if there is none.
func sessionLink(sshConnection string) string {
	s, ok, err := firewall.ParseSession(sshConnection)
	all, _ := net.Interfaces()
	if !ok || err != nil {
		return ""
	}
	for _, i := range all {
		if slices.Contains(addressesOf(i.Name), s.Server) {
			return i.Name
		}
	}
	return ""
}
