package flow

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/weir-project/weir/internal/wheel"
	"github.com/weir-project/weir/packet"
)

const (
	syn    = packet.SYN
	synAck = packet.SYN | packet.ACK
	ack    = packet.ACK
	finAck = packet.FIN | packet.ACK
	rst    = packet.RST
)

// TestDirectionGuess tells for the first packet that is seen of a flow which side is the client.
func TestDirectionGuess(t *testing.T) {
	const high, low, other = "192.0.2.9:40000", "198.51.100.1:443", "192.0.2.1:50000"
	tests := []struct {
		name     string
		src, dst string
		proto    packet.Proto
		flags    packet.TCPFlags
		toClient bool
	}{
		{"SYN", high, low, packet.TCP, syn, false},
		{"SYN from a system port", low, high, packet.TCP, syn, false},
		{"SYN-ACK first", low, high, packet.TCP, synAck, true},
		{"SYN-ACK from a high port", high, other, packet.TCP, synAck, true},
		{"middle, from the system port", low, high, packet.TCP, ack, true},
		{"middle, to the system port", high, low, packet.TCP, ack, false},
		{"middle, two high ports", other, high, packet.TCP, ack, false},
		{"UDP from a system port", low, high, packet.UDP, 0, false},
	}
	for _, tt := range tests {
		m := message{src: netip.MustParseAddrPort(tt.src), dst: netip.MustParseAddrPort(tt.dst), proto: tt.proto, flags: tt.flags}
		table := newBench(Limits{}, 1).table
		f, dir, isNew := table.Observe(m.packet(), 0)
		client, server := m.src, m.dst
		if tt.toClient {
			client, server = server, client
		}
		if !isNew || (dir == ToClient) != tt.toClient || f.Client() != client || f.Server() != server {
			t.Errorf("%s: %v, client %v", tt.name, dir, f.Client())
		}
		again, back := table.Lookup(m.reversed().packet())
		if again != f || back != dir.Reverse() {
			t.Errorf("%s: the answer belongs to another flow or direction", tt.name)
		}
	}
}

// TestKeysApart lists packets that look alike and belong to different conversations.
func TestKeysApart(t *testing.T) {
	echo := func(id uint16, src, dst string) message {
		return message{
			src: netip.AddrPortFrom(netip.MustParseAddr(src), id),
			dst: netip.AddrPortFrom(netip.MustParseAddr(dst), id), proto: packet.ICMP,
		}
	}
	all := []message{
		tcp("192.0.2.1:1", "192.0.2.2:2"), udp("192.0.2.1:1", "192.0.2.2:2"),
		tcp("192.0.2.1:2", "192.0.2.2:1"), tcp("192.0.2.1:1", "192.0.2.3:2"),
		tcp("[::192.0.2.1]:1", "[::192.0.2.2]:2"), tcp("[2001:db8::1]:1", "[2001:db8::2]:2"),
		tcp("[2001:db8:0:1::1]:1", "[2001:db8::2]:2"), tcp("192.0.2.1:1", "192.0.2.1:2"),
		echo(1, "192.0.2.1", "192.0.2.2"), echo(2, "192.0.2.1", "192.0.2.2"),
		{src: netip.MustParseAddrPort("192.0.2.1:0"), dst: netip.MustParseAddrPort("192.0.2.2:0"), proto: packet.GRE},
		tcp("192.0.2.7:7", "192.0.2.7:7"), // to itself: one flow, whatever its directions
	}
	table := newBench(Limits{}, 1).table
	flows := map[*Flow]int{}
	for i, m := range all {
		f, _, isNew := table.Observe(m.packet(), 0)
		if g, _, again := table.Observe(m.reversed().packet(), 0); !isNew || again || f != g {
			t.Errorf("message %d: both directions are not one new flow", i)
		}
		if j, taken := flows[f]; taken {
			t.Errorf("messages %d and %d share a flow", i, j)
		}
		flows[f] = i
		a, b := f.Key.Endpoints()
		if want := []netip.AddrPort{all[i].src, all[i].dst}; !slices.Contains(want, a) || !slices.Contains(want, b) {
			t.Errorf("message %d: endpoints %v and %v", i, a, b)
		}
	}
}

