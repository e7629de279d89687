package engine

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/codingtest"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/http1"
)

// A counter counts the bytes of response bodies that it is shown, and the turns of the lane in which it saw some.
type counter struct {
	bytes, turn, turns, last int
	card                     bool
}

func (c *counter) Name() string      { return "ids" }
func (c *counter) Fields() field.Set { return field.SetOf(field.HTTPResponseBody) }

func (c *counter) InspectField(_ *inspect.Context, f *field.Field) inspect.Decision {
	if c.bytes += len(f.Value); c.last != c.turn {
		c.last = c.turn
		c.turns++
	}
	c.card = c.card || bytes.Contains(f.Value, []byte("the last line"))
	return inspect.Decision{}
}

// A growing counter may edit what it is shown, so that it leaves decoded.
type growing struct{ *counter }

func (growing) Resizes() field.Set { return field.SetOf(field.HTTPResponseBody) }

// TestMuchTextOfFewBytes: a segment whose text is more than a lane decodes at a time is read in several turns, without the clock going
// on, and leaves then; so does its FIN. Others have their turns in between.
func TestMuchTextOfFewBytes(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	size := 0
	for i := range 60_000 {
		n, _ := fmt.Fprintf(w, "2026-11-29 GET /index.html HTTP/1.1 200 1024 %d\n", i/7*7919%1000)
		size += n
	}
	n, _ := io.WriteString(w, "the last line")
	size += n
	if err := w.Close(); err != nil || z.Len() > 60_000 {
		t.Fatal(z.Len(), err)
	}
	for _, end := range []packet.TCPFlags{0, packet.FIN} {
		c := new(counter)
		m := newBench(t, Config{Clock: ticking(time.Microsecond), Grammars: []proto.Grammar{http1.New()}, Program: Program{Outcomes: Outcomes{Monitor: true}}}, c)
		m.push(muchText(z.Bytes(), end)...)
		if m.step(); c.bytes != size || len(m.lane.again) > 0 {
			t.Errorf("%v: a lane that only tells has read %d of %d bytes", end, c.bytes, size)
		}
		c = new(counter)
		d := newBench(t, Config{Clock: ticking(time.Microsecond), Grammars: []proto.Grammar{http1.New()}}, growing{c})
		d.push(muchText(z.Bytes(), end)...)
		d.step()
		for c.turn = 1; len(d.lane.again) > 0 && c.turn < 100; c.turn++ {
			d.step()
		}
		if c.bytes != size || c.turn < 2 {
			t.Errorf("%v: of text that leaves decoded, %d of %d bytes are read in %d turns", end, c.bytes, size, c.turn)
		}
		c = new(counter)
		b := newBench(t, Config{Clock: ticking(time.Microsecond), Grammars: []proto.Grammar{http1.New()}, Program: Program{Outcomes: Outcomes{Limit: packet.Drop}}}, c)
		b.push(muchText(z.Bytes(), end)...)
		b.step()
		first, others := c.bytes, 0
		for c.turn = 1; len(b.lane.again) > 0 && c.turn < 100; c.turn++ {
			b.push(craft.UDP("192.0.2.9:5353", server4, []byte("x")))
			b.step()
			others++
		}
		var left int
		var flags packet.TCPFlags
		for _, f := range b.fake.Out() {
			var p packet.Packet
			p.Set(f.Bytes)
			p.Decode()
			if n := len(p.Payload()); !f.Verdict.Final() && p.SrcPort == 8080 && n > 1000 {
				left, flags = n, p.TCPFlags
			}
		}
		if c.bytes != size || !c.card || c.turns < 2 || others < 2 {
			t.Errorf("%v: %d of %d bytes in %d turns, while %d others passed", end, c.bytes, size, c.turns, others)
		}
		if first > 256<<10 {
			t.Errorf("%v: %d bytes are read before others have a turn", end, first)
		}
		if flags&packet.FIN != end || left != z.Len() {
			t.Errorf("%v: %d of %d bytes left, with %v", end, left, z.Len(), flags)
		}
		if told := b.told(event.KindAnomaly); len(told) > 0 {
			t.Errorf("%v: told %s", end, strings.Join(told, ", "))
		}
	}
}

