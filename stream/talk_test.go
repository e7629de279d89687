package stream

import (
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

const (
	syn    = packet.SYN
	ack    = packet.ACK
	synAck = packet.SYN | packet.ACK
	rst    = packet.RST
	fin    = packet.FIN
)

// clientISN and serverISN are the places of the two SYNs.
const (
	clientISN = 999
	serverISN = 4999
)

// A talk is a connection with everybody who reads it: what arrives is read, decided and departs at once.
type talk struct {
	t    testing.TB
	conn *Conn
	edit func(dir flow.Direction, b []byte) // what is done with unread bytes; may be nil
	hold int                                // how many bytes at the end of what is unread wait for what follows
}

func newTalk(t testing.TB) *talk {
	return &talk{t: t, conn: newPool().New(Mode{Edits: true, Resizes: true})}
}

// open is a talk whose handshake is over.
func open(t testing.TB) *talk {
	k := newTalk(t)
	k.handshake(clientISN, serverISN)
	return k
}

func (k *talk) handshake(client, server uint32) {
	k.t.Helper()
	k.client(syn, client, 0, "")
	k.server(synAck, server, client+1, "")
	k.client(ack, client+1, server+1, "")
	if k.conn.phase != phaseOpen {
		k.t.Fatal("the handshake is not over")
	}
}

// client has the client send a segment, and returns what arrived and what left.
func (k *talk) client(flags packet.TCPFlags, seq, acked uint32, payload string) (Arrival, *packet.Packet) {
	return k.segment(clientEnd, serverEnd, flow.ToServer, craft.Segment{Flags: flags, Seq: seq, Ack: acked, Window: 30000}, payload)
}

// server has the server send one.
func (k *talk) server(flags packet.TCPFlags, seq, acked uint32, payload string) (Arrival, *packet.Packet) {
	return k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: flags, Seq: seq, Ack: acked, Window: 30000}, payload)
}

func (k *talk) segment(src, dst string, dir flow.Direction, s craft.Segment, payload string) (Arrival, *packet.Packet) {
	k.t.Helper()
	c := k.conn
	p := decoded(k.t, craft.TCP(src, dst, s, []byte(payload)))
	if c.Restarts(p, dir) {
		k.conn = c.Successor(c.mode)
		c.Close()
		c = k.conn
	}
	a := c.Arrive(p, dir)
	if a.Action != Leave {
		return a, nil
	}
	if a.Fresh || a.End {
		b, _ := c.Unread(dir, Payload)
		if k.edit != nil {
			k.edit(dir, b)
		}
		c.Done(dir, Payload, len(b)-k.hold)
		c.Done(dir, Message, len(b))
		if why := c.Decide(dir, a.End); why != "" {
			k.t.Fatal(why)
		}
	}
	if !c.Ready(p, dir, a.Fresh) {
		if !c.Park(p, dir, uint32(len(payload)), true) {
			k.t.Fatal("no room to wait")
		}
		return a, nil
	}
	if !c.Depart(p, dir) {
		k.t.Fatal("it cannot depart")
	}
	return a, p
}

// replaces has the talk replace the bytes [from, to) of what is unread next, in either direction.
func (k *talk) replaces(from, to int, with string) {
	k.edit = func(dir flow.Direction, b []byte) {
		if !k.conn.Replace(dir, Payload, from, to, []byte(with)) {
			k.t.Fatalf("[%d, %d) of %q cannot be replaced", from, to, b)
		}
		k.edit = nil
	}
}

// at wants a segment to be at a place, to acknowledge another, and to carry a text.
func at(t testing.TB, p *packet.Packet, seq, acked uint32, payload string) {
	t.Helper()
	if p == nil {
		t.Fatal("nothing left")
	}
	h := p.TCP()
	if h.Seq() != seqnum.Value(seq) || h.Ack() != seqnum.Value(acked) || string(p.Payload()) != payload {
		t.Errorf("%d, acknowledging %d, with %q; want %d, %d, %q", h.Seq(), h.Ack(), p.Payload(), seq, acked, payload)
	}
}