// TestLife walks connections through their states and then waits for their end.
func TestLife(t *testing.T) {
	c := tcp("192.0.2.1:40000", "198.51.100.1:443")
	s := c.reversed()
	q := udp("192.0.2.1:40000", "198.51.100.1:53")
	tests := []struct {
		name  string
		story []message
		state State
		after time.Duration
		why   End
	}{
		{"SYN", []message{c.with(syn)}, New, time.Minute, EndTimeout},
		{"SYN, SYN-ACK", []message{c.with(syn), s.with(synAck)}, New, time.Minute, EndTimeout},
		{"handshake", []message{c.with(syn), s.with(synAck), c.with(ack)}, Established, time.Hour, EndTimeout},
		{"handshake from SYN-ACK", []message{s.with(synAck), c.with(ack)}, Established, time.Hour, EndTimeout},
		{"middle", []message{s.with(ack), c.with(ack)}, Established, time.Hour, EndTimeout},
		{"half closed", []message{c.with(syn), s.with(synAck), c.with(finAck)}, Established, time.Hour, EndTimeout},
		{
			"closed",
			[]message{c.with(syn), s.with(synAck), c.with(finAck), s.with(finAck), c.with(ack)},
			Closing,
			10 * time.Second, EndClosed,
		},
		{"refused", []message{c.with(syn), s.with(rst)}, Closing, 10 * time.Second, EndClosed},
		{"UDP question", []message{q}, New, 30 * time.Second, EndTimeout},
		{"UDP answer", []message{q, q.reversed()}, Established, 5 * time.Minute, EndTimeout},
	}
	for _, tt := range tests {
		b := newBench(Limits{}, 1)
		now := time.Duration(0)
		var f *Flow
		for _, m := range tt.story {
			now += time.Second
			b.advance(now)
			f, _, _ = b.table.Observe(m.packet(), now)
		}
		if f.State != tt.state {
			t.Errorf("%s: %v, want %v", tt.name, f.State, tt.state)
		}
		b.advance(now + tt.after - time.Millisecond)
		if len(b.log) != 0 {
			t.Errorf("%s: ended too early: %v", tt.name, b.log)
		}
		b.advance(now + tt.after)
		if want := fmt.Sprint("end 1 ", tt.why); !slices.Equal(b.log, []string{want}) {
			t.Errorf("%s: %v, want %s after %v", tt.name, b.log, want, tt.after)
		}
		if f.ID != 0 {
			t.Errorf("%s: the place still bears the ID of a flow that is over", tt.name)
		}
	}
}

// TestReopened tells a new connection on old ports from packets of the old one.
func TestReopened(t *testing.T) {
	c := tcp("192.0.2.1:40000", "198.51.100.1:443")
	s := c.reversed()
	open := []message{c.with(syn).at(7), s.with(synAck), c.with(ack)}
	closed := append(slices.Clone(open), c.with(finAck), s.with(finAck))
	reset := append(slices.Clone(open), s.with(rst))
	for _, tt := range []struct {
		name  string
		story []message
		next  message
		isNew bool
	}{
		{"SYN on a live flow", open, c.with(syn), false},
		{"SYN after both FIN", closed, c.with(syn), true},
		{"SYN after RST", reset, c.with(syn), true},
		{"its own SYN, late", closed, c.with(syn).at(7), false},
		{"its own SYN, late, after RST", reset, c.with(syn).at(7), false},
		{"another SYN", closed, c.with(syn).at(8), true},
		{"SYN of the other side", reset, s.with(syn), true},
		{"late ACK", closed, c.with(ack), false},
		{"late SYN-ACK", closed, s.with(synAck), false},
		{"second RST", reset, s.with(rst), false},
	} {
		b := newBench(Limits{}, 1)
		for _, m := range tt.story {
			b.table.Observe(m.packet(), 0)
		}
		f, dir, isNew := b.table.Observe(tt.next.packet(), time.Second)
		if isNew != tt.isNew || isNew && (f.ID != 2 || dir != ToServer || f.State != New || f.Client() != tt.next.src) {
			t.Errorf("%s: new %v, flow %d %v %v", tt.name, isNew, f.ID, f.State, dir)
		}
		if ended := b.table.Stats().Ended[EndReused]; (ended == 1) != tt.isNew {
			t.Errorf("%s: %d flows counted as reused", tt.name, ended)
		}
	}
}

