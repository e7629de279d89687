package engine

import (
	"bytes"
	"testing"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/http1"
)

// TestDarkFlowsAreHandedBack: where no grammar is sought any more, those who want messages and nothing else have seen all that they will.
// Who reads bytes reads on.
func TestDarkFlowsAreHandedBack(t *testing.T) {
	mark := packet.Mark{Value: 0x100, Mask: 0x300}
	const much = 60000
	for _, c := range []struct {
		name     string
		in       inspect.Inspector
		answers  bool
		segments int // of the client, of so many bytes
		settled  bool
	}{
		{"both have spoken", &httpEditor{}, true, 2, true},
		{"only one has spoken, and what the other says may be known", &httpEditor{}, false, 20, false},
		{"somebody reads bytes", packetFunc{"ids", func(*inspect.Context, *packet.Packet) inspect.Decision { return inspect.Decision{} }}, true, 2, false},
	} {
		b := newBench(t, Config{Program: Program{Settle: Settle{Mark: mark}}, Grammars: []proto.Grammar{http1.New()}}, c.in)
		b.push(craft.TCP(client4, server4, craft.Segment{Flags: packet.SYN}, nil),
			craft.TCP(server4, client4, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: 100, Ack: 1, Window: 65535}, nil))
		at, answered := uint32(1), uint32(101)
		for range c.segments {
			b.push(craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Seq: at, Ack: answered, Window: 65535}, bytes.Repeat([]byte{0xfe}, much)))
			at += much
			var answer []byte
			if c.answers {
				answer = []byte{0xff, 1, 2, 3}
			}
			b.push(craft.TCP(server4, client4, craft.Segment{Flags: packet.ACK, Seq: answered, Ack: at, Window: 65535}, answer))
			answered += uint32(len(answer))
		}
		b.push(craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Seq: at, Ack: answered, Window: 65535}, nil))
		b.push(craft.TCP(server4, client4, craft.Segment{Flags: packet.ACK, Seq: answered, Ack: at, Window: 65535}, []byte("last")))
		out := b.run()
		if got := out[len(out)-1].Mark == mark.Value; got != c.settled {
			t.Errorf("%s: handed back: %v; %+v", c.name, got, b.lane.Snapshot().Anomalies)
		}
	}
}

// TestDarkFlowsAreNoDatagrams: what counts packets goes on to; no segment of a dark flow is read as if it were a message.
func TestDarkFlowsAreNoDatagrams(t *testing.T) {
	counts := streamlessOutcome{}
	b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Malformed: packet.Drop}}, Grammars: []proto.Grammar{http1.New()}}, &httpEditor{}, counts)
	junk := []byte{0xfe, 1, 2, 3}
	b.push(craft.TCP(client4, server4, craft.Segment{Flags: packet.SYN}, nil),
		craft.TCP(server4, client4, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: 100, Ack: 1, Window: 65535}, nil),
		craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Seq: 1, Ack: 101, Window: 65535}, junk),
		craft.TCP(server4, client4, craft.Segment{Flags: packet.ACK, Seq: 101, Ack: 5, Window: 65535}, junk),
		craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Seq: 5, Ack: 105, Window: 65535}, nil),
		craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Seq: 5, Ack: 105, Window: 65535}, []byte("GET /x HTTP/1.1\r\n: no name\r\n\r\n")))
	out := b.run()
	if last := out[len(out)-1]; last.Verdict.Final() {
		t.Errorf("%v: %v", last.Verdict, b.lane.Snapshot().Drops)
	}
}

type streamlessOutcome struct{}

func (streamlessOutcome) Name() string { return "stats" }
func (streamlessOutcome) InspectOutcome(*inspect.Context, *packet.Packet, inspect.Decision) inspect.Decision {
	return inspect.Decision{}
}
