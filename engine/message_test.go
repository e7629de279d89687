package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/http1"
)

// An httpEditor replaces a word in bodies, and notes the hosts that are asked for.
type httpEditor struct {
	old, with string
	hosts     []string
}

func (e *httpEditor) Name() string { return "dlp" }
func (e *httpEditor) Fields() field.Set {
	return field.SetOf(field.HTTPHost, field.HTTPRequestBody, field.HTTPResponseBody)
}
func (e *httpEditor) Resizes() field.Set { return field.SetOf(field.HTTPResponseBody) }

func (e *httpEditor) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	if f.ID == field.HTTPHost {
		e.hosts = append(e.hosts, string(f.Value))
		return inspect.Decision{}
	}
	if i := bytes.Index(f.Value, []byte(e.old)); i >= 0 {
		cx.Edit(f, i, i+len(e.old), []byte(e.with))
	}
	return inspect.Decision{}
}

// A dialogue is a connection's segments in order.
type dialogue struct {
	seq [2]uint32
	in  [][]byte
}

func newDialogue() *dialogue {
	return &dialogue{seq: [2]uint32{1000, 5000}, in: [][]byte{
		craft.TCP(client4, server4, craft.Segment{Flags: packet.SYN, Seq: 999, Window: 60000}, nil),
		craft.TCP(server4, client4, craft.Segment{Flags: packet.SYN | packet.ACK, Seq: 4999, Ack: 1000, Window: 60000}, nil),
		craft.TCP(client4, server4, craft.Segment{Flags: packet.ACK, Seq: 1000, Ack: 5000, Window: 60000}, nil),
	}}
}

func (k *dialogue) say(server bool, text string) {
	from, to, dir := client4, server4, 0
	if server {
		from, to, dir = server4, client4, 1
	}
	k.in = append(k.in, craft.TCP(from, to, craft.Segment{Flags: packet.ACK, Seq: k.seq[dir], Ack: k.seq[1-dir], Window: 60000}, []byte(text)))
	k.seq[dir] += uint32(len(text))
}

// TestRequestsInTwoReadings: what receivers read in different ways follows the policy, whole or byte by byte.
func TestRequestsInTwoReadings(t *testing.T) {
	for why, request := range map[string]string{
		"http-duplicate-host":     "GET / HTTP/1.1\r\nHost: good.example\r\nHost: bad.example\r\n\r\n",
		"http-length-and-chunked": "POST / HTTP/1.1\r\nHost: good.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"http-odd-space":          "GET /  HTTP/1.1\r\nHost: bad.example\r\n\r\n",
		"http-bad-chunk":          "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
	} {
		for _, outcome := range []packet.Verdict{packet.Drop, packet.Accept} {
			for _, step := range []int{1, 1000} {
				b := newBench(t, Config{Grammars: []proto.Grammar{http1.New()}, Program: Program{Outcomes: Outcomes{Malformed: outcome}}}, &httpEditor{})
				k := newDialogue()
				for at := 0; at < len(request); at += step {
					k.say(false, request[at:min(at+step, len(request))])
				}
				b.push(k.in...)
				out := b.run()
				last := out[len(out)-1]
				if last.Verdict.Final() != outcome.Final() {
					t.Errorf("%s, %v, in %d: the last segment got %v", why, outcome, step, last.Verdict)
				}
				if told := strings.Join(b.told(event.KindAnomaly), ", "); !strings.Contains(told, why) {
					t.Errorf("%s, %v, in %d: told %q", why, outcome, step, told)
				}
			}
		}
	}
}

// toClient joins what went to the client, by its sequence numbers.
func (b *bench) toClient(out []divert.Finished) string {
	var text []byte
	for _, f := range out {
		var p packet.Packet
		p.Set(f.Bytes)
		p.Decode()
		if at := int(p.TCP().Seq()) - 5000; !f.Verdict.Final() && p.SrcPort == 8080 && len(p.Payload()) > 0 {
			text = append(text[:min(at, len(text))], p.Payload()...)
		}
	}
	return string(text)
}

// TestBodiesLeaveFramedAnew: through the lane, in one segment and in several.
func TestBodiesLeaveFramedAnew(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
	for _, c := range []struct {
		says []string
		want string
	}{
		{[]string{"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\na needle"}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na pin"},
		{[]string{"HTTP/1.1 200 OK\r\nContent-Le", "ngth: 9\r\n\r\na needle", "s"}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na pin\r\n1\r\ns\r\n0\r\n\r\n"},
	} {
		in := &httpEditor{old: "needle", with: "pin"}
		b := newBench(t, Config{Grammars: []proto.Grammar{http1.New()}}, in)
		k := newDialogue()
		k.say(false, request)
		for _, text := range c.says {
			k.say(true, text)
		}
		b.push(k.in...)
		if got := b.toClient(b.run()); got != c.want || fmt.Sprint(in.hosts) != "[a.example]" {
			t.Errorf("%q left as %q, want %q; hosts %q", c.says, got, c.want, in.hosts)
		}
	}
}

// TestNobodyGoesOnInTheMidst: a lane that finds a connection in the midst of a body that was framed anew ends it, and goes on with one
// between two messages.
func TestNobodyGoesOnInTheMidst(t *testing.T) {
	for _, whole := range []bool{false, true} {
		j := memoryJournal{}
		config := Config{Grammars: []proto.Grammar{http1.New()}, Journal: j}
		in := &httpEditor{old: "needle", with: "pin"}
		b := newBench(t, config, in)
		k := newDialogue()
		k.say(false, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
		k.say(true, "HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\na needle")
		if whole {
			k.say(true, " in a hay.")
		}
		b.push(k.in...)
		b.step()
		b.fake.Out()
		k.in = nil
		k.say(true, map[bool]string{true: "HTTP/1.1 204 No\r\n\r\n", false: " in a hay."}[whole])
		config.Successor = true
		next := newBench(t, config, in)
		next.at = b.at
		next.push(k.in...)
		next.step()
		c := next.lane.counters
		if whole && (c.Survived != 1 || c.Unsurvived != 0) || !whole && (c.Survived != 0 || c.Unsurvived != 1) {
			t.Errorf("whole %v: %d survived, %d did not; %d could not be saved", whole, c.Survived, c.Unsurvived, b.lane.counters.Unsaved)
		}
	}
}
