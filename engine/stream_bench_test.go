package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// A bulkSocket delivers an upload that never ends: segments in order, each acknowledged by the
// receiver as far as the lane has let it have the bytes.
type bulkSocket struct {
	loopSocket
	data, ack, synAck, syn []byte
	buf                    [2][]byte
	seq, released          uint32
	n                      int
}

func newBulk(text []byte) *bulkSocket {
	opts := []byte{2, 4, 1460 >> 8, 1460 & 0xff, 3, 3, 7, 1} // MSS, window scale, padding
	return &bulkSocket{
		syn:    craft.TCP(client4, server4, craft.Segment{Flags: packet.SYN, Seq: 0xfffff000, Options: opts}, nil),
		synAck: craft.TCP(server4, client4, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: 99, Ack: 0xfffff001, Options: opts}, nil),
		data:   craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Ack: 100}, text),
		ack:    craft.TCP(server4, client4, craft.Segment{Flags: packet.ACK, Seq: 100}, nil),
		seq:    0xfffff001, released: 0xfffff001,
	}
}

func (s *bulkSocket) Recv(ps []*packet.Packet, _ time.Duration) (int, error) {
	for i, from := range [][]byte{s.data, s.ack} {
		if s.n < 2 {
			from = [][]byte{s.syn, s.synAck}[s.n]
		}
		s.buf[i] = append(s.buf[i][:0], from...)
		switch {
		case s.n < 2:
		case i == 0:
			binary.BigEndian.PutUint32(s.buf[i][24:], s.seq)
			s.seq += uint32(len(s.data) - 40)
		default:
			binary.BigEndian.PutUint32(s.buf[i][28:], s.released)
		}
		s.n++
		ps[i].Set(s.buf[i])
		ps[i].Meta.Checksum, ps[i].Meta.GSO = packet.ChecksumVerified, len(s.buf[i]) > 1500
	}
	return 2, nil
}

func (s *bulkSocket) Caps() divert.Caps { return divert.Caps{} }

func (s *bulkSocket) Finish(ps []*packet.Packet) error {
	for _, p := range ps {
		if p.DstPort == 8080 && len(p.Payload()) > 0 && !p.Verdict.Final() {
			s.released = uint32(p.TCP().Seq()) + uint32(len(p.Payload()))
		}
	}
	return s.loopSocket.Finish(ps)
}

func bulkLane(t testing.TB, text []byte, inspectors ...inspect.Inspector) (*Lane, *bulkSocket) {
	l, _ := loopLane(t, nil, inspectors...)
	s := newBulk(text)
	l.socket = s
	return l, s
}

func reader() inspect.Inspector {
	return streamFunc{"urls", func(*inspect.Context, []byte) inspect.Decision { return inspect.Decision{} }}
}

// TestStreamsAllocateNothing takes segments in order through readers and editors.
func TestStreamsAllocateNothing(t *testing.T) {
	text := append(bytes.Repeat([]byte("weir "), 280), "a needle in a haystack and more"...)
	for name, in := range map[string]inspect.Inspector{
		"read": reader(), "same length": holding("needle", "NEEDLE"), "longer": holding("needle", "a long needle"), "gone": holding("needle", ""),
	} {
		l, s := bulkLane(t, text, in)
		for range 3000 {
			l.turn()
		}
		if n := testing.AllocsPerRun(2000, l.turn); n != 0 {
			t.Errorf("%s: %v allocations per segment and acknowledgement", name, n)
		}
		if l.counters.Dropped > 0 || s.released-s.seq > 1<<20 && s.seq-s.released > 1<<20 && name == "read" {
			t.Errorf("%s: %d dropped; sent to %d, released to %d", name, l.counters.Dropped, s.seq, s.released)
		}
		if got := l.counters.Edits > 0; got != (name != "read") {
			t.Errorf("%s: %d edits", name, l.counters.Edits)
		}
	}
}

// BenchmarkStream is a segment and its acknowledgement: not read, read, and edited.
func BenchmarkStream(b *testing.B) {
	for _, size := range []int{100, 1400, 60000} {
		text := append(bytes.Repeat([]byte("w"), size-6), "needle"...)
		edit := func(with string) inspect.Inspector {
			w := []byte(with)
			return streamFunc{"dlp", func(cx *inspect.Context, b []byte) inspect.Decision {
				cx.EditPayload(len(b)-6, len(b), w)
				return inspect.Decision{}
			}}
		}
		for _, c := range []struct {
			name string
			in   inspect.Inspector
		}{{"accept", &counting{}}, {"read", reader()}, {"equal", edit("NEEDLE")}, {"longer", edit("needles")}} {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				l, _ := bulkLane(b, text, c.in)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					l.turn()
				}
				if l.counters.Dropped > 0 {
					b.Fatalf("dropped: %v", maps.Collect(l.counters.drops.all))
				}
			})
		}
	}
}
