package sim

import (
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// A middle is a lane on a kernel queue in memory. It is the lane that runs: whenever it waits for
// packets, the network goes on.
type middle struct {
	*divert.Fake
	net    *network
	lane   *engine.Lane
	queued int      // offered and not received
	sizes  []uint16 // of merged datagrams: what they are cut into; by packet id
	ended  bool
	inject int
}

// silence is where events go.
type silence struct{}

func (silence) Put(*event.Event) bool { return true }

// between runs the ends with Weir between them.
func (n *network) between(s *scenario) {
	m := &middle{Fake: divert.NewFake(divert.WithQueueLen(s.queue)), net: n, sizes: []uint16{0}}
	n.middle = m
	var in inspect.Inspector = &s.editor
	if s.resizes {
		in = &resizer{&s.editor}
	}
	chain, err := inspect.NewChain(1, &inspect.LabelTable{}, []inspect.Entry{{Inspector: in}})
	if err != nil {
		n.problem("%v", err)
		return
	}
	m.lane = engine.New(engine.Config{
		Socket: m, Events: silence{}, Batch: s.batch, Limits: s.limits, Seed: 1, Clock: m.clock,
		Program: engine.Program{Chain: chain, Outcomes: engine.Outcomes{
			Malformed: packet.Drop, Limit: packet.Drop, Error: packet.Drop, Edit: packet.Drop,
		}},
	})
	n.call()
	if err := m.lane.Run(); err != nil {
		n.problem("the lane ended: %v", err)
	}
}

func (m *middle) clock() (time.Duration, time.Time) { return m.net.now, time.Unix(0, int64(m.net.now)) }

// offer is a datagram that arrives at Weir's host.
func (m *middle) offer(b []byte, size int) {
	s := &m.net.scratch
	if m.net.trace != nil && m.net.path.decode(b, s) == nil {
		m.net.tell("          > weir", m.net.path.sender(b), s)
	}
	meta := packet.Meta{Hook: packet.HookForward, GSO: size > 0}
	if size > 0 {
		meta.Checksum = packet.ChecksumVerified
	}
	if _, ok := m.PushMeta(b, meta); !ok {
		m.net.say("the queue is full")
		return
	}
	m.sizes = append(m.sizes, uint16(size))
	m.queued++
}

// Recv lets time pass until something arrives, or the wait is over.
func (m *middle) Recv(ps []*packet.Packet, wait time.Duration) (int, error) {
	n := m.net
	until := patience + time.Minute
	if wait >= 0 {
		until = n.now + wait
	}
	for m.queued == 0 && !m.ended {
		if n.over() || n.now > n.patience() || len(n.problems) > 0 {
			m.ended = true
			m.End()
			break
		}
		if !n.elapse(until) {
			break
		}
	}
	got, err := m.Fake.Recv(ps, 0)
	m.queued -= got
	return got, err
}

// Finish carries out verdicts, and sends on what they let go.
func (m *middle) Finish(ps []*packet.Packet) error {
	err := m.Fake.Finish(ps)
	for _, f := range m.Out() {
		if f.Verdict.Final() {
			m.net.dropped(f.Bytes, "dropped")
			continue
		}
		m.net.leaves("          weir >", f.Bytes)
		m.net.forward(f.Bytes, int(m.sizes[f.Token.ID]))
	}
	return err
}

// Inject sends a datagram of the lane's own.
func (m *middle) Inject(p *packet.Packet, how divert.Injection) error {
	err := m.Fake.Inject(p, how)
	for _, b := range m.Injected() {
		m.inject++
		m.net.leaves("     weir itself >", b)
		m.net.forward(b, 0)
	}
	return err
}

func (n *network) leaves(where string, b []byte) {
	if n.trace == nil {
		return
	}
	s := &n.scratch
	if err := n.path.decode(b, s); err != nil {
		n.say("what leaves Weir: %v", err)
		return
	}
	n.tell(where, n.path.sender(b), s)
}

func (n *network) dropped(b []byte, why string) {
	if n.trace == nil {
		return
	}
	var s segment
	if n.path.decode(b, &s) == nil {
		n.tell("          weir drops", n.path.sender(b), &s)
	} else {
		n.say("%s", why)
	}
}
