package stream

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// after is what a worker that follows a killed one does with every connection.
var after = Mode{Edits: true, Resizes: true, Journal: true, Successor: true}

// met is a talk in the middle of a connection that somebody before us may have had.
func met(t testing.TB) *talk {
	return &talk{t: t, conn: newPool().New(after)}
}

// successor is the same talk with whoever comes next, who has no more than what was saved.
func (k *talk) successor(mode Mode) *talk {
	b, ok := k.conn.Save(nil)
	if !ok {
		k.t.Fatal("not saved")
	}
	return &talk{t: k.t, conn: newPool().Restore(b, mode, false)}
}

// waits has the client send bytes that wait for the receiver to say where it stands.
func (k *talk) waits(seq uint32, payload string) {
	k.t.Helper()
	p := decoded(k.t, craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: ack, Seq: seq, Ack: 500, Window: 30000}, []byte(payload)))
	if a := k.conn.Arrive(p, flow.ToServer); a.Action != Wait || !k.conn.Park(p, flow.ToServer, seq, false) {
		k.t.Fatalf("it does not wait: %+v", a)
	}
}

// guess has nobody say where the receiver is, and everything that waits be read and leave.
func (k *talk) guess() {
	k.t.Helper()
	k.conn.Decide(flow.ToServer, true)
	for {
		if _, ok := k.conn.Take(flow.ToServer); !ok {
			return
		}
	}
}

// TestProbesAreAnswered: what asks a receiver where it stands has a byte, for Linux answers few without; and none is sent to
// one that has said all that it can.
func TestProbesAreAnswered(t *testing.T) {
	k := met(t)
	k.waits(100, "in the middle")
	of := decoded(t, craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: ack, Seq: 100, Ack: 500, Window: 30000}, []byte("in the middle")))
	p := decoded(t, k.conn.Probe(nil, of, flow.ToServer))
	at(t, p, 1<<32+100-1<<30, 500, "\x00") // no window is larger (RFC 7323 §2.3), so nobody takes it for data
	if _, ok := k.conn.Behind(flow.ToServer); !ok {
		t.Error("nobody will ask again")
	}
	if b := open(t).conn.Probe(nil, of, flow.ToServer); len(b) > 0 {
		t.Error("it asks of a connection that it knows from its beginning")
	}
}

// TestAGapThatIsNone: the receiver's word was an old one, and it has what is missing. It is asked, and says so.
func TestAGapThatIsNone(t *testing.T) {
	k := met(t)
	k.client(ack, 100, 500, "") // where the client is
	k.server(ack, 500, 40, "")  // says an acknowledgement that was long on its way
	of := decoded(t, craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: ack, Seq: 100, Ack: 500, Window: 30000}, []byte("needle")))
	if a := k.conn.Arrive(of, flow.ToServer); a.Action != Wait || !k.conn.Park(of, flow.ToServer, 1, false) {
		t.Fatalf("%+v", a)
	}
	if b := k.conn.Probe(nil, of, flow.ToServer); len(b) == 0 {
		t.Error("the receiver is not asked")
	}
	if a, _ := k.server(ack, 500, 100, ""); !a.Moved {
		t.Errorf("%+v", a)
	}
	if _, read, ok := k.conn.Next(flow.ToServer); read || !ok {
		t.Error("what waited for nothing goes on waiting")
	}
}

// TestCatchingUpBack: the receiver turns out to be inside of what was read and is held. What it lacks is shown once more.
func TestCatchingUpBack(t *testing.T) {
	k := met(t)
	k.waits(100, "in front of a nee")
	k.guess()
	k.hold = 3
	k.client(ack, 100, 500, "in front of a nee")
	if a, _ := k.server(ack, 500, 100+15, ""); !a.Moved {
		t.Fatalf("%+v", a)
	}
	k.hold = 0
	var shown string
	k.edit = func(_ flow.Direction, b []byte) {
		_, seen := k.conn.Unread(flow.ToServer, Payload)
		shown = string(b[seen:])
	}
	_, p := k.client(ack, 100, 500, "in front of a nee")
	at(t, p, 115, 500, "ee")
	if shown != "ee" {
		t.Errorf("%q is shown", shown)
	}
}

