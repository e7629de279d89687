package engine

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

const (
	client4, server4 = "192.0.2.1:40000", "198.51.100.1:8080"
	client6, server6 = "[2001:db8::1]:40000", "[2001:db8::2]:8080"
)

// A bench is a lane on a fake socket, with its events.
type bench struct {
	t      testing.TB
	fake   *divert.Fake
	events *event.Buffer
	lane   *Lane
	at     time.Duration
}

// newBench makes a lane in capture time: every packet comes a millisecond after the one before.
func newBench(t testing.TB, c Config, inspectors ...inspect.Inspector) *bench {
	t.Helper()
	b := &bench{t: t, fake: divert.NewFake(), events: &event.Buffer{}}
	entries := make([]inspect.Entry, len(inspectors))
	for i, in := range inspectors {
		entries[i].Inspector = in
	}
	if c.Program.Chain == nil {
		c.Program.Chain = chain(t, 1, entries...)
	}
	c.Socket, c.Events = b.fake, b.events
	b.lane = New(c)
	return b
}

func chain(t testing.TB, generation uint32, entries ...inspect.Entry) *inspect.Chain {
	t.Helper()
	ch, err := inspect.NewChain(generation, &inspect.LabelTable{}, entries)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func (b *bench) push(datagrams ...[]byte) {
	for _, d := range datagrams {
		b.at += time.Millisecond
		b.pushAt(b.at, d)
	}
}

func (b *bench) pushAt(at time.Duration, d []byte) {
	b.at = at
	if _, ok := b.fake.PushMeta(d, packet.Meta{OrigLen: len(d), Captured: at}); !ok {
		b.t.Fatal("the fake queue is full")
	}
}

// run takes everything pushed along the route and checks that each packet was answered exactly
// once.
func (b *bench) run() []divert.Finished {
	b.t.Helper()
	b.fake.End()
	if err := b.lane.Run(); err != nil {
		b.t.Fatal(err)
	}
	if err := b.fake.Check(); err != nil {
		b.t.Error(err)
	}
	if s := b.lane.Snapshot(); s.Packets != s.Accepted+s.Dropped || s.HeldBytes != 0 {
		b.t.Errorf("%d packets, of them %d accepted and %d dropped; %d bytes held", s.Packets, s.Accepted, s.Dropped, s.HeldBytes)
	}
	return b.fake.Out()
}

// told returns the names of the events of one kind.
func (b *bench) told(kind event.Kind) []string {
	var names []string
	for _, e := range b.events.Take() {
		if e.Kind == kind {
			names = append(names, fmt.Sprintf("%s %s would=%v", e.Author, e.Name, e.Would))
		}
	}
	return names
}

func verdicts(out []divert.Finished) string {
	var s []string
	for _, f := range out {
		s = append(s, f.Verdict.String())
	}
	return strings.Join(s, " ")
}

// testInspector implements every view by functions; nil functions have no opinion.
type packetFunc struct {
	name string
	f    func(*inspect.Context, *packet.Packet) inspect.Decision
}

func (p packetFunc) Name() string { return p.name }
func (p packetFunc) InspectPacket(cx *inspect.Context, pk *packet.Packet) inspect.Decision {
	return p.f(cx, pk)
}

type streamFunc struct {
	name string
	f    func(*inspect.Context, []byte) inspect.Decision
}

func (s streamFunc) Name() string { return s.name }
func (s streamFunc) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	return s.f(cx, b)
}

func always(name string, d inspect.Decision) packetFunc {
	return packetFunc{name, func(*inspect.Context, *packet.Packet) inspect.Decision { return d }}
}

// replace edits every occurrence of old in a payload.
func replace(name, old, with string) streamFunc {
	o, w := []byte(old), []byte(with)
	return streamFunc{name, func(cx *inspect.Context, b []byte) inspect.Decision {
		for at := 0; ; {
			i := bytes.Index(b[at:], o)
			if i < 0 {
				return inspect.Decision{}
			}
			cx.EditPayload(at+i, at+i+len(old), w)
			at += i + len(old)
		}
	}}
}

func TestPassesUntouched(t *testing.T) {
	b := newBench(t, Config{})
	var in [][]byte
	for _, ends := range [][2]string{{client4, server4}, {client6, server6}} {
		in = append(in, craft.UDP(ends[0], ends[1], []byte("hello")),
			craft.TCP(ends[0], ends[1], craft.Segment{Flags: packet.SYN}, nil))
	}
	b.push(in...)
	for i, f := range b.run() {
		if f.Verdict != packet.Accept || f.Rewritten || !bytes.Equal(f.Bytes, in[i]) {
			t.Errorf("packet %d: %v, rewritten %v", i, f.Verdict, f.Rewritten)
		}
	}
}

