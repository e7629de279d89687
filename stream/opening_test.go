package stream

import (
	"testing"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// TestTheServerSaysWhichSYNIsMeant: of several SYNs and SYN-ACKs those count that the other end has answered.
func TestTheServerSaysWhichSYNIsMeant(t *testing.T) {
	k := newTalk(t)
	k.client(syn, 100, 0, "")
	k.client(syn, 200, 0, "")
	k.client(syn, 300, 0, "")
	if a, _ := k.server(synAck, 7000, 999, ""); a.Why != "tcp-bad-ack" {
		t.Errorf("an answer to no SYN: %+v", a)
	}
	k.server(synAck, 8000, 201, "")
	k.server(synAck, 9000, 201, "")
	if a, _ := k.client(ack, 201, 7001, ""); a.Why != "tcp-bad-ack" {
		t.Errorf("agreement to a SYN-ACK that nobody sent: %+v", a)
	}
	if a, _ := k.client(ack, 201, 9001, "x"); !a.Fresh {
		t.Errorf("agreement with data: %+v", a)
	}
	if up, down := k.conn.half[0].first, k.conn.half[1].first; up != 201 || down != 9001 {
		t.Errorf("the connection begins at %d and %d", up, down)
	}
}

// TestOpeningsThatAreRefused: a handshake goes one way (RFC 9293 §3.5); what crosses it has to call again.
func TestOpeningsThatAreRefused(t *testing.T) {
	k := newTalk(t)
	k.client(syn, clientISN, 0, "")
	if a, _ := k.server(syn, serverISN, 0, ""); a.Why != "tcp-crossing-syn" {
		t.Errorf("a SYN of the other end: %+v", a)
	}
	if a, _ := k.client(synAck, clientISN, 5, ""); a.Why != "tcp-crossing-syn" {
		t.Errorf("a SYN-ACK of the client: %+v", a)
	}
	k.server(synAck, serverISN, clientISN+1, "")
	if a, _ := k.server(ack, serverISN+1, clientISN+1, "early"); a.Why != "tcp-data-before-handshake" {
		t.Errorf("data of the server before the client has agreed: %+v", a)
	}
}

// TestDataOfASYN: it is taken off, and comes again behind the handshake (RFC 7413 §4.1.3: a server may take none).
func TestDataOfASYN(t *testing.T) {
	k := newTalk(t)
	_, p := k.client(syn, clientISN, 0, "early")
	at(t, p, clientISN, 0, "")
	k.server(synAck, serverISN, clientISN+1, "")
	a, p := k.client(ack, clientISN+1, serverISN+1, "early")
	if !a.Fresh {
		t.Errorf("%+v", a)
	}
	at(t, p, clientISN+1, serverISN+1, "early")
}

// TestWindowsOfSYNsAreNotScaled (RFC 7323 §2.2), and those of later segments are, each by its sender's shift.
func TestWindowsOfSYNsAreNotScaled(t *testing.T) {
	scale := func(n byte) []byte { return []byte{byte(packet.OptionWindowScale), 3, n, byte(packet.OptionNop)} }
	k := newTalk(t)
	k.segment(clientEnd, serverEnd, 0, craft.Segment{Flags: syn, Seq: clientISN, Window: 1000, Options: scale(3)}, "")
	k.segment(serverEnd, clientEnd, 1, craft.Segment{Flags: synAck, Seq: serverISN, Ack: clientISN + 1, Window: 2000, Options: scale(5)}, "")
	k.segment(clientEnd, serverEnd, 0, craft.Segment{Flags: ack, Seq: clientISN + 1, Ack: serverISN + 1, Window: 500}, "")
	up, down := &k.conn.half[0], &k.conn.half[1]
	if up.edge != clientISN+1+2000 {
		t.Errorf("the server takes bytes up to %d", up.edge)
	}
	if down.edge != serverISN+1+500<<3 {
		t.Errorf("the client takes bytes up to %d", down.edge)
	}
	k.segment(serverEnd, clientEnd, 1, craft.Segment{Flags: ack, Seq: serverISN + 1, Ack: clientISN + 1, Window: 500}, "")
	if up.edge != clientISN+1+500<<5 {
		t.Errorf("the server takes bytes up to %d", up.edge)
	}
}

// TestALateSYNBeginsNothing: the connection's own SYN that comes once more, and a SYN-ACK with other numbers that
// nobody gets, change nothing.
func TestALateSYNBeginsNothing(t *testing.T) {
	k := open(t)
	k.client(ack, clientISN+1, serverISN+1, "hello")
	k.client(syn, clientISN, 0, "")
	if a, _ := k.server(synAck, 7777, clientISN+1, ""); a.Why != "tcp-bad-ack" {
		t.Errorf("a SYN-ACK that answers a late SYN: %+v", a)
	}
	before := k.conn
	if a, _ := k.client(ack, clientISN+6, 7778, "x"); a.Action != Discard || k.conn != before {
		t.Errorf("agreement to it: %+v", a)
	}
	if a, _ := k.client(ack, clientISN+6, serverISN+1, "more"); !a.Fresh {
		t.Errorf("the connection does not go on: %+v", a)
	}
}

// TestAConnectionOnOldPorts begins anew when all three segments of its handshake were seen, and not before.
func TestAConnectionOnOldPorts(t *testing.T) {
	k := open(t)
	k.client(ack, clientISN+1, serverISN+1, "hello")
	before := k.conn
	k.client(syn, 50000, 0, "")
	k.server(synAck, 60000, 50001, "")
	if a, p := k.client(ack, clientISN+6, serverISN+1, "more"); !a.Fresh || k.conn != before {
		t.Errorf("what goes on between: %+v", a)
	} else {
		at(t, p, clientISN+6, serverISN+1, "more")
	}
	a, p := k.client(ack, 50001, 60001, "new")
	if !a.Fresh || k.conn == before {
		t.Fatalf("agreement: %+v", a)
	}
	at(t, p, 50001, 60001, "new")
	if a, _ := k.server(ack, 60001, 50004, "answer"); !a.Fresh {
		t.Errorf("%+v", a)
	}
}

// TestAReceiverThatHasWhatCannotBe: of a connection that was met in its middle, and whose numbers were shifted since, an
// acknowledgement of what was never released here cannot be put right. Without the shift it is caught up with.
func TestAReceiverThatHasWhatCannotBe(t *testing.T) {
	for with, torn := range map[string]bool{"NEEDLE": false, "a needle": true} {
		k := newTalk(t)
		k.replaces(0, 6, with)
		_, p := k.client(ack, 700, 900, "needle")
		at(t, p, 700, 900, with)
		a, _ := k.server(ack, 900, 800, "")
		if a.Torn != torn || a.Moved == torn || (a.Action == Discard) != torn {
			t.Errorf("%q: %+v", with, a)
		}
	}
}
