package engine_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	quicgrammar "github.com/weir-project/weir/proto/quic"
)

// firstFlight returns the datagrams that a real QUIC client sends before it has an answer.
func firstFlight(t testing.TB, name string, protos ...string) []string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = quic.DialAddr(ctx, conn.LocalAddr().String(), &tls.Config{ServerName: name, NextProtos: protos}, nil) // nobody answers
	}()
	var flight []string
	for buf := make([]byte, 2000); ; {
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			break
		}
		flight = append(flight, string(buf[:n]))
	}
	cancel()
	<-done
	return flight
}

// manyProtos makes a hello that fills several datagrams.
func manyProtos() []string {
	var many []string
	for i := range 150 {
		many = append(many, fmt.Sprintf("protocol-with-a-long-name/%d", i))
	}
	return many
}

func quicLane(t testing.TB, mode, action string) (*engine.Lane, *divert.Fake, *records) {
	text := strings.Replace(everything, "{category: ads, domains: [.ads.example], action: reject}", "{category: ads, domains: [.ads.example], action: "+action+"}", 1)
	c := config(t, load(t, mode, text))
	fake, told := divert.NewFake(), new(records)
	c.Socket, c.Events = fake, told
	return engine.New(c), fake, told
}

// TestQUICNames: the datagram that completes a blocked hello does not leave, in whatever order they come and whatever came
// before; its sender is told, or not, as the list says.
func TestQUICNames(t *testing.T) {
	blocked, allowed := firstFlight(t, "www.ads.example", manyProtos()...), firstFlight(t, "ok.example", manyProtos()...)
	short := firstFlight(t, "ads.example", "h3")
	if len(blocked) < 3 || len(allowed) < 3 {
		t.Fatalf("%d and %d datagrams: the hello is too short for this test", len(blocked), len(allowed))
	}
	reversed := slices.Clone(blocked)
	slices.Reverse(reversed)
	query := pack(t, query("example.com", 1))
	for i, c := range []struct {
		name   string
		mode   string
		action string
		say    []string
		gone   bool // the last one
	}{
		{"allowed", "prevent", "reject", allowed, false},
		{"blocked", "prevent", "reject", blocked, true},
		{"blocked, silently", "prevent", "drop", blocked, true},
		{"blocked, monitored", "monitor", "reject", blocked, false},
		{"in another order", "prevent", "reject", reversed, true},
		{"of usual size", "prevent", "reject", short, true},
		{"behind junk", "prevent", "reject", append([]string{"junk", "junk", "junk", "junk", "junk", "\x40short"}, blocked...), true},
		{"behind another protocol", "prevent", "reject", append([]string{query}, blocked...), true},
		{"behind an allowed one", "prevent", "reject", append(slices.Clone(allowed), blocked...), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, fake, told := quicLane(t, c.mode, c.action)
			e := pair(20+i, 4433)
			for n, d := range c.say {
				fake.PushMeta(e.udp(d), packet.Meta{Captured: start + time.Duration(n)*time.Millisecond})
			}
			fake.End()
			if err := l.Run(); err != nil {
				t.Fatal(err)
			}
			out := fake.Out()
			last := out[len(out)-1]
			if last.Verdict.Final() != c.gone {
				t.Errorf("the last one: %v; %d events, drops %v, anomalies %v", last.Verdict, len(told.raw), l.Snapshot().Drops, l.Snapshot().Anomalies)
			}
			if got := l.Snapshot().Injected; got != b2i(c.gone && c.action == "reject") {
				t.Errorf("%d answers", got)
			}
			if s := l.Snapshot(); s.Panics > 0 || c.gone == (s.Dropped == 0) {
				t.Errorf("%d dropped, %d panics", s.Dropped, s.Panics)
			}
		})
	}
}

