package sim

import (
	"iter"
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
	taken  int      // received and not finished
	sizes  []uint16 // of merged datagrams: what they are cut into; by packet id
	ended  bool
	inject int

	dies    []time.Duration // when lanes die, as of kill -9
	died    int
	why     map[uint32]string // reasons of verdicts, for the trace; by packet id
	dead    bool              // the lane is killed, and whatever it still does is not done
	journal map[string]string
}

// death is how a lane ends that is killed: nothing of it is heard any more.
type death struct{}

// Put implements engine.Journal: there is one flow to remember.
func (m *middle) Put(key, value []byte) bool {
	if !m.dead {
		m.journal[string(key)] = string(value)
	}
	return true
}

// Delete implements engine.Journal.
func (m *middle) Delete(key []byte) bool {
	if !m.dead {
		delete(m.journal, string(key))
	}
	return true
}

// All implements engine.Journal.
func (m *middle) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for key, value := range m.journal {
			if !yield([]byte(key), []byte(value)) {
				return
			}
		}
	}
}

// silence is where events go.
type silence struct{}

func (silence) Put(*event.Event) bool { return true }

// between runs the ends with Weir between them.
func (n *network) between(s *scenario) {
	m := &middle{Fake: divert.NewFake(divert.WithQueueLen(s.queue)), net: n, sizes: []uint16{0}, dies: s.deaths, journal: map[string]string{}, why: map[uint32]string{}}
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
	config := engine.Config{
		Socket: m, Events: silence{}, Batch: s.batch, Limits: s.limits, Seed: 1, Clock: m.clock,
		Program: engine.Program{Chain: chain, Outcomes: engine.Outcomes{
			Malformed: packet.Drop, Limit: packet.Drop, Error: packet.Drop, Edit: packet.Drop,
		}},
	}
	if len(m.dies) > 0 {
		config.Journal = m
	}
	n.call()
	for m.live(config) {
		m.died++
		m.dead = false
		config.Successor = true
		n.say("Weir is killed, and another takes its place")
		m.Repeat()
		m.queued, m.taken = m.queued+m.taken, 0
	}
}

// live runs a lane, and reports whether it was killed.
func (m *middle) live(c engine.Config) (killed bool) {
	defer func() {
		switch what := recover().(type) {
		case nil:
		case death:
			killed = true
		default:
			panic(what)
		}
	}()
	m.lane = engine.New(c)
	if err := m.lane.Run(); err != nil {
		m.net.problem("the lane ended: %v", err)
	}
	return false
}

// perhapsDie kills the lane if its time has come. It is heard no more, but can be left only where it waits.
func (m *middle) perhapsDie() {
	if !m.dead && len(m.dies) > 0 && m.net.now >= m.dies[0] && !m.ended {
		m.dies = m.dies[1:]
		m.dead = true
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
	m.perhapsDie()
	if m.dead {
		panic(death{})
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
	m.taken += got
	return got, err
}

// Finish carries out verdicts, and sends on what they let go.
func (m *middle) Finish(ps []*packet.Packet) error {
	m.perhapsDie() // with verdicts that were decided, told to the journal, and never given
	if m.dead {
		return nil
	}
	m.taken -= len(ps)
	if m.net.trace != nil {
		for _, p := range ps {
			m.why[p.Token.ID] = string(p.Reason)
		}
	}
	err := m.Fake.Finish(ps)
	for _, f := range m.Out() {
		if f.Verdict.Final() {
			m.net.dropped(f.Bytes, m.why[f.Token.ID])
			continue
		}
		m.net.leaves("          weir >", f.Bytes)
		m.net.forward(f.Bytes, int(m.sizes[f.Token.ID]))
	}
	return err
}

// Inject sends a datagram of the lane's own.
func (m *middle) Inject(p *packet.Packet, how divert.Injection) error {
	if m.dead {
		return nil
	}
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
	}
	n.say("%s", why)
}
