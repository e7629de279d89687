package engine

import (
	"testing"
	"time"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// TestALostTailIsSentAgain: the client was told that a segment has come, ahead of another, and will not send it again. When it is lost
// behind us, we do so in time, until its receiver has it.
func TestALostTailIsSentAgain(t *testing.T) {
	b := newBench(t, Config{Limits: Limits{Hold: time.Hour, Gap: time.Hour}}, holding("needle", "pin"))
	sack := []byte{byte(packet.OptionSACKPermitted), 2}
	client := func(flags packet.TCPFlags, seq, acked uint32, options []byte, text string) {
		b.push(craft.TCP(client4, server4, craft.Segment{Flags: flags, Seq: seq, Ack: acked, Window: 60000, Options: options}, []byte(text)))
		b.step()
	}
	server := func(flags packet.TCPFlags, seq, acked uint32, options []byte) {
		b.push(craft.TCP(server4, client4, craft.Segment{Flags: flags, Seq: seq, Ack: acked, Window: 60000, Options: options}, nil))
		b.step()
	}
	client(packet.SYN, 99, 0, sack, "")
	server(packet.SYN|packet.ACK, 499, 100, sack)
	client(packet.ACK, 100, 500, nil, "hello ")
	server(packet.ACK, 500, 106, nil)
	client(packet.ACK, 112, 500, nil, "lost behind us")
	segments := func(datagrams [][]byte) (ps []*packet.Packet) {
		for _, d := range datagrams {
			p := new(packet.Packet)
			p.Set(d)
			p.Decode()
			ps = append(ps, p)
		}
		return ps
	}
	told := segments(b.fake.Injected())
	if len(told) != 1 || told[0].TCP().Ack() != 106 {
		t.Fatalf("%d segments ask for what is missing", len(told))
	}
	client(packet.ACK, 106, 500, nil, "needle")
	server(packet.ACK, 500, 109, nil) // of the pin
	out := b.fake.Out()
	if last := segments([][]byte{out[len(out)-1].Bytes})[0]; last.TCP().Ack() != 111 {
		t.Errorf("the client is told %d: before what it was told of lies 111", last.TCP().Ack())
	}
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
	server(packet.ACK, 500, 123, nil)
	b.lane.now += time.Minute
	b.lane.advance()
	if n := len(b.fake.Injected()); n != 0 || len(b.lane.mends) != 0 {
		t.Errorf("%d more, though all has come; %d connections are watched", n, len(b.lane.mends))
	}
}