// TestFinalVerdictsWin holds combine's law: Drop is final, and one inspector's Accept switches off
// nobody else.
func TestFinalVerdictsWin(t *testing.T) {
	drop := inspect.Drop(inspect.ScopePacket, "test")
	accept := inspect.Decision{Verdict: packet.Accept}
	for _, c := range []struct {
		first, second inspect.Decision
		want          packet.Verdict
	}{
		{inspect.Decision{}, inspect.Decision{}, packet.Accept},
		{accept, drop, packet.Drop},
		{inspect.Release(), drop, packet.Drop},
		{drop, accept, packet.Drop},
		{drop, inspect.Release(), packet.Drop},
		{inspect.Decision{Verdict: packet.Reject, Reason: "a"}, drop, packet.Reject},
	} {
		b := newBench(t, Config{}, always("urls", c.first), always("dlp", c.second))
		b.push(craft.UDP(client4, server4, []byte("x")))
		if out := b.run(); len(out) != 1 || out[0].Verdict.Final() != c.want.Final() {
			t.Errorf("%v, %v: got %v, want %v", c.first, c.second, verdicts(out), c.want)
		}
	}
}

// TestFlowVerdictStays drops a flow at its second packet, in both directions from there, and no
// other.
func TestFlowVerdictStays(t *testing.T) {
	b := newBench(t, Config{}, streamFunc{"ids", func(_ *inspect.Context, p []byte) inspect.Decision {
		if bytes.Contains(p, []byte("evil")) {
			return inspect.Drop(inspect.ScopeFlow, "evil")
		}
		return inspect.Decision{}
	}})
	b.push(craft.UDP(client4, server4, []byte("good")), craft.UDP(server4, client4, []byte("evil")),
		craft.UDP(client4, server4, []byte("good")), craft.UDP(server4, client4, []byte("good")),
		craft.UDP("192.0.2.2:40000", server4, []byte("good")))
	if got, want := verdicts(b.run()), "accept drop drop drop accept"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if told := b.told(event.KindDrop); len(told) != 1 || told[0] != "ids evil would=false" {
		t.Errorf("drop events: %q, want one", told)
	}
	if n := b.lane.Snapshot().Drops["evil"]; n != 3 {
		t.Errorf("%d packets counted as evil, want 3", n)
	}
}

// TestMonitorAltersNothing runs droppers and editors in monitor mode: same events, with would; same
// bytes.
func TestMonitorAltersNothing(t *testing.T) {
	dropper := always("ids", inspect.Drop(inspect.ScopeFlow, "evil"))
	editor := replace("dlp", "secret", "XXXXXX")
	in := craft.UDP(client4, server4, []byte("a secret"))
	bad := bytes.Clone(in)
	bad[len(bad)-1] ^= 1 // wrong checksum
	for name, c := range map[string]Config{
		"policy":    {Program: Program{Outcomes: Outcomes{Monitor: true, Malformed: packet.Drop}}},
		"inspector": {Program: Program{Chain: chain(t, 1, inspect.Entry{Inspector: dropper, Monitor: true}, inspect.Entry{Inspector: editor, Monitor: true})}},
	} {
		b := newBench(t, c, dropper, editor)
		b.push(in, in, bad)
		for i, f := range b.run() {
			if f.Verdict != packet.Accept || f.Rewritten {
				t.Errorf("%s: packet %d: %v, rewritten %v", name, i, f.Verdict, f.Rewritten)
			}
		}
		if told := b.told(event.KindDrop); len(told) != 1 || told[0] != "ids evil would=true" {
			t.Errorf("%s: drop events %q, want one with would", name, told)
		}
	}
}