// keptBack has the client send segments without data, as many as do not pass while its receiver has yet to say where it is.
func (k *talk) keptBack(seq uint32) {
	k.t.Helper()
	for range maxBare {
		if a, _ := k.client(ack, seq, 500, ""); a.Action != Absorb || a.Why != "tcp-place-unknown" {
			k.t.Fatalf("%+v", a)
		}
	}
}

// TestBareAcknowledgementsOfTheUnknown: one may have passed bytes that come behind it, and what becomes of them is not known. It
// leaves at the first place that is.
func TestBareAcknowledgementsOfTheUnknown(t *testing.T) {
	k := met(t)
	k.server(synAck, 499, 100, "")
	k.keptBack(122)
	_, p := k.client(ack, 122, 500, "")
	at(t, p, 100, 500, "")
	k = met(t)
	k.keptBack(100)
	_, p = k.client(ack, 122, 500, "")
	at(t, p, 100, 500, "")
	if _, p = k.client(rst, 122, 500, ""); p == nil || p.TCP().Seq() != 122 {
		t.Error("a reset does not count where its sender is")
	}
}

// TestNumbersDoNotFall: what was taken out would bring bare acknowledgements behind a place that the receiver was told, and it
// would take no windows from them (RFC 9293 §3.10.7.4).
func TestNumbersDoNotFall(t *testing.T) {
	k := met(t)
	k.keptBack(110)
	_, p := k.client(ack, 110, 500, "")
	at(t, p, 110, 500, "")
	k.server(ack, 500, 100, "") // bytes 100 to 110 were lost
	k.replaces(0, 10, "")
	k.client(ack, 100, 500, "0123456789")
	_, p = k.client(ack, 110, 600, "")
	at(t, p, 110, 600, "")
}

// TestScalesAreInferred from how far a sender goes: what edits add does not go further than its receiver has room for.
func TestScalesAreInferred(t *testing.T) {
	k := met(t)
	say := func(wnd uint16, acked uint32) {
		k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 500, Ack: acked, Window: wnd}, "")
	}
	k.client(ack, 100, 500, "")
	say(10, 100)
	h := &k.conn.half[flow.ToServer]
	if got := h.allowed(1000); got != 110 {
		t.Errorf("room up to %d, with a window of 10 that is not known to be scaled", got)
	}
	k.client(ack, 100, 500, "0123456789 and 25")
	if got := h.allowed(1000); h.scale != 1 || got != 120 {
		t.Errorf("scale %d, room up to %d", h.scale, got)
	}
	say(20, 117)
	if got := h.allowed(1000); got != 117+40 {
		t.Errorf("room up to %d", got)
	}
	k.replaces(0, 1, "a text that is longer than forty bytes, which is all that there is room for")
	_, p := k.client(ack, 117, 500, "x")
	if got := len(p.Payload()); got != 40 {
		t.Errorf("%d bytes leave", got)
	}
	say(60, 157)
	if !k.conn.Owes(flow.ToServer) {
		t.Error("the rest does not follow")
	}
}

// TestASYNACKTellsOfWindows: of a connection that is met between it and the client's first data, the server's window, its scale and
// whether the client's are scaled are known.
func TestASYNACKTellsOfWindows(t *testing.T) {
	for _, options := range [][]byte{nil, {3, 3, 2, 0}} {
		k := met(t)
		k.waits(100, "needle")
		k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: synAck, Seq: 499, Ack: 100, Window: 8, Options: options}, "")
		k.replaces(0, 6, "a much longer word")
		_, p := k.client(ack, 100, 500, "needle")
		at(t, p, 100, 500, "a much l")
		k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 500, Ack: 108, Window: 2}, "")
		up, down := &k.conn.half[flow.ToServer], &k.conn.half[flow.ToClient]
		want := seqnum.Value(110)
		if options != nil {
			want = 116
		}
		if got := up.allowed(1000); got != want || !up.edgeKnown {
			t.Errorf("options %v: room up to %d, want %d", options, got, want)
		}
		k.client(ack, 106, 500, "")
		if down.edgeKnown != (options == nil) {
			t.Errorf("options %v: the client's window is known: %v", options, down.edgeKnown)
		}
	}
}

