package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/packet/seqnum"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/http1"
)

// A stopper answers requests whose bodies have a word in them by a page.
type stopper struct {
	httpEditor
	page *inspect.Page
}

func (s *stopper) InspectField(_ *inspect.Context, f *field.Field) inspect.Decision {
	if !strings.Contains(string(f.Value), s.old) {
		return inspect.Decision{}
	}
	d := inspect.Reject(inspect.ScopeFlow, "stopped")
	d.Page = s.page
	return d
}

// stopping is a bench on which a client says lines, some of them in the server's name.
func stopping(t *testing.T, lines ...string) (*bench, *dialogue, *inspect.Page) {
	t.Helper()
	page, _ := inspect.NewPage("Stopped", "It was a needle.", strings.Repeat("Ask <them>. ", 10))
	b := newBench(t, Config{Grammars: []proto.Grammar{http1.New()}}, &stopper{httpEditor{old: "needle"}, page})
	k := newDialogue()
	for _, l := range lines {
		k.say(strings.HasPrefix(l, "HTTP/"), l)
	}
	b.push(k.in...)
	b.run()
	return b, k, page
}

// answers are what was injected: the bytes that the client reads, from the first one that it lacked, and all segments in short.
func answers(t *testing.T, injected [][]byte, first seqnum.Value) (page string, short []string) {
	t.Helper()
	at := map[int]byte{}
	for _, d := range injected {
		var p packet.Packet
		p.Set(d)
		p.Decode()
		if !p.VerifyChecksum() || p.Malformed != packet.WellFormed {
			t.Errorf("a wrong segment: %x", d)
		}
		h := p.TCP()
		to := "server"
		if p.DstPort == 40000 {
			to = "client"
			for i, c := range p.Payload() {
				at[int(first.Size(h.Seq()))+i] = c
			}
		}
		short = append(short, fmt.Sprintf("%s %v %d ack %d", to, p.TCPFlags, len(p.Payload()), h.Ack()))
	}
	var b strings.Builder
	for i := range len(at) {
		b.WriteByte(at[i])
	}
	return b.String(), short
}

const (
	request = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\n"
	needle  = "a needle!"
)

// TestPageInPlaceOfAnAnswer: the client reads the page behind what it has acknowledged, and the server is reset in the place of what it does not get.
func TestPageInPlaceOfAnAnswer(t *testing.T) {
	b, k, page := stopping(t, request, needle)
	got, short := answers(t, b.fake.Injected(), 5000)
	if got != string(page.Response()) {
		t.Errorf("the client reads %q", got)
	}
	ack := k.seq[0]
	want := fmt.Sprint([]string{
		fmt.Sprintf("client FIN|PSH|ACK %d ack %d", len(got), ack), "server RST|ACK 0 ack 5000",
	})
	if fmt.Sprint(short) != want {
		t.Errorf("%v, want %v", short, want)
	}
	if strings.Contains(got, "<them>") || !strings.Contains(got, "Ask &lt;them&gt;.") {
		t.Error("the note is HTML")
	}
}

