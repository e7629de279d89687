package engine

import (
	"bytes"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
)

// A side is one end of a connection as simple as one can be: it sends its bytes in segments of any
// size, again from the first unacknowledged one when nothing moves, and acknowledges in order.
type side struct {
	addr, peer string
	iss, irs   seqnum.Value
	data       []byte // to send
	acked      int    // of data; len(data)+1 with the FIN
	sent       int
	got        []byte
	finished   bool // the peer has
	edge       int  // of data: as far as the peer has room
	wnd        int
	ahead      map[int]byte
	problem    string
}

func (s *side) segment(flags packet.TCPFlags, off int, payload []byte) []byte {
	ack := s.irs.Add(1 + seqnum.Size(len(s.got)))
	if s.finished {
		ack = ack.Add(1)
	}
	return craft.TCP(s.addr, s.peer, craft.Segment{
		Flags: flags, Seq: uint32(s.iss.Add(1 + seqnum.Size(off))), Ack: uint32(ack), Window: uint16(s.wnd),
	}, payload)
}

// take is what the side makes of a segment.
func (s *side) take(p *packet.Packet) (owesAck bool) {
	h := p.TCP()
	ack := int(int32(s.iss.Add(1).Size(h.Ack())))
	if ack > s.sent {
		s.problem = fmt.Sprintf("told of %d bytes, sent %d", ack, s.sent)
		return false
	}
	s.acked = max(s.acked, ack)
	if edge := ack + int(h.Window()); edge >= s.edge {
		s.edge = edge
	}
	off := int(int32(s.irs.Add(1).Size(h.Seq())))
	payload := p.Payload()
	for i, c := range payload {
		if at := off + i; !s.finished && at >= len(s.got) && at < len(s.got)+s.wnd {
			if _, ok := s.ahead[at]; !ok {
				s.ahead[at] = c
			}
		}
	}
	for c, ok := s.ahead[len(s.got)]; ok; c, ok = s.ahead[len(s.got)] {
		delete(s.ahead, len(s.got))
		s.got = append(s.got, c)
	}
	fin := p.TCPFlags.Has(packet.FIN)
	if fin && off+len(payload) == len(s.got) {
		s.finished = true
	}
	return len(payload) > 0 || fin || off < len(s.got)
}

// holding replaces a word in a stream however it is cut: what could become the word waits.
func holding(old, with string) streamFunc {
	o, w := []byte(old), []byte(with)
	return streamFunc{"dlp", func(cx *inspect.Context, b []byte) inspect.Decision {
		at := 0
		for {
			i := bytes.Index(b[at:], o)
			if i < 0 {
				break
			}
			cx.EditPayload(at+i, at+i+len(old), w)
			at += i + len(old)
		}
		for n := min(len(old)-1, len(b)-at); n > 0; n-- {
			if bytes.HasSuffix(b, o[:n]) {
				cx.Hold(n)
				break
			}
		}
		return inspect.Decision{}
	}}
}

// TestStreamsAreEditedWhateverTheSegments sends random text both ways, cut anyhow, lost, repeated
// and reordered on both sides of the lane, and wants at each end the other's text with the word
// replaced, and both to end.
func TestStreamsAreEditedWhateverTheSegments(t *testing.T) {
	seeds := 1500
	if testing.Short() {
		seeds = 100
	}
	for seed := range seeds {
		if why := converse(t, uint64(seed), false); why != "" {
			t.Fatalf("seed %d: %s", seed, why)
		}
	}
}

// TestEditedStreamsSurviveCrashes is the same with lanes that die at any moment, the next of which finds
// the journal, and in the queue what was not answered.
func TestEditedStreamsSurviveCrashes(t *testing.T) {
	seeds := 1500
	if testing.Short() {
		seeds = 100
	}
	for seed := range seeds {
		if why := converse(t, uint64(seed), true); why != "" {
			t.Fatalf("seed %d: %s", seed, why)
		}
	}
}

// A memoryJournal is a Journal without limits.
type memoryJournal map[string]string

func (j memoryJournal) Put(key, value []byte) bool {
	j[string(key)] = string(value)
	return true
}

func (j memoryJournal) Delete(key []byte) bool {
	_, ok := j[string(key)]
	delete(j, string(key))
	return ok
}

func (j memoryJournal) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		for k, v := range j {
			if !yield([]byte(k), []byte(v)) {
				return
			}
		}
	}
}

