package stream

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// TestAnything has anybody send anything, and readers, timers and the journal do anything about it, also where memory is short: a
// connection neither panics, nor keeps memory once it is closed, nor saves what cannot be restored.
func TestAnything(t *testing.T) {
	seeds := uint64(30_000)
	if testing.Short() {
		seeds = 3_000
	}
	for seed := range seeds {
		if why := anything(t, seed); why != "" {
			t.Fatalf("seed %d: %s", seed, why)
		}
	}
}

func anything(t *testing.T, seed uint64) (why string) {
	m := newMonkey(t, seed)
	defer func() {
		if e := recover(); e != nil {
			b := make([]byte, 1<<13)
			why = fmt.Sprintf("%v\n%s", e, b[:runtime.Stack(b, false)])
		}
	}()
	for range 2 + m.r.IntN(30) {
		if why := m.act(); why != "" {
			return why
		}
	}
	return m.close()
}

// A monkey has a connection, and everything that happens to it.
type monkey struct {
	t    *testing.T
	r    *rand.Rand
	pool *Pool
	mode Mode
	c    *Conn
	base [2]uint32
	wait map[uint32]*packet.Packet
	next uint32
}

func newMonkey(t *testing.T, seed uint64) *monkey {
	r := rand.New(rand.NewPCG(seed, 7))
	limits := Limits{}
	if r.IntN(4) == 0 {
		limits = Limits{Bytes: 16 << 10, Flight: 4000, Window: 300, Segments: 4, Waiting: 4000}
	}
	yes := func(of int) bool { return r.IntN(of) == 0 }
	m := &monkey{
		t: t, r: r, pool: NewPool(limits, func() []byte { return make([]byte, 1<<16) }),
		mode: Mode{Edits: true, Resizes: yes(2), Journal: yes(2), Successor: yes(2), Passive: yes(10)},
		base: [2]uint32{uint32(r.IntN(3)) << 30, 500}, wait: map[uint32]*packet.Packet{},
	}
	m.c = m.pool.New(m.mode)
	return m
}

// act does one thing.
func (m *monkey) act() string {
	d := flow.Direction(m.r.IntN(2))
	switch m.r.IntN(14) {
	case 0:
		m.c.Decide(d, true)
		m.drain(d)
	case 1:
		if h, ok := m.c.Take(d); ok {
			delete(m.wait, h)
		}
	case 2:
		return m.die()
	default:
		m.segment(d)
	}
	return ""
}

// die has another go on with what the journal knows.
func (m *monkey) die() string {
	if !m.mode.Journal || !m.c.Edited() && !m.c.Adrift() {
		return ""
	}
	b, ok := m.c.Save(nil)
	if !ok {
		return ""
	}
	if why := m.close(); why != "" {
		return why
	}
	m.mode.Successor = true
	if m.c = m.pool.Restore(b, m.mode, false); m.c == nil {
		return "what was saved is not restored"
	}
	return ""
}

func (m *monkey) close() string {
	for d := range flow.Direction(2) {
		for _, ok := m.c.Take(d); ok; _, ok = m.c.Take(d) {
		}
	}
	clear(m.wait)
	if m.c.Close(); m.pool.bytes != 0 || m.pool.Stats.Conns != 0 {
		return fmt.Sprintf("%d bytes and %d connections are left", m.pool.bytes, m.pool.Stats.Conns)
	}
	return ""
}

// segment sends one of any kind, and has all be done that follows.
func (m *monkey) segment(d flow.Direction) {
	r := m.r
	s := craft.Segment{
		Flags: ack, Seq: m.base[d] + uint32(r.IntN(120)), Ack: m.base[1-d] + uint32(r.IntN(130)), Window: uint16(r.IntN(3) * 300),
	}
	switch r.IntN(25) {
	case 0:
		s.Flags = rst
	case 1:
		s.Flags |= fin
	case 2:
		s.Flags = syn
	case 3:
		s.Flags = synAck
	}
	text := make([]byte, max(0, r.IntN(60)-15))
	for i := range text { // mostly the same at the same places
		text[i] = byte(s.Seq) + byte(i)
		if r.IntN(20) == 0 {
			text[i]++
		}
	}
	ends := [2]string{clientEnd, serverEnd}
	p := decoded(m.t, craft.TCP(ends[d], ends[1-d], s, text))
	m.after(p, d, m.c.Arrive(p, d))
	m.drain(d)
	m.drain(d.Reverse())
	m.c.Probe(nil, p, d)
	m.c.Owed(nil, p, d, d)
	m.c.Duplicate(nil, p, d, d, p.TCP().Seq())
}

// drain takes up what has waited.
func (m *monkey) drain(d flow.Direction) {
	for h, read, ok := m.c.Next(d); ok; h, read, ok = m.c.Next(d) {
		p := m.wait[h]
		delete(m.wait, h)
		if read {
			m.c.Depart(p, d)
		} else {
			m.after(p, d, m.c.Resume(p, d))
		}
	}
}

func (m *monkey) after(p *packet.Packet, d flow.Direction, a Arrival) {
	switch a.Action {
	case Wait:
		m.park(p, d, false)
		return
	case Discard, Absorb:
		return
	}
	if a.Fresh || a.End {
		for reader := range readers {
			m.read(d, reader)
		}
		m.c.Decide(d, a.End || m.r.IntN(8) == 0 || m.mode.Passive)
	}
	if !m.c.Ready(p, d, a.Fresh) {
		m.park(p, d, true)
		return
	}
	m.c.Depart(p, d)
}

func (m *monkey) park(p *packet.Packet, d flow.Direction, read bool) {
	if m.next++; m.c.Park(p, d, m.next, read) {
		m.wait[m.next] = p
	}
}

// read has somebody edit anything, and hold some.
func (m *monkey) read(d flow.Direction, who Reader) {
	r := m.r
	b, _ := m.c.Unread(d, who)
	if len(b) > 0 && r.IntN(3) == 0 {
		from := r.IntN(len(b))
		to := from + r.IntN(len(b)-from+1)
		n := to - from
		if r.IntN(2) == 0 {
			n = r.IntN(12)
		}
		if to > from || n > 0 {
			m.c.Replace(d, who, from, to, make([]byte, n))
		}
	}
	m.c.Done(d, who, len(b)-min(len(b), r.IntN(2)*r.IntN(20)))
}
