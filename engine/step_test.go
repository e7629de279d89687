package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// loopSocket gives the same packets for ever, as live traffic whose bytes are new each time.
type loopSocket struct {
	divert.Socket // nil: nothing else is called
	templates     [][]byte
	bufs          [64][2048]byte
	next          int
	finished      uint64
}

func (s *loopSocket) Caps() divert.Caps { return divert.Caps{} }

func (s *loopSocket) Recv(ps []*packet.Packet, _ time.Duration) (int, error) {
	for i, p := range ps {
		t := s.templates[s.next%len(s.templates)]
		s.next++
		p.Set(s.bufs[i][:copy(s.bufs[i][:], t)])
	}
	return len(ps), nil
}

func (s *loopSocket) Finish(ps []*packet.Packet) error {
	for _, p := range ps {
		if p.Changed() {
			p.Repair()
		}
	}
	s.finished += uint64(len(ps))
	return nil
}

func (s *loopSocket) Stats() divert.Stats { return divert.Stats{} }

// nowhere takes events as a ring would, encoding them.
type nowhere struct{ buf []byte }

func (n *nowhere) Put(e *event.Event) bool {
	n.buf = event.Append(n.buf[:0], e)
	return true
}

// traffic is one packet of everything: TCP and UDP, IPv4 and IPv6, with and without payload, one
// with a secret.
func traffic() [][]byte {
	var ds [][]byte
	for _, ends := range [][2]string{{client4, server4}, {client6, server6}} {
		for _, text := range []string{"", "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n", "my secret is out"} {
			ds = append(ds, craft.UDP(ends[0], ends[1], []byte(text)), craft.UDP(ends[1], ends[0], []byte(text)),
				craft.TCP(ends[0], ends[1], craft.Segment{Flags: packet.ACK, Seq: 1}, []byte(text)),
				craft.TCP(ends[1], ends[0], craft.Segment{Flags: packet.ACK, Seq: 1}, []byte(text)))
		}
	}
	return ds
}

// three inspectors: one sees packets and keeps state, one edits payloads, one asks for fields.
func three() []inspect.Inspector {
	return []inspect.Inspector{
		&counting{}, replace("dlp", "secret", "XXXXXX"),
		fieldFunc{"urls", func(*inspect.Context, *field.Field) inspect.Decision { return inspect.Decision{} }},
	}
}

type counting struct{ seen inspect.State[[2]uint64] }

func (c *counting) Name() string                   { return "stats" }
func (c *counting) FlowState() []inspect.StateSlot { return []inspect.StateSlot{&c.seen} }
func (c *counting) InspectOutcome(cx *inspect.Context, p *packet.Packet, d inspect.Decision) inspect.Decision {
	if cx.Flow != nil {
		c.seen.Of(cx.Flow)[cx.Dir]++
	}
	return inspect.Decision{}
}

func loopLane(t testing.TB, templates [][]byte, inspectors ...inspect.Inspector) (*Lane, *loopSocket) {
	entries := make([]inspect.Entry, len(inspectors))
	for i, in := range inspectors {
		entries[i].Inspector = in
	}
	s := &loopSocket{templates: templates}
	now := time.Duration(0)
	l := New(Config{
		Socket: s, Program: Program{Chain: chain(t, 1, entries...)}, Events: &nowhere{buf: make([]byte, 0, event.MaxBytes)},
		Grammars: []proto.Grammar{lineGrammar{}}, Clock: func() (time.Duration, time.Time) {
			now += time.Microsecond
			return now, time.Time{}
		},
	})
	return l, s
}

// Turn is turn for the tests outside.
func (l *Lane) Turn() { l.turn() }

// turn takes one batch along the route.
func (l *Lane) turn() {
	n, _ := l.socket.Recv(l.batch, 0)
	l.now, l.wall = l.clock()
	l.advance()
	l.runBatch(n)
}

// TestStepAllocatesNothing takes batches of everything along the whole route with three inspectors.
func TestStepAllocatesNothing(t *testing.T) {
	l, s := loopLane(t, traffic(), three()...)
	for range 100 {
		l.turn()
	}
	if n := testing.AllocsPerRun(200, l.turn); n != 0 {
		t.Errorf("%v allocations per batch of %d packets", n, len(l.batch))
	}
	if l.counters.Edited == 0 || s.finished != l.counters.Packets {
		t.Errorf("%d edited; %d of %d finished: the test has not taken the route it means to take", l.counters.Edited, s.finished, l.counters.Packets)
	}
}

