// Package defrag puts the pieces of fragmented datagrams together (RFC 815; RFC 791 §3.2, RFC 8200
// §4.5), so that what is inspected is what the receiver will read.
//
// Its law: pieces whose bytes contradict each other condemn their datagram (IPv4), and so does any
// overlap in IPv6 (RFC 5722); an exact duplicate is only dropped. So there is one way to read a
// datagram, whatever the receiver's own. A condemned datagram stays known until it times out or
// gives way, so that late pieces do not begin it anew.
//
// Pieces are copied, bounded in bytes, in pieces per datagram and in time; when the bytes are
// exhausted the oldest datagram gives way. Fragments are rare: unlike the rest of the packet path
// this package allocates.
//
// A piece that is made to expire on its way, held against the others of its datagram, is no part of it: it is
// dropped, so that it does not arrive in the place of the one that would. Of duplicates the largest TTL
// counts.
package defrag

import (
	"slices"
	"time"

	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
)

// TimerKind marks the wheel timers that belong to datagrams; see Table.Expire.
const TimerKind = 2

// The reasons why a piece or a datagram goes no further.
const (
	Overlap   packet.Reason = "fragment-overlap"   // pieces that contradict each other, or IPv6 overlap
	Duplicate packet.Reason = "fragment-duplicate" // the very bytes that are there already
	BadEnd    packet.Reason = "fragment-bad-end"   // two different last pieces, or bytes beyond the last
	TooLong   packet.Reason = "fragment-too-long"  // beyond 65,535 bytes
	Late      packet.Reason = "fragment-of-condemned"
	LowTTL    packet.Reason = "fragment-low-ttl"  // made to expire on its way; see packet.Expires
	Absorbed  packet.Reason = "fragment-absorbed" // its bytes go out in another piece; see Recut
	Timeout   packet.Reason = "fragment-timeout"
	TooMany   packet.Reason = "fragment-too-many"    // pieces in one datagram
	Exhausted packet.Reason = "fragment-memory-full" // the oldest datagram gave way
	Shutdown  packet.Reason = "fragment-shutdown"
)

// IsLimit reports whether the reason is a limit of ours, rather than the sender's fault.
func IsLimit(why packet.Reason) bool {
	return why == TooMany || why == Exhausted || why == Shutdown
}

// Limits bounds a table. Zero fields mean their defaults.
type Limits struct {
	Bytes   int           // of all pieces waiting, with about what they cost besides; default 16 MiB
	Pieces  int           // of one datagram; default 64
	Timeout time.Duration // from the first piece; default 30 s
}

func (l *Limits) setDefaults() {
	if l.Bytes <= 0 {
		l.Bytes = 16 << 20
	}
	if l.Pieces <= 0 {
		l.Pieces = 64
	}
	if l.Timeout <= 0 {
		l.Timeout = 30 * time.Second
	}
}

// Stats counts since the table was made.
type Stats struct {
	Waiting     int    // datagrams now
	Bytes       int    // they take now
	Pieces      uint64 // fragments seen
	Reassembled uint64 // datagrams
	Condemned   uint64
	TimedOut    uint64
	Evicted     uint64 // the condemned among them
}

// A Piece is one fragment that waits, a copy of what the socket delivered.
type Piece struct {
	Packet   packet.Packet
	off, end int // its place in the datagram's payload, bytes
}

// A Datagram is pieces on their way to being whole.
type Datagram struct {
	// Whole is the datagram as one packet, not decoded. Valid once Table.Add has returned it.
	Whole  packet.Packet
	Pieces []*Piece // in order of arrival

	key      key
	sorted   []*Piece      // Pieces by offset; of several that begin together, the first to come first
	room     int           // how long the payload can be
	reach    int           // the furthest end of a piece
	length   int           // of the payload; -1 until the last piece is here
	bytes    int           // memory
	hops     uint8         // the most that any piece has left
	overlaps bool          // IPv4: some pieces overlap others, with the same bytes
	why      packet.Reason // condemned for; "" if not
	timer    wheel.Timer
	index    uint32
	older    *Datagram
	newer    *Datagram
}

// key tells datagrams apart (RFC 791 §3.2, RFC 8200 §4.5). IPv6 does not count the protocol.
type key struct {
	src, dst [16]byte
	id       uint32
	proto    packet.Proto
	version  uint8
}

// A Table holds the datagrams of one lane that are not whole yet.
type Table struct {
	limits         Limits
	wheel          *wheel.Wheel
	dropped        func(*Datagram, packet.Reason)
	datagrams      map[key]*Datagram
	byIndex        []*Datagram
	free           []uint32
	oldest, newest *Datagram
	stats          Stats
}

// NewTable returns an empty table whose timers lie in w. dropped is called with each datagram that
// is given up: its Pieces are the caller's to answer. It must not change the table.
func NewTable(limits Limits, w *wheel.Wheel, dropped func(*Datagram, packet.Reason)) *Table {
	limits.setDefaults()
	return &Table{limits: limits, wheel: w, dropped: dropped, datagrams: make(map[key]*Datagram)}
}

// Stats returns the table's counters.
func (t *Table) Stats() Stats { return t.stats }

