package stream

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// promised is a talk whose client has been told that "defghi" waits behind a missing "abc", which has then come. All nine bytes have left, as
// segments of three. The connection begins at 1000 and 5000.
func promised(t *testing.T) *talk { return promisedOf(t, 1) }

// promisedOf is the same with each of the three texts so many times.
func promisedOf(t *testing.T, times int) *talk {
	long, n := func(s string) string { return strings.Repeat(s, times) }, uint32(3*times)
	k := open(t)
	c := k.conn
	c.sack = true
	var last *packet.Packet
	for i, text := range []string{"def", "ghi"} {
		last = decoded(t, craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: ack, Seq: 1000 + n*uint32(i+1), Ack: 5000, Window: 30000}, []byte(long(text))))
		if a := c.Arrive(last, flow.ToServer); a.Action != Wait || !c.Park(last, flow.ToServer, uint32(i), false) {
			t.Fatalf("%+v", a)
		}
	}
	k.server(ack, 5000, 1000, "") // or it has acknowledged nothing
	if d := c.Duplicate(nil, last, flow.ToServer, flow.ToServer, seqnum.Value(1000+2*n)); len(d) == 0 {
		t.Fatal("the client was told nothing")
	}
	k.client(ack, 1000, 5000, long("abc"))
	for range 2 {
		handle, _, ok := c.Next(flow.ToServer)
		if !ok {
			t.Fatal("nothing follows")
		}
		k.client(ack, 1000+n*(handle+1), 5000, long([]string{"def", "ghi"}[handle]))
	}
	return k
}

// sacks has the server acknowledge, with SACK blocks, and returns what the client is told.
func (k *talk) sacks(acked uint32, blocks ...uint32) *packet.Packet {
	k.t.Helper()
	options := []byte{1, 1, byte(packet.OptionSACK), byte(2 + 4*len(blocks))}
	for _, b := range blocks {
		options = binary.BigEndian.AppendUint32(options, b)
	}
	if len(blocks) == 0 {
		options = nil
	}
	_, p := k.segment(serverEnd, clientEnd, flow.ToClient, craft.Segment{Flags: ack, Seq: 5000, Ack: acked, Window: 30000, Options: options}, "")
	return p
}

// owed returns what the server is sent again.
func (k *talk) owed(of *packet.Packet) (text string) {
	for k.conn.Owes(flow.ToServer) {
		d := k.conn.Owed(nil, of, flow.ToServer, flow.ToClient)
		if len(d) == 0 {
			break
		}
		text += string(decoded(k.t, d).Payload())
	}
	return text
}

// TestSendersAreNotTakenBackTheirWord: an acknowledgement that ends where bytes begin that the sender was told of would have it forget
// all that it was told. Until all of them have come, it is told less.
func TestSendersAreNotTakenBackTheirWord(t *testing.T) {
	k := promised(t)
	for _, c := range []struct{ acked, told uint32 }{{1001, 1001}, {1003, 1002}, {1006, 1002}, {1009, 1009}} {
		p := k.sacks(c.acked)
		if got := uint32(p.TCP().Ack()); got != c.told {
			t.Errorf("of %d the sender is told %d, want %d", c.acked, got, c.told)
		}
		if edge := uint32(p.TCP().Ack()) + uint32(p.TCP().Window()); edge < c.acked+30000 && c.told != c.acked {
			t.Errorf("the window's edge went back to %d", edge)
		}
	}
}

// TestWhatTheSenderWasToldOfIsSentAgain: once, if others behind it have come; again, if what was sent later has come and it has not.
func TestWhatTheSenderWasToldOfIsSentAgain(t *testing.T) {
	k := promised(t)
	p := k.sacks(1003, 1006, 1009)
	if got := k.owed(p); got != "def" {
		t.Fatalf("sent again: %q, want def", got)
	}
	if got := k.owed(k.sacks(1003, 1006, 1009)); got != "" {
		t.Errorf("sent again while it is on its way: %q", got)
	}
	k.client(ack, 1009, 5000, "jkl")
	if got := k.owed(k.sacks(1003, 1006, 1012)); got != "def" {
		t.Errorf("sent again after it was lost twice: %q", got)
	}
	if got := uint32(k.sacks(1012).TCP().Ack()); got != 1012 {
		t.Errorf("in the end the sender is told %d", got)
	}
}

// TestWhatTheSenderItselfSendsAgainIsItsOwn: before what it was told of, nothing is ours to send.
func TestWhatTheSenderItselfSendsAgainIsItsOwn(t *testing.T) {
	k := promised(t)
	if got := k.owed(k.sacks(1000, 1003, 1009)); got != "" {
		t.Errorf("sent again: %q", got)
	}
	if _, ok := k.conn.Promised(flow.ToServer); ok {
		t.Error("it is ours to send")
	}
}

// TestALostTailIsSentAgainInTime: with nothing behind it, only time tells. What has come makes it faster.
func TestALostTailIsSentAgainInTime(t *testing.T) {
	k := promisedOf(t, 40)
	k.conn.half[flow.ToServer].mss = 76 // 64 beside timestamps
	p := k.sacks(1120)
	if place, ok := k.conn.Promised(flow.ToServer); !ok || place != 1120 || k.owed(p) != "" {
		t.Fatalf("promised from %d on: %v", place, ok)
	}
	k.conn.Remind(flow.ToServer)
	if got := k.owed(p); len(got) != 64 {
		t.Errorf("first %d bytes are sent again", len(got))
	}
	if got := k.owed(k.sacks(1184)); len(got) != 128 {
		t.Errorf("then %d", len(got))
	}
	if got := k.owed(k.sacks(1312)); len(got) != 48 {
		t.Errorf("then %d, and that is all", len(got))
	}
	if got := k.owed(k.sacks(1360)); got != "" {
		t.Errorf("in the end %q", got)
	}
	if _, ok := k.conn.Promised(flow.ToServer); ok {
		t.Error("all of it has come, and it is promised still")
	}
}

