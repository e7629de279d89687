package dlp

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"github.com/weir-project/weir/inspect"
)

// unit is what the values of a rule are counted in.
type unit uint8

const (
	perMessage unit = iota // the body of a message, a part of a mail; else the flow
	perFlow
	perClient
	units // how many there are
)

const (
	defaultWithin = time.Hour
	maxWithin     = 24 * time.Hour
	maxCount      = 500
)

// checkCount reads when a rule applies.
func checkCount(r *rule, d Detector, path string, m *inspect.Mistakes) {
	r.count, r.distinct, r.within = max(1, uint32(max(0, min(d.Count, maxCount)))), d.Distinct, defaultWithin
	if d.Count < 0 || d.Count > maxCount {
		m.Add(path+".count", fmt.Sprintf("write 1 to %d", maxCount), "a count of %d", d.Count)
	}
	if d.Count <= 1 && (d.Distinct || d.Per != "" || d.Within != 0) {
		m.Add(path+".count", "write how many values it takes", "distinct, per and within say how values are counted, and there is no count")
	}
	switch d.Per {
	case "", "message":
	case "flow":
		r.per = perFlow
	case "client":
		r.per = perClient
	default:
		m.Add(path+".per", "write message, flow or client", "unknown %q", d.Per)
	}
	if d.Within != 0 {
		r.within = d.Within
		if d.Within < time.Second || d.Within > maxWithin {
			m.Add(path+".within", "write 1s to 24h", "values cannot count for %v", d.Within)
		}
		if r.per != perClient {
			m.Add(path+".within", "write per: client, or remove it", "only a client's values count for a time")
		}
	}
}

// A tally is how many values of a rule there were in a unit.
type tally struct {
	key   uint64
	since time.Duration
	count uint32
	many  bool       // there are more than seen has places
	seen  [16]uint64 // which values there were, if they are to be distinct: their hashes; iff many, a bit for each of 1024
}

// knows reports whether a value of that hash was seen, and notes it.
func (t *tally) knows(h uint64) bool {
	if !t.many {
		n := min(int(t.count), len(t.seen))
		if slices.Contains(t.seen[:n], h) {
			return true
		}
		if n < len(t.seen) {
			t.seen[n] = h
			return false
		}
		hashes := t.seen
		t.seen, t.many = [16]uint64{}, true
		for _, h := range hashes {
			t.mark(h)
		}
	}
	return t.mark(h)
}

// mark sets the bit of a hash, and reports whether it was set.
func (t *tally) mark(h uint64) bool {
	h %= 1024
	was := t.seen[h/64]>>(h%64)&1 != 0
	t.seen[h/64] |= 1 << (h % 64)
	return was
}

const (
	tallies = 4096 // of a lane and unit: who comes beyond takes the place of another
	ways    = 4    // places in which a tally can be
)

// A counter counts values for one lane. Of a client whose packets go through several lanes, each counts those that it sees. Of distinct
// values sixteen are told apart, more by 10 bits: of a hundred about five are taken for others.
//
// Each unit has a table of its own: who sends message after message, or opens flow after flow, does not get rid of what is counted of the client.
type counter struct {
	seed maphash.Seed
	t    [units][]tally // empty where no rule counts in that unit
}

func newCounter(rules []*rule) counter {
	c := counter{seed: maphash.MakeSeed()}
	for _, r := range rules {
		if r.count > 1 && c.t[r.per] == nil {
			c.t[r.per] = make([]tally, tallies)
		}
	}
	return c
}

// A countKey says what is counted.
type countKey struct {
	rule    uint16
	unit    unit
	client  netip.Addr
	flow    uint64
	message uint64
}

// add counts a value and returns how many there are now.
func (c *counter) add(k countKey, value []byte, distinct bool, within, now time.Duration) uint32 {
	t := find(c.t[k.unit], maphash.Comparable(c.seed, k), within, now)
	if distinct && t.knows(maphash.Bytes(c.seed, value)) {
		return t.count
	}
	t.count++
	return t.count
}

// find returns the tally of a key in a table, anew if its time is over.
func find(in []tally, key uint64, within, now time.Duration) *tally {
	set := in[key%(tallies/ways)*ways:][:ways]
	oldest := &set[0]
	for i := range set {
		t := &set[i]
		if t.key == key && t.count > 0 && now-t.since <= within {
			return t
		}
		if t.key == key || t.count == 0 || oldest.count > 0 && t.since < oldest.since {
			oldest = t
		}
	}
	*oldest = tally{key: key, since: now}
	return oldest
}

// reached counts a value, and reports whether there are enough for its rule to apply.
func (d *Inspector) reached(f *finding) bool {
	r := f.rule
	if r.count <= 1 {
		return true
	}
	k := countKey{rule: r.index, unit: r.per}
	switch r.per {
	case perClient:
		k.client = d.look.place.client
	default:
		k.flow, k.message = d.look.flow, d.look.message
		if r.per == perFlow {
			k.message = 0
		}
	}
	value := d.bytes[f.value.off:f.value.end]
	return d.counter.add(k, value, r.distinct, r.within, d.look.cx.Now) >= r.count
}
