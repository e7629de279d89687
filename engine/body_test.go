package engine_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/internal/codingtest"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// masking is a policy that masks cards and SSNs.
const masking = `
divert: {queues: 0, select: [{protocols: [tcp]}]}
outcomes: {malformed: drop, limit: drop, error: drop, edit: drop}
inspect:
  dlp:
    detectors:
      - {name: card, action: mask, keep: 4}
      - {name: us-ssn, action: mask}
`

// replacing is masking by texts of another length.
var replacing = strings.NewReplacer("keep: 4", `with: "(a card)"`, "us-ssn, action: mask", `us-ssn, action: mask, with: "(a number that is private)"`).Replace(masking)

// codings are what bodies are coded by; "stored" is gzip that compresses nothing.
var codings = []string{"", "gzip", "stored", "deflate", "br", "zstd"}

// encoded is a text in a coding, and the field that says so.
func encoded(t testing.TB, coding, text string) (body, line string) {
	if coding == "" {
		return text, ""
	}
	body = string(codingtest.Encode(t, coding, []byte(text)))
	if coding == "stored" {
		coding = "gzip"
	}
	return body, "Content-Encoding: " + coding + "\r\n"
}

// framed is a body with a length if size is 0, and else in chunks of size.
func framed(body, line string, size int) string {
	if size == 0 {
		return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", line, len(body), body)
	}
	var b strings.Builder
	for at := 0; at < len(body); at += size {
		c := body[at:min(at+size, len(body))]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(c), c)
	}
	return line + "Transfer-Encoding: chunked\r\n\r\n" + b.String() + "0\r\n\r\n"
}

// A talk is a connection on which one side sends a text.
type talk struct {
	e        ends
	back     bool // the server sends it
	segments []string
}

// packets is the whole connection, from handshake to FIN.
func (k *talk) packets() (out [][]byte) {
	out = k.e.handshake()
	seq := [2]uint32{1001, 5001}
	say := func(from int, flags packet.TCPFlags, text string) {
		e := k.e
		if from == 1 {
			e = e.back()
		}
		out = append(out, craft.TCP(e.client, e.server, craft.Segment{Flags: packet.ACK | flags, Seq: seq[from], Ack: seq[1-from], Window: 60000}, []byte(text)))
		seq[from] += uint32(len(text))
	}
	from := 0
	if k.back {
		say(0, 0, get("www.example.org", ""))
		from = 1
	}
	for _, s := range k.segments {
		say(from, 0, s)
	}
	say(from, packet.FIN, "")
	return out
}