// TestPageIsSentAgain to who asks again, some times; what follows is acknowledged and taken no note of, and the server told once.
func TestPageIsSentAgain(t *testing.T) {
	page, _ := inspect.NewPage("Stopped", "It was a needle.", "")
	size := uint32(len(page.Response()))
	in := &stopper{httpEditor{old: "needle"}, page}
	b := newBench(t, Config{Grammars: []proto.Grammar{http1.New()}}, in)
	k := newDialogue()
	k.say(false, request)
	k.say(false, needle)
	again := k.in[len(k.in)-1]
	segment := func(flags packet.TCPFlags, seq, ack uint32, text string) []byte {
		return craft.TCP(client4, server4, craft.Segment{Flags: flags | packet.ACK, Seq: seq, Ack: ack, Window: 60000}, []byte(text))
	}
	end := k.seq[0]
	k.in = append(k.in, again, // it has not had the page
		segment(0, end, 5000+size+1, ""),               // now it has
		segment(0, end, 5000+size+1, "and"),            // more of it
		segment(0, end+10, 5000+size+1, "ahead"),       // that is not what comes next
		segment(packet.FIN, end+3, 5000+size+1, "end"), // but this is
	)
	k.say(true, "HTTP/1.1 200 OK\r\n\r\n") // what the server says that has not heard of it
	for i, d := range k.in {
		b.pushAt(b.at+time.Duration(1+50*(i/5))*time.Millisecond, d) // what was lost is sent again after some time
	}
	if out := b.run(); !out[4].Verdict.Final() || !out[len(out)-1].Verdict.Final() {
		t.Error("something of it leaves")
	}
	_, short := answers(t, b.fake.Injected(), 5000)
	whole := fmt.Sprintf("client FIN|PSH|ACK %d ack %d", size, end)
	want := fmt.Sprint([]string{
		whole, "server RST|ACK 0 ack 5000", whole,
		fmt.Sprintf("client ACK 0 ack %d", end+3), fmt.Sprintf("client ACK 0 ack %d", end+3), fmt.Sprintf("client ACK 0 ack %d", end+7),
	})
	if fmt.Sprint(short) != want {
		t.Errorf("%v, want %v", short, want)
	}
}

// TestServerThatSpeaksMeanwhile is reset once more, and the client is not.
func TestServerThatSpeaksMeanwhile(t *testing.T) {
	b, _, page := stopping(t, request, needle, "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n")
	got, short := answers(t, b.fake.Injected(), 5000)
	if got != string(page.Response()) || fmt.Sprint(short[1:]) != "[server RST|ACK 0 ack 5000 server RST 0 ack 0]" {
		t.Errorf("%v", short)
	}
}

// TestPageIsLostOften: a client that never hears of it makes no flood, and is reset in the end.
func TestPageIsLostOften(t *testing.T) {
	page, _ := inspect.NewPage("Stopped", "", "")
	b := newBench(t, Config{Grammars: []proto.Grammar{http1.New()}}, &stopper{httpEditor{old: "needle"}, page})
	k := newDialogue()
	k.say(false, request)
	k.say(false, needle)
	b.push(k.in...)
	for range 100 {
		b.pushAt(b.at+20*time.Millisecond, k.in[len(k.in)-1])
	}
	b.run()
	_, short := answers(t, b.fake.Injected(), 5000)
	if n := strings.Count(fmt.Sprint(short), "FIN|PSH|ACK"); n != replyTries {
		t.Errorf("%d times, want %d: %v", n, replyTries, short)
	}
	if last := short[len(short)-1]; strings.Count(fmt.Sprint(short), "client RST") != 1 || !strings.HasPrefix(last, "client RST") {
		t.Errorf("in the end: %v", short)
	}
}

// TestPageBehindAHole: what the server has said was lost behind Weir, and nobody sends it again, so that the client cannot read the page. It is reset.
func TestPageBehindAHole(t *testing.T) {
	page, _ := inspect.NewPage("Stopped", "It was a needle.", "")
	for _, comes := range []bool{false, true} {
		b := newBench(t, Config{Grammars: []proto.Grammar{http1.New()}}, &stopper{httpEditor{old: "needle"}, page})
		k := newDialogue()
		k.say(false, strings.Replace(request, "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1))
		k.say(true, "HTTP/1.1 100 Continue\r\n\r\n")
		b.push(k.in...)
		body := func(ack uint32) {
			b.pushAt(b.at+100*time.Millisecond, craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Seq: k.seq[0], Ack: ack, Window: 60000}, []byte(needle)))
		}
		body(5000)
		body(5000) // it was on its way still
		for range 20 {
			if comes {
				body(k.seq[1])
			} else {
				body(5000)
			}
		}
		b.run()
		_, short := answers(t, b.fake.Injected(), 5000)
		want := holeTries
		if comes {
			want = replyTries
		}
		if all := fmt.Sprint(short); strings.Count(all, "client FIN|PSH|ACK") != want || !strings.HasSuffix(all, "client RST 0 ack 0]") {
			t.Errorf("comes %v: %v", comes, short)
		}
	}
}

