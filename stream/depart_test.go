package stream

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// TestSeveralEditsInOneSegment: each gets its own text, and what comes behind all of them is shifted by the sum.
func TestSeveralEditsInOneSegment(t *testing.T) {
	k := open(t)
	k.edit = func(dir flow.Direction, b []byte) {
		for _, e := range []struct {
			from, to int
			with     string
		}{{0, 1, "ONE"}, {2, 4, ""}, {6, 6, "SIX"}, {9, 10, "TENTH"}} {
			if !k.conn.Replace(dir, Payload, e.from, e.to, []byte(e.with)) {
				t.Errorf("%+v cannot be made", e)
			}
		}
		k.edit = nil
	}
	_, p := k.client(ack, clientISN+1, serverISN+1, "0123456789")
	at(t, p, clientISN+1, serverISN+1, "ONE145SIX678TENTH")
	_, p = k.client(ack, clientISN+11, serverISN+1, "next")
	at(t, p, clientISN+1+17, serverISN+1, "next")
}

// TestSentAgainWithOtherBoundaries: whatever range is sent again, it leaves as that part of what was released, and of
// an edit the whole (HAZARDS W2).
func TestSentAgainWithOtherBoundaries(t *testing.T) {
	const text, left = "0123456789needle6789", "0123456789twenty bytes instead6789"
	out := func(i int, end bool) int { // place i as it was released
		switch {
		case i <= 10:
			return i
		case i >= 16:
			return i + 14
		case end:
			return 30
		}
		return 10 + i - 10
	}
	for from := range len(text) {
		for to := from + 1; to <= len(text); to++ {
			k := open(t)
			k.replaces(10, 16, "twenty bytes instead")
			k.client(ack, clientISN+1, serverISN+1, text)
			_, p := k.client(ack, uint32(clientISN+1+from), serverISN+1, text[from:to])
			at(t, p, uint32(clientISN+1+out(from, false)), serverISN+1, left[out(from, false):out(to, true)])
		}
	}
}

// TestWhatFindsNoRoomGoesFirst: bytes that an edit has added and that no segment had room for leave before what is
// sent later.
func TestWhatFindsNoRoomGoesFirst(t *testing.T) {
	k := open(t)
	long := strings.Repeat("x", 1000)
	k.replaces(0, 1, strings.Repeat("y", 301))
	_, p := k.client(ack, clientISN+1, serverISN+1, long)
	at(t, p, clientISN+1, serverISN+1, strings.Repeat("y", 301)+strings.Repeat("x", 699))
	if !k.conn.Owes(flow.ToServer) {
		t.Error("nothing is owed")
	}
	_, p = k.client(ack, clientISN+1001, serverISN+1, "z")
	at(t, p, clientISN+1+1000, serverISN+1, strings.Repeat("x", 300)+"z")
	if k.conn.Owes(flow.ToServer) {
		t.Error("something is still owed")
	}
}

// TestNothingGrowsBeyondAPathThatIsNarrow: a segment that comes again was lost, maybe since it had grown beyond what
// the path bears, of which its sender hears in vain. It and all later ones grow no further than any path bears
// (RFC 8200 §5), and what finds no room follows.
func TestNothingGrowsBeyondAPathThatIsNarrow(t *testing.T) {
	const headers, bears = 40, 1280
	k := open(t)
	k.conn.half[flow.ToServer].mss = 1460
	x := strings.Repeat("x", 1332)
	k.replaces(0, 1, strings.Repeat("y", 129))
	_, p := k.client(ack, clientISN+1, serverISN+1, x)
	if n := len(p.Payload()); n != 1460 {
		t.Errorf("%d bytes leave at first, want all", n)
	}
	_, p = k.client(ack, clientISN+1, serverISN+1, x)
	at(t, p, clientISN+1, serverISN+1, strings.Repeat("y", 129)+x[:1332-129])
	if !k.conn.Owes(flow.ToServer) {
		t.Error("nothing is owed")
	}
	k.replaces(0, 1, strings.Repeat("y", 129))
	_, p = k.client(ack, clientISN+1333, serverISN+1, x)
	if n := len(p.Payload()); n != 1332 {
		t.Errorf("%d bytes leave of a later one, want as many as came", n)
	}
	k.replaces(0, 1, strings.Repeat("y", 700))
	_, p = k.client(ack, clientISN+1+2*1332, serverISN+1, x[:800])
	if n := len(p.Payload()); n != bears-headers {
		t.Errorf("%d bytes leave of a short one, want %d", n, bears-headers)
	}
}