func TestEditsChangeTheBytes(t *testing.T) {
	for _, ends := range [][2]string{{client4, server4}, {client6, server6}} {
		b := newBench(t, Config{}, replace("dlp", "secret", "XXXXXX"))
		udp := func(s string) []byte { return craft.UDP(ends[0], ends[1], []byte(s)) }
		tcp := func(s string) []byte {
			return craft.TCP(ends[0], ends[1], craft.Segment{Flags: packet.ACK, Seq: 7}, []byte(s))
		}
		b.push(udp("a secret, two secrets"), tcp("my secret"), udp("nothing"))
		out := b.run()
		for i, want := range [][]byte{udp("a XXXXXX, two XXXXXXs"), tcp("my XXXXXX"), udp("nothing")} {
			if !bytes.Equal(out[i].Bytes, want) {
				t.Errorf("packet %d:\n got %x\nwant %x", i, out[i].Bytes, want)
			}
		}
	}
}

func TestEditsMayGrow(t *testing.T) {
	b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Edit: packet.Drop}}}, replace("dlp", "secret", "[removed by policy]"))
	b.push(craft.UDP(client4, server4, []byte("a secret!")),
		craft.UDP(client6, server6, []byte("secret")),
		craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK}, []byte("a secret!")))
	out := b.run()
	if want := craft.UDP(client4, server4, []byte("a [removed by policy]!")); !bytes.Equal(out[0].Bytes, want) {
		t.Errorf("got %x, want %x", out[0].Bytes, want)
	}
	if want := craft.UDP(client6, server6, []byte("[removed by policy]")); !bytes.Equal(out[1].Bytes, want) {
		t.Errorf("got %x, want %x", out[1].Bytes, want)
	}
	if want := craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK}, []byte("a [removed by policy]!")); !bytes.Equal(out[2].Bytes, want) {
		t.Errorf("got %x, want %x", out[2].Bytes, want)
	}
}

// TestOverlappingEdits wants the earlier inspector's edit, whole, and an event for the other.
func TestOverlappingEdits(t *testing.T) {
	b := newBench(t, Config{}, replace("dlp", "bcd", "123"), replace("urls", "cde", "XYZ"), replace("ids", "a", "A"))
	b.push(craft.UDP(client4, server4, []byte("abcdef")))
	out := b.run()
	if want := craft.UDP(client4, server4, []byte("AbXYZf")); !bytes.Equal(out[0].Bytes, want) {
		t.Errorf("got %q", out[0].Bytes[28:])
	}
	if told := b.told(event.KindEdit); len(told) != 1 || told[0] != "dlp edit-overlaps would=false" {
		t.Errorf("edit events: %q", told)
	}
}

// TestMalformedFollowsPolicy counts a reason for each and gives the policy's outcome.
func TestMalformedFollowsPolicy(t *testing.T) {
	good := craft.UDP(client4, server4, []byte("hello"))
	spoil := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	cases := map[packet.Reason][]byte{
		"bad-version":         spoil(func(b []byte) []byte { b[0] = 0x75; return b }),
		"short-header":        spoil(func(b []byte) []byte { return b[:10] }),
		"bad-checksum":        spoil(func(b []byte) []byte { b[30] ^= 1; return b }),
		"bad-header-checksum": spoil(func(b []byte) []byte { b[8]--; return b }),
		"bad-total-length":    spoil(func(b []byte) []byte { return b[:len(b)-1] }),
	}
	for _, outcome := range []packet.Verdict{packet.Drop, packet.Accept} {
		for why, in := range cases {
			b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Malformed: outcome}}}, always("ids", inspect.Decision{}))
			b.push(in)
			if out := b.run(); out[0].Verdict != outcome {
				t.Errorf("%s: %v, want %v", why, out[0].Verdict, outcome)
			}
			if b.lane.Snapshot().Anomalies[why] != 1 {
				t.Errorf("%s was counted as %v", why, b.lane.Snapshot().Anomalies)
			}
			if told := b.told(event.KindAnomaly); len(told) != 1 || told[0] != "decode "+string(why)+" would=false" {
				t.Errorf("%s: events %q", why, told)
			}
		}
	}
}

func TestRejectAnswersOnce(t *testing.T) {
	reject := always("urls", inspect.Reject(inspect.ScopeFlow, "blocked"))
	b := newBench(t, Config{}, reject)
	syn := craft.TCP(client4, server4, craft.Segment{Flags: packet.SYN, Seq: 99}, nil)
	b.push(syn, syn, craft.UDP(client4, server4, []byte("x")), craft.UDP(client4, server4, []byte("x")))
	if got := verdicts(b.run()); got != "reject reject reject reject" && got != "drop drop drop drop" {
		t.Errorf("verdicts %s", got)
	}
	injected := b.fake.Injected()
	if len(injected) != 2 {
		t.Fatalf("%d answers, want a reset and an ICMP message", len(injected))
	}
	var rst, icmp packet.Packet
	rst.Set(injected[0])
	rst.Decode()
	if rst.Proto != packet.TCP || !rst.TCPFlags.Has(packet.RST) || rst.TCP().Ack() != 100 || !rst.VerifyChecksum() {
		t.Errorf("answer to a SYN: %v", injected[0])
	}
	icmp.Set(injected[1])
	icmp.Decode()
	if icmp.Proto != packet.ICMP || icmp.ICMP().Type() != 3 || icmp.ICMP().Code() != 13 {
		t.Errorf("answer to a datagram: %v", injected[1])
	}
}

