package engine

import (
	"testing"
	"time"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// TestALostTailIsSentAgain: the client was told that a segment has come, ahead of another, and will not send it again. When it is lost
// behind us, we do so in time, until its receiver has it.
func TestALostTailIsSentAgain(t *testing.T) {
	b, client, server := told(t)
	segments := func(datagrams [][]byte) (ps []*packet.Packet) {
		for _, d := range datagrams {
			p := new(packet.Packet)
			p.Set(d)
			p.Decode()
			ps = append(ps, p)
		}
		return ps
	}
	asks := segments(b.fake.Injected())
	if len(asks) != 1 || asks[0].TCP().Ack() != 106 {
		t.Fatalf("%d segments ask for what is missing", len(asks))
	}
	client(packet.ACK, 106, 500, "needle")
	server(packet.ACK, 500, 109) // of the pin
	out := b.fake.Out()
	if last := segments([][]byte{out[len(out)-1].Bytes})[0]; last.TCP().Ack() != 111 {
		t.Errorf("the client is told %d: before what it was told of lies 111", last.TCP().Ack())
	}
	if at, ok := b.lane.wheel.Next(); !ok || len(b.lane.mends) != 1 {
		t.Fatalf("%d connections are watched", len(b.lane.mends))
	} else if b.lane.clock, b.lane.nextIdle = noClock, b.lane.now+time.Second; b.lane.wait() > at-b.lane.now {
		t.Errorf("the lane sleeps for %v, and something is due in %v", b.lane.wait(), at-b.lane.now)
	}
	b.lane.clock = nil
	var again []string
	for range 100 {
		b.lane.now += 10 * time.Millisecond
		b.lane.advance()
		for _, p := range segments(b.fake.Injected()) {
			again = append(again, string(p.Payload()))
			if p.TCP().Seq() != 109 || !p.VerifyChecksum() || p.DstPort != 8080 {
				t.Errorf("to port %d at %d: %q", p.DstPort, p.TCP().Seq(), p.Payload())
			}
		}
	}
	if len(again) < 4 || len(again) > maxMends || again[0] != "lost behind us" {
		t.Errorf("in a second %q were sent again", again)
	}
	server(packet.ACK, 500, 123)
	b.lane.now += time.Minute
	b.lane.advance()
	if n := len(b.fake.Injected()); n != 0 || len(b.lane.mends) != 0 {
		t.Errorf("%d more, though all has come; %d connections are watched", n, len(b.lane.mends))
	}
}

func noClock() (time.Duration, time.Time) { return 0, time.Time{} }

// told is a connection whose client was told that a segment has come, at 112 ahead of a gap at 106.
func told(t *testing.T) (b *bench, client func(flags packet.TCPFlags, seq, acked uint32, text string), server func(flags packet.TCPFlags, seq, acked uint32)) {
	b = newBench(t, Config{Limits: Limits{Hold: time.Hour, Gap: time.Hour}}, holding("needle", "pin"))
	client, server = b.ends()
	client(packet.SYN, 99, 0, "")
	server(packet.SYN|packet.ACK, 499, 100)
	client(packet.ACK, 100, 500, "hello ")
	server(packet.ACK, 500, 106)
	client(packet.ACK, 112, 500, "lost behind us")
	return b, client, server
}

// ends returns what has each end of a connection send a segment, with SACK permitted, at once.
func (b *bench) ends() (client func(flags packet.TCPFlags, seq, acked uint32, text string), server func(flags packet.TCPFlags, seq, acked uint32)) {
	segment := func(flags packet.TCPFlags, seq, acked uint32) craft.Segment {
		s := craft.Segment{Flags: flags, Seq: seq, Ack: acked, Window: 60000}
		if flags.Has(packet.SYN) {
			s.Options = []byte{byte(packet.OptionSACKPermitted), 2}
		}
		return s
	}
	return func(flags packet.TCPFlags, seq, acked uint32, text string) {
			b.push(craft.TCP(client4, server4, segment(flags, seq, acked), []byte(text)))
			b.step()
		}, func(flags packet.TCPFlags, seq, acked uint32) {
			b.push(craft.TCP(server4, client4, segment(flags, seq, acked), nil))
			b.step()
		}
}

// TestAPolicyThatWatchesKeepsNoPromises: after a reload the client is told the truth, and sends again what was lost.
func TestAPolicyThatWatchesKeepsNoPromises(t *testing.T) {
	b, client, server := told(t)
	client(packet.ACK, 106, 500, "......")
	server(packet.ACK, 500, 112)
	outcomes := b.lane.outcomes
	outcomes.Monitor = true
	b.lane.Swap(&Program{Chain: chain(t, 2, inspect.Entry{Inspector: holding("needle", "pin")}), Outcomes: outcomes})
	server(packet.ACK, 500, 112)
	out := b.fake.Out()
	var p packet.Packet
	p.Set(out[len(out)-1].Bytes)
	p.Decode()
	if p.TCP().Ack() != 112 {
		t.Errorf("the client is told %d", p.TCP().Ack())
	}
}