// TestGrowthWaitsForTheWindow: what an edit adds is not sent beyond what the receiver has offered (HAZARDS W6), and
// follows when there is room.
func TestGrowthWaitsForTheWindow(t *testing.T) {
	k := open(t)
	k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: serverISN + 1, Ack: clientISN + 1, Window: 30000}, "")
	k.conn.half[0].edge = clientISN + 1 + 12 // as of a receiver with little room
	k.replaces(0, 2, "eight by")
	_, p := k.client(ack, clientISN+1, serverISN+1, "0123456789")
	at(t, p, clientISN+1, serverISN+1, "eight by2345")
	if k.conn.Owes(flow.ToServer) {
		t.Error("the rest is owed, though there is no room for it")
	}
	_, p = k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: serverISN + 1, Ack: clientISN + 1 + 12, Window: 100}, "")
	if !k.conn.Owes(flow.ToServer) {
		t.Fatal("there is room, and nothing is owed")
	}
	rest := decoded(t, k.conn.Owed(nil, p, flow.ToServer, flow.ToClient))
	at(t, rest, clientISN+1+12, serverISN+1, "6789")
}

// TestEmptySegmentsStayBehindHeldBytes: an acknowledgement that is sent behind bytes which wait here leaves with the
// place that the receiver has come to.
func TestEmptySegmentsStayBehindHeldBytes(t *testing.T) {
	k := open(t)
	k.hold = 4
	if a, p := k.client(ack, clientISN+1, serverISN+1, "need"); !a.Fresh || p != nil {
		t.Fatalf("%+v", a)
	}
	_, p := k.client(ack, clientISN+1+4, serverISN+1, "")
	at(t, p, clientISN+1, serverISN+1, "")
	if a, p := k.client(rst, clientISN+1, 0, ""); p != nil || a.Why != "tcp-reset-early" {
		t.Errorf("a reset that would overtake held bytes: %+v", a)
	}
	if _, p = k.client(rst, clientISN+1+4, 0, ""); p == nil || p.TCP().Seq() != clientISN+1 {
		t.Error("a reset behind held bytes does not reach its receiver")
	}
}

// TestAFINWaitsForTheBytesBeforeIt, and no longer.
func TestAFINWaitsForTheBytesBeforeIt(t *testing.T) {
	k := open(t)
	p := decoded(t, craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: ack | fin, Seq: clientISN + 1, Ack: serverISN + 1, Window: 30000}, []byte("need")))
	if a := k.conn.Arrive(p, flow.ToServer); !a.Fresh || !a.End {
		t.Fatalf("%+v", a)
	}
	k.conn.Done(flow.ToServer, Payload, 0)
	k.conn.Done(flow.ToServer, Message, 4)
	k.conn.Decide(flow.ToServer, false)
	if k.conn.Ready(p, flow.ToServer, true) || !k.conn.Park(p, flow.ToServer, 7, true) || !k.conn.Ended(flow.ToServer) {
		t.Fatal("it does not wait")
	}
	if _, ok := k.conn.NextRead(flow.ToServer); ok {
		t.Error("it leaves before its bytes are decided")
	}
	k.conn.Decide(flow.ToServer, true)
	if h, ok := k.conn.NextRead(flow.ToServer); !ok || h != 7 {
		t.Error("it waits for ever")
	}
}