// TestPagesStampsAreTheNewest: a segment that has waited echoes what the server said long ago, and what is stamped so the client discards.
func TestPagesStampsAreTheNewest(t *testing.T) {
	stamps := func(val, echo byte) []byte { return []byte{1, 1, 8, 10, 0, 0, 0, val, 0, 0, 0, echo} }
	var r reply
	for _, s := range [][2]byte{{7, 30}, {9, 20}, {8, 40}, {3, 1}} {
		var p packet.Packet
		p.Set(craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Options: stamps(s[0], s[1])}, nil))
		p.Decode()
		r.stamp(&p)
	}
	if !r.stamped || r.ts != 40 || r.echo != 9 {
		t.Errorf("%+v", r)
	}
}

// TestStrangersGetNoPage: whoever did not shake hands may not be who sends, and would have somebody else read it.
func TestStrangersGetNoPage(t *testing.T) {
	page, _ := inspect.NewPage("Stopped", "It was a needle.", "")
	said := func() *dialogue {
		k := newDialogue()
		k.say(false, request+needle)
		return k
	}
	for name, in := range map[string][][]byte{"no handshake": said().in[3:], "no answer of the server": append(said().in[:1:1], said().in[3:]...)} {
		b := newBench(t, Config{Grammars: []proto.Grammar{http1.New()}}, &stopper{httpEditor{old: "needle"}, page})
		b.push(in...)
		b.run()
		if _, short := answers(t, b.fake.Injected(), 5000); strings.Contains(fmt.Sprint(short), "FIN") || len(short) == 0 {
			t.Errorf("%s: %v", name, short)
		}
	}
}

// TestStrangersEndNoPage: a reset by somebody who does not know the numbers changes nothing.
func TestStrangersEndNoPage(t *testing.T) {
	page, _ := inspect.NewPage("Stopped", "It was a needle.", "")
	for _, from := range []string{client4, server4} {
		b := newBench(t, Config{Grammars: []proto.Grammar{http1.New()}}, &stopper{httpEditor{old: "needle"}, page})
		k := newDialogue()
		k.say(false, request)
		k.say(false, needle)
		to := client4
		if from == client4 {
			to = server4
		}
		b.push(k.in...)
		b.push(craft.TCP(from, to, craft.Segment{Flags: packet.RST, Seq: 0x70000000, Window: 1}, nil))
		b.pushAt(b.at+time.Second, k.in[len(k.in)-1])
		b.run()
		_, short := answers(t, b.fake.Injected(), 5000)
		if n := strings.Count(fmt.Sprint(short), "FIN|PSH|ACK"); n != 2 {
			t.Errorf("from %s: %v", from, short)
		}
	}
}

// TestNoPageWhereNoneIsWaitedFor: it would be taken for another answer.
func TestNoPageWhereNoneIsWaitedFor(t *testing.T) {
	for name, lines := range map[string][]string{
		"two requests":            {"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", request, needle},
		"an answer begun":         {request, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", needle},
		"answered early":          {request, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", needle},
		"one answered before?":    {"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", request, needle},
		"an answer that goes on?": {request, "HTTP/1.1 100 Continue\r\n\r\n", needle},
	} {
		b, _, _ := stopping(t, lines...)
		_, short := answers(t, b.fake.Injected(), 5000)
		if page := strings.Contains(fmt.Sprint(short), "FIN|PSH|ACK"); page != strings.HasSuffix(name, "?") || len(short) < 2 {
			t.Errorf("%s: %v", name, short)
		}
	}
}