// die has the lane be followed by another. Of the verdicts that were not given yet, some are.
func (w *wireTest) die() {
	n, err := w.fake.Recv(w.lane.batch, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	for w.lane.current = 0; w.lane.current < n; {
		w.lane.runFrom(n)
	}
	w.lane.done = w.lane.done[:w.r.IntN(len(w.lane.done)+1)]
	w.lane.flush()
	w.fake.Repeat()
	w.config.Socket, w.config.Events, w.config.Successor = w.fake, w.events, true
	w.lane = New(w.config)
	w.crashes++
}

func TestOneConversation(t *testing.T) {
	if why := converse(t, 0, false); why != "" {
		t.Fatal(why)
	}
}

func text(r *rand.Rand, n int) []byte {
	var b []byte
	for len(b) < n {
		if r.IntN(8) == 0 {
			b = append(b, "needle"...)
		} else {
			b = append(b, "ned lx"[r.IntN(6)])
		}
	}
	return b
}

func converse(t *testing.T, seed uint64, crashes bool) string {
	r := rand.New(rand.NewPCG(seed, 1))
	with := []string{"", "X", "needle", "NEEDLE", "a much longer word", "n", "needles"}[r.IntN(7)]
	config := Config{Limits: Limits{Hold: time.Hour, Gap: time.Hour}}
	in := holding("needle", with)
	config.Program.Chain = chain(t, 1, inspect.Entry{Inspector: in})
	if crashes {
		config.Journal = memoryJournal{}
		// What is held in front of bytes that the lane before has released comes from nobody any more.
		config.Limits.Hold = 10 * time.Second
	}
	b := newBench(t, config, in)
	a, z := client4, server4
	if r.IntN(2) == 0 {
		a, z = client6, server6
	}
	cl := &side{addr: a, peer: z, iss: seqnum.Value(r.Uint32()), wnd: 200 + r.IntN(4000), ahead: map[int]byte{}}
	sv := &side{addr: z, peer: a, iss: seqnum.Value(0xffffff00) + seqnum.Value(r.IntN(512)), wnd: 200 + r.IntN(4000), ahead: map[int]byte{}}
	cl.irs, sv.irs = sv.iss, cl.iss
	cl.data, sv.data = text(r, r.IntN(3000)), text(r, r.IntN(3000))
	w := &wireTest{bench: b, r: r, loss: r.IntN(25), cl: cl, sv: sv, config: config, dies: crashes}
	w.send(craft.TCP(a, z, craft.Segment{Flags: packet.SYN, Seq: uint32(cl.iss), Window: uint16(cl.wnd)}, nil))
	w.send(craft.TCP(z, a, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: uint32(sv.iss), Ack: uint32(cl.iss.Add(1)), Window: uint16(sv.wnd)}, nil))
	w.send(craft.TCP(a, z, craft.Segment{Flags: packet.ACK, Seq: uint32(cl.iss.Add(1)), Ack: uint32(sv.iss.Add(1)), Window: uint16(cl.wnd)}, nil))
	cl.edge, sv.edge = sv.wnd, cl.wnd
	w.fake.Out()
	for range 4000 {
		if cl.acked == len(cl.data)+1 && sv.acked == len(sv.data)+1 {
			break
		}
		w.round(cl)
		w.round(sv)
		b.at += time.Duration(r.IntN(30)) * time.Millisecond
	}
	for _, s := range []*side{cl, sv} {
		peer := cl
		if s == cl {
			peer = sv
		}
		if s.problem != "" {
			return s.problem
		}
		want := bytes.ReplaceAll(s.data, []byte("needle"), []byte(with))
		if !bytes.Equal(peer.got, want) {
			return fmt.Sprintf("replaced by %q: %d bytes of %d arrived; differ at %d; acked %d of %d",
				with, len(peer.got), len(want), firstDiff(peer.got, want), s.acked, len(s.data))
		}
		if s.acked != len(s.data)+1 || !peer.finished {
			return fmt.Sprintf("replaced by %q: did not end: acked %d of %d, edge %d", with, s.acked, len(s.data)+1, s.edge)
		}
	}
	b.run()
	if n := b.lane.sessions.pool.Stats.Conns; n != 0 {
		return fmt.Sprintf("%d connections are left", n)
	}
	return ""
}