// TestAFINOfOurOwn follows what had no room only when its sender counts it: it may be a fake, which the receiver never got.
func TestAFINOfOurOwn(t *testing.T) {
	k := open(t)
	k.replaces(0, 6, strings.Repeat("x", 600))
	_, p := k.client(ack|fin, clientISN+1, serverISN+1, "needle")
	if n := len(p.Payload()); n != 536 || p.TCPFlags.Has(fin) {
		t.Fatalf("%d bytes leave, with %v", n, p.TCPFlags)
	}
	owed := func() (all string, flags packet.TCPFlags) {
		for k.conn.Owes(flow.ToServer) {
			s := decoded(t, k.conn.Owed(nil, p, flow.ToServer, flow.ToServer))
			all, flags = all+string(s.Payload()), flags|s.TCPFlags
		}
		return all, flags
	}
	if text, flags := owed(); len(text) != 64 || flags.Has(fin) {
		t.Errorf("%d bytes follow, with %v", len(text), flags)
	}
	k.client(ack, clientISN+1+7, serverISN+1, "")
	if text, flags := owed(); text != "" || !flags.Has(fin) {
		t.Errorf("then %q follows, with %v", text, flags)
	}
}

// TestEditsAreReleasedWhole: a place that a reader is done with inside of an edit releases nothing of it.
func TestEditsAreReleasedWhole(t *testing.T) {
	k := open(t)
	k.hold = 5
	k.replaces(2, 8, "NEEDLES")
	k.client(ack, clientISN+1, serverISN+1, "a needle b")
	if got := k.conn.half[0].decided; got != clientISN+1+2 {
		t.Errorf("decided up to %d", int(got)-clientISN-1)
	}
}

// TestOurOwnSegmentsSpeakOfNow: what asks for a missing segment says where its pretended sender stands, in the numbers of
// whoever reads it.
func TestOurOwnSegmentsSpeakOfNow(t *testing.T) {
	k := open(t)
	k.replaces(0, 6, "needles and pins")
	k.client(ack, clientISN+1, serverISN+1, "needle")
	k.server(ack, serverISN+1, clientISN+1, "0123456789")
	k.client(ack, clientISN+1+6, serverISN+1+10, "")
	c := k.conn
	p := decoded(t, craft.TCP(serverEnd, clientEnd, craft.Segment{Flags: ack, Seq: serverISN + 1 + 15, Ack: clientISN + 1, Window: 30000}, []byte("567")))
	if a := c.Arrive(p, flow.ToClient); a.Action != Wait || !a.Gap || !c.Park(p, flow.ToClient, 1, false) {
		t.Fatalf("%+v", a)
	}
	asks := decoded(t, c.Duplicate(nil, p, flow.ToClient, flow.ToClient, serverISN+1+15))
	at(t, asks, clientISN+1+16, serverISN+1+10, "")
	if asks.SrcPort != 40000 || asks.TCPFlags != packet.ACK {
		t.Errorf("it comes from port %d with %v", asks.SrcPort, asks.TCPFlags)
	}
}

// TestWhatIsAheadHasNoTimeYet: a segment that waited does not say the time of one ahead of a gap, or the receiver would take what fills the
// gap for an old duplicate. When that one leaves itself, it says its own, and those behind it no older one.
func TestWhatIsAheadHasNoTimeYet(t *testing.T) {
	segment := func(at int, ts byte, text string) *packet.Packet {
		return decoded(t, craft.TCP(clientEnd, serverEnd, craft.Segment{
			Flags: ack, Seq: uint32(clientISN + 1 + at), Ack: serverISN + 1, Window: 30000, Options: []byte{1, 1, byte(packet.OptionTimestamps), 10, 0, 0, 0, ts, 0, 0, 0, 0},
		}, []byte(text)))
	}
	says := func(p *packet.Packet) byte {
		opts := p.TCP().Options()
		o, _ := opts.Find(packet.OptionTimestamps)
		ts, _, _ := o.Timestamps()
		return byte(ts)
	}
	k := open(t)
	held, gap, ahead, bare := segment(0, 5, "held"), segment(4, 7, "gap!"), segment(8, 9, "more"), segment(12, 10, "")
	for _, p := range []*packet.Packet{held, ahead, bare} {
		k.conn.Arrive(p, flow.ToServer)
	}
	if k.conn.Refresh(held, flow.ToServer); says(held) != 5 {
		t.Errorf("what was held says %d, the time of what is ahead of a gap", says(held))
	}
	k.conn.Arrive(gap, flow.ToServer)
	if k.conn.Refresh(ahead, flow.ToServer); says(ahead) != 9 {
		t.Errorf("what was ahead says %d", says(ahead))
	}
	last := segment(12, 8, "last")
	k.conn.Arrive(last, flow.ToServer)
	if k.conn.Refresh(last, flow.ToServer); says(last) != 9 {
		t.Errorf("what left behind it says %d", says(last))
	}
}

