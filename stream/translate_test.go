package stream

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// sacks is a SACK option (RFC 2018 §3) with its padding.
func sacks(blocks ...[2]uint32) []byte {
	b := []byte{byte(packet.OptionNop), byte(packet.OptionNop), byte(packet.OptionSACK), byte(2 + 8*len(blocks))}
	for _, k := range blocks {
		b = binary.BigEndian.AppendUint32(b, k[0])
		b = binary.BigEndian.AppendUint32(b, k[1])
	}
	return b
}

// blocksOf returns the SACK blocks of a segment, counted from the first byte of the client.
func blocksOf(p *packet.Packet) (got [][2]int) {
	opts := p.TCP().Options()
	o, ok := opts.Find(packet.OptionSACK)
	for i := 0; ok && i < o.SACKBlocks(); i++ {
		l, r := o.SACKBlock(i)
		got = append(got, [2]int{int(l) - clientISN - 1, int(r) - clientISN - 1})
	}
	return got
}

// TestAcknowledgementsOfEdits: one inside of an edit is one of its start, and SACK blocks cover edits whole or not
// at all (HAZARDS W4, W5). The client has said 30 bytes, of which [10, 16) left as 20.
func TestAcknowledgementsOfEdits(t *testing.T) {
	for _, s := range []struct {
		name   string
		acked  int // released
		want   int
		blocks [][2]int
		wanted [][2]int
	}{
		{"before the edit", 10, 10, nil, nil},
		{"inside the edit", 20, 10, nil, nil},
		{"the whole edit", 30, 16, nil, nil},
		{"everything", 44, 30, nil, nil},
		{"a block behind the edit", 0, 0, [][2]int{{31, 40}}, [][2]int{{17, 26}}},
		{"a block that begins in the edit", 0, 0, [][2]int{{15, 40}}, [][2]int{{16, 26}}},
		{"a block that ends in the edit", 0, 0, [][2]int{{5, 15}}, [][2]int{{5, 10}}},
		{"a block that is part of the edit", 0, 0, [][2]int{{12, 28}}, nil},
		{"one that goes and one that stays", 5, 5, [][2]int{{12, 28}, {35, 44}}, [][2]int{{21, 30}}},
	} {
		k := open(t)
		k.replaces(10, 16, "twenty bytes instead")
		k.client(ack, clientISN+1, serverISN+1, "0123456789needle6789012345678.")
		var opts []byte
		if s.blocks != nil {
			var bs [][2]uint32
			for _, b := range s.blocks {
				bs = append(bs, [2]uint32{uint32(clientISN + 1 + b[0]), uint32(clientISN + 1 + b[1])})
			}
			opts = sacks(bs...)
		}
		_, p := k.segment(serverEnd, clientEnd, 1, craft.Segment{
			Flags: ack, Seq: serverISN + 1, Ack: uint32(clientISN + 1 + s.acked), Window: 30000, Options: opts,
		}, "")
		if p == nil {
			t.Fatalf("%s: nothing left", s.name)
		}
		if got := int(p.TCP().Ack()) - clientISN - 1; got != s.want {
			t.Errorf("%s: the client is told of %d, want %d", s.name, got, s.want)
		}
		if got := blocksOf(p); !slices.Equal(got, s.wanted) {
			t.Errorf("%s: blocks %v, want %v", s.name, got, s.wanted)
		}
		if !p.VerifyChecksum() {
			t.Errorf("%s: the checksum is wrong", s.name)
		}
	}
}

// TestTheRightEdgeStays: a window that the sender was told is not taken back (RFC 9293 §3.8.6), though more bytes
// fill it than the sender has sent.
func TestTheRightEdgeStays(t *testing.T) {
	k := open(t)
	told := 0
	seq, out := uint32(clientISN+1), uint32(clientISN+1)
	for range 40 {
		k.replaces(0, 6, "three times as long as a needle")
		if _, p := k.client(ack, seq, serverISN+1, "needle"); p == nil {
			t.Fatal("nothing left")
		}
		seq, out = seq+6, out+31
		_, p := k.segment(serverEnd, clientEnd, 1, craft.Segment{
			Flags: ack, Seq: serverISN + 1, Ack: out, Window: uint16(clientISN + 1 + 30000 - out),
		}, "")
		if got := uint32(p.TCP().Ack()); got != seq {
			t.Fatalf("the client is told of %d, and has sent up to %d", got, seq)
		}
		edge := int(p.TCP().Ack()) + int(p.TCP().Window())
		if edge < told {
			t.Fatalf("the edge moves back from %d to %d", told, edge)
		}
		told = edge
	}
}

// TestAFINBehindEdits is acknowledged behind what was edited, and its acknowledgement is the client's (HAZARDS W11).
func TestAFINBehindEdits(t *testing.T) {
	for _, with := range []string{"", "X", "needle and more"} {
		k := open(t)
		k.replaces(2, 8, with)
		_, p := k.client(ack|fin, clientISN+1, serverISN+1, "a needle.")
		at(t, p, clientISN+1, serverISN+1, "a "+with+".")
		end := uint32(clientISN + 1 + len(p.Payload()))
		_, p = k.server(ack, serverISN+1, end, "")
		at(t, p, serverISN+1, clientISN+1+9, "")
		_, p = k.server(ack, serverISN+1, end+1, "")
		at(t, p, serverISN+1, clientISN+1+10, "")
		_, p = k.client(ack, clientISN+1+10, serverISN+1, "")
		at(t, p, end+1, serverISN+1, "")
		_, p = k.server(ack|fin, serverISN+1, end+1, "")
		at(t, p, serverISN+1, clientISN+1+10, "")
		k.client(ack, clientISN+1+10, serverISN+2, "")
		if !k.conn.Over() {
			t.Errorf("%q: the connection is not over", with)
		}
	}
}