// Add takes a decoded, well-formed fragment. It returns the datagram that p makes whole, and
// forgets it: its pieces, p's copy among them, are the caller's to answer. Otherwise p waits as a
// copy, or why says what is wrong with it; then p has not been taken.
func (t *Table) Add(p *packet.Packet, now time.Duration) (whole *Datagram, why packet.Reason) {
	t.stats.Pieces++
	k := keyOf(p)
	d := t.datagrams[k]
	if d == nil {
		if d = t.begin(k, now); d == nil {
			return nil, Exhausted
		}
	}
	switch {
	case IsLimit(d.why):
		return nil, d.why // the same outcome as for the pieces before it
	case d.why != "":
		return nil, Late
	}
	if packet.Expires(p.TTL(), d.hops) {
		return nil, LowTTL
	}
	t.dropExpiring(d, p.TTL())
	off := int(p.Fragment.Offset)
	end := off + len(p.FragmentPayload())
	if why = d.check(p, off, end, t.limits.Pieces); why != "" {
		if why != Duplicate {
			t.condemn(d, why)
		}
		return nil, why
	}
	if !t.reserve(d, len(p.Bytes())) {
		t.condemn(d, Exhausted)
		return nil, Exhausted
	}
	d.take(p, off, end)
	if !d.whole() {
		return nil, ""
	}
	t.remove(d)
	t.stats.Reassembled++
	d.assemble()
	return d, ""
}

// Expire is to be called when a timer of TimerKind fires.
func (t *Table) Expire(timer *wheel.Timer) {
	d := t.byIndex[timer.Index]
	if d.why == "" {
		t.stats.TimedOut++
	}
	t.giveUp(d, Timeout)
}

// Flush gives up all datagrams, oldest first.
func (t *Table) Flush() {
	for t.oldest != nil {
		t.giveUp(t.oldest, Shutdown)
	}
}

func keyOf(p *packet.Packet) key {
	k := key{id: p.Fragment.ID, version: p.Version}
	src, dst := p.Addrs()
	copy(k.src[:], src)
	copy(k.dst[:], dst)
	if p.Version == 4 {
		k.proto = p.Proto
	}
	return k
}

// bookkeeping is what a piece or a datagram costs beside its bytes, about.
const bookkeeping = 512

// begin files a new datagram; nil if there is no room even for that.
func (t *Table) begin(k key, now time.Duration) *Datagram {
	d := &Datagram{key: k, room: roomBeforeFirst(k.version), length: -1}
	if !t.reserve(d, 0) {
		return nil
	}
	if n := len(t.free); n > 0 {
		d.index, t.free = t.free[n-1], t.free[:n-1]
		t.byIndex[d.index] = d
	} else {
		d.index = uint32(len(t.byIndex))
		t.byIndex = append(t.byIndex, d)
	}
	t.datagrams[k] = d
	d.older = t.newest
	if t.newest != nil {
		t.newest.newer = d
	} else {
		t.oldest = d
	}
	t.newest = d
	t.stats.Waiting++
	d.timer = wheel.Timer{Kind: TimerKind, Index: d.index}
	t.wheel.Schedule(&d.timer, now+t.limits.Timeout)
	return d
}

// reserve counts n bytes and their bookkeeping for d; the oldest other datagrams give way. It
// reports false if even that does not make room.
func (t *Table) reserve(d *Datagram, n int) bool {
	n += bookkeeping
	for t.stats.Bytes+n > t.limits.Bytes {
		victim := t.oldest
		if victim == d {
			victim = d.newer
		}
		if victim == nil {
			return false
		}
		t.stats.Evicted++
		t.giveUp(victim, Exhausted)
	}
	t.stats.Bytes += n
	d.bytes += n
	return true
}

// condemn gives the pieces back and remembers the datagram, so that its late pieces are known.
func (t *Table) condemn(d *Datagram, why packet.Reason) {
	t.stats.Condemned++
	t.dropped(d, why)
	t.stats.Bytes -= d.bytes - bookkeeping
	d.bytes = bookkeeping
	d.Pieces, d.sorted, d.why = nil, nil, why
}

// dropExpiring gives back the pieces that are made to expire, held against one with that many hops left, and
// has the datagram be what it was without them.
func (t *Table) dropExpiring(d *Datagram, hops uint8) {
	expires := func(piece *Piece) bool { return packet.Expires(piece.Packet.TTL(), hops) }
	d.hops = max(d.hops, hops)
	if !slices.ContainsFunc(d.Pieces, expires) {
		return
	}
	var low []*Piece
	was := d.Pieces
	d.Pieces, d.sorted = nil, nil
	d.room, d.reach, d.length = roomBeforeFirst(d.key.version), 0, -1
	for _, piece := range was {
		if expires(piece) {
			low = append(low, piece)
		} else {
			d.file(piece)
		}
	}
	t.dropped(&Datagram{Pieces: low}, LowTTL)
	for _, piece := range low {
		n := bookkeeping + len(piece.Packet.Bytes())
		t.stats.Bytes -= n
		d.bytes -= n
	}
}

func (t *Table) giveUp(d *Datagram, why packet.Reason) {
	t.remove(d)
	if d.why == "" {
		t.dropped(d, why)
	}
}

func (t *Table) remove(d *Datagram) {
	t.wheel.Cancel(&d.timer)
	delete(t.datagrams, d.key)
	t.byIndex[d.index] = nil
	t.free = append(t.free, d.index)
	if d.older != nil {
		d.older.newer = d.newer
	} else {
		t.oldest = d.newer
	}
	if d.newer != nil {
		d.newer.older = d.older
	} else {
		t.newest = d.older
	}
	d.older, d.newer = nil, nil
	t.stats.Waiting--
	t.stats.Bytes -= d.bytes
}