// TestGuessesAreSaved: bytes that were released without their receiver having said where it is keep their places and, where they
// are known, their values, also with whoever comes next.
func TestGuessesAreSaved(t *testing.T) {
	k := met(t)
	k.waits(110, "dle in a haystack")
	k.guess()
	_, p := k.client(ack, 110, 500, "dle in a haystack")
	at(t, p, 110, 500, "dle in a haystack")
	if !k.conn.Adrift() || k.conn.Edited() {
		t.Fatal("nobody will know of it")
	}
	next := k.successor(k.conn.mode)
	for name, k := range map[string]*talk{"the same": k, "the next": next} {
		k.server(ack, 500, 100, "") // the receiver lacks what is before
		k.edit = func(dir flow.Direction, b []byte) {
			if k.conn.Replace(dir, Payload, 7, 13, nil) {
				t.Errorf("%s: what lies behind would be shifted", name)
			}
			if !k.conn.Replace(dir, Payload, 7, 13, []byte("NEEDLE")) {
				t.Errorf("%s: not replaced", name)
			}
			k.edit = nil
		}
		a, p := k.client(ack, 100, 500, "here a needle in a haystack")
		if !a.Restarted {
			t.Errorf("%s: %+v", name, a)
		}
		want := "here a NEEdle in a haystack" // the receiver may have the end of it
		if name == "the next" {
			want = "here a NEEDLE in a haystack"
		}
		at(t, p, 100, 500, want)
		if k.server(ack, 500, 127, ""); k.conn.Adrift() {
			t.Errorf("%s: it is still thought of", name)
		}
	}
}

// TestTwoGuesses: what was released twice before its beginning came keeps the first values.
func TestTwoGuesses(t *testing.T) {
	k := met(t)
	k.waits(120, "third..")
	k.guess()
	k.client(ack, 120, 500, "third..")
	k.server(ack, 500, 100, "")
	k.client(ack, 110, 500, "second....")
	k.edit = func(dir flow.Direction, b []byte) {
		k.conn.Replace(dir, Payload, 8, 27, []byte("XXXXXXXXXXXXXXXXXXX"))
		k.edit = nil
	}
	_, p := k.client(ack, 100, 500, "first.....second....third..")
	at(t, p, 100, 500, "first...XXsecond....third..")
}

// TestRoomOutlivesUs: until the receiver says more, it has the room that it had when the connection was saved.
func TestRoomOutlivesUs(t *testing.T) {
	k := newTalk(t)
	k.conn.mode.Journal = true
	k.client(syn, 99, 0, "")
	k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: synAck, Seq: 499, Ack: 100, Window: 30}, "")
	k.client(ack, 100, 500, "")
	k.replaces(2, 8, "a much longer word")
	_, p := k.client(ack, 100, 500, "a needle in a haystack")
	at(t, p, 100, 500, "a a much longer word in a hays") // 4 bytes are owed
	k = k.successor(after)
	_, p = k.client(ack, 122, 500, "and more")
	at(t, p, 99, 500, "\x00") // it has the receiver say more
	k.server(ack, 500, 130, "")
	if !k.conn.Owes(flow.ToServer) {
		t.Error("what had no room does not follow")
	}
}

// TestSignaturesMetInTheMiddle: nobody knows what was agreed on. A segment with one keeps its number, which it covers.
func TestSignaturesMetInTheMiddle(t *testing.T) {
	option := make([]byte, 18)
	option[0], option[1] = byte(packet.OptionMD5), 18
	k := met(t)
	k.keptBack(100)
	_, p := k.segment(clientEnd, serverEnd, flow.ToServer, craft.Segment{Flags: ack, Seq: 122, Ack: 500, Window: 30000, Options: option}, "")
	at(t, p, 122, 500, "")
}

