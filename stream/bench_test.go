package stream

import (
	"encoding/binary"
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// An upload is a connection whose client sends segments in order, each of which is read, leaves and is acknowledged.
type upload struct {
	t         testing.TB
	conn      *Conn
	data, ack []byte
	p         packet.Packet
	seq       uint32
}

func newUpload(t testing.TB, size int) *upload {
	return &upload{
		t: t, conn: open(t).conn, seq: clientISN + 1,
		data: craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: ack, Ack: serverISN + 1, Window: 30000}, make([]byte, size)),
		ack:  craft.TCP(serverEnd, clientEnd, craft.Segment{Flags: ack, Seq: serverISN + 1, Window: 30000}, nil),
	}
}

// segment takes a segment and its acknowledgement through the connection.
func (u *upload) segment() {
	c, p := u.conn, &u.p
	binary.BigEndian.PutUint32(u.data[24:], u.seq)
	p.Set(u.data)
	p.Decode()
	n := len(p.Payload())
	a := c.Arrive(p, flow.ToServer)
	b, _ := c.Unread(flow.ToServer, Payload)
	c.Done(flow.ToServer, Payload, len(b))
	c.Done(flow.ToServer, Message, len(b))
	if a.Action != Leave || len(b) != n || c.Decide(flow.ToServer, a.End) != "" ||
		!c.Ready(p, flow.ToServer, a.Fresh) || !c.Depart(p, flow.ToServer) {
		u.t.Fatalf("the segment at %d did not go through: %+v", u.seq, a)
	}
	u.seq += uint32(n)
	binary.BigEndian.PutUint32(u.ack[28:], u.seq)
	p.Set(u.ack)
	p.Decode()
	if a := c.Arrive(p, flow.ToClient); a.Action != Leave || !c.Ready(p, flow.ToClient, a.Fresh) || !c.Depart(p, flow.ToClient) {
		u.t.Fatalf("the acknowledgement of %d did not go through: %+v", u.seq, a)
	}
}

func TestSegmentsInOrderAllocateNothing(t *testing.T) {
	u := newUpload(t, 1400)
	for range 100 {
		u.segment()
	}
	if n := testing.AllocsPerRun(1000, u.segment); n != 0 {
		t.Errorf("%v allocations per segment and acknowledgement", n)
	}
}

// BenchmarkSegment is a segment in order that is read and leaves, and its acknowledgement.
func BenchmarkSegment(b *testing.B) {
	u := newUpload(b, 1400)
	b.ReportAllocs()
	for b.Loop() {
		u.segment()
	}
}
