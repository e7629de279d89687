package flow

import (
	"cmp"
	"slices"
	"time"

	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
)

// TimerKind marks the wheel timers that belong to flows; see Table.Expire.
const TimerKind = 1

// Limits bounds a table. The zero value of a field means its default.
type Limits struct {
	Flows int // conversations at a time; default 65,536

	// FirstID is the ID of the first flow. Tables whose flows are told in one place begin far apart.
	FirstID uint64

	// When the table is full, evict the oldest expendable flow to make room (default), or
	// refuse the new one. Expendable are flows that are half open, TCP connections that are
	// over, and, of other protocols, those whose client has sent only one packet: a question and
	// its answer. A table full of others refuses in any case.
	RefuseNew bool

	// Silence after which a flow is forgotten, by state. Defaults: TCP 60 s, 1 h, 10 s;
	// UDP 30 s, 300 s; ICMP and others 30 s, 60 s. A TCP connection that was rejected, so that
	// both ends were told, counts as closing.
	TCP    [3]time.Duration
	UDP    [2]time.Duration
	Others [2]time.Duration
}

func (l *Limits) setDefaults() {
	if l.Flows <= 0 {
		l.Flows = 65536
	}
	fill := func(d []time.Duration, def ...time.Duration) {
		for i := range d {
			if d[i] <= 0 {
				d[i] = def[i]
			}
		}
	}
	fill(l.TCP[:], time.Minute, time.Hour, 10*time.Second)
	fill(l.UDP[:], 30*time.Second, 5*time.Minute)
	fill(l.Others[:], 30*time.Second, time.Minute)
}

// Stats counts what happened to flows since the table was made.
type Stats struct {
	Live     int // now
	HalfOpen int // of those, in state New
	Created  uint64
	Ended    [5]uint64 // by End
	Refused  uint64    // packets that found no place for a new flow
	Sights   [4]uint64 // ended flows by Sight
}

const chunkFlows = 256 // flows are allocated in chunks of this many, and kept

// A Table holds the flows of one lane.
type Table struct {
	limits Limits
	wheel  *wheel.Wheel
	lastID uint64

	secrets secrets

	slots  []slot // open addressing, linear probing; a power of two, at most half full
	mask   uint32
	chunks [][]Flow
	free   []uint32 // indices of flows not in use

	oldest, newest *Flow // expendable flows, in the order in which they became so

	words int // inspectors' memory per flow, in 8-byte words
	spare [][]uint64
	stats Stats
	onEnd func(*Flow, End)
}

type slot struct {
	hash  uint32
	index uint32 // of the flow, plus one; 0: empty
}

// NewTable returns an empty table whose timers lie in w. seed keys the hash and should be
// secret; it never shows in what the table does. onEnd is called for each flow that ends, while
// it is still whole; it may call Renew, and no other method that changes the table.
func NewTable(limits Limits, w *wheel.Wheel, seed uint64, onEnd func(*Flow, End)) *Table {
	limits.setDefaults()
	n := 1024
	t := &Table{limits: limits, lastID: max(limits.FirstID, 1) - 1, wheel: w, secrets: secretsOf(seed), onEnd: onEnd}
	t.slots, t.mask = make([]slot, n), uint32(n-1)
	return t
}

// SetMemory sets how many 8-byte words of inspectors' memory flows get from now on. Flows
// that have memory of another size keep it until Renew.
func (t *Table) SetMemory(words int) {
	if words != t.words {
		t.words, t.spare = words, nil
	}
}

// Renew gives f fresh, zeroed memory of the present size: its chain has changed.
func (t *Table) Renew(f *Flow) {
	t.giveBack(f)
	f.Memory = t.memory()
}

// Stats returns the table's counters.
func (t *Table) Stats() Stats { return t.stats }

// Lookup returns the flow of a decoded packet and the packet's direction in it; nil if
// there is none.
func (t *Table) Lookup(p *packet.Packet) (*Flow, Direction) {
	key, senderIsB := KeyOf(p)
	f := t.find(&key, key.hash(&t.secrets))
	if f == nil {
		return nil, ToServer
	}
	return f, f.direction(senderIsB)
}

// Observe returns the packet's flow, making one if there is none, counts the packet and follows
// the flow's life. isNew says that the flow was made now. A nil flow means that the table is full
// (limits say what gives); it is counted as refused.
func (t *Table) Observe(p *packet.Packet, now time.Duration) (f *Flow, dir Direction, isNew bool) {
	key, senderIsB := KeyOf(p)
	hash := key.hash(&t.secrets)
	f = t.find(&key, hash)
	if f != nil && f.reopenedBy(p) {
		t.end(f, EndReused)
		f = nil
	}
	if f == nil {
		f = t.create(key, hash, now)
		if f == nil {
			t.stats.Refused++
			return nil, ToServer, false
		}
		f.clientIsB = senderIsB != senderIsServer(p)
		if opens(p) {
			f.isn = uint32(p.TCP().Seq())
		}
		isNew = true
	}
	dir = f.direction(senderIsB)
	t.follow(f, dir, p, now)
	return f, dir, isNew
}

// Expire is to be called when a timer of TimerKind fires: it ends the flow, or, if
// packets have come since, sets the timer anew. So the packet path never touches the wheel.
func (t *Table) Expire(timer *wheel.Timer, now time.Duration) {
	f := t.at(timer.Index)
	deadline := f.Last + t.timeout(f)
	if deadline > now {
		t.wheel.Schedule(&f.timer, deadline)
		return
	}
	why := EndTimeout
	if f.State == Closing {
		why = EndClosed
	}
	t.end(f, why)
}

