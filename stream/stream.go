// Package stream puts TCP in order between two endpoints that know nothing of it: it follows a
// connection as they do (RFC 9293), shows each direction's bytes once and in order to whoever reads
// them, releases a byte only after that, and lets the readers put any bytes in the place of others
// while both ends keep a perfect session.
//
// Its law: what the receiver can read is what was shown and released. The first released copy of
// a byte wins. It stays in memory until the receiver acknowledges it, and whatever a sender sends
// again is answered from it. So no trick of segmentation, of wrong time to live, of wrong order,
// checksum or window shows the receiver anything else: a fake that the receiver drops is what the
// receiver gets all the same, from the retransmission.
//
// # Two sequence spaces
//
// A direction has a received space, the sender's, and a released space, the receiver's. Edits that
// change a length shift one against the other (seqadj.go); acknowledgements, SACK blocks and windows
// that come back are translated the other way (translate.go). Names of places say which space they
// are in.
//
// # Carriers
//
// Released bytes leave in packets that the kernel holds for a verdict: those that brought them,
// later ones, retransmissions. Bytes that find no room are not lost: the sender is told of no byte
// that the receiver has not acknowledged, so it sends again, and that is the next carrier. Where that
// would take long, a segment of our own carries them (inject.go).
//
// # What it does not do
//
// It knows no timers and sends nothing; the engine asks it. It does not follow congestion
// control. It clears urgent marks, so that all bytes are in line: what is inspected is what is read.
// MPTCP and Accurate ECN are refused by taking their options off the SYN. A connection with the
// options of RFC 2385 or RFC 5925 is inspected and never altered, for it could not be.
//
// All of it belongs to one lane: no lock, no clock, and no allocation once the pool is warm.
package stream

import (
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet/seqnum"
)

// phase is how far the handshake is.
type phase uint8

const (
	phaseNew  phase = iota // nothing seen, or only a SYN
	phaseHalf              // a SYN-ACK that answers one of the SYNs; the client has yet to agree
	phaseOpen
)

// A Reader is one who reads a stream at its own pace. What neither has read is not released.
type Reader uint8

// The readers of a direction.
const (
	Payload Reader = iota // who reads mere bytes
	Message               // the grammar
	readers
)

// A Conn is one TCP connection.
type Conn struct {
	pool *Pool
	half [2]half // by the direction of the data
	open *opening

	mode    Mode
	phase   phase
	sack    bool // both ends know selective acknowledgements
	middle  bool // it was met after its beginning
	locked  bool // authenticated segments (RFC 2385, RFC 5925): never altered
	signed  bool // both ends have agreed on that
	unsaved bool // something happened that Save would tell
	stuck   [2]stuck
}

// A Mode says what may be done to a connection.
type Mode struct {
	Passive bool // it is only read: nothing is held, dropped or altered
	Edits   bool // its bytes may be edited
	Resizes bool // edits may change lengths
	Journal bool // Save will be called
	// Successor: bytes may be on their way that somebody before us has released. Where a connection that
	// is met in its middle stands, is then for its receiver to say.
	Successor bool
	// Recorded: what is read happened before, so that acknowledgements are of what was received here, and
	// come whether or not it was released.
	Recorded bool
}

// A half is one direction's data.
type half struct {
	first   seqnum.Value // received and released: its beginning
	next    seqnum.Value // received: the first that has not come in order
	decided seqnum.Value // received: what lies before may leave; decided ≤ next
	fresh   seqnum.Value // received: what lies before came with earlier segments than that which came last
	edited  seqnum.Value // received: the end of the last edit
	fin     seqnum.Value // received: place of the FIN; valid iff finSeen
	fixed   seqnum.Value // received: what lies before may have been released with its own numbers; valid iff rewinds > 0
	offered seqnum.Value // received: furthest right edge that the sender was told; valid iff edgeKnown

	sent   seqnum.Value // released: the first that was never sent
	una    seqnum.Value // released: the first that the receiver has not acknowledged
	edge   seqnum.Value // released: furthest right edge that the receiver has offered; if not edgeKnown, it may be further
	widest seqnum.Size  // window that the receiver has offered
	owed   seqnum.Value // released: [owed, owedTo) had no room in the segments that should have carried it
	owedTo seqnum.Value
	kept   kept // released: from una, or what is left since memory was short, to all that is decided
	m      seqMap
	masks  *masks   // nil: there are none
	old    *remains // of a connection that was restored
	work   *work
	view   []byte // received [from, next), for the time of one packet
	from   seqnum.Value
	read   [readers]seqnum.Value // received: what each reader is done with
	shown  [readers]seqnum.Value // received: how far it was shown
	spared [readers]seqnum.Value // received: up to where each reader lets bytes leave, be it done with them or not

	told      seqnum.Value // released: highest place of a segment without data; valid iff toldAny
	ts, echo  uint32       // of the last segment of this direction; valid iff stamped
	wnd       uint16       // that the receiver offered last, as it stood there
	mss       uint16       // that the receiver announced, or less where the path may bear less (room); 0 if it did not
	scale     uint8        // of the windows that the receiver of these bytes announces
	hops      uint8        // left to the segment that had most of them; see expires
	rewinds   uint8        // until fixed is decided: how often it was begun anew; 1 if its receiver has bytes ahead
	falls     uint8        // segments with too few, since one that had enough brought bytes
	known     bool         // there is a beginning
	seen      bool         // segments of this direction were seen; otherwise known from acknowledgements
	loose     bool         // met in the middle: the receiver may have bytes that were never seen here
	unsure    bool         // met in the middle, and the receiver has yet to say where
	guessed   bool         // met in the middle, and nobody has said where
	stamped   bool         // segments carry timestamps
	ackSeen   bool         // the receiver has acknowledged something
	edgeKnown bool         // the window scale is known, and edge and offered are of now
	edgeStale bool         // only the scale is known: the connection was restored, and the receiver has yet to say more
	finSeen   bool
	finSent   bool
	finAcked  bool
	finSure   bool  // the sender counts its FIN: it is no fake
	owedFin   bool  // with owedTo
	bare      uint8 // segments without data that were kept back; see maxBare
	toldAny   bool  // met in the middle, and a segment without data has left
}