// TestConvicted has a client try to shake off a verdict with packets that nobody but us sees.
func TestConvicted(t *testing.T) {
	c := tcp("192.0.2.1:40000", "198.51.100.1:443")
	for verdict, after := range map[packet.Verdict]time.Duration{packet.Drop: time.Hour, packet.Reject: 10 * time.Second} {
		b := newBench(Limits{}, 1)
		var f *Flow
		for _, m := range []message{c.with(syn), c.reversed().with(synAck), c.with(ack)} {
			f, _, _ = b.table.Observe(m.packet(), 0)
		}
		f.Verdict = verdict
		for _, flags := range []packet.TCPFlags{rst, syn, finAck, ack} {
			if g, _, isNew := b.table.Observe(c.with(flags).packet(), 0); isNew || g != f || f.State != Established {
				t.Errorf("%v: %v made it another flow", verdict, flags)
			}
		}
		b.advance(after - time.Millisecond)
		if len(b.log) != 0 {
			t.Errorf("%v: forgotten before %v", verdict, after)
		}
		b.advance(2 * time.Minute)
		if gone := len(b.log) == 1; gone != (verdict == packet.Reject) {
			t.Errorf("%v: forgotten %v after two minutes of silence", verdict, gone)
		}
	}
}

// TestShutdownOrder ends flows in the order of their creation, also where places were used again.
func TestShutdownOrder(t *testing.T) {
	b := newBench(Limits{Flows: 100}, 1)
	crowd(b.table, 250, 0)
	b.log = nil
	b.table.Shutdown()
	for i, line := range b.log {
		if want := fmt.Sprintf("end %d shutdown", 151+i); line != want {
			t.Fatalf("line %d is %q, want %q", i, line, want)
		}
	}
	if len(b.log) != 100 || b.wheel.Len() != 0 {
		t.Errorf("%d flows ended, %d timers left", len(b.log), b.wheel.Len())
	}
}

// TestNoAllocation looks up, observes, and turns flows over in a table at its ceiling.
func TestNoAllocation(t *testing.T) {
	w := wheel.New(0)
	table := NewTable(Limits{Flows: 512}, w, 1, func(*Flow, End) {})
	table.SetMemory(4)
	crowd(table, 600, 0)
	ps := make([]*packet.Packet, 0, 600)
	for i := range 600 {
		m := tcp("[2001:db8::1]:1", "[2001:db8::2]:443").with(syn)
		m.src = netip.AddrPortFrom(m.src.Addr(), uint16(i))
		ps = append(ps, m.packet())
	}
	now := time.Duration(0)
	fire := func(timer *wheel.Timer) { table.Expire(timer, now) }
	if n := testing.AllocsPerRun(20, func() {
		for _, p := range ps {
			table.Lookup(p)
			table.Observe(p, now)
			table.Observe(p, now)
		}
		now += 20 * time.Second
		w.Advance(now, fire)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s := table.Stats(); s.Ended[EndEvicted] < 1000 {
		t.Errorf("the table did not turn over: %+v", s)
	}
}

// BenchmarkObserve looks packets up among 65,536 flows, in an order that no cache foresees.
func BenchmarkObserve(b *testing.B) {
	const n = 65536
	table := NewTable(Limits{}, wheel.New(0), 1, func(*Flow, End) {})
	crowd(table, n, 0)
	p := udp("192.0.2.1:1", "198.51.100.1:1").packet()
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.SrcPort = uint16(order[i%n])
		table.Observe(p, time.Duration(i))
	}
	if live := table.Stats().Live; live != n {
		b.Fatalf("%d flows", live)
	}
}

// TestLayout holds what every packet touches to the first two cache lines of a flow.
func TestLayout(t *testing.T) {
	var f Flow
	if unsafe.Sizeof(f.older) != 8 {
		t.Skip("the layout is one for 64-bit machines")
	}
	if size := unsafe.Sizeof(f); size != 256 {
		t.Errorf("a flow takes %d bytes", size)
	}
	if end := unsafe.Offsetof(f.Interest) + unsafe.Sizeof(f.Interest); end > 128 {
		t.Errorf("what every packet touches ends at byte %d", end)
	}
}

func BenchmarkKeyOf(b *testing.B) {
	p := tcp("[2001:db8::1]:1", "[2001:db8::2]:443").packet()
	s := secretsOf(1)
	for b.Loop() {
		k, _ := KeyOf(p)
		sink = k.hash(&s)
	}
}

var sink uint32