// received is what the receiver of the talk reads of all that left.
func (k *talk) received(t *testing.T, r *result) []byte {
	t.Helper()
	e, first := k.e, uint32(1001)
	if k.back {
		e, first = e.back(), 5001
	}
	at := map[int]byte{}
	take := func(b []byte) {
		var p packet.Packet
		p.Set(b)
		p.Decode()
		if fmt.Sprint(p.SrcPort) != portOf(e.client) || fmt.Sprint(p.DstPort) != portOf(e.server) {
			return
		}
		if !p.VerifyChecksum() {
			t.Error("a wrong checksum")
		}
		for i, c := range p.Payload() {
			off := int(int32(uint32(p.TCP().Seq())-first)) + i
			if off < 0 {
				continue // a probe
			}
			if old, ok := at[off]; ok && old != c {
				t.Errorf("byte %d left in two ways", off)
			}
			at[off] = c
		}
	}
	for _, f := range r.out {
		if !f.Verdict.Final() {
			take(f.Bytes)
		}
	}
	for _, b := range r.injected {
		take(b)
	}
	var text []byte
	for c, ok := at[0]; ok; c, ok = at[len(text)] {
		text = append(text, c)
	}
	if len(text) != len(at) {
		t.Errorf("%d bytes left, of them %d in order", len(at), len(text))
	}
	return text
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// bodyOf has net/http read the message and takes its framing away.
func bodyOf(text []byte, back bool) (string, http.Header, error) {
	r := bufio.NewReader(bytes.NewReader(text))
	var body io.Reader
	var head http.Header
	if back {
		m, err := http.ReadResponse(r, nil)
		if err != nil {
			return "", nil, err
		}
		body, head = m.Body, m.Header
	} else {
		m, err := http.ReadRequest(r)
		if err != nil {
			return "", nil, err
		}
		body, head = m.Body, m.Header
	}
	b, err := io.ReadAll(body)
	if _, more := r.ReadByte(); err == nil && more == nil {
		err = fmt.Errorf("something follows the body")
	}
	return string(b), head, err
}

// TestCardsInBodiesAreMasked sends a card and an SSN in bodies of every framing and coding, cut into segments at every byte and into
// single bytes, both ways. The receiver reads the mask, of the same length or another, in a message that net/http reads, and each value is told once.
func TestCardsInBodiesAreMasked(t *testing.T) {
	const text = "pay with 4000 0000-0 4000 0000 0000 0002, now; I am 512-45-6789."
	sizes := []int{0, 1, 5, 16, 1000}
	if testing.Short() {
		sizes = []int{0, 1, 16}
	}
	for _, coding := range codings {
		for _, size := range sizes {
			for _, back := range []bool{false, true} {
				start := "POST /in HTTP/1.1\r\nHost: www.example.org\r\n"
				if back {
					start = "HTTP/1.1 200 OK\r\n"
				}
				body, line := encoded(t, coding, text)
				message := start + framed(body, line, size)
				talks := []talk{{segments: strings.Split(message, "")}}
				for cut := 1; cut < len(message); cut++ {
					talks = append(talks, talk{segments: []string{message[:cut], message[cut:]}})
				}
				for _, m := range []struct{ policy, card, ssn string }{
					{masking, "XXXX XXXX XXXX 0002", "XXX-XX-XXXX"},
					{replacing, "(a card)", "(a number that is private)"},
				} {
					want := strings.NewReplacer("4000 0000 0000 0002", m.card, "512-45-6789", m.ssn).Replace(text)
					maskAll(t, fmt.Sprintf("%q in %d, back %v, %s", coding, size, back, m.card), m.policy, talks, back, want)
				}
			}
		}
	}
}

func maskAll(t *testing.T, name, policy string, talks []talk, back bool, want string) {
	t.Helper()
	var in []step
	for i := range talks {
		talks[i].e, talks[i].back = pair(i, 8080), back
		for _, d := range talks[i].packets() {
			in = append(in, step{10 * time.Microsecond, d}) // all in the time for which bytes may wait
		}
	}
	r := run(t, config(t, load(t, "prevent", policy)), in)
	told := map[uint64]int{}
	for _, e := range r.events {
		switch e.Kind {
		case event.KindDLP:
			told[e.FlowID]++
		case event.KindAnomaly, event.KindEdit, event.KindDrop:
			t.Fatalf("%s: told %s %s", name, e.Name, e.Reason)
		}
	}
	if len(told) != len(talks) {
		t.Errorf("%s: told of %d flows, want %d", name, len(told), len(talks))
	}
	for id, n := range told {
		if n != 2 {
			t.Fatalf("%s: flow %d: told of %d values, want 2", name, id, n)
		}
	}
	for i := range talks {
		got := talks[i].received(t, r)
		body, head, err := bodyOf(got, back)
		if err != nil || body != want || head.Get("Content-Encoding") != "" {
			t.Fatalf("%s, cut %d: %v: read %q", name, i, err, got)
		}
	}
}

// TestEveryPartOfAMessageIsLookedAt puts a card into each place of a message in turn: it is masked, and told once; also by a policy that wants it
// only there.
func TestEveryPartOfAMessageIsLookedAt(t *testing.T) {
	const post = "POST /in HTTP/1.1\r\nHost: www.example.org\r\n"
	for name, c := range map[string]struct {
		message string
		field   string
	}{
		"target":                              {"GET /CARD HTTP/1.1\r\nHost: www.example.org\r\n\r\n", "http.uri"},
		"field":                               {"GET / HTTP/1.1\r\nHost: www.example.org\r\nX-Pay: CARD\r\n\r\n", "http.headers"},
		"field of a post":                     {post + "X-Pay: CARD\r\nContent-Length: 2\r\n\r\nhi", "http.headers"},
		"body":                                {post + "Content-Length: 21\r\n\r\npay CARD.", "http.request_body"},
		"body in chunks":                      {post + "Transfer-Encoding: chunked\r\n\r\n15\r\npay CARD.\r\n0\r\n\r\n", "http.request_body"},
		"a chunk's line":                      {post + "Transfer-Encoding: chunked\r\n\r\n2;x=CARD\r\nhi\r\n0\r\n\r\n", "payload"},
		"the last line":                       {post + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0;x=CARD\r\n\r\n", "payload"},
		"trailer":                             {post + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Pay: CARD\r\n\r\n", "http.headers"},
		"second message":                      {post + "Content-Length: 2\r\n\r\nhiGET /CARD HTTP/1.1\r\nHost: www.example.org\r\n\r\n", "http.uri"},
		"second body":                         {post + "Content-Length: 2\r\n\r\nhi" + post + "Content-Length: 16\r\n\r\nCARD", "http.request_body"},
		"body in front of a method of digits": {post + "Content-Length: 16\r\n\r\nCARD1 / HTTP/1.1\r\nHost: www.example.org\r\n\r\n", "http.request_body"},
		"behind CONNECT":                      {"CONNECT www.example.org:1 HTTP/1.1\r\nHost: www.example.org:1\r\n\r\n\x01\x02 CARD", "payload"},
		"no HTTP":                             {"\x01\x02 CARD and more", "payload"},
		"an unknown coding":                   {post + "Content-Encoding: x-own\r\nContent-Length: 21\r\n\r\npay CARD.", "http.request_body"},
	} {
		message := strings.ReplaceAll(c.message, "CARD", "4000000000000002")
		want := strings.ReplaceAll(c.message, "CARD", "XXXXXXXXXXXX0002")
		var talks []talk
		for cut := 1; cut < len(message); cut++ {
			talks = append(talks, talk{e: pair(cut, 8080), segments: []string{message[:cut], message[cut:]}})
		}
		for _, mode := range []string{"prevent", "monitor", "by name"} {
			policy := strings.Replace(masking, "limit: drop", "limit: pass", 1)
			if mode == "by name" {
				policy = strings.Replace(policy, "keep: 4", "keep: 4, fields: ["+c.field+"]", 1)
			}
			var in []step
			for i := range talks {
				for _, d := range talks[i].packets() {
					in = append(in, step{10 * time.Microsecond, d})
				}
			}
			r := run(t, config(t, load(t, strings.Replace(mode, "by name", "prevent", 1), policy)), in)
			told := map[uint64]int{}
			for _, e := range r.events {
				if e.Kind != event.KindDLP {
					continue
				}
				named := e.Field == c.field || mode != "by name" && e.Field == "payload" // of a head that is cut: it makes no difference
				if told[e.FlowID]++; !named || e.Verdict != "edit" || e.Would != (mode == "monitor") {
					t.Fatalf("%s, %s: told %s of %s, would %v", name, mode, e.Verdict, e.Field, e.Would)
				}
			}
			for i := range talks {
				if mode == "monitor" {
					continue
				}
				if got := string(talks[i].received(t, r)); got != want {
					t.Fatalf("%s, cut %d: left as %q", name, i+1, got)
				}
			}
			for id, n := range told {
				if n != 1 {
					t.Fatalf("%s, %s: flow %d: told %d times", name, mode, id, n)
				}
			}
			if len(told) != len(talks) {
				t.Errorf("%s, %s: told of %d flows, want %d", name, mode, len(told), len(talks))
			}
		}
	}
}

// TestBodiesThatCannotBeMasked: a coded body that must stay as it is (RFC 9111 §5.2.2.6), or that goes to a peer of HTTP/1.0, does not
// arrive if there is something to mask in it, and arrives as it came if there is not.
func TestBodiesThatCannotBeMasked(t *testing.T) {
	for _, number := range []string{"4000000000000002", "4000000000000003"} {
		body, line := encoded(t, "gzip", "pay with "+number+", now")
		message := "HTTP/1.1 200 OK\r\nCache-Control: no-transform\r\n" + framed(body, line, 0)
		k := talk{e: pair(0, 8080), back: true, segments: []string{message[:100], message[100:]}}
		r := run(t, config(t, load(t, "prevent", masking)), steps(k.packets()...))
		got := string(k.received(t, r))
		if secret := number[15] == '2'; secret == (got == message) {
			t.Errorf("%s: left %q", number, got)
		}
	}
}

// TestBlockedInABody: a card in a coded body ends the connection where the policy says so, before its body is whole.
func TestBlockedInABody(t *testing.T) {
	body, line := encoded(t, "br", "pay with 4000 0000 0000 0002, now")
	k := talk{e: pair(0, 8080), segments: strings.SplitAfter("POST /in HTTP/1.1\r\nHost: www.example.org\r\n"+framed(body, line, 7), "\n")}
	r := run(t, config(t, load(t, "prevent", strings.Replace(masking, "action: mask, keep: 4", "action: reject", 1))), steps(k.packets()...))
	if text, _, err := bodyOf(k.received(t, r), false); err == nil {
		t.Errorf("arrived: %q", text)
	}
	if len(r.injected) != 2 {
		t.Errorf("%d resets, want one to each side", len(r.injected))
	}
}