// TestPanicIsContained wants the other packets unharmed, the flow treated as the policy says, and
// no word of the panic's value.
func TestPanicIsContained(t *testing.T) {
	for _, outcome := range []packet.Verdict{packet.Drop, packet.Accept} {
		b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Error: outcome}}}, streamFunc{"ids", func(_ *inspect.Context, p []byte) inspect.Decision {
			if p[0] == '!' {
				panic("4111111111111111")
			}
			return inspect.Decision{}
		}})
		b.push(craft.UDP(client4, server4, []byte("a")), craft.UDP(client4, server4, []byte("!")),
			craft.UDP(client4, server4, []byte("c")), craft.UDP(client6, server6, []byte("d")))
		want := "accept accept accept accept"
		if outcome == packet.Drop {
			want = "accept drop drop accept"
		}
		if got := verdicts(b.run()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for _, e := range b.events.Take() {
			if e.Name == "panic" && (e.Pairs()[0].Text == "" || strings.Contains(fmt.Sprint(e), "4111")) {
				t.Errorf("event of the panic: %v", e)
			}
		}
		if b.lane.Snapshot().Panics != 1 {
			t.Errorf("%d panics counted", b.lane.Snapshot().Panics)
		}
	}
}

// TestDelayKeepsOrder delays the first packet of a flow: the second must not overtake it, another
// flow's may.
func TestDelayKeepsOrder(t *testing.T) {
	b := newBench(t, Config{}, packetFunc{"qos", func(cx *inspect.Context, p *packet.Packet) inspect.Decision {
		if string(p.Payload()) == "slow" {
			return inspect.DelayUntil(cx.Now+50*time.Millisecond, "shaped")
		}
		return inspect.Decision{}
	}})
	b.push(craft.UDP(client4, server4, []byte("slow")), craft.UDP(client4, server4, []byte("second")),
		craft.UDP(client6, server6, []byte("other")))
	b.pushAt(200*time.Millisecond, craft.UDP(client6, server6, []byte("late")))
	var got []string
	for _, f := range b.run() {
		got = append(got, string(f.Bytes[len(f.Bytes)-4:]))
	}
	if want := "ther slow cond late"; strings.Join(got, " ") != want {
		t.Errorf("order %q, want %q", got, want)
	}
}

// TestHeldBytesAreBounded gives the outcome of limits when there is no room to wait.
func TestHeldBytesAreBounded(t *testing.T) {
	slow := packetFunc{"qos", func(cx *inspect.Context, p *packet.Packet) inspect.Decision {
		return inspect.DelayUntil(cx.Now+time.Hour, "shaped")
	}}
	b := newBench(t, Config{Limits: Limits{HeldBytes: 6144}, Program: Program{Outcomes: Outcomes{Limit: packet.Drop}}}, slow)
	for i := range 10 {
		b.push(craft.UDP(fmt.Sprintf("192.0.2.%d:1000", i+1), server4, make([]byte, 900)))
	}
	out := b.run()
	dropped := strings.Count(verdicts(out), "drop")
	if dropped != 6 || b.lane.Snapshot().Anomalies["held-bytes-exhausted"] != 6 {
		t.Errorf("%d dropped, anomalies %v; 6 KiB hold 4 packets of 928 bytes with their bookkeeping", dropped, b.lane.Snapshot().Anomalies)
	}
}

