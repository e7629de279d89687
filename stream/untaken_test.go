package stream

import (
	"encoding/binary"
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// with has the client send a segment with options.
func (k *talk) with(flags packet.TCPFlags, seq, acked uint32, options []byte, payload string) Arrival {
	k.t.Helper()
	a, _ := k.segment(clientEnd, serverEnd, flow.ToServer, craft.Segment{Flags: flags, Seq: seq, Ack: acked, Window: 30000, Options: options}, payload)
	return a
}

func timestamps(ts, echo uint32) []byte {
	b := []byte{byte(packet.OptionNop), byte(packet.OptionNop), byte(packet.OptionTimestamps), 10}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, ts), echo)
}

// TestOldTimestamps refuses what is older than what the receiver says to have, and nothing for what only
// somebody on the way has seen (HAZARDS T16).
func TestOldTimestamps(t *testing.T) {
	k := open(t)
	k.with(ack, 1000, 5000, timestamps(1000, 1), "a")
	k.with(ack, 1001, 5000, timestamps(900_000, 1), "b") // a fake may say this
	if a := k.with(ack, 1002, 5000, timestamps(990, 1), "c"); a.Action != Leave {
		t.Errorf("the receiver has said nothing yet: %v %q", a.Action, a.Why)
	}
	k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 5000, Ack: 1001, Window: 30000, Options: timestamps(2, 1000)}, "")
	for ts, want := range map[int32]Action{998: Discard, 1000 - 1<<30: Discard, 999: Leave, 1000: Leave, 1001: Leave, 900_000: Leave} {
		if a := k.with(ack, 1002, 5000, timestamps(uint32(ts), 2), "c"); a.Action != want {
			t.Errorf("timestamp %d: %v %q, want %v", ts, a.Action, a.Why, want)
		}
	}
}

// TestOvertaken is of segments with an old timestamp that bring nothing that the receiver lacks: nobody is accused for them.
func TestOvertaken(t *testing.T) {
	k := open(t)
	k.with(ack, 1000, 5000, timestamps(1000, 1), "abcd")
	k.with(ack, 1004, 5000, timestamps(1100, 1), "efgh")
	k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 5000, Ack: 1004, Window: 30000, Options: timestamps(2, 1100)}, "")
	for _, c := range []struct {
		name    string
		flags   packet.TCPFlags
		seq     uint32
		payload string
		action  Action
		why     packet.Reason
	}{
		{"an acknowledgement", ack, 1000, "", Absorb, "tcp-old-duplicate"},
		{"an acknowledgement, further", ack, 1008, "", Absorb, "tcp-old-duplicate"},
		{"what was acknowledged", ack, 1000, "abcd", Absorb, "tcp-old-duplicate"},
		{"what was not", ack, 1004, "EFGH", Discard, "tcp-old-timestamp"},
		{"some of each", ack, 1000, "abcdE", Discard, "tcp-old-timestamp"},
		{"new data", ack, 1008, "i", Discard, "tcp-old-timestamp"},
		{"what nobody has sent, acknowledged", ack, 1008, "", Discard, "tcp-old-timestamp"},
		{"an end", ack | packet.FIN, 1008, "", Discard, "tcp-old-timestamp"},
		{"an end, earlier", ack | packet.FIN, 1000, "abcd", Discard, "tcp-old-timestamp"},
	} {
		acked := uint32(5000)
		if c.name == "what nobody has sent, acknowledged" {
			acked = 5001
		}
		if a := k.with(c.flags, c.seq, acked, timestamps(1010, 1), c.payload); a.Action != c.action || a.Why != c.why {
			t.Errorf("%s: %v %q, want %v %q", c.name, a.Action, a.Why, c.action, c.why)
		}
	}
}