// TestATimerOfTheSenderReminds: it sends again the byte that it was not told of.
func TestATimerOfTheSenderReminds(t *testing.T) {
	k := promised(t)
	p := k.sacks(1003)
	k.client(ack, 1002, 5000, "c")
	if got := k.owed(p); got != "defghi" {
		t.Errorf("%q is sent again", got)
	}
}

// TestTheTruthWhereADecisionWaits: the receiver has all that has left, and the sender's timer runs out. It is told so, for what is decided may
// wait for more from it.
func TestTheTruthWhereADecisionWaits(t *testing.T) {
	k := promised(t)
	h := &k.conn.half[flow.ToServer]
	p := h.promise()
	p.told[p.n-1].to = p.told[p.n-1].to.Add(3) // "jkl", which waits for a decision
	if got := uint32(k.sacks(1009).TCP().Ack()); got != 1002 {
		t.Errorf("before its timer runs out it is told %d", got)
	}
	k.client(ack, 1002, 5000, "c")
	if got := uint32(k.sacks(1009).TCP().Ack()); got != 1009 {
		t.Errorf("then it is told %d", got)
	}
}

// TestAResetAnswersWhatItsSenderWasTold: a host without the connection resets at the place that the acknowledgement names, which is not where the
// receiver is. It gets there all the same.
func TestAResetAnswersWhatItsSenderWasTold(t *testing.T) {
	k := promised(t)
	k.sacks(1006)
	a, p := k.client(rst, 1002, 0, "")
	if a.Action != Leave || p == nil || p.TCP().Seq() != 1006 {
		t.Fatalf("%+v", a)
	}
	if a, _ := k.client(rst, 1003, 0, ""); a.Why == "" {
		t.Error("a reset at another place passes")
	}
}

// TestBetweenPromisesTheTruth: what lies between two promises, nobody was told of.
func TestBetweenPromisesTheTruth(t *testing.T) {
	k := promised(t)
	k.sacks(1003)
	k.client(ack, 1009, 5000, strings.Repeat("n", 100))
	c := k.conn
	last := decoded(t, craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: ack, Seq: 1112, Ack: 5000, Window: 30000}, []byte("zzz")))
	if a := c.Arrive(last, flow.ToServer); a.Action != Wait || !c.Park(last, flow.ToServer, 7, false) {
		t.Fatalf("%+v", a)
	}
	c.Duplicate(nil, last, flow.ToServer, flow.ToServer, 1112)
	k.client(ack, 1109, 5000, "yyy")
	if _, _, ok := c.Next(flow.ToServer); !ok {
		t.Fatal("nothing follows")
	}
	k.client(ack, 1112, 5000, "zzz")
	for _, w := range []struct{ acked, told uint32 }{{1006, 1002}, {1100, 1100}, {1113, 1111}, {1115, 1115}} {
		if got := uint32(k.sacks(w.acked).TCP().Ack()); got != w.told {
			t.Errorf("of %d the sender is told %d, want %d", w.acked, got, w.told)
		}
	}
	if c.half[flow.ToServer].work != nil {
		t.Error("memory is kept for promises that were kept")
	}
}

// TestWhatCameTwiceIsNoNews: a block of bytes that the sender is not told of would take back its word as well.
func TestWhatCameTwiceIsNoNews(t *testing.T) {
	k := promised(t)
	opts := k.sacks(1003, 1002, 1003).TCP().Options()
	if o, ok := opts.Find(packet.OptionSACK); ok && o.SACKBlocks() > 0 {
		left, right := o.SACKBlock(0)
		t.Errorf("the sender, who is told 1002, is told of [%d, %d)", left, right)
	}
}

// TestALiarIsSentLittle: a receiver that says again and again that all but one segment has come.
func TestALiarIsSentLittle(t *testing.T) {
	k := promisedOf(t, 2500)
	una := uint32(1000 + 7500)
	for range 2 { // so that much is sent at once
		k.owed(k.sacks(una, 1000+3*7500-1, 1000+3*7500))
		una = uint32(k.conn.half[flow.ToServer].promise().mended)
	}
	const times = 50
	n, end := 0, uint32(1000+3*7500)
	for range times {
		k.client(ack, end, 5000, "x")
		end++
		n += len(k.owed(k.sacks(una, end-1, end)))
	}
	if most := (times + 8) * 1300; n > most { // a segment each time, and the last burst
		t.Errorf("%d bytes are sent again, at most %d", n, most)
	}
}

// TestPromisesBeyondTwoGiB: the window that a sender is told is its receiver's, however far the connection has come.
func TestPromisesBeyondTwoGiB(t *testing.T) {
	k := promised(t)
	h := &k.conn.half[flow.ToServer]
	h.offered = h.offered.Sub(1<<31 + 5) // not kept while there are no edits
	p := k.sacks(1003)
	if got := p.TCP().Window(); got != 30001 {
		t.Errorf("the sender is told a window of %d beside %d", got, p.TCP().Ack())
	}
}

// TestForgiven: a policy that only watches holds nobody to a promise.
func TestForgiven(t *testing.T) {
	k := promised(t)
	k.sacks(1003, 1006, 1009)
	k.conn.Forgive()
	if got := uint32(k.sacks(1003, 1006, 1009).TCP().Ack()); got != 1003 || k.conn.Owes(flow.ToServer) {
		t.Errorf("the sender is told %d; owes %v", got, k.conn.Owes(flow.ToServer))
	}
}