func TestFullFlowTable(t *testing.T) {
	for _, outcome := range []packet.Verdict{packet.Drop, packet.Accept} {
		b := newBench(t, Config{
			Limits:  Limits{Flow: flow.Limits{Flows: 2, RefuseNew: true}},
			Program: Program{Outcomes: Outcomes{Limit: outcome}},
		}, always("ids", inspect.Decision{}))
		for i := range 4 {
			b.push(craft.UDP(fmt.Sprintf("192.0.2.%d:1000", i+1), server4, []byte("x")))
		}
		want := map[packet.Verdict]string{packet.Drop: "accept accept drop drop", packet.Accept: "accept accept accept accept"}[outcome]
		if got := verdicts(b.run()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if n := b.lane.Snapshot().Anomalies["flow-table-full"]; n != 2 {
			t.Errorf("%d packets counted, want 2", n)
		}
	}
}

// TestFragmentsAreInspectedWhole cuts a secret over fragments of every size, in both families and
// both orders.
func TestFragmentsAreInspectedWhole(t *testing.T) {
	text := "here comes a secret, and some more words behind it"
	want := strings.ReplaceAll(text, "secret", "XXXXXX")
	for _, ends := range [][2]string{{client4, server4}, {client6, server6}} {
		for size := 8; size < 64; size += 8 {
			for _, backwards := range []bool{false, true} {
				b := newBench(t, Config{}, replace("dlp", "secret", "XXXXXX"))
				pieces := craft.Fragments(craft.UDP(ends[0], ends[1], []byte(text)), 77, size)
				if backwards {
					for i, j := 0, len(pieces)-1; i < j; i, j = i+1, j-1 {
						pieces[i], pieces[j] = pieces[j], pieces[i]
					}
				}
				b.push(pieces...)
				out := b.run()
				if len(out) != len(pieces) {
					t.Fatalf("%d fragments became %d", len(pieces), len(out))
				}
				wantPieces := craft.Fragments(craft.UDP(ends[0], ends[1], []byte(want)), 77, size)
				for i, f := range out {
					at := i
					if backwards {
						at = len(pieces) - 1 - i
					}
					if f.Verdict != packet.Accept || !bytes.Equal(f.Bytes, wantPieces[at]) {
						t.Fatalf("size %d, backwards %v, fragment %d: %v\n got %x\nwant %x", size, backwards, i, f.Verdict, f.Bytes, wantPieces[at])
					}
				}
			}
		}
	}
}

func TestFragmentVerdictReachesAllPieces(t *testing.T) {
	b := newBench(t, Config{}, always("ids", inspect.Drop(inspect.ScopePacket, "evil")))
	b.push(craft.Fragments(craft.UDP(client4, server4, make([]byte, 100)), 1, 32)...)
	if got := verdicts(b.run()); strings.Count(got, "drop") != 4 {
		t.Errorf("verdicts %s, want four drops", got)
	}
}

func TestLostFragmentTimesOut(t *testing.T) {
	b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Malformed: packet.Drop}}})
	pieces := craft.Fragments(craft.UDP(client4, server4, make([]byte, 100)), 1, 32)
	b.push(pieces[0], pieces[1])
	b.pushAt(31*time.Second, craft.UDP(client4, server4, []byte("later")))
	if got := verdicts(b.run()); got != "drop drop accept" {
		t.Errorf("verdicts %s", got)
	}
	if told := b.told(event.KindAnomaly); len(told) != 1 || told[0] != "fragment fragment-timeout would=false" {
		t.Errorf("events %q", told)
	}
}

// TestReloadMovesFlows swaps the chain in the middle of a flow: the new one inspects from there; a
// verdict stays.
func TestReloadMovesFlows(t *testing.T) {
	old := always("ids", inspect.Release())
	b := newBench(t, Config{Program: Program{Chain: chain(t, 1, inspect.Entry{Inspector: old})}})
	b.push(craft.UDP(client4, server4, []byte("a")), craft.UDP(client4, server4, []byte("b")))
	b.step()
	if s := b.lane.Snapshot; b.lane.counters.Settled != 1 {
		t.Errorf("%d flows settled, want 1 (%v)", b.lane.counters.Settled, s())
	}
	b.lane.Swap(&Program{Chain: chain(t, 2, inspect.Entry{Inspector: always("ids", inspect.Drop(inspect.ScopeFlow, "stricter"))})})
	b.push(craft.UDP(server4, client4, []byte("c")))
	b.step()
	b.lane.Swap(&Program{Chain: chain(t, 3)})
	b.push(craft.UDP(client4, server4, []byte("d")), craft.UDP(client6, server6, []byte("e")))
	if got := verdicts(b.run()); got != "accept accept drop drop accept" {
		t.Errorf("verdicts %s", got)
	}
}