// TestWhatLeavesAheadSaysTheTimeOfItsPlace: a bare acknowledgement ahead of a gap leaves where its receiver is, and that takes its time. What is
// held before it leaves later.
func TestWhatLeavesAheadSaysTheTimeOfItsPlace(t *testing.T) {
	k := open(t)
	k.hold = 3
	var times []byte
	for _, s := range []struct {
		seq  uint32
		ts   byte
		text string
	}{{clientISN + 1, 10, "abc"}, {clientISN + 7, 50, ""}} {
		_, p := k.segment(clientEnd, serverEnd, flow.ToServer, craft.Segment{
			Flags: ack, Seq: s.seq, Ack: serverISN + 1, Window: 30000, Options: []byte{1, 1, byte(packet.OptionTimestamps), 10, 0, 0, 0, s.ts, 0, 0, 0, 0},
		}, s.text)
		if p != nil {
			opts := p.TCP().Options()
			o, _ := opts.Find(packet.OptionTimestamps)
			ts, _, _ := o.Timestamps()
			times = append(times, byte(ts))
		}
	}
	if len(times) != 1 || times[0] != 10 {
		t.Errorf("times %v have left, want that of the bytes which are held", times)
	}
}

// TestBehindAFINTimeGoesOn: what comes from an end that has said all it has to say is not ahead of a gap.
func TestBehindAFINTimeGoesOn(t *testing.T) {
	stamped := func(ts byte) []byte {
		return []byte{1, 1, byte(packet.OptionTimestamps), 10, 0, 0, 0, ts, 0, 0, 0, 0}
	}
	k := open(t)
	k.segment(clientEnd, serverEnd, flow.ToServer, craft.Segment{Flags: ack | packet.FIN, Seq: clientISN + 1, Ack: serverISN + 1, Window: 30000, Options: stamped(5)}, "bye")
	k.segment(clientEnd, serverEnd, flow.ToServer, craft.Segment{Flags: ack, Seq: clientISN + 5, Ack: serverISN + 1, Window: 30000, Options: stamped(9)}, "")
	if s := k.conn.speak(flow.ToServer); s.TS != 9 {
		t.Errorf("in its name time %d is said, and it said 9", s.TS)
	}
}

// TestASegmentThatWaitedSaysTheNewestTime: others of its sender have left meanwhile, and behind their timestamps its
// own would look like that of an old duplicate (RFC 7323 §5.3).
func TestASegmentThatWaitedSaysTheNewestTime(t *testing.T) {
	stamp := func(ts byte) []byte {
		return []byte{byte(packet.OptionNop), byte(packet.OptionNop), byte(packet.OptionTimestamps), 10, 0, 0, 0, ts, 0, 0, 0, 0}
	}
	k := open(t)
	late := decoded(t, craft.TCP(clientEnd, serverEnd, craft.Segment{
		Flags: ack, Seq: clientISN + 1 + 4, Ack: serverISN + 1, Window: 30000, Options: stamp(7),
	}, []byte("late")))
	if a := k.conn.Arrive(late, flow.ToServer); a.Action != Wait {
		t.Fatalf("%+v", a)
	}
	k.segment(clientEnd, serverEnd, flow.ToServer, craft.Segment{
		Flags: ack, Seq: clientISN + 1, Ack: serverISN + 1, Window: 30000, Options: stamp(9),
	}, "soon")
	k.conn.Refresh(late, flow.ToServer)
	opts := late.TCP().Options()
	o, _ := opts.Find(packet.OptionTimestamps)
	if ts, _, ok := o.Timestamps(); !ok || ts != 9 {
		t.Errorf("it says %d", ts)
	}
	if !late.VerifyChecksum() {
		late.Repair()
		if !late.VerifyChecksum() {
			t.Error("its checksum is wrong")
		}
	}
}