// TestTurnsOfAReplay: with a capture nobody waits, and what leaves, in which order, does not depend on how many packets are read at once.
func TestTurnsOfAReplay(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	for i := range 60_000 {
		fmt.Fprintf(w, "2026-11-29 GET /index.html HTTP/1.1 200 1024 %d\n", i/7*7919%1000)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	replay := func(batch int) (order []int) {
		b := newBench(t, Config{Batch: batch, Grammars: []proto.Grammar{http1.New()}}, new(counter))
		b.push(muchText(z.Bytes(), packet.FIN)...)
		for i := range 50 {
			b.push(craft.UDP("192.0.2.9:5353", server4, make([]byte, 1+i)))
		}
		for _, f := range b.run() {
			order = append(order, len(f.Bytes))
		}
		return order
	}
	want := replay(64)
	for _, batch := range []int{1, 3} {
		if got := replay(batch); !slices.Equal(got, want) {
			t.Errorf("%d at once: %v left, want %v", batch, got, want)
		}
	}
}

// A bursting counter fails when it has seen too much.
type bursting struct{ counter }

func (b *bursting) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	if b.bytes > 1500<<10 {
		panic("too much")
	}
	return b.counter.InspectField(cx, f)
}

// TestAPanicInALaterTurn: the flow has the outcome of errors, and what waits of it leaves, or does not.
func TestAPanicInALaterTurn(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	for i := range 60_000 {
		fmt.Fprintf(w, "2026-11-29 GET /index.html HTTP/1.1 200 1024 %d\n", i/7*7919%1000)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, outcome := range []packet.Verdict{packet.Pass, packet.Drop} {
		b := newBench(t, Config{Clock: ticking(time.Microsecond), Grammars: []proto.Grammar{http1.New()}, Program: Program{Outcomes: Outcomes{Error: outcome}}}, new(bursting))
		b.push(muchText(z.Bytes(), 0)...)
		b.step()
		for turn := 0; len(b.lane.again) > 0 && turn < 100; turn++ {
			b.step()
		}
		b.lane.flush()
		out := b.fake.Out()
		last := out[len(out)-1]
		if b.lane.counters.Panics != 1 || len(last.Bytes) < z.Len() || last.Verdict.Final() != outcome.Final() || b.lane.sessions.pool.Stats.Conns != 0 {
			t.Errorf("%v: %d panics; %d bytes get %v; %d connections are left", outcome, b.lane.counters.Panics, len(last.Bytes), last.Verdict, b.lane.sessions.pool.Stats.Conns)
		}
	}
}

// BenchmarkTurn is the longest that 59 KB of a body in a content coding, made to be hard work, keep other packets waiting, after they came
// and in each turn that they have then; beside it how many turns, and the time of all.
func BenchmarkTurn(b *testing.B) {
	for names, bodies := range codingtest.Hostile(b, 59_000) {
		if names == "raw" {
			continue // as in gzip
		}
		coding := strings.ReplaceAll(names, " ", ", ")
		small := codingtest.Sample(100)
		for _, name := range strings.Fields(names) {
			small = codingtest.Encode(b, name, small)
		}
		for name, body := range bodies {
			b.Run(strings.ReplaceAll(names, " ", "-")+"/"+name, func(b *testing.B) {
				var least []time.Duration // of each turn
				for b.Loop() {
					b.StopTimer()
					m := newBench(b, Config{Clock: ticking(time.Microsecond), Grammars: []proto.Grammar{http1.New()}}, new(counter))
					k := newDialogue()
					for _, body := range [][]byte{small, body} {
						k.say(false, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
						k.say(true, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n", coding, len(body)))
						k.say(true, string(body))
					}
					m.push(k.in[:len(k.in)-1]...)
					m.step()
					m.push(k.in[len(k.in)-1])
					b.StartTimer()
					for turn := 0; turn == 0 || len(m.lane.again) > 0; turn++ {
						start := time.Now()
						m.step()
						if d := time.Since(start); turn == len(least) {
							least = append(least, d)
						} else {
							least[turn] = min(least[turn], d)
						}
					}
				}
				b.ReportMetric(float64(slices.Max(least).Microseconds()), "µs/turn")
				b.ReportMetric(float64(len(least)), "turns")
			})
		}
	}
}

// muchText is a connection whose last segment is a response's whole body in gzip.
func muchText(body []byte, flags packet.TCPFlags) [][]byte {
	k := newDialogue()
	k.say(false, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
	k.say(true, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(body)))
	return append(k.in, craft.TCP(server4, client4, craft.Segment{
		Flags: packet.ACK | flags, Seq: k.seq[1], Ack: k.seq[0], Window: 60000,
	}, body))
}