// step runs one batch without ending the lane.
func (b *bench) step() (n int) {
	n, err := b.lane.socket.Recv(b.lane.batch, 0)
	if err != nil && err != io.EOF {
		b.t.Fatal(err)
	}
	if c := b.lane.shared.next.Swap(nil); c != nil {
		b.lane.swap(c)
	}
	b.lane.runBatch(n)
	return n
}

// TestSettledFlowsAreMarked wants the mark only once the server has acknowledged what was inspected: until
// then the client could send other bytes in its place.
func TestSettledFlowsAreMarked(t *testing.T) {
	mark := packet.Mark{Value: 0x100, Mask: 0x300}
	b := newBench(t, Config{Program: Program{Settle: Settle{Mark: mark}}}, streamFunc{"urls", func(_ *inspect.Context, p []byte) inspect.Decision {
		return inspect.Release()
	}})
	b.push(craft.TCP(client4, server4, craft.Segment{Flags: packet.SYN}, nil),
		craft.TCP(server4, client4, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: 100, Ack: 1}, nil),
		craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Seq: 1, Ack: 101}, []byte("hello")),
		craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Seq: 6, Ack: 101}, nil),
		craft.TCP(server4, client4, craft.Segment{Flags: packet.ACK, Seq: 101, Ack: 6}, nil),
		craft.TCP(server4, client4, craft.Segment{Flags: packet.ACK, Seq: 101, Ack: 6}, []byte("answer")))
	var marks []uint32
	for _, f := range b.run() {
		marks = append(marks, f.Mark)
	}
	if want := []uint32{0, 0, 0, 0, 0, 0x100}; !slices.Equal(marks, want) {
		t.Errorf("marks %#x, want %#x", marks, want)
	}
}

// lineGrammar is a toy protocol for the message views: "SAY length text", whose length field Repair
// keeps right.
type lineGrammar struct{}

func (lineGrammar) Name() string             { return "say" }
func (lineGrammar) Fields() field.Set        { return field.SetOf(field.HTTPURI) }
func (lineGrammar) Sight() flow.Sight        { return flow.SightReadable }
func (lineGrammar) Over(p packet.Proto) bool { return p == packet.UDP }
func (lineGrammar) Recognise(u []byte, _ proto.Peer) proto.Match {
	if bytes.HasPrefix(u, []byte("SAY ")) {
		return proto.Yes
	}
	return proto.No
}

func (lineGrammar) Parse(m *field.Message, u []byte, _ proto.Peer, _ field.Set) (int, packet.Reason) {
	m.Reset("say", u)
	var n int
	if _, err := fmt.Sscanf(string(u), "SAY %03d ", &n); err != nil || 8+n > len(u) {
		return 0, "say-bad-length"
	}
	m.Add(field.Field{ID: field.HTTPURI, Value: u[8 : 8+n], Span: field.Span{Off: 8, End: 8 + n}, Editable: true})
	return 8 + n, ""
}

func (lineGrammar) Repair(dst []byte, m *field.Message, edits []field.Edit) ([]byte, packet.Reason) {
	at := len(dst)
	f := m.Fields[0].Span
	dst = proto.Splice(dst, m.Unit[:f.End], edits)
	copy(dst[at+4:], fmt.Sprintf("%03d", len(dst)-at-8))
	return dst, ""
}

type fieldFunc struct {
	name string
	f    func(*inspect.Context, *field.Field) inspect.Decision
}

func (s fieldFunc) Name() string      { return s.name }
func (s fieldFunc) Fields() field.Set { return field.SetOf(field.HTTPURI) }
func (s fieldFunc) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	return s.f(cx, f)
}

// TestFieldEditsAreRepaired edits fields of two messages in one datagram, to another length, beside
// an edit of the raw payload.
func TestFieldEditsAreRepaired(t *testing.T) {
	shout := fieldFunc{"urls", func(cx *inspect.Context, f *field.Field) inspect.Decision {
		if i := bytes.Index(f.Value, []byte("no")); i >= 0 {
			if !cx.Edit(f, i, i+2, []byte("certainly not")) {
				t.Error("edit was refused")
			}
		}
		return inspect.Decision{}
	}}
	b := newBench(t, Config{Grammars: []proto.Grammar{lineGrammar{}}}, shout, replace("dlp", "secret", "XXXXXX"))
	b.push(craft.UDP(client4, server4, []byte("SAY 010 no, secretSAY 002 no")),
		craft.UDP(client4, server4, []byte("SAY 003 yesSAY 999 broken")))
	out := b.run()
	want := "SAY 021 certainly not, XXXXXXSAY 013 certainly not"
	if got := out[0].Bytes[28:]; string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if out[1].Rewritten || b.lane.Snapshot().Anomalies["say-bad-length"] != 1 {
		t.Errorf("a broken message: rewritten %v, anomalies %v", out[1].Rewritten, b.lane.Snapshot().Anomalies)
	}
	if s := b.lane.Snapshot().Flows.Sights[flow.SightReadable]; s != 1 {
		t.Errorf("%d flows counted as readable, want 1", s)
	}
}

