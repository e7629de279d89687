package flow

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
)

// A bench runs a table and writes down what it does.
type bench struct {
	table *Table
	wheel *wheel.Wheel
	log   []string
}

func newBench(limits Limits, seed uint64) *bench {
	b := &bench{wheel: wheel.New(0)}
	b.table = NewTable(limits, b.wheel, seed, func(f *Flow, why End) {
		if f.ID == 0 || !f.live {
			panic("a flow that ends is not whole")
		}
		b.log = append(b.log, fmt.Sprint("end ", f.ID, " ", why))
	})
	return b
}

func (b *bench) advance(now time.Duration) {
	b.wheel.Advance(now, func(t *wheel.Timer) { b.table.Expire(t, now) })
}

func (b *bench) observe(p *packet.Packet, now time.Duration) {
	f, dir, isNew := b.table.Observe(p, now)
	if f == nil {
		b.log = append(b.log, "refused")
		return
	}
	b.log = append(b.log, fmt.Sprint("packet of ", f.ID, " ", dir, " ", isNew))
}

var (
	hosts = []string{
		"192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.255",
		"2001:db8::1", "2001:db8::2", "2001:db8:1::1", "::192.0.2.1",
	}
	ports    = []uint16{0, 53, 80, 1023, 1024, 40000, 65535}
	protos   = []packet.Proto{packet.TCP, packet.TCP, packet.TCP, packet.UDP, packet.ICMP, packet.GRE}
	flagSets = []packet.TCPFlags{
		packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.ACK,
		packet.ACK | packet.FIN, packet.RST, packet.RST | packet.ACK, 0, packet.SYN | packet.FIN,
	}
)

func drawMessage(t *rapid.T) message {
	host := func(label string) netip.Addr { return netip.MustParseAddr(rapid.SampledFrom(hosts).Draw(t, label)) }
	port := func(label string) uint16 { return rapid.SampledFrom(ports).Draw(t, label) }
	m := message{proto: rapid.SampledFrom(protos).Draw(t, "proto"), size: rapid.IntRange(0, 40).Draw(t, "size")}
	src, dst := host("src"), host("dst")
	if src.Is6() != dst.Is6() || src == dst {
		dst = netip.MustParseAddr(map[bool]string{false: "192.0.2.9", true: "2001:db8::9"}[src.Is6()])
	}
	m.src, m.dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
	switch m.proto {
	case packet.TCP, packet.UDP:
		m.src, m.dst = netip.AddrPortFrom(src, port("sport")), netip.AddrPortFrom(dst, port("dport"))
	case packet.ICMP:
		id := port("id")
		m.src, m.dst = netip.AddrPortFrom(src, id), netip.AddrPortFrom(dst, id)
		if src.Is6() {
			m.proto = packet.ICMPv6
		}
	}
	if rapid.Bool().Draw(t, "reversed") {
		m = m.reversed()
	}
	if m.proto == packet.TCP {
		m.flags = rapid.SampledFrom(flagSets).Draw(t, "flags")
		m.seq = rapid.Uint32Range(0, 2).Draw(t, "seq")
	}
	return m
}

// TestAgainstTwin plays random packets to tables with two seeds, to one whose keys all collide,
// and to the twin. All four must tell the same story; only the order in which flows time out is
// the table's own, and that is the same whatever the seed.
func TestAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{
			Flows:     rapid.IntRange(1, 12).Draw(t, "flows"),
			RefuseNew: rapid.IntRange(0, 3).Draw(t, "refuse") == 0,
		}
		if rapid.Bool().Draw(t, "odd timeouts") {
			limits.TCP = [3]time.Duration{7 * time.Second, 3 * time.Second, 5 * time.Second}
			limits.UDP = [2]time.Duration{4 * time.Second, time.Second}
		}
		benches := []*bench{newBench(limits, 1), newBench(limits, 2), newBench(limits, 3)}
		benches[2].table.secrets = secrets{}
		tw := &twin{limits: benches[0].table.limits, flows: map[string]*twinFlow{}}
		conversations := rapid.SliceOfN(rapid.Custom(drawMessage), 1, 20).Draw(t, "conversations")
		now := time.Duration(0)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			switch step := rapid.IntRange(0, 20).Draw(t, "step"); step {
			case 0, 1, 2, 3:
				now += time.Duration(rapid.IntRange(0, 10<<(6*step)).Draw(t, "wait")) * time.Millisecond
			case 4:
				convict(t, benches, tw)
			default:
				m := rapid.SampledFrom(conversations).Draw(t, "of")
				if m.proto == packet.TCP {
					m.flags = rapid.SampledFrom(flagSets).Draw(t, "flags")
					m.seq = rapid.Uint32Range(0, 2).Draw(t, "seq")
				}
				if rapid.Bool().Draw(t, "back") {
					m = m.reversed()
				}
				p := m.packet()
				for _, b := range benches {
					b.observe(p, now)
				}
				tw.observe(m, len(p.Bytes()), now)
			}
			for _, b := range benches {
				b.advance(now)
			}
			tw.advance(now)
			compare(t, benches, tw)
		}
	})
}

// convict drops one flow in every table.
func convict(t *rapid.T, benches []*bench, tw *twin) {
	all := tw.sorted()
	if len(all) == 0 {
		return
	}
	chosen := rapid.SampledFrom(all).Draw(t, "convicted")
	chosen.dropped = true
	for _, b := range benches {
		for f := range b.table.All {
			if f.ID == chosen.id {
				f.Verdict = packet.Drop
			}
		}
	}
}

func compare(t *rapid.T, benches []*bench, tw *twin) {
	for i, b := range benches[1:] {
		if !slices.Equal(b.log, benches[0].log) {
			t.Fatalf("table %d differs by its seed:\n%s\n\n%s", i+1, lines(benches[0].log), lines(b.log))
		}
	}
	b := benches[0]
	slices.Sort(b.log)
	slices.Sort(tw.log)
	if !slices.Equal(b.log, tw.log) {
		t.Fatalf("table:\n%s\n\ntwin:\n%s", lines(b.log), lines(tw.log))
	}
	for _, b := range benches {
		b.log = b.log[:0]
		stats := b.table.Stats()
		stats.Sights = [4]uint64{}
		if stats != tw.stats {
			t.Fatalf("stats %+v, twin %+v", stats, tw.stats)
		}
		for f := range b.table.All {
			compareFlow(t, f, tw)
		}
		if b.wheel.Len() != stats.Live {
			t.Fatalf("%d timers for %d flows", b.wheel.Len(), stats.Live)
		}
	}
	tw.log = tw.log[:0]
}

func compareFlow(t *rapid.T, f *Flow, tw *twin) {
	for _, g := range tw.flows {
		if g.id != f.ID {
			continue
		}
		if f.Client() != g.client || f.Server() != g.server || f.Count != g.count || f.State != g.state || f.Last != g.last {
			t.Fatalf("flow %d: %v -> %v %v %v, twin %+v", f.ID, f.Client(), f.Server(), f.Count, f.State, g)
		}
		return
	}
	t.Fatalf("the twin has no flow %d", f.ID)
}

func lines(log []string) string { return strings.Join(log, "\n") }
