package stream

import (
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
)

// TestFlagsOfNoEndpoint (HAZARDS: null, xmas and the like): receivers differ in what they make of them.
func TestFlagsOfNoEndpoint(t *testing.T) {
	for _, f := range []packet.TCPFlags{
		0, fin, fin | packet.PSH | packet.URG, syn | fin, syn | rst, syn | rst | ack, rst | fin, rst | fin | ack, packet.PSH,
	} {
		k := open(t)
		if a, _ := k.client(f, clientISN+1, serverISN+1, "data"); a.Why != "tcp-bad-flags" {
			t.Errorf("%v: %+v", f, a)
		}
		if a, p := k.client(ack, clientISN+1, serverISN+1, "real"); !a.Fresh {
			t.Errorf("after %v: %+v", f, a)
		} else {
			at(t, p, clientISN+1, serverISN+1, "real")
		}
	}
}

// TestOutside: what lies outside of the window (RFC 9293 §3.10.7.4), or acknowledges what was never sent, changes
// nothing.
func TestOutside(t *testing.T) {
	for _, s := range []struct {
		name       string
		seq, acked uint32
		why        packet.Reason
	}{
		{"behind the window", clientISN + 1 + 40000, serverISN + 1, "tcp-out-of-window"},
		{"far behind it", clientISN + 1 + 1<<30, serverISN + 1, "tcp-out-of-window"},
		{"acknowledging what was never sent", clientISN + 1, serverISN + 2, "tcp-bad-ack"},
	} {
		k := open(t)
		if a, _ := k.client(ack, s.seq, s.acked, "evil"); a.Why != s.why {
			t.Errorf("%s: %+v", s.name, a)
		}
		if a, p := k.client(ack, clientISN+1, serverISN+1, "good"); !a.Fresh {
			t.Errorf("after one %s: %+v", s.name, a)
		} else {
			at(t, p, clientISN+1, serverISN+1, "good")
		}
	}
}

// TestTheFirstCopyWins: other bytes sent again go out as they were released, whatever the segment's boundaries.
func TestTheFirstCopyWins(t *testing.T) {
	k := open(t)
	k.client(ack, clientISN+1, serverISN+1, "attack at dawn")
	a, p := k.client(ack, clientISN+1+7, serverISN+1, "on noon, or")
	if !a.Differs || !a.Fresh {
		t.Errorf("%+v", a)
	}
	at(t, p, clientISN+1+7, serverISN+1, "at dawn, or")
	if a, p = k.client(ack, clientISN+1, serverISN+1, "ATTACK"); !a.Differs || a.Fresh {
		t.Errorf("%+v", a)
	}
	at(t, p, clientISN+1, serverISN+1, "attack")
}

// TestOldAndNew: of a segment that brings bytes which came before, only the rest is read.
func TestOldAndNew(t *testing.T) {
	k := open(t)
	k.client(ack, clientISN+1, serverISN+1, "abc")
	k.replaces(0, 2, "")
	a, p := k.client(ack, clientISN+1+1, serverISN+1, "bcde")
	if !a.Fresh {
		t.Fatalf("%+v", a)
	}
	at(t, p, clientISN+1+1, serverISN+1, "bc")
}

// TestResets: they pass where their receiver heeds or challenges them (RFC 5961 §3), and among edits only where an end can be.
func TestResets(t *testing.T) {
	type reset struct {
		name string
		seq  uint32 // counted from the first byte
		left int    // where it leaves; -1: not at all
	}
	for _, s := range []struct {
		name   string
		with   string // in place of bytes [2, 8) of 20
		resets []reset
	}{
		{"unedited", "needle", []reset{
			{"at the end", 20, 20},
			{"at the acknowledged place", 0, 0},
			{"in between", 5, 5},
			{"ahead", 400, 400},
			{"before the beginning", 1<<32 - 1, -1},
			{"behind the window", 40000, -1},
		}},
		{"taken out", "", []reset{
			{"at the end", 20, 14},
			{"at the acknowledged place", 0, 0},
			{"inside the edit", 5, -1},
			{"behind the edit", 8, -1},
			{"in between", 12, -1},
			{"before the beginning", 1<<32 - 1, -1},
		}},
		{"grown", "a longer word", []reset{{"at the end", 20, 27}, {"inside the edit", 4, -1}, {"at the acknowledged place", 0, 0}}},
	} {
		for _, r := range s.resets {
			k := open(t)
			if s.with != "needle" {
				k.replaces(2, 8, s.with)
			}
			k.client(ack, clientISN+1, serverISN+1, "a needle in the hay!")
			_, p := k.client(rst, clientISN+1+r.seq, 0, "")
			switch {
			case (p != nil) != (r.left >= 0):
				t.Errorf("%s, %s: passed %v", s.name, r.name, p != nil)
			case p != nil && uint32(p.TCP().Seq()) != uint32(clientISN+1+r.left):
				t.Errorf("%s, %s: left at %d, want %d", s.name, r.name, int(p.TCP().Seq())-clientISN-1, r.left)
			}
		}
	}
}