// TestWhatTheSenderWasToldBefore: the last acknowledgement has passed the worker before, which died with it.
func TestWhatTheSenderWasToldBefore(t *testing.T) {
	k := newTalk(t)
	k.conn.mode.Journal = true
	tell := func(flags packet.TCPFlags, seq, acked uint32, wnd uint16) {
		k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: flags, Seq: seq, Ack: acked, Window: wnd}, "")
	}
	k.client(syn, 99, 0, "")
	tell(synAck, 499, 100, 30)
	k.client(ack, 100, 500, "")
	k.replaces(2, 8, "pin")
	k.client(ack, 100, 500, "a needle in a haystack")
	killed := k
	k = killed.successor(after)
	tell(ack, 500, 105, 20) // an old one; there was one for all 19 bytes
	if a, p := k.client(ack, 122, 500, "and more, up to here"); a.Action != Leave || p == nil {
		t.Errorf("%+v", a)
	}
	if a, _ := k.client(ack, 142+200_000, 500, "far away"); a.Why != "tcp-out-of-window" {
		t.Errorf("%+v", a)
	}
	k = killed.successor(after)
	k.client(ack, 122, 500, "and more, up to here")
	tell(ack, 500, 119, 10) // of what it has, and not that it had more room once
	if a, p := k.client(ack, 122, 500, "and more, up to here"); a.Action != Leave || p == nil {
		t.Errorf("once more: %+v", a)
	}
	k = killed.successor(after)
	tell(ack, 500, 119, 10) // of all, but not the last that says so
	if a, p := k.client(ack, 122, 500, "and more, up to here"); a.Action != Leave || p == nil {
		t.Errorf("behind what is acknowledged: %+v", a)
	}
}

// found is a talk in the middle of a connection whose beginning nobody has seen, and that nobody before us had.
func found(t testing.TB) *talk {
	return &talk{t: t, conn: newPool().New(Mode{Edits: true, Resizes: true, Journal: true})}
}

// TestWhatIsReleasedWasShown, also where the end of it was released before its beginning came, with other bytes.
func TestWhatIsReleasedWasShown(t *testing.T) {
	k := found(t)
	var shown []string
	k.edit = func(_ flow.Direction, b []byte) { shown = append(shown, string(b)) }
	k.client(ack, 110, 500, "dle in a haystack")
	a, p := k.client(ack, 100, 500, "here a nee-----------------")
	if got := string(p.Payload()); got != "here a needle in a haystack" || shown[len(shown)-1] != got {
		t.Errorf("%q left; shown was %q", got, shown)
	}
	if !a.Differs || !a.Restarted {
		t.Errorf("%+v", a)
	}
}

// TestBackAndForth begins a direction anew, goes on behind where it was, and begins once more: nothing is lost or kept for ever.
func TestBackAndForth(t *testing.T) {
	k := found(t)
	k.client(ack, 120, 500, "third..")
	k.client(ack, 110, 500, "second....")
	k.client(ack, 120, 500, "third..and a fourth")
	_, p := k.client(ack, 100, 500, "first.....")
	at(t, p, 100, 500, "first.....")
	_, p = k.client(ack, 110, 500, "SECOND....THIRD..AND A FOURTH")
	at(t, p, 110, 500, "second....third..and a fourth")
	pool := k.conn.pool
	if k.conn.Close(); pool.bytes != 0 {
		t.Errorf("%d bytes are not given back", pool.bytes)
	}
}

