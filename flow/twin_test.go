package flow

import (
	"cmp"
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

// twin is the flow table as one would write it first: a map from sorted endpoints to flows, all of
// which are looked at when time passes or room is needed.
type twin struct {
	limits Limits
	flows  map[string]*twinFlow
	lastID uint64
	order  uint64
	stats  Stats
	log    []string
}

type twinFlow struct {
	key            string
	id             uint64
	client, server netip.AddrPort
	proto          packet.Proto
	last           time.Duration
	count          [2]Counters
	flags          [2]packet.TCPFlags
	state          State
	dropped        bool
	since          uint64 // when it became expendable; 0 while it is not
}

func twinKey(m message) string {
	ends := []string{m.src.String(), m.dst.String()}
	slices.Sort(ends)
	return fmt.Sprint(ends, m.proto, m.v6())
}

func (t *twin) timeout(f *twinFlow) time.Duration {
	switch f.proto {
	case packet.TCP:
		return t.limits.TCP[f.state]
	case packet.UDP:
		return t.limits.UDP[f.state]
	}
	return t.limits.Others[f.state]
}

func (t *twin) end(f *twinFlow, why End) {
	t.log = append(t.log, fmt.Sprint("end ", f.id, " ", why))
	delete(t.flows, f.key)
	t.stats.Live--
	t.stats.Ended[why]++
	if f.state == New {
		t.stats.HalfOpen--
	}
}

func (t *twin) advance(now time.Duration) {
	for _, f := range t.sorted() {
		if f.last+t.timeout(f) <= now {
			t.end(f, map[bool]End{false: EndTimeout, true: EndClosed}[f.state == Closing])
		}
	}
}

func (t *twin) sorted() []*twinFlow {
	var all []*twinFlow
	for _, f := range t.flows {
		all = append(all, f)
	}
	slices.SortFunc(all, func(f, g *twinFlow) int { return cmp.Compare(f.id, g.id) })
	return all
}

// room evicts if it must and may, and reports whether a new flow may come.
func (t *twin) room() bool {
	if len(t.flows) < t.limits.Flows {
		return true
	}
	var victim *twinFlow
	for _, f := range t.flows {
		if f.since > 0 && (victim == nil || f.since < victim.since) {
			victim = f
		}
	}
	if victim == nil || t.limits.RefuseNew {
		return false
	}
	t.end(victim, EndEvicted)
	return true
}

func (t *twin) observe(m message, bytes int, now time.Duration) {
	key := twinKey(m)
	f := t.flows[key]
	opens := m.flags.Has(packet.SYN) && !m.flags.Has(packet.ACK) && !m.flags.Has(packet.RST)
	if f != nil && f.state == Closing && opens {
		t.end(f, EndReused)
		f = nil
	}
	isNew := f == nil
	if isNew {
		if !t.room() {
			t.stats.Refused++
			t.log = append(t.log, "refused")
			return
		}
		t.lastID++
		f = &twinFlow{key: key, id: t.lastID, client: m.src, server: m.dst, proto: m.proto}
		if m.proto == packet.TCP {
			syn, ack := m.flags.Has(packet.SYN), m.flags.Has(packet.ACK)
			if syn && ack || !syn && m.src.Port() < 1024 && m.dst.Port() >= 1024 {
				f.client, f.server = m.dst, m.src
			}
		}
		t.flows[key] = f
		t.stats.Live++
		t.stats.Created++
		t.stats.HalfOpen++
		t.order++
		f.since = t.order
	}
	dir := ToServer
	if m.src != f.client {
		dir = ToClient
	}
	f.last = now
	f.count[dir].Packets++
	f.count[dir].Bytes += uint64(bytes)
	t.log = append(t.log, fmt.Sprint("packet of ", f.id, " ", dir, " ", isNew))
	if !f.dropped {
		t.follow(f, dir, m)
	}
}

func (t *twin) follow(f *twinFlow, dir Direction, m message) {
	f.flags[dir] |= m.flags
	both := f.count[0].Packets > 0 && f.count[1].Packets > 0
	next := f.state
	switch {
	case f.proto != packet.TCP:
		if both {
			next = Established
		}
	case f.flags[0].Has(packet.RST) || f.flags[1].Has(packet.RST),
		f.flags[0].Has(packet.FIN) && f.flags[1].Has(packet.FIN):
		next = Closing
	case f.state != Closing && both && f.flags[ToServer].Has(packet.ACK):
		next = Established
	}
	if f.state == New && next != New {
		t.stats.HalfOpen--
	}
	f.state = next
	expendable := next != Established || f.proto != packet.TCP && f.count[ToServer].Packets == 1
	switch {
	case !expendable:
		f.since = 0
	case f.since == 0:
		t.order++
		f.since = t.order
	}
}

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
	hosts = []string{"192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.255",
		"2001:db8::1", "2001:db8::2", "2001:db8:1::1", "::192.0.2.1"}
	ports    = []uint16{0, 53, 80, 1023, 1024, 40000, 65535}
	protos   = []packet.Proto{packet.TCP, packet.TCP, packet.TCP, packet.UDP, packet.ICMP, packet.GRE}
	flagSets = []packet.TCPFlags{packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.ACK,
		packet.ACK | packet.FIN, packet.RST, packet.RST | packet.ACK, 0, packet.SYN | packet.FIN}
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