// begin puts the half at its first byte.
func (h *half) begin(first seqnum.Value) {
	h.first, h.next, h.decided, h.edited, h.sent, h.from, h.fresh = first, first, first, first, first, first, first
	h.offered, h.una, h.kept.from = first, first, first
	h.owed, h.owedTo, h.owedFin, h.finSure = first, first, false, false
	if h.work != nil {
		h.work.promise = promise{}
	}
	for r := range h.read {
		h.read[r], h.shown[r], h.spared[r] = first, first, first
	}
	h.known = true
}

// New returns a connection of which nothing has been seen.
func (p *Pool) New(mode Mode) *Conn {
	var c *Conn
	if n := len(p.conns); n > 0 {
		c = p.conns[n-1]
		p.conns = p.conns[:n-1]
	} else {
		c = new(Conn)
	}
	c.pool, c.mode = p, mode
	p.Stats.Conns++
	return c
}

// Close gives all memory of the connection back. Segments that wait must have been taken before.
func (c *Conn) Close() {
	p := c.pool
	c.reset()
	p.Stats.Conns--
	*c = Conn{}
	p.conns = append(p.conns, c)
}

// reset forgets what was seen.
func (c *Conn) reset() {
	for d := range c.half {
		h := &c.half[d]
		h.kept.clear(c.pool)
		h.m.clear(c.pool)
		h.dropMasks(c.pool)
		h.dropOld(c.pool)
		h.dropWork(c.pool)
	}
	c.closeOpening()
}

// Untouched reports whether both spaces are the same in both directions and nothing is on its way:
// the connection can go on without us, and no retransmission can bring what was not inspected.
func (c *Conn) Untouched() bool {
	return c.phase == phaseOpen && c.half[0].untouched() && c.half[1].untouched()
}

func (h *half) untouched() bool {
	return h.m.identity() && h.una == h.sent && h.decided == h.next && (h.work == nil || len(h.work.wait) == 0)
}

// Flight returns, of a direction's released bytes, the first that was never sent, and the first that
// its receiver has not acknowledged.
func (c *Conn) Flight(dir flow.Direction) (sent, acked seqnum.Value) {
	return c.half[dir].sent, c.half[dir].una
}

// Stamp returns the newest timestamp of a direction's segments, if they carry any.
func (c *Conn) Stamp(dir flow.Direction) (ts uint32, ok bool) {
	h := &c.half[dir]
	return h.ts, h.stamped
}

// Decided is up to where bytes of a direction are decided, as they were received.
func (c *Conn) Decided(dir flow.Direction) seqnum.Value { return c.half[dir].decided }

// Over reports whether both ends have acknowledged each other's FIN.
func (c *Conn) Over() bool { return c.half[0].finAcked && c.half[1].finAcked }

// Ended reports whether all that came of a direction ends with its FIN.
func (c *Conn) Ended(dir flow.Direction) bool { return c.half[dir].ended() }

func (h *half) ended() bool { return h.finSeen && h.fin == h.next }

// PickedUp reports whether the connection was met after its beginning.
func (c *Conn) PickedUp() bool { return c.middle }

// Altered reports whether a change of length makes it impossible to go on without us.
func (c *Conn) Altered() bool { return !c.half[0].m.identity() || !c.half[1].m.identity() }