// TestBeginningAnewIsBounded: each time what was released is copied.
func TestBeginningAnewIsBounded(t *testing.T) {
	k := found(t)
	k.client(ack, 1000, 500, "far ahead")
	for i := range uint32(maxRewinds) {
		if a, _ := k.client(ack, 999-i, 500, "x"); !a.Restarted {
			t.Fatalf("%d: %+v", i, a)
		}
	}
	if a, _ := k.client(ack, 900, 500, "x"); a.Why != "tcp-before-beginning" {
		t.Errorf("%+v", a)
	}
	k.client(ack, 999-maxRewinds+1, 500, strings.Repeat("x", maxRewinds)+"far ahead")
	if k.conn.half[flow.ToServer].rewinds > 0 {
		t.Error("it has come to where it was, and does not know")
	}
}

// TestBeginningAnewBehindEdits: what comes after an edit was shifted, and does not fit to bytes before it that come now.
func TestBeginningAnewBehindEdits(t *testing.T) {
	k := found(t)
	k.replaces(0, 6, "")
	k.client(ack, 110, 500, "needle and more")
	if a, _ := k.client(ack, 100, 500, "0123456789needle"); !a.Torn {
		t.Errorf("%+v", a)
	}
}

// TestCatchingUpForgetsEdits of what the receiver has, or that is read once more.
func TestCatchingUpForgetsEdits(t *testing.T) {
	for _, to := range []uint32{101, 105, 110} {
		k := met(t)
		k.keptBack(100)
		k.server(ack, 500, 100, "")
		k.hold = 22
		k.replaces(2, 8, "pin")
		k.client(ack, 100, 500, "a needle in a haystack")
		if a, _ := k.server(ack, 500, to, ""); !a.Moved {
			t.Fatalf("%+v", a)
		}
		k.hold = 0
		want := "a needle in a haystack"[to-100:]
		if to == 101 {
			k.replaces(1, 7, "pin")
			want = " pin in a haystack"
		}
		_, p := k.client(ack, to, 500, "a needle in a haystack"[to-100:])
		at(t, p, to, 500, want)
	}
}

// TestNumbersDoNotFallBehindUs: those that came next know what the receiver was told.
func TestNumbersDoNotFallBehindUs(t *testing.T) {
	k := met(t)
	k.keptBack(110)
	k.client(ack, 110, 500, "")
	k.server(ack, 500, 100, "")
	k.replaces(0, 10, "")
	k.client(ack, 100, 500, "0123456789")
	k = k.successor(k.conn.mode)
	_, p := k.client(ack, 110, 600, "")
	at(t, p, 110, 600, "")
}

// TestProbesOfWhatWasTakenOut: a sender whose window is closed probes with the last byte's number (RFC 9293 §3.8.6.1). Whoever comes next
// does not know that this is acknowledged.
func TestProbesOfWhatWasTakenOut(t *testing.T) {
	for _, with := range []string{"", "pin", "a much longer word"} {
		k := (&talk{t: t, conn: edited(t, newPool(), "a needle", 2, 8, with)}).successor(after)
		end := 102 + uint32(len(with)) // there the receiver is
		if _, p := k.client(ack, 107, 500, ""); uint32(p.TCP().Seq()) >= end {
			t.Errorf("%q: it leaves at %d, and the receiver, who is at %d, does not answer", with, p.TCP().Seq(), end)
		}
		_, p := k.client(ack, 108, 500, "")
		at(t, p, end, 500, "")
	}
}

// TestNobodyRaisesNumbers with a segment that no receiver is known to have taken.
func TestNobodyRaisesNumbers(t *testing.T) {
	k := found(t)
	k.client(ack, 100, 500, "")
	k.client(ack, 100+1<<28, 500, "") // a fake
	_, p := k.client(ack, 100, 500, "")
	at(t, p, 100, 500, "")
}

// TestAKeepaliveMetFirst: no byte need have come before the segments behind it (RFC 9293 §3.8.4).
func TestAKeepaliveMetFirst(t *testing.T) {
	k := met(t)
	k.keptBack(99)
	_, p := k.client(ack, 100, 500, "")
	at(t, p, 100, 500, "")
}