// BenchmarkStep is decoding, flow look-up and verdict, per packet; then with three inspectors.
func BenchmarkStep(b *testing.B) {
	text := bytes.Repeat([]byte("weir "), 20)
	var many [][]byte
	for i := range 1024 {
		many = append(many, craft.TCP(fmt.Sprintf("192.0.2.%d:%d", i%250+1, 1024+i), server4, craft.Segment{Flags: packet.ACK}, text))
	}
	for name, inspectors := range map[string][]inspect.Inspector{"accept": nil, "three": three()} {
		b.Run(name, func(b *testing.B) {
			l, _ := loopLane(b, many, inspectors...)
			b.ReportAllocs()
			for i := 0; i < b.N; i += len(l.batch) {
				l.turn()
			}
		})
	}
}

// TestDeterministic compares bytes, verdicts and events of the same packets under other batch sizes
// and seeds of the hash.
func TestDeterministic(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var packets [][]byte
	for i := range 3000 {
		ends := [2]string{fmt.Sprintf("192.0.2.%d:%d", rng.IntN(20)+1, 1000+rng.IntN(3)), server4}
		if rng.IntN(2) == 0 {
			ends[0], ends[1] = ends[1], ends[0]
		}
		text := []string{"plain", "a secret", "block me", "slow", fmt.Sprint(i)}[rng.IntN(5)]
		d := craft.UDP(ends[0], ends[1], []byte(text))
		switch rng.IntN(10) {
		case 0:
			pieces := craft.Fragments(craft.UDP(ends[0], ends[1], bytes.Repeat([]byte("secret! "), 8)), uint32(i), 24)
			rng.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
			packets = append(packets, pieces...)
		case 1:
			d[len(d)-1] ^= 0x55
			packets = append(packets, d)
		case 2:
			packets = append(packets, craft.TCP(ends[0], ends[1], craft.Segment{Flags: packet.ACK, Seq: uint32(i)}, []byte(text)))
		default:
			packets = append(packets, d)
		}
	}
	type result struct {
		out      []divert.Finished
		injected [][]byte
		events   []event.Event
	}
	replay := func(batch int, seed uint64) result {
		b := newBench(t, Config{Batch: batch, Seed: seed, Grammars: []proto.Grammar{lineGrammar{}}, Program: Program{Outcomes: Outcomes{Malformed: packet.Drop}}},
			replace("dlp", "secret", "XXXXXX"),
			streamFunc{"urls", func(_ *inspect.Context, p []byte) inspect.Decision {
				if string(p) == "block me" {
					return inspect.Reject(inspect.ScopePacket, "blocked")
				}
				return inspect.Decision{}
			}},
			packetFunc{"qos", func(cx *inspect.Context, p *packet.Packet) inspect.Decision {
				if string(p.Payload()) == "slow" {
					return inspect.DelayUntil(cx.Now+7*time.Millisecond, "shaped")
				}
				return inspect.Decision{}
			}})
		b.push(packets...)
		return result{b.run(), b.fake.Injected(), b.events.Take()}
	}
	want := replay(64, 1)
	if len(want.events) < 20 || len(want.injected) < 10 {
		t.Fatalf("only %d events and %d answers: nothing to compare", len(want.events), len(want.injected))
	}
	for _, batch := range []int{1, 3, 64, 500} {
		for seed := range uint64(2) {
			got := replay(batch, seed)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("batch %d, seed %d: %d packets, %d answers, %d events differ from %d, %d, %d of batch 64", batch, seed,
					len(got.out), len(got.injected), len(got.events), len(want.out), len(want.injected), len(want.events))
			}
		}
	}
}

// BelowFloor is belowFloor for the tests outside.
func BelowFloor(d []byte, floor uint8, hook packet.Hook) bool {
	var p packet.Packet
	p.Set(d)
	p.Meta.Hook = hook
	p.Decode()
	return (&Lane{outcomes: Outcomes{MinTTL: floor}}).belowFloor(&p)
}