func b2i(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// TestTLSNames: of a hello that is blocked no byte leaves, however it is cut; both ends are told. One that is allowed
// arrives whole.
func TestTLSNames(t *testing.T) {
	for i, size := range []int{1, 50, 700, 2000} {
		for _, name := range []string{"www.ads.example", "ok.example"} {
			l, fake, _ := quicLane(t, "prevent", "reject")
			e := pair(40+i, 4433)
			for _, d := range e.handshake() {
				fake.Push(d)
			}
			hello := clientHello(t, name)
			for at := 0; at < len(hello); at += size {
				fake.Push(craft.TCP(e.client, e.server, craft.Segment{Flags: packet.ACK, Seq: 1001 + uint32(at), Ack: 5001}, []byte(hello[at:min(at+size, len(hello))])))
			}
			fake.End()
			if err := l.Run(); err != nil {
				t.Fatal(err)
			}
			arrived := 0
			for _, o := range fake.Out() {
				var p packet.Packet
				p.Set(o.Bytes)
				if p.Decode(); o.Verdict == packet.Accept {
					arrived += len(p.Payload())
				}
			}
			want, answers := len(hello), uint64(0)
			if name != "ok.example" {
				want, answers = 0, 2
			}
			if arrived != want || l.Snapshot().Injected != answers {
				t.Errorf("%s in segments of %d: %d of %d bytes arrived, %d answers", name, size, arrived, len(hello), l.Snapshot().Injected)
			}
		}
	}
}

// TestQUICContradictions: a datagram that says something else than was read is dropped alone.
func TestQUICContradictions(t *testing.T) {
	flight := firstFlight(t, "ok.example", manyProtos()...)
	l, fake, _ := quicLane(t, "prevent", "reject")
	e := pair(30, 443)
	bad := []byte(flight[1])
	bad[len(bad)-1] ^= 1
	for _, d := range []string{flight[0], string(bad), flight[1]} {
		fake.Push(e.udp(d))
	}
	fake.End()
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	var got []packet.Verdict
	for _, o := range fake.Out() {
		got = append(got, o.Verdict)
	}
	if want := []packet.Verdict{packet.Accept, packet.Drop, packet.Accept}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestManyConversations: when there is no room for another one, the oldest that is not answered goes, and its flow is heard no
// more; a new one is heard.
func TestManyConversations(t *testing.T) {
	blocked, half := firstFlight(t, "ads.example", "h3"), firstFlight(t, "www.ads.example", manyProtos()...)
	c := config(t, load(t, "prevent", everything))
	for i, g := range c.Grammars {
		if q, ok := g.(*quicgrammar.Grammar); ok {
			q.MaxBytes = 64 << 10
			c.Grammars[i] = q
		}
	}
	fake := divert.NewFake()
	c.Socket, c.Events = fake, new(records)
	l := engine.New(c)
	for i := range 50 {
		fake.Push(pair(100+2*i, 443).udp(half[0]))
	}
	for _, d := range half[1:] {
		fake.Push(pair(100, 443).udp(d)) // of the first one, which is gone
	}
	for _, d := range blocked {
		fake.Push(pair(300, 443).udp(d))
	}
	fake.End()
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	out := fake.Out()
	for i, o := range out {
		gone := i >= 50 && i < 49+len(half) || i == len(out)-1
		if o.Verdict.Final() != gone && (gone || i < 50) {
			t.Errorf("datagram %d: %v", i, o.Verdict)
		}
	}
	if s := l.Snapshot(); s.Anomalies["quic-buffers-exhausted"] > 0 || s.Panics > 0 {
		t.Errorf("%v", s.Anomalies)
	}
}

// TestConversationsAllocateNothing: datagrams of a conversation whose keys are known, and those that are no Initial
// packets.
func TestConversationsAllocateNothing(t *testing.T) {
	flight := firstFlight(t, "ok.example", manyProtos()...)
	e := pair(32, 443)
	lane := turning(t, "prevent", 2, e.udp(flight[0]), e.udp("\x41"+strings.Repeat("x", 1200)))
	for range 100 {
		lane.Turn()
	}
	if n := testing.AllocsPerRun(100, lane.Turn); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkConversation is a datagram of a flow of QUIC that is no Initial packet, one that is, and one that begins a connection.
func BenchmarkConversation(b *testing.B) {
	flight := firstFlight(b, "ok.example", "h3")
	e := pair(34, 443)
	for name, c := range map[string][]byte{"short": e.udp("\x41" + strings.Repeat("x", 1200)), "initial": e.udp(flight[0])} {
		b.Run(name, func(b *testing.B) {
			lane := turning(b, "prevent", 1, c)
			b.ReportAllocs()
			for b.Loop() {
				lane.Turn()
			}
		})
	}
	b.Run("connection", func(b *testing.B) {
		lane := dials(b, "prevent", craft.UDP("192.0.2.9:20000", "198.51.100.1:443", []byte(flight[0])))
		b.ReportAllocs()
		for b.Loop() {
			lane.Turn()
		}
	})
}

// TestQUICRules: rules look into the hello of a real client.
func TestQUICRules(t *testing.T) {
	text := strings.Replace(everything, "    rules:\n", `    rules:
      - 'drop quic any any -> any any (msg:"by name"; quic.sni; dotprefix; content:".bad.example"; endswith; quic.version; content:"|00 00 00 01|"; sid:20;)'
      - 'alert ip any any -> any any (msg:"by hash"; ja4.hash; content:"q13d"; startswith; sid:21;)'
      - 'alert tls any any -> any any (msg:"never"; ja4.hash; content:"q13d"; sid:22;)'
`, 1)
	for name, want := range map[string]string{"www.bad.example": "[by name by hash]", "bad.example.org": "[by hash]"} {
		var in [][]byte
		for _, d := range firstFlight(t, name, "h3") {
			in = append(in, pair(1, 443).udp(d))
		}
		r := run(t, config(t, load(t, "prevent", text)), steps(in...))
		var told []string
		for _, e := range r.events {
			if e.Kind == event.KindAlert {
				told = append(told, e.Name)
			}
		}
		last := r.by(len(in) - 1).Verdict // the hello may take more than one
		if fmt.Sprint(told) != want || last.Final() != (name == "www.bad.example") {
			t.Errorf("%s: told %q, %v", name, told, last)
		}
	}
}