// TestAnOldWindowIsNoScale: an acknowledgement that comes late tells of less room than there is.
func TestAnOldWindowIsNoScale(t *testing.T) {
	k := met(t)
	say := func(wnd uint16) {
		k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 500, Ack: 100, Window: wnd}, "")
	}
	k.keptBack(100)
	say(1000)
	k.client(ack, 100, 500, strings.Repeat("x", 500))
	say(10)
	k.client(ack, 600, 500, strings.Repeat("x", 400))
	if h := &k.conn.half[flow.ToServer]; h.scale != 0 {
		t.Errorf("scale %d", h.scale)
	}
}

// TestAFakeOpensNoWindow: a segment far ahead waits, and says nothing about room.
func TestAFakeOpensNoWindow(t *testing.T) {
	k := (&talk{t: t, conn: edited(t, newPool(), "a needle in a haystack", 2, 8, "pin")}).successor(after)
	h := &k.conn.half[flow.ToServer]
	h.offered = 140
	tell := func() *packet.Packet {
		_, p := k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 500, Ack: 110, Window: 40}, "")
		return p
	}
	tell()
	if a, _ := k.client(ack, 122+65000, 500, "x"); a.Action != Wait {
		t.Errorf("%+v", a)
	}
	if w := tell().TCP().Window(); w != 40 {
		t.Errorf("the sender is told of %d", w)
	}
}

// TestWhatIsAheadKeepsItsPlace: the receiver says that it has bytes from before our time, ahead of what it lacks. What comes before them
// keeps its length.
func TestWhatIsAheadKeepsItsPlace(t *testing.T) {
	k := met(t)
	k.waits(100, "needle, a needle")
	block := []byte{1, 1, 5, 10, 0, 0, 0, 108, 0, 0, 0, 112}
	k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 500, Ack: 100, Window: 30000, Options: block}, "")
	k.edit = func(dir flow.Direction, b []byte) {
		if k.conn.Replace(dir, Payload, 0, 6, nil) {
			t.Error("what the receiver has would be shifted")
		}
		if !k.conn.Replace(dir, Payload, 0, 6, []byte("NEEDLE")) || !k.conn.Replace(dir, Payload, 12, 16, nil) {
			t.Error("the rest is not edited")
		}
		k.edit = nil
	}
	_, p := k.client(ack, 100, 500, "needle, a needle")
	at(t, p, 100, 500, "NEEDLE, a ne")
	k.replaces(0, 4, "and more") // behind that, any length goes
	_, p = k.client(ack, 116, 500, "more")
	at(t, p, 112, 500, "and more")
}

// TestBegunAnewAndSaved: also where the receiver has more than was released since.
func TestBegunAnewAndSaved(t *testing.T) {
	k := found(t)
	k.client(ack, 110, 500, "dle in a haystack")
	k.server(ack, 500, 105, "")
	k.hold = 5
	k.client(ack, 100, 500, "needl")
	b, ok := k.conn.Save(nil)
	if !ok || newPool().Restore(b, k.conn.mode, false) == nil {
		t.Error("whoever comes next has to reset it")
	}
}

// TestLateResets answer what was acknowledged long ago: nothing is wrong with them, and they reach nobody.
func TestLateResets(t *testing.T) {
	k := open(t)
	k.client(ack, clientISN+1, serverISN+1, "question")
	k.server(ack, serverISN+1, clientISN+1+8, "answer")
	if a, _ := k.client(rst, clientISN+1+4, 0, ""); a.Action != Absorb || a.Why != "tcp-reset-late" {
		t.Errorf("%+v", a)
	}
	for _, s := range []uint32{clientISN - 4, clientISN + 1<<20} {
		if a, _ := k.client(rst, s, 0, ""); a.Action != Discard || a.Why != "tcp-reset-out-of-window" {
			t.Errorf("%d: %+v", s, a)
		}
	}
	if a, _ := k.client(rst|ack, clientISN+1+4, serverISN+1, ""); a.Action != Discard {
		t.Errorf("with an acknowledgement: %+v", a)
	}
}
