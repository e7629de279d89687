package flow

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

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
	isn            uint32 // of the SYN that opened it; 0 if there was none
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
	if f != nil && f.state == Closing && opens && (f.isn == 0 || f.isn != m.seq) {
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
		if opens {
			f.isn = m.seq
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