// TestOvertakenEnd is of an end that was sent twice, and edits before it: what counts is whether the receiver has it.
func TestOvertakenEnd(t *testing.T) {
	k := open(t)
	k.replaces(0, 4, "longer than that")
	k.with(ack, 1000, 5000, timestamps(1000, 1), "abcd")
	k.with(ack|fin, 1004, 5000, timestamps(1100, 1), "efgh")
	says := func(acked uint32) {
		k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 5000, Ack: acked, Window: 30000, Options: timestamps(2, 1100)}, "")
	}
	for _, c := range []struct {
		acked  uint32
		action Action
	}{{1016, Discard}, {1020, Discard}, {1021, Absorb}} { // 12 bytes more than were sent, and the FIN
		says(c.acked)
		if a := k.with(ack|fin, 1004, 5000, timestamps(1010, 1), "efgh"); a.Action != c.action {
			t.Errorf("%d is acknowledged: %v %q", c.acked, a.Action, a.Why)
		}
	}
}

// TestWhatFakesTeach: a segment that never arrives says nothing of how far its sender is, and one that cannot be of the connection nothing of what a receiver has.
func TestWhatFakesTeach(t *testing.T) {
	k := open(t)
	send := func(ttl uint8, seq uint32, options []byte, payload string) Arrival {
		p := decoded(t, craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: ack, Seq: seq, Ack: 5000, Window: 30000, Options: options}, []byte(payload)))
		p.SetTTL(ttl)
		return k.conn.Arrive(p, flow.ToServer)
	}
	k.conn.half[flow.ToServer].hops = 1 // as BGP has it
	send(1, 1000, timestamps(1000, 1), "a")
	k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 5000, Ack: 1000, Window: 30000, Options: timestamps(2, 1000)}, "")
	if a := send(255, 1000, timestamps(900, 1), ""); a.Action != Absorb {
		t.Fatalf("%v %q", a.Action, a.Why)
	}
	if a := send(1, 1001, timestamps(1001, 2), "b"); a.Action != Leave {
		t.Errorf("behind a fake from near by: %v %q", a.Action, a.Why)
	}

	k = open(t)
	k.with(ack, 1000, 5000, timestamps(1000, 1), "abcd")
	k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 5000, Ack: 1004, Window: 30000, Options: timestamps(2, 1000)}, "")
	k.with(ack, 1004, 5000, timestamps(1100, 2), "efgh")
	for _, fake := range []craft.Segment{
		{Seq: 5000 + 7<<29, Ack: 1004 + 1<<29, Options: timestamps(1<<30, 1<<30)}, // not of the connection
		{Seq: 5000 + 7<<29, Ack: 1004, Options: timestamps(3, 1100)},              // nor is this: what it echoes has not arrived
		{Seq: 5000, Ack: 1004, Options: timestamps(3, 1000+1<<20)},                // an echo of what was never said
	} {
		fake.Flags, fake.Window = ack, 30000
		k.segment(serverEnd, clientEnd, flow.ToClient, fake, "")
		if a := k.with(ack, 1004, 5000, timestamps(1050, 2), ""); a.Action != Leave {
			t.Errorf("behind a fake at %d: %v %q", fake.Seq, a.Action, a.Why)
		}
	}
}

// TestOldTimestampsOfTheFirstData has the server's SYN-ACK say what it has.
func TestOldTimestampsOfTheFirstData(t *testing.T) {
	k := newTalk(t)
	k.with(syn, clientISN, 0, timestamps(1000, 0), "")
	k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: synAck, Seq: serverISN, Ack: clientISN + 1, Window: 30000, Options: timestamps(1<<31, 1000)}, "")
	k.with(ack, 1000, 5000, timestamps(1001, 1<<31), "")
	if a := k.with(ack, 1000, 5000, timestamps(900, 1<<31), "a lie"); a.Action != Discard {
		t.Errorf("%v %q", a.Action, a.Why)
	}
	if a, _ := k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 5000, Ack: 1000, Window: 30000, Options: timestamps(1<<31, 1001)}, "hi"); a.Action != Leave {
		t.Errorf("the server's: %v %q", a.Action, a.Why)
	}
}