// TestAResetBeforeWhatWasTakenOut: the receiver is at one place before and behind it, and its sender was told of that
// behind.
func TestAResetBeforeWhatWasTakenOut(t *testing.T) {
	k := open(t)
	k.replaces(10, 16, "")
	k.client(ack, clientISN+1, serverISN+1, "0123456789needle and more")
	k.edit = func(dir flow.Direction, b []byte) { k.conn.Replace(dir, Payload, 0, 1, nil) }
	k.client(ack, clientISN+1+25, serverISN+1, "!")
	_, p := k.server(ack, serverISN+1, clientISN+1+10, "")
	at(t, p, serverISN+1, clientISN+1+16, "")
	if a, p := k.client(rst, clientISN+1+10, 0, ""); p != nil {
		t.Errorf("%+v", a)
	}
	if _, p := k.client(rst, clientISN+1+16, 0, ""); p == nil || p.TCP().Seq() != clientISN+1+10 {
		t.Error("a reset where the sender was told that the receiver is does not pass")
	}
}

// TestAResetAtADeletedBeginning: an end that is gone answers the SYN-ACK at the first byte, though the first bytes
// were taken out.
func TestAResetAtADeletedBeginning(t *testing.T) {
	k := open(t)
	k.replaces(0, 6, "")
	k.client(ack, clientISN+1, serverISN+1, "needle and thread")
	if _, p := k.client(rst, clientISN+1, 0, ""); p == nil || p.TCP().Seq() != clientISN+1 {
		t.Error("it does not pass")
	}
}

// TestAFINThatWasAFake: data behind it takes it back.
func TestAFINThatWasAFake(t *testing.T) {
	k := open(t)
	a, p := k.client(ack|fin, clientISN+1, serverISN+1, "abc")
	if !a.End || !p.TCPFlags.Has(fin) {
		t.Fatalf("%+v", a)
	}
	if a, p = k.client(ack, clientISN+1, serverISN+1, "abcdef"); !a.Fresh || p.TCPFlags.Has(fin) {
		t.Fatalf("%+v", a)
	}
	at(t, p, clientISN+1, serverISN+1, "abcdef")
	if _, p = k.server(ack, serverISN+1, clientISN+1+6, ""); p == nil {
		t.Error("the acknowledgement does not pass")
	}
	if k.conn.Over() || k.conn.half[0].finSent || k.conn.pool.Stats.Retracted != 1 {
		t.Error("the FIN is still believed")
	}
}

// TestMetBackwards meets a connection whose segments come backwards, while the receiver says each time that it lacks
// the first (HAZARDS T7): all of them leave.
func TestMetBackwards(t *testing.T) {
	k := newTalk(t)
	for _, s := range []struct {
		seq  uint32
		text string
	}{{1040, "last"}, {1030, "the middle"}, {1020, "the second"}, {1010, "the first "}} {
		_, p := k.client(ack, s.seq, 5000, s.text)
		at(t, p, s.seq, 5000, s.text)
		k.server(ack, 5000, 1010, "")
	}
}

// TestTheBeginningStaysWithinReach: places compare only within half of the space; on a connection of many times that,
// no acknowledgement is ever taken for one of long ago, nor for one before the beginning.
func TestTheBeginningStaysWithinReach(t *testing.T) {
	for _, loose := range []bool{false, true} {
		h := half{seen: true, loose: loose, ackSeen: true, widest: 1 << 20}
		h.begin(1<<32 - 77)
		for range 64 {
			h.una = h.una.Add(1 << 28)
			h.follow()
			if h.longAcknowledged(h.una) || h.una.Less(h.first) || h.unplaced() {
				t.Fatalf("loose %v: at %d, with the beginning at %d", loose, h.una, h.first)
			}
		}
	}
}
