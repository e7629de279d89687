package stream

import "github.com/weir-project/weir/packet/seqnum"

// chunkBytes is the size of what released copies are made of: with its link, a chunk fills 4 KiB.
const chunkBytes = 4096 - 8

// A chunk is a piece of a released copy.
type chunk struct {
	next *chunk
	b    [chunkBytes]byte
}

// A Pool is the memory of one lane's connections. It grows to its ceiling, keeps what it has, and
// refuses what would pass it; what then gives is said where it is asked. It is used from one goroutine.
type Pool struct {
	limits Limits
	buffer func() []byte
	bytes  int // in use: chunks and windows

	bench  []byte
	blocks [][2]seqnum.Value

	chunks  *chunk // free
	conns   []*Conn
	windows [maxWindowLog + 1][][]byte    // free, by log2 of their size
	works   []*work                       // free
	lists   [len(spliceRoom)][]spliceList // free
	opens   []*opening                    // free
	masks   []*masks                      // free
	Stats   Stats
}

// Limits bounds a Pool. Zero fields mean their defaults.
type Limits struct {
	Bytes  int // released copies and windows of all connections; default 96 MiB
	Flight int // released and not yet acknowledged bytes of one direction; default 8 MiB

	// Bytes of one direction that inspectors and grammars wait to see whole; default 64 KiB, at most
	// 1 MiB. The rest is released and shown as it comes.
	Window int

	// Segments and bytes of one direction that wait for a segment before them, or for a decision;
	// defaults 2048 and 4 MiB: what a sender may have under way when a segment is lost. More are
	// dropped, and the sender sends them again.
	Segments, Waiting int
}

const (
	minWindowLog = 8
	minWindow    = 1 << minWindowLog
	maxWindowLog = 20
)

// SetDefaults gives zero fields their defaults.
func (l *Limits) SetDefaults() {
	def := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	def(&l.Bytes, 96<<20)
	def(&l.Flight, 8<<20)
	def(&l.Window, 64<<10)
	def(&l.Segments, 2048)
	def(&l.Waiting, 4<<20)
	l.Window = min(l.Window, 1<<maxWindowLog)
}

// Stats counts what befell connections. Segments unless said.
type Stats struct {
	Conns       int // connections now
	Bytes       int // of memory in use now
	OutOfOrder  uint64
	Held        uint64 // that waited for a decision
	Overlaps    uint64 // that were sent again with other bytes than were released; those went instead
	Translated  uint64 // whose numbers were changed
	Rewritten   uint64 // whose payload was changed
	Resized     uint64 // edits that changed the stream's length
	Nudges      uint64 // turned into something that has the receiver repeat its acknowledgement
	Retracted   uint64 // FINs that were followed by data, before the receiver had confirmed them
	UrgentClear uint64
	Extra       uint64 // of our own, with bytes for which there was no room
}

// NewPool returns an empty pool. buffer lends 64 KiB for a packet that changes its size, until the
// packet has left.
func NewPool(l Limits, buffer func() []byte) *Pool {
	l.SetDefaults()
	return &Pool{limits: l, buffer: buffer}
}

// Snapshot returns the counters.
func (p *Pool) Snapshot() Stats {
	s := p.Stats
	s.Bytes = p.bytes
	return s
}

// scratch returns n bytes for the time of one call.
func (p *Pool) scratch(n int) []byte {
	if p.bench == nil {
		p.bench = make([]byte, maxDatagram)
	}
	return p.bench[:n]
}

func (p *Pool) chunksLeft(n int) bool { return p.bytes+n*4096 <= p.limits.Bytes }

// chunk returns one whose content is of the past.
func (p *Pool) chunk() *chunk {
	p.bytes += 4096
	c := p.chunks
	if c == nil {
		return new(chunk)
	}
	p.chunks, c.next = c.next, nil
	return c
}

// giveBack takes c back and returns the one behind it.
func (p *Pool) giveBack(c *chunk) (next *chunk) {
	next = c.next
	c.next, p.chunks = p.chunks, c
	p.bytes -= 4096
	return next
}

// window returns an empty buffer with room for n bytes; nil if the pool is exhausted.
func (p *Pool) window(n int) []byte {
	class := minWindowLog
	for 1<<class < n {
		class++
	}
	if class > maxWindowLog || p.bytes+1<<class > p.limits.Bytes {
		return nil
	}
	p.bytes += 1 << class
	if k := len(p.windows[class]); k > 0 {
		b := p.windows[class][k-1]
		p.windows[class] = p.windows[class][:k-1]
		return b[:0]
	}
	return make([]byte, 0, 1<<class)
}

// dropWindow takes a buffer back.
func (p *Pool) dropWindow(b []byte) {
	if b == nil {
		return
	}
	class := minWindowLog
	for 1<<class < cap(b) {
		class++
	}
	p.bytes -= 1 << class
	p.windows[class] = append(p.windows[class], b[:0])
}