func firstDiff(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// wireTest moves segments between the sides and the lane.
type wireTest struct {
	*bench
	r      *rand.Rand
	loss   int // percent, on each side of the lane
	cl, sv *side

	injected int
	config   Config
	dies     bool
	crashes  int
}

// send brings datagrams to the lane, in any order if they are many, and delivers what leaves.
func (w *wireTest) send(ds ...[]byte) {
	for _, d := range ds {
		w.push(d)
	}
	if w.dies && w.r.IntN(30) == 0 {
		w.die()
	}
	for w.step() > 0 { // a lane that follows another finds all that waited
	}
	w.lane.flush()
}

// round has a side send what it may, and both take what arrives.
func (w *wireTest) round(s *side) {
	var ds [][]byte
	add := func(d []byte) {
		if w.r.IntN(100) >= w.loss {
			ds = append(ds, d)
		}
		if w.r.IntN(20) == 0 {
			ds = append(ds, d)
		}
	}
	end := min(len(s.data), s.edge)
	at := max(0, s.acked)
	for n := 0; at < end && n < 6; n++ {
		size := min(1+w.r.IntN(500), end-at)
		add(s.segment(packet.ACK, at, s.data[at:at+size]))
		at += size
		s.sent = max(s.sent, at)
	}
	if at == len(s.data) && s.edge > at && s.acked <= len(s.data) {
		s.sent = len(s.data) + 1
		add(s.segment(packet.ACK|packet.FIN, at, nil))
	}
	if s.acked >= end && at < len(s.data) { // a window probe
		s.sent = max(s.sent, at+1)
		add(s.segment(packet.ACK, at, s.data[at:at+1]))
	}
	if w.r.IntN(3) == 0 {
		w.r.Shuffle(len(ds), func(i, j int) { ds[i], ds[j] = ds[j], ds[i] })
	}
	for _, d := range ds {
		w.send(d)
		w.deliver()
	}
	w.at += 5 * time.Millisecond
	w.send()
	w.deliver()
}

// deliver hands what left the lane to whom it is for, and the answers to the lane.
func (w *wireTest) deliver() {
	for {
		out, injected := w.fake.Out(), w.fake.Injected()
		if len(out)+len(injected) == 0 {
			return
		}
		for _, f := range out {
			if f.Verdict.Final() || w.r.IntN(100) < w.loss {
				continue
			}
			var p packet.Packet
			p.Set(f.Bytes)
			p.Decode()
			if p.Malformed != packet.WellFormed || !p.VerifyChecksum() {
				w.t.Fatalf("a packet left with a wrong checksum, or %v", p.Malformed)
			}
			to := w.sv
			if p.DstPort == netip.MustParseAddrPort(w.cl.addr).Port() {
				to = w.cl
			}
			if to.take(&p) {
				w.send(to.segment(packet.ACK, to.sent, nil))
			}
		}
		for _, b := range injected {
			w.injected++
			var p packet.Packet
			p.Set(b)
			p.Decode()
			to := w.sv
			if p.DstPort == netip.MustParseAddrPort(w.cl.addr).Port() {
				to = w.cl
			}
			if p.Malformed != packet.WellFormed || !p.VerifyChecksum() {
				w.t.Fatalf("injected: %v", p.Malformed)
			}
			if to.take(&p) && len(p.Payload()) > 0 {
				w.send(to.segment(packet.ACK, to.sent, nil))
			}
		}
	}
}

// TestRecordedConversation: in a capture both ends answer what was recorded, whether the lane holds it
// or has made it longer.
func TestRecordedConversation(t *testing.T) {
	for _, with := range []string{"", "pin", "NEEDLE", "a much longer word"} {
		b := newBench(t, Config{}, holding("needle", with))
		b.lane.recorded = true
		at, back := uint32(1000), uint32(5000)
		b.push(craft.TCP(client4, server4, craft.Segment{Flags: packet.SYN, Seq: at - 1}, nil))
		b.push(craft.TCP(server4, client4, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: back - 1, Ack: at}, nil))
		var want string
		for range 3 {
			b.push(craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Seq: at, Ack: back}, []byte("a needle, and a nee")))
			want += "a " + with + ", and a nee"
			at += 19
			b.push(craft.TCP(server4, client4, craft.Segment{Flags: packet.ACK, Seq: back, Ack: at}, []byte("ok")))
			back += 2
		}
		b.step()
		var up, down string
		for _, f := range b.fake.Out() {
			if f.Verdict != packet.Accept {
				t.Errorf("%q: %v", with, f.Verdict)
			}
			var p packet.Packet
			p.Set(f.Bytes)
			p.Decode()
			if p.DstPort == netip.MustParseAddrPort(server4).Port() {
				up += string(p.Payload())
			} else {
				down += string(p.Payload())
			}
		}
		if up != want || down != "okokok" {
			t.Errorf("%q: %q, %q", with, up, down)
		}
		if n := b.lane.Snapshot().Anomalies; len(n) > 0 {
			t.Errorf("%q: anomalies %v", with, n)
		}
	}
}