// Shutdown ends every flow, in the order of their creation.
func (t *Table) Shutdown() {
	flows := slices.SortedFunc(t.All, func(f, g *Flow) int { return cmp.Compare(f.ID, g.ID) })
	for _, f := range flows {
		t.end(f, EndShutdown)
	}
}

// All calls yield with each live flow, in no order that means anything.
func (t *Table) All(yield func(*Flow) bool) {
	for n := range t.chunks {
		for i := range t.chunks[n] {
			if f := &t.chunks[n][i]; f.live && !yield(f) {
				return
			}
		}
	}
}

func (f *Flow) direction(senderIsB bool) Direction {
	if senderIsB == f.clientIsB {
		return ToServer
	}
	return ToClient
}

// senderIsServer guesses for the first packet seen of a flow that the server sent it: a
// SYN-ACK, or, of a TCP connection that was picked up in its middle, the side with a
// system port (RFC 6335 §6).
func senderIsServer(p *packet.Packet) bool {
	if p.Proto != packet.TCP || p.TCPFlags&(packet.SYN|packet.ACK) == packet.SYN {
		return false
	}
	if p.TCPFlags&packet.SYN != 0 {
		return true
	}
	return p.SrcPort < 1024 && p.DstPort >= 1024
}

// reopenedBy says that p opens a new connection on the addresses and ports of one that is
// over, of one that has no session: a session knows better (Succeed). A SYN on a live flow ends nothing: the endpoint has yet to agree. Nor does the old connection's own
// SYN that comes once more: one end may still wait for the other's last word.
func (f *Flow) reopenedBy(p *packet.Packet) bool {
	return f.Session == 0 && f.over() && opens(p) && (f.isn == 0 || f.isn != uint32(p.TCP().Seq()))
}

// Succeed ends f, whose two ends have begun a new connection, and returns the flow of that: p, which was observed as
// one of f, is its client's.
func (t *Table) Succeed(f *Flow, p *packet.Packet, now time.Duration) *Flow {
	key, senderIsB := KeyOf(p)
	dir := f.direction(senderIsB)
	f.Count[dir].Packets--
	f.Count[dir].Bytes -= uint64(len(p.Bytes()))
	t.end(f, EndReused)
	g := t.create(key, key.hash(&t.secrets), now)
	g.clientIsB = senderIsB
	t.follow(g, ToServer, p, now)
	return g
}

// opens reports whether p is a SYN.
func opens(p *packet.Packet) bool {
	const mask = packet.SYN | packet.ACK | packet.RST
	return p.Proto == packet.TCP && p.TCPFlags&mask == packet.SYN
}

// over reports whether the flow is over, as far as is known.
func (f *Flow) over() bool { return f.State == Closing && !(f.goesOn && f.Session != 0) }

// GoesOn says whether a TCP connection that has a session may go on, whatever its flags look like: FINs that are
// not acknowledged, and resets, may never have come to the receiver. While it may, no SYN ends the
// flow, and it is remembered for as long as one that is half open.
func (t *Table) GoesOn(f *Flow, is bool, now time.Duration) {
	if f.goesOn == is {
		return
	}
	before := t.timeout(f)
	f.goesOn = is
	if after := t.timeout(f); after < before {
		t.wheel.Schedule(&f.timer, now+after)
	}
}

// Reopen says that both ends of a TCP flow have begun anew: flags that were seen are of the past.
func (t *Table) Reopen(f *Flow) { f.tcp = [2]packet.TCPFlags{} }

// follow counts the packet and moves the flow's state.
func (t *Table) follow(f *Flow, dir Direction, p *packet.Packet, now time.Duration) {
	f.Last = now
	f.Count[dir].Packets++
	f.Count[dir].Bytes += uint64(len(p.Bytes()))
	if f.Verdict.Final() {
		return // else RST and SYN, which the peer never sees, would make it a new flow
	}
	if p.Proto == packet.TCP {
		f.tcp[dir] |= p.TCPFlags
	}
	if next := f.next(); next != f.State {
		t.move(f, next, now)
	}
	if expendable := f.expendable(); expendable != f.listed {
		if expendable {
			t.list(f)
		} else {
			t.unlist(f)
		}
	}
}

// move changes f's state. A timer that is now set too late is set anew; Expire sees to one that
// is set too early.
func (t *Table) move(f *Flow, next State, now time.Duration) {
	before := t.timeout(f)
	if f.State == New {
		t.stats.HalfOpen--
	}
	f.State = next
	if after := t.timeout(f); after < before {
		t.wheel.Schedule(&f.timer, now+after)
	}
}

// expendable reports whether f may give way when the table is full; see Limits.RefuseNew.
func (f *Flow) expendable() bool {
	return f.State != Established || f.Key.Proto != packet.TCP && f.Count[ToServer].Packets < 2
}

// next is the state that what was seen so far amounts to.
func (f *Flow) next() State {
	both := f.Count[ToServer].Packets > 0 && f.Count[ToClient].Packets > 0
	if f.Key.Proto != packet.TCP {
		if both {
			return Established
		}
		return New
	}
	fin := f.tcp[ToServer]&f.tcp[ToClient]&packet.FIN != 0
	rst := (f.tcp[ToServer]|f.tcp[ToClient])&packet.RST != 0
	switch {
	case fin || rst:
		return Closing
	case both && f.tcp[ToServer]&packet.ACK != 0:
		return Established
	}
	return f.State
}

func (t *Table) timeout(f *Flow) time.Duration {
	switch f.Key.Proto {
	case packet.TCP:
		if f.Verdict == packet.Reject {
			return t.limits.TCP[Closing]
		}
		if f.State == Closing && !f.over() {
			return max(t.limits.TCP[Closing], t.limits.TCP[New])
		}
		return t.limits.TCP[f.State]
	case packet.UDP:
		return t.limits.UDP[f.State]
	}
	return t.limits.Others[f.State]
}
