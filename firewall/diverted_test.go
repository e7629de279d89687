package firewall

import (
	"net/netip"
	"path"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A walk is a packet with its way through a host: the names are empty where it begins or ends.
type walk struct {
	in, out      string
	proto        Proto
	src, dst     netip.Addr
	sport, dport uint16
}

func (w walk) reply() walk { return walk{w.out, w.in, w.proto, w.dst, w.src, w.dport, w.sport} }

var hostAddr = netip.MustParseAddr("192.0.2.1")

// diverted counts how often a packet is diverted on its way: each time that it passes the rules at most once.
func (w walk) diverted(rs *Ruleset) int {
	n := 0
	for _, h := range []Hook{HookInput, HookOutput} {
		if h == HookInput && w.in == "" || h == HookOutput && w.out == "" {
			continue
		}
		i := slices.IndexFunc(rs.Diversions, func(d Diversion) bool { return w.meets(rs, d, h) })
		if i >= 0 && rs.Diversions[i].Counter == Queued {
			n++
		}
	}
	return n
}

func (w walk) meets(rs *Ruleset, d Diversion, h Hook) bool {
	is := func(i Iface, name string) bool {
		switch ok, _ := path.Match(i.Name, name); {
		case i.Name == "":
			return true
		case i.Name == "any":
			return (name != "") != i.Not
		default:
			return (ok && name != "") != i.Not
		}
	}
	port := func(rs []PortRange, p uint16) bool {
		return len(rs) == 0 || slices.ContainsFunc(rs, func(r PortRange) bool { return r.First <= p && p <= r.Last })
	}
	end := func(e End, a netip.Addr) bool {
		if e.Self && a != hostAddr {
			return false
		}
		i := slices.IndexFunc(rs.Tables, func(t Table) bool { return t.Name == e.Table })
		if i < 0 {
			return e.Table == ""
		}
		t := rs.Tables[i]
		in := slices.ContainsFunc(t.Prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
		if a == hostAddr && t.Self != Unlisted {
			in = t.Self == Listed
		}
		return in != e.Not
	}
	out := w.out
	if h == HookInput {
		out = "" // nobody knows yet
	}
	return (d.Direction == NoHook || d.Direction == h) && (h == HookOutput || d.Out == Iface{}) && is(d.In, w.in) && is(d.Out, out) &&
		d.Family != V6 && !d.Fragment && (d.Proto == 0 || d.Proto == w.proto) && end(d.From, w.src) && end(d.To, w.dst) && port(d.Sports, w.sport) && port(d.Dports, w.dport)
}

// selected is what Config and Selection say, read slowly.
func (w walk) selected(c Config) bool {
	either := func(ps []netip.Prefix) bool {
		return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(w.src) || p.Contains(w.dst) })
	}
	named := func(names []string, name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	port := func(s Selection, p uint16) bool {
		return len(s.Ports) == 0 || slices.ContainsFunc(s.Ports, func(r PortRange) bool { return r.First <= p && p <= r.Last })
	}
	return !either(c.Management) && slices.ContainsFunc(c.Select, func(s Selection) bool {
		if either(s.Except) || len(s.Networks) > 0 && !either(s.Networks) || !slices.Contains(s.protocols(), w.proto) && s.protocols()[0] != 0 {
			return false
		}
		if w.in != "" && w.out != "" {
			return c.Traffic&Forwarded != 0 && (named(s.In, w.in) && named(s.Out, w.out) && port(s, w.dport) || named(s.Out, w.in) && named(s.In, w.out) && port(s, w.sport))
		}
		return c.Traffic&Local != 0 && named(append(slices.Clone(s.In), s.Out...), w.in+w.out) && (port(s, w.sport) || port(s, w.dport))
	})
}

func drawWalk(t *rapid.T) walk {
	iface, addr := rapid.SampledFrom([]string{"em0", "em1", "em2"}), rapid.IntRange(2, 17)
	host := func(name string) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(addr.Draw(t, name))}) }
	port := rapid.SampledFrom([]uint16{53, 80, 40000})
	w := walk{iface.Draw(t, "in"), iface.Draw(t, "out"), rapid.SampledFrom([]Proto{TCP, UDP, ICMP}).Draw(t, "proto"), host("src"), host("dst"), 0, 0}
	if w.proto.HasPorts() {
		w.sport, w.dport = port.Draw(t, "sport"), port.Draw(t, "dport")
	}
	switch rapid.IntRange(0, 3).Draw(t, "end") {
	case 0:
		w.in, w.src = "", hostAddr
	case 1:
		w.out, w.dst = "", hostAddr
	}
	return w
}

func drawConfig(t *rapid.T, in []string) Config {
	nets := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(0, 17).Draw(t, "net"))}), rapid.IntRange(29, 32).Draw(t, "bits")).Masked()
	}), 0, 2)
	c := Config{Traffic: Traffic(rapid.IntRange(1, 3).Draw(t, "traffic")), Management: nets.Draw(t, "management")}
	for range rapid.IntRange(1, 2).Draw(t, "selections") {
		s := Selection{In: in, Networks: nets.Draw(t, "networks"), Except: nets.Draw(t, "except")}
		s.Out = rapid.SampledFrom([][]string{nil, {"em0"}}).Draw(t, "out")
		s.Protocols = rapid.SampledFrom([][]Proto{nil, {TCP}}).Draw(t, "protocols")
		s.Ports = rapid.SampledFrom([][]PortRange{nil, {Port(53), Port(80)}}).Draw(t, "ports")
		c.Select = append(c.Select, s)
	}
	return c
}

// ipfw diverts what is selected and nothing else, once.
func TestIPFWDivertsWhatIsSelected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t, rapid.SampledFrom([][]string{nil, {"em1"}, {"em1", "em2"}}).Draw(t, "in"))
		c.Backend = IPFW
		rs, err := Plan(c, AllFeatures())
		if err != nil {
			return // exceptions cover all
		}
		w := drawWalk(t)
		if got := w.diverted(rs); (got == 1) != w.selected(c) || got > 1 {
			t.Fatalf("%+v is diverted %d times, selected %v\n%s", w, got, w.selected(c), rs.ipfwText(ipfwSet, "_a"))
		}
	})
}

// pf diverts all that is selected, with its replies, and of forwarded packets no others as long as no outside interface is
// named. Twice only where Plan has a note.
func TestPFDivertsWholeConversations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t, []string{"em1"})
		c.Backend = PF
		rs, err := Plan(c, AllFeatures())
		if err != nil {
			return
		}
		w := drawWalk(t)
		got := w.diverted(rs)
		any := func(holds func(Selection) bool) bool { return slices.ContainsFunc(c.Select, holds) }
		twice := w.in == "em1" && w.out == "em1" && any(func(s Selection) bool { return len(s.Ports) > 0 })
		outs := any(func(s Selection) bool { return s.Out != nil })
		wrong := ""
		switch {
		case got == 0 && w.selected(c):
			wrong = "selected, and not diverted"
		case c.Traffic != Forwarded:
		case got > 0 && (w.in == "" || w.out == ""):
			wrong = "the host's own"
		case got > 0 && !outs && !w.selected(c):
			wrong = "not selected"
		case got > 1 && !twice:
			wrong = "diverted twice"
		case (got > 0) != (w.reply().diverted(rs) > 0):
			wrong = "not treated as its reply"
		}
		if wrong != "" {
			t.Fatalf("%+v: %s, diverted %d times\n%s", w, wrong, got, rs.pfText(pfDiverting))
		}
	})
}