// TestFlowIDsBeginWhereTold keeps the flows of several lanes apart.
func TestFlowIDsBeginWhereTold(t *testing.T) {
	var ids []uint64
	b := newBench(t, Config{Limits: Limits{Flow: flow.Limits{FirstID: 1 << 40}}},
		packetFunc{"ids", func(cx *inspect.Context, _ *packet.Packet) inspect.Decision {
			ids = append(ids, cx.Flow.ID)
			return inspect.Decision{}
		}})
	b.push(craft.UDP(client4, server4, nil), craft.UDP(client6, server6, nil), craft.UDP(server4, client4, nil))
	b.run()
	if fmt.Sprint(ids) != fmt.Sprint([]uint64{1 << 40, 1<<40 + 1, 1 << 40}) {
		t.Errorf("flow ids %v", ids)
	}
}

// TestEditAcrossMessages edits one message, and beside that a range of the payload that reaches
// from it into the next: a splice cannot follow the first one's repair.
func TestEditAcrossMessages(t *testing.T) {
	shout := fieldFunc{"urls", func(cx *inspect.Context, f *field.Field) inspect.Decision {
		cx.Edit(f, 0, 1, []byte("longer"))
		return inspect.Decision{}
	}}
	for _, text := range []string{"SAY 003 abcSAY 002 no", "SAY 002 noSAY 003 abc"} {
		for _, outcome := range []packet.Verdict{packet.Accept, packet.Drop} {
			b := newBench(t, Config{Grammars: []proto.Grammar{lineGrammar{}}, Program: Program{Outcomes: Outcomes{Edit: outcome}}},
				shout, replace("dlp", "cSAY", "XXXX"), replace("ids", "oSAY", "XXXX"))
			in := craft.UDP(client4, server4, []byte(text))
			b.push(in)
			out := b.run()
			if out[0].Verdict != outcome || !bytes.Equal(out[0].Bytes, in) {
				t.Errorf("%v %q", out[0].Verdict, out[0].Bytes[28:])
			}
			if s := b.lane.Snapshot(); s.Panics != 0 || s.Anomalies["edit-crosses-messages"] != 1 {
				t.Errorf("%d panics, anomalies %v", s.Panics, s.Anomalies)
			}
		}
	}
}

// TestFragmentGrowthFollowsPolicy edits a datagram to more than its pieces can carry.
func TestFragmentGrowthFollowsPolicy(t *testing.T) {
	for _, outcome := range []packet.Verdict{packet.Accept, packet.Drop} {
		b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Edit: outcome}}}, replace("dlp", "secret", strings.Repeat("long", 50)))
		in := craft.Fragments(craft.UDP(client6, server6, []byte("here is a secret in pieces")), 1, 16)
		b.push(in...)
		for i, f := range b.run() {
			if f.Verdict != outcome || f.Rewritten || !bytes.Equal(f.Bytes, in[i]) {
				t.Errorf("piece %d: %v, want %v; rewritten %v", i, f.Verdict, outcome, f.Rewritten)
			}
		}
		if told := b.told(event.KindAnomaly); len(told) != 1 || told[0] != "edit fragment-growth would=false" {
			t.Errorf("told %q", told)
		}
	}
}

// TestDuplicateFragments drops a piece that came before; a policy that monitors drops nothing.
func TestDuplicateFragments(t *testing.T) {
	for monitor, want := range map[bool]string{false: "drop accept accept", true: "accept accept accept"} {
		b := newBench(t, Config{Program: Program{Outcomes: Outcomes{Monitor: monitor}}})
		in := craft.Fragments(craft.UDP(client4, server4, make([]byte, 20)), 1, 16)
		b.push(in[0], in[0], in[1])
		if got := verdicts(b.run()); got != want {
			t.Errorf("monitor %v: %s, want %s", monitor, got, want)
		}
	}
}