// TestSignaturesThatNobodyAskedFor are refused, and those that were agreed on are not (HAZARDS T17).
func TestSignaturesThatNobodyAskedFor(t *testing.T) {
	for kind, size := range map[packet.TCPOptionKind]int{packet.OptionMD5: 18, packet.OptionAO: 16} {
		option := make([]byte, size)
		option[0], option[1] = byte(kind), byte(size)
		if a := open(t).with(ack, 1000, 5000, option, "a"); a.Action != Discard || a.Why != "tcp-unexpected-signature" {
			t.Errorf("%v: %v %q", kind, a.Action, a.Why)
		}
		k := newTalk(t)
		k.with(syn, clientISN, 0, option, "")
		k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: synAck, Seq: serverISN, Ack: clientISN + 1, Window: 30000, Options: option}, "")
		k.with(ack, 1000, 5000, option, "")
		if a := k.with(ack, 1000, 5000, nil, "a lie"); a.Action != Discard || a.Why != "tcp-missing-signature" {
			t.Errorf("%v, agreed on, and not there: %v %q", kind, a.Action, a.Why)
		}
		if a := k.with(ack, 1000, 5000, option, "a"); a.Action != Leave {
			t.Errorf("%v, agreed on: %v %q", kind, a.Action, a.Why)
		}
	}
}

// TestOldAcknowledgements refuses what acknowledges less than can be on its way (RFC 5961 §5.2).
func TestOldAcknowledgements(t *testing.T) {
	k := open(t)
	at := uint32(5000)
	for range 5 { // 100 kB, by a window of 30,000
		for range 10 {
			k.server(ack, at, 1000, string(make([]byte, 2000)))
			at += 2000
		}
		k.client(ack, 1000, at, "")
	}
	for back, want := range map[uint32]Action{0: Leave, 29_999: Leave, 30_001: Discard, 99_000: Discard, 1 << 30: Discard} {
		if a, _ := k.client(ack, 1000, at-back, ""); a.Action != want {
			t.Errorf("%d bytes ago: %v %q, want %v", back, a.Action, a.Why, want)
		}
	}
	k = open(t)
	if a, _ := k.client(ack, 1000, 4999, "a"); a.Action != Discard {
		t.Errorf("before the beginning: %v", a.Action)
	}
}

// TestDataBeforeTheHandshakeEnds lets the handshake go on (HAZARDS T5): the receiver does not take what came
// before.
func TestDataBeforeTheHandshakeEnds(t *testing.T) {
	k := newTalk(t)
	k.client(syn, clientISN, 0, "")
	k.client(ack, 1000, 0, "early, and a lie")
	k.server(synAck, serverISN, 1000, "")
	was := k.conn
	if k.client(ack, 1000, 5000, ""); k.conn == was || k.conn.PickedUp() {
		t.Error("the connection does not begin anew")
	}
	if _, p := k.client(ack, 1000, 5000, "the real beginning"); p == nil || string(p.Payload()) != "the real beginning" {
		t.Errorf("%v leaves", p)
	}
}

// TestManySYNs takes the server's word for one of so many that it is forgotten (HAZARDS T4).
func TestManySYNs(t *testing.T) {
	k := newTalk(t)
	k.client(syn, clientISN, 0, "")
	for i := range uint32(2 * maxCandidates) {
		k.client(syn, 70_000+i, 0, "")
	}
	k.server(synAck, serverISN, clientISN+1, "")
	if _, p := k.client(ack, 1000, 5000, "hello"); p == nil || string(p.Payload()) != "hello" || k.conn.phase != phaseOpen || k.conn.PickedUp() {
		t.Errorf("phase %d, picked up %v", k.conn.phase, k.conn.PickedUp())
	}
	if a, _ := k.server(ack, 5000, 1005, string(make([]byte, 40_000))); a.Action != Leave {
		t.Errorf("the windows are not known: %v %q", a.Action, a.Why)
	}
}
