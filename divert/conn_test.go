package divert

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/weir-project/weir/packet"
)

// fakeConn is a Conn on a Fake into which the payloads have been pushed.
func fakeConn(t testing.TB, payloads ...string) (*Conn, *Fake) {
	t.Helper()
	conn, err := Open("fake:")
	if err != nil {
		t.Fatal(err)
	}
	f := conn.Socket.(*Fake)
	for _, p := range payloads {
		if _, ok := f.Push(query(p)); !ok {
			t.Fatal("the queue is full")
		}
	}
	return conn, f
}

// outcomes are the payloads and verdicts of what a Fake has finished.
func outcomes(t testing.TB, f *Fake) (got []string) {
	t.Helper()
	for _, o := range f.Out() {
		var p packet.Packet
		p.Set(o.Bytes)
		p.Decode()
		if p.Malformed != packet.WellFormed || !p.VerifyChecksum() {
			t.Errorf("%x is %v, or its checksum is wrong", o.Bytes, p.Malformed)
		}
		got = append(got, fmt.Sprintf("%s %s", o.Verdict, p.Payload()))
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
	return got
}

func wantOutcomes(t testing.TB, f *Fake, want ...string) {
	t.Helper()
	if got := outcomes(t, f); !slices.Equal(got, want) {
		t.Errorf("outcomes %q, want %q", got, want)
	}
}

func TestLoopFinishesEachPacketOnce(t *testing.T) {
	conn, f := fakeConn(t, "keep", "edit", "drop", "grow", "forget", "twice")
	f.End()
	for pkt := range conn.Packets() {
		switch string(pkt.Payload()) {
		case "edit":
			copy(pkt.Payload(), "EDIT")
		case "grow":
			if !pkt.SetPayload([]byte("grown a little")) {
				t.Error("SetPayload refused")
			}
		case "drop":
			if err := pkt.Drop(); err != nil {
				t.Error(err)
			}
			continue
		case "forget":
			continue
		case "twice":
			if err := conn.Reinject(pkt); err != nil {
				t.Error(err)
			}
			if b, tag := pkt.Detach(); b != nil || tag != (Tag{}) {
				t.Error("detached after Reinject")
			}
			if err := errors.Join(conn.Reinject(pkt), pkt.Drop()); !errors.Is(err, ErrFinished) {
				t.Error(err)
			}
			continue
		}
		if err := conn.Reinject(pkt); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(conn.Err(), conn.Close()); err != nil {
		t.Error(err)
	}
	wantOutcomes(t, f, "accept keep", "accept EDIT", "drop drop", "accept grown a little", "drop forget", "accept twice")
	if st := conn.Stats(); st.Forgotten != 1 || st.Rewritten != 2 || st.Accepted != 4 || st.Dropped != 2 {
		t.Errorf("%+v", st)
	}
}

func TestUnfinishedCanBeAccepted(t *testing.T) {
	f := NewFake()
	conn := NewConn(f, WithUnfinished(packet.Accept))
	f.Push(query("a"))
	f.Push(query("detached"))
	f.End()
	for pkt := range conn.Packets() {
		if string(pkt.Payload()) == "detached" {
			pkt.Detach()
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	wantOutcomes(t, f, "accept a", "accept detached")
	if st := conn.Stats(); st.Forgotten != 2 {
		t.Errorf("%+v", st)
	}
}

func TestPacketLeftBehindCannotBeReinjected(t *testing.T) {
	conn, f := fakeConn(t, "a", "b")
	f.End()
	var last *Pkt
	for pkt := range conn.Packets() {
		if last != nil {
			if err := conn.Reinject(last); err != ErrFinished {
				t.Error(err)
			}
		}
		last = pkt
	}
	conn.Close()
	wantOutcomes(t, f, "drop a", "drop b")
}

func TestLoopGoesOnAfterBreakAndPanic(t *testing.T) {
	conn, f := fakeConn(t, "a", "b", "panic", "d")
	f.End()
	for pkt := range conn.Packets() {
		conn.Reinject(pkt)
		break
	}
	for pkt := range conn.Packets() {
		conn.Reinject(pkt)
		for range conn.Packets() {
			t.Error("a second loop runs within the first")
		}
		if err := conn.Err(); err != ErrLooping {
			t.Error(err)
		}
		break
	}
	func() {
		defer func() { recover() }()
		for range conn.Packets() {
			panic("in the body")
		}
	}()
	for pkt := range conn.Packets() {
		conn.Reinject(pkt)
	}
	wantOutcomes(t, f, "accept a", "accept b", "drop panic", "accept d")
}

func TestPutOnceFromAnyGoroutine(t *testing.T) {
	const packets = 200
	conn, f := fakeConn(t)
	for i := range packets {
		f.Push(query(fmt.Sprint("packet ", i)))
	}
	f.End()
	var wg sync.WaitGroup
	var once sync.Map
	err := conn.Each(func(pkt []byte, tag Tag) {
		for range 2 { // both try, one may
			wg.Go(func() {
				edited := bytes.Replace(pkt, []byte("packet"), []byte("a longer name than packet"), 1)
				if conn.Put(edited, tag) == nil {
					if _, twice := once.LoadOrStore(tag, true); twice {
						t.Error("two Puts of one tag succeeded")
					}
				}
			})
		}
	})
	wg.Wait()
	if err = errors.Join(err, conn.Close()); err != nil {
		t.Error(err)
	}
	got := outcomes(t, f)
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != packets {
		t.Fatalf("%d different packets came out, want %d", len(got), packets)
	}
	for _, g := range got {
		if !strings.HasPrefix(g, "accept a longer name than packet ") {
			t.Errorf("outcome %q", g)
		}
	}
}

func TestPutRefusesWhatCannotBe(t *testing.T) {
	conn, f := fakeConn(t, "a", "b")
	f.End()
	var tags []Tag
	conn.Each(func(_ []byte, tag Tag) { tags = append(tags, tag) })
	for _, b := range [][]byte{nil, make([]byte, 65532)} {
		if conn.Put(b, tags[0]) == nil {
			t.Errorf("%d bytes were taken", len(b))
		}
	}
	if err := conn.Put(query("x"), Tag{}); err != ErrFinished {
		t.Error(err)
	}
	if err := errors.Join(conn.Put(query("x"), tags[0]), conn.Drop(tags[1])); err != nil {
		t.Error(err)
	}
	if conn.Put(query("x"), tags[0]) != ErrFinished || conn.Drop(tags[1]) != ErrFinished {
		t.Error("a tag was good for two")
	}
	conn.Close()
	if err := conn.Put(query("x"), tags[0]); err != ErrClosed {
		t.Error(err)
	}
	wantOutcomes(t, f, "accept x", "drop b")
}

// A Put must not wait for the next packet to arrive.
func TestPutAndCloseReachAWaitingLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, f := fakeConn(t, "only", "never put")
		tags := make(chan Tag, 2)
		ended := make(chan error)
		go func() { ended <- conn.Each(func(_ []byte, tag Tag) { tags <- tag }) }()
		tag := <-tags
		synctest.Wait() // the loop waits in Recv
		if err := conn.Put(query("put"), tag); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if out := f.Out(); len(out) != 1 {
			t.Errorf("%d packets are out", len(out))
		}
		conn.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		wantOutcomes(t, f, "drop never put")
	})
}

func TestFakeKeepsTheKernelsRules(t *testing.T) {
	f := NewFake(WithQueueLen(2), WithFailOpen())
	for _, p := range []string{"a", "b", "uninspected"} {
		f.Push(query(p))
	}
	if out := f.Out(); len(out) != 1 || !out[0].FailOpen {
		t.Errorf("%+v", out)
	}
	ps := newPackets(4)
	f.SetFaults(Faults{RefuseRecvs: 1})
	if n, err := f.Recv(ps, 0); n != 0 || err != nil {
		t.Error(n, err)
	}
	if n, err := f.Recv(ps, 0); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if f.Check() == nil {
		t.Error("two packets are open, and Check is content")
	}
	f.SetFaults(Faults{RefuseVerdicts: 1})
	f.Finish(ps[:2])
	wantOutcomes(t, f, "drop a", "pass b")
	f.Finish(ps[:1])
	if err := f.Check(); err == nil || !strings.Contains(err.Error(), "packet 1 was finished twice") {
		t.Error(err)
	}
	if st := f.Stats(); st.VerdictErrors != 2 || st.RecvErrors != 1 || st.Received != 2 {
		t.Errorf("%+v", st)
	}
}

func TestFakeForgetsAndTruncates(t *testing.T) {
	f := NewFake()
	f.SetFaults(Faults{Forget: true})
	f.Push(query("a"))
	ps := newPackets(1)
	f.Recv(ps, 0)
	f.Finish(ps)
	if st := f.Stats(); st.VerdictErrors != 1 || f.Check() != nil {
		t.Errorf("%+v, %v", st, f.Check())
	}
	f.SetFaults(Faults{Truncate: 30})
	f.Push(query("a longer one"))
	f.Recv(ps, 0)
	if p := ps[0]; !p.Truncated() || len(p.Bytes()) != 30 || p.Meta.OrigLen != 40 {
		t.Errorf("%+v", p.Meta)
	}
	ps[0].MarkDirty()
	f.Finish(ps)
	if out := f.Out(); len(out) != 1 || out[0].Verdict != packet.Drop {
		t.Errorf("%+v", out)
	}
}

func TestFakePathAllocatesNothing(t *testing.T) {
	f := NewFake()
	f.Discard()
	for range 64 * 102 {
		f.Push(query("x"))
	}
	ps := newPackets(64)
	if n := testing.AllocsPerRun(100, func() {
		n, err := f.Recv(ps, 0)
		if n != 64 || err != nil {
			t.Fatal(n, err)
		}
		f.Finish(ps)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"":                `address "" has no scheme (write one of nfqueue:0,`,
		"eth0":            `address "eth0" has no scheme`,
		"afpacket:eth0":   `unknown scheme "afpacket" (write one of nfqueue:0,`,
		"divert:700":      "FreeBSD and OpenBSD",
		"fake:x":          `no model of "x" (write one of [freebsd-ipfw`,
		"divert:":         "is no divert port (write a number",
		"divert:0":        "is no divert port",
		"divert:700,up":   `"up" cannot stand there`,
		"divert:700,":     `"" cannot stand there`,
		"divert:1,in,out": `"out" cannot stand there`,
		"pcap:":           "no capture file named",
		"pcap:a>":         `no file named behind ">"`,
		"pcap:/nonesuch":  "no such file",
		"pcap:/":          "is a directory",
		"nfqueue:":        "want a queue number",
		"nfqueue:x":       "want a queue number",
		"nfqueue:65536":   "want a queue number",
		"nfqueue:3-1":     "runs backwards (write 1-3)",
		"nfqueue:0-65535": "more than one socket takes",
	} {
		if strings.HasPrefix(address, "nfqueue:") {
			if _, err := Lanes(address); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Lanes %q: error %v, want %q in it", address, err, want)
			}
		}
		if c, err := Open(address); c != nil || err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "Linux only") {
			t.Errorf("%q: error %v, want %q in it", address, err, want)
		}
	}
}

func TestLanes(t *testing.T) {
	for address, want := range map[string][]string{
		"nfqueue:7":   {"nfqueue:7"},
		"nfqueue:0-3": {"nfqueue:0", "nfqueue:1", "nfqueue:2", "nfqueue:3"},
		"pcap:a>b":    {"pcap:a>b"},
		"fake:":       {"fake:"},
	} {
		if got, err := Lanes(address); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", address, got, err)
		}
	}
}
