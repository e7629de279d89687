package stream

import (
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// hop has the client send a segment with that many hops left.
func (k *talk) hop(ttl uint8, flags packet.TCPFlags, seq uint32, payload string) Arrival {
	k.t.Helper()
	p := decoded(k.t, craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: flags, Seq: seq, Ack: 5000, Window: 30000}, []byte(payload)))
	p.SetTTL(ttl)
	a := k.conn.Arrive(p, flow.ToServer)
	if a.Action == Leave && a.Fresh {
		b, _ := k.conn.Unread(flow.ToServer, Payload)
		k.conn.Done(flow.ToServer, Payload, len(b))
		k.conn.Done(flow.ToServer, Message, len(b))
		k.conn.Decide(flow.ToServer, false)
	}
	if a.Action == Leave && !k.conn.Depart(p, flow.ToServer) {
		k.t.Fatal("it cannot depart")
	}
	return a
}

// TestFakesThatExpire refuses what cannot arrive, and takes the real one after it (HAZARDS I7).
func TestFakesThatExpire(t *testing.T) {
	for name, flags := range map[string]packet.TCPFlags{"data": ack, "FIN": ack | fin, "RST": rst, "RST and ACK": rst | ack} {
		k := open(t) // with 64 hops left
		k.hop(60, ack, 1000, "real")
		for _, ttl := range []uint8{1, 5, 23} {
			if a := k.hop(ttl, flags, 1004, "fake"); a.Action != Discard || a.Why != "tcp-low-ttl" {
				t.Errorf("%s with %d hops left: %v %q", name, ttl, a.Action, a.Why)
			}
		}
		if a := k.hop(60, ack, 1004, "real"); a.Action != Leave || a.Differs {
			t.Errorf("%s: then the real one: %v %q", name, a.Action, a.Why)
		}
	}
}

// TestPathsThatChange lets through what honest paths and hosts do: a few hops more, a middlebox that answers the SYN
// with another host's first TTL, and connections that have few hops from the beginning.
func TestPathsThatChange(t *testing.T) {
	for name, hops := range map[string][]uint8{
		"a longer path":          {52, 47, 44, 40},
		"a SYN proxy":            {250, 44, 44, 43},
		"another system behind":  {120, 58, 248, 30},
		"one hop, as BGP has it": {1, 1, 1, 1},
		"a loop that goes":       {30, 20, 15, 29},
		"ancient":                {31, 18, 31, 16},
	} {
		k := newTalk(t)
		k.hop(hops[0], syn, clientISN, "")
		k.server(synAck, serverISN, clientISN+1, "")
		k.hop(hops[0], ack, 1000, "")
		for i, ttl := range hops[1:] {
			if a := k.hop(ttl, ack, 1000+uint32(i), "x"); a.Action != Leave {
				t.Errorf("%s: %d hops: %v %q", name, ttl, a.Action, a.Why)
			}
		}
	}
}

// TestWhoInsistsIsBelieved does not cut a connection for good: behind a proxy may be a host that begins with few hops.
func TestWhoInsistsIsBelieved(t *testing.T) {
	k := open(t)
	for i := range patience {
		if a := k.hop(20, ack, 1000, "data"); a.Action != Discard {
			t.Fatalf("%d: %v", i, a.Action)
		}
	}
	if a := k.hop(20, ack, 1000, "data"); a.Action != Leave {
		t.Fatalf("then: %v %q", a.Action, a.Why)
	}
	if a := k.hop(19, ack, 1004, "more"); a.Action != Leave {
		t.Errorf("and from then on: %v %q", a.Action, a.Why)
	}
	k.hop(64, ack, 1008, "real")
	if a := k.hop(19, ack, 1012, "fake"); a.Action != Discard {
		t.Errorf("after one with many hops: %v", a.Action)
	}
}

// TestStrangersCannotLowerTheMeasure: what is refused for another reason says nothing of the path.
func TestStrangersCannotLowerTheMeasure(t *testing.T) {
	k := newTalk(t)
	k.hop(30, syn, clientISN, "")
	k.server(synAck, serverISN, clientISN+1, "")
	k.hop(30, ack, 1000, "")
	k.hop(255, ack, 1000+1<<30, "far out of the window")
	if a := k.hop(20, ack, 1000, "data"); a.Action != Leave {
		t.Errorf("%v %q", a.Action, a.Why)
	}
}

// TestPassiveOnlyTells takes what expires, and says so.
func TestPassiveOnlyTells(t *testing.T) {
	k := &talk{t: t, conn: newPool().New(Mode{Passive: true})}
	k.handshake(clientISN, serverISN)
	if a := k.hop(2, ack, 1000, "data"); a.Action != Leave || !a.Expires || !a.Fresh {
		t.Errorf("%+v", a)
	}
	if a := k.hop(60, ack, 1004, "data"); a.Expires {
		t.Errorf("%+v", a)
	}
}
