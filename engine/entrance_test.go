package engine

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

const growth = 5000 // bytes: several segments

// A grower replaces the word "grow" by more than a segment holds, and rejects the flow at "reject".
type grower struct{ with []byte }

func (g grower) Name() string       { return "dlp" }
func (g grower) Resizes() field.Set { return field.SetOf(field.Payload) }

func (g grower) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	if bytes.Contains(b, []byte("reject")) {
		return inspect.Decision{Verdict: packet.Reject, Scope: inspect.ScopeFlow, Reason: "word"}
	}
	if i := bytes.Index(b, []byte("grow")); i >= 0 {
		cx.EditPayload(i, i+4, g.with)
	}
	return inspect.Decision{}
}

// TestSegmentsOfOurOwnEnterAsTheirDirectionDoes has a lane send bytes that had no room, ask for bytes that are
// missing, and reset both ends. Whatever goes the way of packets that came translated is not to be tracked, and
// all else is.
func TestSegmentsOfOurOwnEnterAsTheirDirectionDoes(t *testing.T) {
	const bit = 0x80
	for _, marks := range [][2]uint32{{0, 0}, {bit, 0}, {0, bit | 1}, {bit, bit}, {1, ^uint32(bit)}} {
		for _, known := range []uint32{bit, 0} {
			t.Run(fmt.Sprintf("%#x %#x of %#x", marks[0], marks[1], known), func(t *testing.T) {
				b := newBench(t, Config{Program: Program{Translated: known}}, grower{bytes.Repeat([]byte("x"), growth)})
				talkAndGrow(b, marks)
				b.run()
				var seen [2]int
				for _, s := range b.fake.Sent() {
					var p packet.Packet
					p.Set(s.Bytes)
					p.Decode()
					dir := 0
					if p.SrcPort != 40000 {
						dir = 1
					}
					seen[dir]++
					want := divert.InjectOut
					if marks[dir]&known != 0 {
						want = divert.InjectUntracked
					}
					if s.How != want {
						t.Errorf("direction %d: a segment with flags %v and %d bytes entered by %d, want %d", dir, p.TCPFlags, len(p.Payload()), s.How, want)
					}
				}
				if seen[0] < 3 || seen[1] < 2 {
					t.Errorf("%d and %d segments of our own: the test does not test it", seen[0], seen[1])
				}
			})
		}
	}
}

// talkAndGrow pushes a connection whose directions' packets have the given marks: bytes that grow, a gap, and what
// is rejected.
func talkAndGrow(b *bench, marks [2]uint32) {
	c, s, grown := uint32(1000), uint32(9000), uint32(0)
	push := func(dir int, flags packet.TCPFlags, payload string) {
		from, to, seq, ack := client4, server4, c, s
		if dir == 1 {
			from, to, seq, ack = server4, client4, s, c+grown
		}
		if flags == packet.SYN {
			ack = 0
		}
		b.at += time.Millisecond
		d := craft.TCP(from, to, craft.Segment{Flags: flags, Seq: seq, Ack: ack, Window: 60000}, []byte(payload))
		if _, ok := b.fake.PushMeta(d, packet.Meta{OrigLen: len(d), Captured: b.at, Mark: marks[dir]}); !ok {
			b.t.Fatal("the fake queue is full")
		}
		n := uint32(len(payload))
		if flags.Has(packet.SYN) {
			n++
		}
		if dir == 0 {
			c += n
		} else {
			s += n
		}
	}
	push(0, packet.SYN, "")
	push(1, packet.SYN|packet.ACK, "")
	push(0, packet.ACK, "")
	push(0, packet.ACK|packet.PSH, "grow")
	grown = growth - 4
	push(1, packet.ACK|packet.PSH, "an answer")
	c += 10 // ten bytes do not come
	push(0, packet.ACK|packet.PSH, "behind a gap")
	c -= 10 + 12 // the server has none of that
	push(1, packet.ACK|packet.PSH, "reject")
}
