package http1

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

const get = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"

var bodies = field.SetOf(field.HTTPRequestBody, field.HTTPResponseBody)

// anyCuts cuts n bytes at random, or at every byte.
func anyCuts(r *rand.Rand, n int) (cuts []int) {
	if r.IntN(8) == 0 {
		for i := range n {
			cuts = append(cuts, i)
		}
		return cuts
	}
	for range r.IntN(8) {
		cuts = append(cuts, r.IntN(n+1))
	}
	return cuts
}

func size(x exchange) (n int) {
	for _, s := range x {
		n += len(s.text)
	}
	return n
}

// TestBodies: what follows which request is framed as its sender frames it, however it is cut.
func TestBodies(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
	for _, c := range []struct {
		name string
		x    exchange
		want string // without heads
		why  packet.Reason
	}{
		{"length", exchange{{up, post}}, `body="hello" end`, ""},
		{"nothing", exchange{{up, "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"}}, `whole`, ""},
		{"chunks", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n006 ; a=b\r\n world\r\n00\r\n\r\n"}}, `body="hello world" end`, ""},
		{"trailer", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\nZ: z\r\n\r\n"}, {up, get}}, `headers="X: y\r\nZ: z\r\n" body="hello" end whole`, ""},
		{"pipelined", exchange{{up, get + post + "\r\n" + get}, {down, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"}}, `whole body="hello" end whole body="hi" end whole body="x" end`, ""},
		{"HEAD", exchange{{up, "HEAD / HTTP/1.1\r\n\r\n" + get}, {down, "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}}, `whole whole whole body="x" end`, ""},
		{"304", exchange{{up, get}, {down, "HTTP/1.1 304 No\r\nContent-Length: 200\r\n\r\n"}}, `whole whole`, ""},
		{"100", exchange{{up, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"}, {down, "HTTP/1.1 100 Continue\r\n\r\n"}, {up, "hello"}, {down, "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}}, `whole body="hello" end whole body="x" end`, ""},
		{"until close", exchange{{up, get}, {down, "HTTP/1.1 200 OK\r\n\r\nall the rest"}}, `whole body="all the rest" end`, ""},
		{"upgrade", exchange{{up, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"}, {down, "HTTP/1.1 101 Switching\r\n\r\n\x81\x02hi"}, {up, "\x82\x02yo"}}, `whole whole`, ""},
		{"upgrade not asked", exchange{{up, get}, {down, "HTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx"}}, `whole`, unaskedUpgrade},
		{"upgrade declined", exchange{{up, "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"}, {down, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}, {up, get}}, `whole body="x" end whole`, ""},
		{"tunnel", exchange{{up, "CONNECT a.example:443 HTTP/1.1\r\n\r\n"}, {down, "HTTP/1.1 200 OK\r\n\r\n\x16\x03\x01"}, {up, "\x16\x03\x01 and more"}}, `whole whole`, ""},
		{"tunnel at once", exchange{{up, "CONNECT a.example:443 HTTP/1.1\r\n\r\n\x16\x03\x01 and more"}, {down, "HTTP/1.1 200 OK\r\n\r\n\x16\x03\x01"}}, `whole whole`, ""},
		{"no tunnel", exchange{{up, "CONNECT a.example:443 HTTP/1.1\r\n\r\n"}, {down, "HTTP/1.1 405 No\r\nContent-Length: 1\r\n\r\nx"}, {up, get}, {down, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"}}, `whole body="x" end whole body="y" end`, ""},
		{"no tunnel, pipelined", exchange{{up, "CONNECT a.example:443 HTTP/1.1\r\n\r\n" + get}, {down, "HTTP/1.1 405 No\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"}}, `whole whole body="x" end body="y" end`, ""},
		{"length repeated in a response", exchange{{up, get}, {down, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"}}, `whole body="x" end`, ""},
		{"length repeated in a request", exchange{{up, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx" + get}}, `body="x" end whole`, ""},
		{"lengths that differ", exchange{{up, get}, {down, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy"}}, `whole`, duplicateLen},
		{"xchunked", exchange{{up, get}, {down, "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"}}, `whole`, badTE},
		{"gzip, chunked", exchange{{up, get}, {down, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"}}, `whole`, badTE},
		{"chunked and length", exchange{{up, get}, {down, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n1\r\nx\r\n0\r\n\r\n"}}, `whole`, lengthAndTE},
		{"chunked in 1.0", exchange{{up, get}, {down, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"}}, `whole`, badTE},
		{"space before the colon", exchange{{up, get}, {down, "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"}}, `whole`, spaceColon},
		{"a size with a sign", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n"}}, ``, badChunk},
		{"a size with a prefix", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"}}, ``, badChunk},
		{"no size", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n;a\r\nhello\r\n0\r\n\r\n"}}, ``, badChunk},
		{"a size of 16 digits", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000005\r\nhello\r\n0\r\n\r\n"}}, ``, badChunk},
		{"LF behind a size", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"}}, ``, badChunk},
		{"CR in an extension", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n"}}, ``, badChunk},
		{"no line end behind a chunk", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhellox\r\n0\r\n\r\n"}}, ``, badChunk},
		{"a long extension", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("x", maxChunkLine) + "\r\nhello\r\n0\r\n\r\n"}}, ``, badChunk},
		{"a bad trailer", exchange{{up, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno field\r\n\r\n"}}, ``, badHeader},
		{"a response from the client", exchange{{up, get}, {up, "HTTP/1.1 200 OK\r\n\r\n"}}, `whole`, badStart},
		{"a request from the server", exchange{{up, get}, {down, get}}, `whole`, badStart},
		{"many empty lines", exchange{{up, strings.Repeat("\r\n", 9) + get}}, ``, badStart},
		{"some empty lines", exchange{{up, strings.Repeat("\r\n", 8) + get + strings.Repeat("\n", 16) + get}}, `whole whole`, ""},
		{"HTTP/0.9 from the server", exchange{{up, get}, {down, "<html>\n\nhello"}}, `whole`, badStart},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := New()
			r := rand.New(rand.NewPCG(1, 2))
			for n := range 60 {
				w := newWire(t, g)
				w.want = bodies.Union(field.SetOf(field.HTTPHost))
				if strings.Contains(c.want, "headers=") {
					w.want |= field.SetOf(field.HTTPHeaders)
				}
				var cuts []int
				if n > 0 {
					cuts = anyCuts(r, size(c.x))
				}
				w.cut(c.x, cuts, true, nil)
				got := w.log.String()
				for _, host := range []string{`host="a.example" `, `headers="Host: a.example\r\n" `, `headers="Transfer-Encoding: chunked\r\n" `} {
					got = strings.ReplaceAll(got, host, "")
				}
				if got = strings.TrimSpace(got); got != c.want || w.why != c.why {
					t.Fatalf("cut at %v:\ngot  %s, %q\nwant %s, %q", cuts, got, w.why, c.want, c.why)
				}
				w.p.Close()
			}
			if g.parsers.Made() != 1 || g.parsers.Used() > 0 {
				t.Errorf("%d parsers were made, %d are in use", g.parsers.Made(), g.parsers.Used())
			}
		})
	}
}

// TestManyAsk: the queue is bounded by changes of kind, not by requests.
func TestManyAsk(t *testing.T) {
	g := New()
	w := newWire(t, g)
	w.send(up, []byte(strings.Repeat(get, 5000)), false, false)
	if w.why != "" {
		t.Error(w.why)
	}
	w = newWire(t, g)
	w.send(up, []byte(strings.Repeat(get+"HEAD / HTTP/1.1\r\n\r\n", 17)), false, false)
	if w.why != tooDeep {
		t.Errorf("%q", w.why)
	}
}

// read has net/http read what left, and returns the bodies joined by "|".
func read(t testing.TB, b []byte, response bool, n int) (text string, heads []http.Header) {
	t.Helper()
	r := bufio.NewReader(bytes.NewReader(b))
	var all []string
	for range n {
		var body io.Reader
		if response {
			m, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("%v in %q", err, b)
			}
			body = m.Body
			heads = append(heads, m.Header)
		} else {
			m, err := http.ReadRequest(r)
			if err != nil {
				t.Fatalf("%v in %q", err, b)
			}
			body = m.Body
			heads = append(heads, m.Header)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatalf("%v in %q", err, b)
		}
		all = append(all, string(text))
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Fatalf("%q is left of %q", rest, b)
	}
	return strings.Join(all, "|"), heads
}

// TestEditedBodies replaces a word by others of any length in bodies of every framing, cut anyhow, and has net/http read what left.
func TestEditedBodies(t *testing.T) {
	text := "a needle, needlenee nee, needl" + strings.Repeat(" and hay", 40) + "needle"
	chunked := "Transfer-Encoding: chunked\r\n\r\n5\r\n" + text[:5] + "\r\n1;x=y\r\n" + text[5:6] + "\r\n1\r\n" + text[6:7] + "\r\n" + hex(len(text)-7) + "\r\n" + text[7:] + "\r\n0\r\n\r\n"
	length := "Content-Length: " + dec(len(text)) + "\r\n\r\n" + text
	g := New()
	for _, c := range []struct {
		name string
		x    exchange
		down int // responses; else requests are looked at
		same bool
	}{
		{name: "length", x: exchange{{up, "POST / HTTP/1.1\r\n" + length + "POST / HTTP/1.1\r\nX: y\r\n" + length}}},
		{name: "chunks", x: exchange{{up, "POST / HTTP/1.1\r\n" + chunked + "POST / HTTP/1.1\r\nX: y\r\n" + length}}},
		{name: "expect", x: exchange{{up, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: " + dec(len(text)) + "\r\n\r\n"}, {down, "HTTP/1.1 100 Go\r\n\r\n"}, {up, text + "POST / HTTP/1.1\r\n" + chunked}}},
		{name: "requests of 1.0", x: exchange{{up, "POST / HTTP/1.0\r\nConnection: keep-alive\r\n" + length + "POST / HTTP/1.0\r\n" + length}}},
		{name: "responses", x: exchange{{up, get + get}, {down, "HTTP/1.1 200 OK\r\n" + length + "HTTP/1.1 200 OK\r\n" + chunked}}, down: 2},
		{name: "until close", x: exchange{{up, get + get}, {down, "HTTP/1.1 200 OK\r\n" + length + "HTTP/1.1 200 OK\r\n\r\n" + text}}, down: 2},
		{name: "response of 1.0", x: exchange{{up, "GET / HTTP/1.0\r\n\r\n"}, {down, "HTTP/1.0 200 OK\r\n" + length}}, down: 1},
		{name: "keep-alive of 1.0", x: exchange{{up, "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n"}, {down, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + length + "HTTP/1.1 200 OK\r\nConnection: close\r\n" + length}}, down: 2},
		{name: "equal length", x: exchange{{up, get + get}, {down, "HTTP/1.1 200 OK\r\n" + length + "HTTP/1.1 200 OK\r\n" + chunked}}, down: 2, same: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			for n := range 300 {
				w := newWire(t, g)
				w.old, w.with, w.edits, w.resize = "needle", []string{"", "pin", "needles and pins", "NEEDLE"}[r.IntN(4)], bodies, bodies
				if c.same {
					w.with, w.resize = "NEEDLE", 0
				}
				var cuts []int
				if n > 0 {
					cuts = anyCuts(r, size(c.x))
				}
				w.cut(c.x, cuts, true, nil)
				dir, count := up, 2
				if c.down > 0 {
					dir, count = down, c.down
				}
				if w.why != "" || len(w.told) > 0 {
					t.Fatalf("cut at %v: %q, %q", cuts, w.why, w.told)
				}
				got, _ := read(t, w.out(dir), c.down > 0, count)
				want := strings.Repeat("|"+strings.ReplaceAll(text, w.old, w.with), count)[1:]
				if got != want {
					t.Fatalf("cut at %v, %q:\ngot  %q\nwant %q\nout %q", cuts, w.with, got, want, w.out(dir))
				}
				if c.same {
					for _, rp := range w.reps[dir] {
						if len(rp.with) != rp.end-rp.off {
							t.Fatalf("%+v changes a length", rp)
						}
					}
				}
				w.p.Close()
			}
		})
	}
}

func hex(n int) string { return string(appendInt(n, 16)) }
func dec(n int) string { return string(appendInt(n, 10)) }

func appendInt(n, base int) []byte {
	var b []byte
	for ; n > 0; n /= base {
		b = append(b, "0123456789abcdef"[n%base])
	}
	slices.Reverse(b)
	return b
}

// TestAFakeEnd: a FIN at any place, behind which more comes, hides nothing: all is shown, and what was to be edited and had left is
// shown again.
func TestAFakeEnd(t *testing.T) {
	const text = "a needle, and another needle"
	g := New()
	for name, m := range map[string]string{
		"length": "HTTP/1.1 200 OK\r\nContent-Length: " + dec(len(text)) + "\r\n\r\n" + text,
		"chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(text, 5),
		"close":  "HTTP/1.1 200 OK\r\n\r\n" + text,
	} {
		for _, with := range []string{"NEEDLE", "pin"} {
			for at := range m {
				w := newWire(t, g)
				w.old, w.with, w.edits = "needle", with, bodies
				if with == "pin" {
					w.resize = bodies
				}
				w.send(up, []byte(get), false, false)
				w.send(down, []byte(m[:at]), true, false)
				w.send(down, []byte(m[at:]), true, false)
				w.p.Close()
				if string(w.body) != text || w.why != "" {
					t.Fatalf("%s, %s, FIN at %d: shown %q, %q", name, with, at, w.body, w.why)
				}
				out := string(w.out(down))
				if left := strings.Count(out, "needle"); name == "close" && left != w.missed {
					t.Fatalf("%s, %s, FIN at %d: %d words left and %d were told: %q", name, with, at, left, w.missed, out)
				}
			}
		}
	}
}

// A lastSink notes which responses are the last of their connection.
type lastSink struct{ last []bool }

func (s *lastSink) Show(m *field.Message, phase field.Phase) proto.Answer {
	if m.Response && (phase == field.MessageStart || phase == field.MessageWhole) {
		s.last = append(s.last, m.Last)
	}
	return proto.Answer{}
}

func (s *lastSink) Replace(int, int, []byte) bool { return false }

// TestLastResponses: the server says which response is the last (RFC 9112 §9.3), but for those that a final one follows, and what
// is no HTTP any more.
func TestLastResponses(t *testing.T) {
	for responses, want := range map[string][]bool{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204 No\r\nConnection: keep-alive, close\r\n\r\n": {false, true},
		"HTTP/1.1 103 Early\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":            {false, false},
		"HTTP/1.1 101 Upgraded\r\nConnection: close\r\n\r\n":                                                     {false},
		"HTTP/1.0 204 No\r\nConnection: keep-alive\r\n\r\nHTTP/1.0 200 OK\r\n\r\nto the end":                     {false, true},
	} {
		g := New()
		p, s := g.Open(), new(lastSink)
		in := proto.Input{Dir: flow.ToServer, Want: g.Fields(), Bytes: []byte("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")}
		p.Feed(in, s)
		p.Feed(in, s)
		in.Dir, in.Bytes = flow.ToClient, []byte(responses)
		if got := p.Feed(in, s); got.Why != "" || !slices.Equal(s.last, want) {
			t.Errorf("%q: %v %q, want %v", responses, s.last, got.Why, want)
		}
		p.Close()
	}
}
