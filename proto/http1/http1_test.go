package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

var (
	peer = proto.Peer{Transport: packet.TCP, ServerPort: 8000}
	all  = New().Fields()
)

// show prints the fields of m and whether it is whole.
func show(m *field.Message) string {
	var b strings.Builder
	for _, f := range m.Fields {
		fmt.Fprintf(&b, "%s=%q ", strings.TrimPrefix(f.ID.String(), "http."), f.Value)
	}
	if !m.Complete {
		b.WriteString("...")
	}
	return strings.TrimSpace(b.String())
}

func TestFields(t *testing.T) {
	for _, c := range []struct{ name, unit, want string }{
		{
			"request", "GET /a?b=c HTTP/1.1\r\nHost: Example.COM:8080\r\nUser-Agent: x y\r\n\r\n",
			`method="GET" uri="/a?b=c" headers="Host: Example.COM:8080\r\nUser-Agent: x y\r\n" host="example.com" user_agent="x y"`,
		},
		{
			"agent before host", "GET / HTTP/1.1\r\nUSER-AGENT:x\r\nhost:\t example.com. \r\n\r\n",
			`method="GET" uri="/" headers="USER-AGENT:x\r\nhost:\t example.com. \r\n" user_agent="x" host="example.com"`,
		},
		{"no headers", "GET / HTTP/1.0\r\n\r\n", `method="GET" uri="/" headers=""`},
		{"bare LF", "GET / HTTP/1.1\nHost: example.com\n\n", `method="GET" uri="/" headers="Host: example.com\n" host="example.com"`},
		{"leading empty lines", "\r\n\nGET / HTTP/1.1\r\nHost: example.com\r\n\r\n", `method="GET" uri="/" headers="Host: example.com\r\n" host="example.com"`},
		{
			"absolute target wins over Host", "GET http://Evil.example:80/x HTTP/1.1\r\nHost: good.example\r\n\r\n",
			`method="GET" uri="http://Evil.example:80/x" host="evil.example" headers="Host: good.example\r\n"`,
		},
		{
			"authority with query at once", "GET https://evil.example?x HTTP/1.1\r\nHost: good.example\r\n\r\n",
			`method="GET" uri="https://evil.example?x" host="evil.example" headers="Host: good.example\r\n"`,
		},
		{
			"CONNECT", "CONNECT Example.com:443 HTTP/1.1\r\nHost: other.example\r\n\r\n",
			`method="CONNECT" uri="Example.com:443" host="example.com" headers="Host: other.example\r\n"`,
		},
		{"IPv6 host", "GET / HTTP/1.1\r\nHost: [2001:DB8::1]:80\r\n\r\n", `method="GET" uri="/" headers="Host: [2001:DB8::1]:80\r\n" host="[2001:db8::1]"`},
		{"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", `method="GET" uri="/" headers="Host:\r\n"`},
		{"body", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", `method="POST" uri="/" headers="Content-Length: 5\r\n" request_body="hello"`},
		{"empty body", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", `method="POST" uri="/" headers="Content-Length: 0\r\n"`},
		{"half a body", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhello", `method="POST" uri="/" headers="Content-Length: 9\r\n" request_body="hello" ...`},
		{
			"chunks", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n06 ; ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\n",
			`method="POST" uri="/" headers="Transfer-Encoding: chunked\r\n" request_body="hello" request_body=" world"`,
		},
		{
			"half a chunk", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\nA\r\nhello",
			`method="POST" uri="/" headers="Transfer-Encoding: gzip, Chunked\r\n" request_body="hello" ...`,
		},
		{"host that may be folded yet", "GET / HTTP/1.1\r\nHost: exam\r\n", `method="GET" uri="/" ...`},
		{"host that is whole", "GET / HTTP/1.1\r\nHost: exam\r\nA", `method="GET" uri="/" host="exam" ...`},
		{"response", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", `stat_code="200" headers="Content-Length: 2\r\n" response_body="hi"`},
		{"response until close", "HTTP/1.0 404\r\n\r\ngone", `stat_code="404" headers="" response_body="gone" ...`},
		{"response coded until close", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx", `stat_code="200" headers="Transfer-Encoding: gzip\r\n" response_body="xx" ...`},
		{"not modified has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", `stat_code="304" headers="Content-Length: 99\r\n"`},
		{"folded response header", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", `stat_code="200" headers="X: a\r\n b\r\nContent-Length: 0\r\n"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, m := New(), new(field.Message)
			n, why := g.Parse(m, []byte(c.unit), peer, all)
			if got := show(m); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if whole := !strings.HasSuffix(c.want, "..."); whole != (why == "") || whole != (n == len(c.unit)) {
				t.Errorf("Parse = %d, %q", n, why)
			}
			if m.Response != strings.HasPrefix(c.unit, "HTTP/") {
				t.Errorf("response %v", m.Response)
			}
			if got := g.Recognise([]byte(c.unit), peer); got != proto.Yes {
				t.Errorf("recognised as %v", got)
			}
			for _, f := range m.Fields {
				if f.Editable && string(f.Value) != c.unit[f.Span.Off:f.Span.End] {
					t.Errorf("%v is not what lies in its span", f.ID)
				}
			}
		})
	}
}

// TestAmbiguityIsRefused: each is recognised, so that it cannot slip by unread, and refused with its own word.
func TestAmbiguityIsRefused(t *testing.T) {
	const start = "POST / HTTP/1.1\r\n"
	for _, c := range []struct {
		name, unit string
		why        packet.Reason
	}{
		{"two hosts", "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", duplicateHost},
		{"two hosts, the same", "GET / HTTP/1.1\r\nHost: a.example\r\nhOST: a.example\r\n\r\n", duplicateHost},
		{"two hosts and an absolute target", "GET http://c.example/ HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", duplicateHost},
		{"host list", "GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", badHost},
		{"host with user", "GET / HTTP/1.1\r\nHost: a.example@b.example\r\n\r\n", badHost},
		{"target with user", "GET http://a.example@b.example/ HTTP/1.1\r\n\r\n", badHost},
		{"target with backslash", "GET http://a.example\\b.example/ HTTP/1.1\r\n\r\n", badHost},
		{"host with path", "GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n", badHost},
		{"host with odd port", "GET / HTTP/1.1\r\nHost: a.example:80a\r\n\r\n", badHost},
		{"open bracket", "GET / HTTP/1.1\r\nHost: [2001:db8::1\r\n\r\n", badHost},
		{"behind the bracket", "GET / HTTP/1.1\r\nHost: [2001:db8::1]x\r\n\r\n", badHost},
		{"relative target", "GET a.example/ HTTP/1.1\r\n\r\n", badTarget},
		{"no authority", "GET http:///x HTTP/1.1\r\n\r\n", badTarget},
		{"length and chunked", start + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", lengthAndTE},
		{"chunked and length", start + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", lengthAndTE},
		{"length and chunked in a response", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", lengthAndTE},
		{"two lengths", start + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", duplicateLen},
		{"length list", start + "Content-Length: 3, 3\r\n\r\nabc", badLength},
		{"signed length", start + "Content-Length: +3\r\n\r\nabc", badLength},
		{"length of nothing", start + "Content-Length:\r\n\r\nabc", badLength},
		{"length of 19 digits", start + "Content-Length: 9999999999999999999\r\n\r\nabc", badLength},
		{"two codings", start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", duplicateTE},
		{"chunked is not last", start + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", badTE},
		{"chunked with a tail", start + "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", badTE},
		{"chunked with vertical tab", start + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", badTE},
		{"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", badTE},
		{"folded host", "GET / HTTP/1.1\r\nHost: a.exam\r\n ple\r\n\r\n", obsFold},
		{"fold at once", "GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", obsFold},
		{"folded coding in a response", "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", obsFold},
		{"space before colon", "GET / HTTP/1.1\r\nHost : a.example\r\n\r\n", spaceColon},
		{"tab before colon", start + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", spaceColon},
		{"no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", badHeader},
		{"no colon, but a space", "GET / HTTP/1.1\r\nHost a.example\r\n\r\n", badHeader},
		{"no name", "GET / HTTP/1.1\r\n: x\r\n\r\n", badHeader},
		{"name with a bracket", "GET / HTTP/1.1\r\n(Host): x\r\n\r\n", badHeader},
		{"bare CR in a header", "GET / HTTP/1.1\r\nX: a\rHost: b.example\r\n\r\n", controlByte},
		{"NUL in a header", "GET / HTTP/1.1\r\nHost: a\x00.example\r\n\r\n", controlByte},
		{"NUL in the target", "GET /\x00 HTTP/1.1\r\n\r\n", controlByte},
		{"bare CR in the start line", "GET / HTTP/1.1\rHost: b.example\r\n HTTP/1.1\r\n\r\n", controlByte},
		{"two spaces", "GET  / HTTP/1.1\r\n\r\n", oddSpace},
		{"two spaces before the version", "GET /  HTTP/1.1\r\n\r\n", oddSpace},
		{"space in the target", "GET /a b HTTP/1.1\r\n\r\n", oddSpace},
		{"space before the method", " GET / HTTP/1.1\r\n\r\n", oddSpace},
		{"space behind the version", "GET / HTTP/1.1 \r\n\r\n", oddSpace},
		{"tab", "GET\t/ HTTP/1.1\r\n\r\n", oddSpace},
		{"HTTP/0.9", "GET /\r\n", badVersion},
		{"HTTP/1.10", "GET / HTTP/1.10\r\n\r\n", badVersion},
		{"HTTP/01.1", "GET / HTTP/01.1\r\n\r\n", badVersion},
		{"lower case", "GET / http/1.1\r\n\r\n", badVersion},
		{"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", badStart},
		{"status below 100", "HTTP/1.1 099 OK\r\n\r\n", badStart},
		{"chunk size with 0x", start + "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", badChunk},
		{"chunk size with sign", start + "Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n", badChunk},
		{"chunk size of nothing", start + "Transfer-Encoding: chunked\r\n\r\n\r\na\r\n0\r\n\r\n", badChunk},
		{"chunk size of 16 digits", start + "Transfer-Encoding: chunked\r\n\r\n0000000000000001\r\na\r\n0\r\n\r\n", badChunk},
		{"bare LF behind a size", start + "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", badChunk},
		{"no line end behind a chunk", start + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", badChunk},
		{"chunk line without end", start + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", maxChunkLine), badChunk},
		{"1025 chunks", start + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\na\r\n", 1025), tooManyChunks},
		{"257 headers", "GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", 257) + "\r\n", tooManyHeaders},
		{"65 KiB of headers", "GET / HTTP/1.1\r\n" + strings.Repeat("A: "+strings.Repeat("b", 8000)+"\r\n", 9) + "\r\n", headTooLarge},
		{"65 KiB of header", "GET / HTTP/1.1\r\nA: " + strings.Repeat("b", 66000), headTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, m := New(), new(field.Message)
			if n, why := g.Parse(m, []byte(c.unit), peer, all); n != 0 || why != c.why || len(m.Fields) != 0 {
				t.Errorf("Parse = %d, %q with %s; want %q", n, why, show(m), c.why)
			}
			if got := g.Recognise([]byte(c.unit), peer); got != proto.Yes && c.name != "status of four digits" {
				t.Errorf("recognised as %v", got)
			}
		})
	}
}

func TestOtherProtocolsAreNotRecognised(t *testing.T) {
	for unit, want := range map[string]proto.Match{
		"":    proto.Maybe,
		"GET": proto.Maybe, "GET /long": proto.Maybe, "HTTP/1.": proto.Maybe, "HTTP/1.1 20": proto.Maybe, "\r\n": proto.Maybe,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                        proto.No,
		"OPTIONS rtsp://example.com/ RTSP/1.0\r\nCSeq: 1\r\n\r\n": proto.No,
		"REGISTER sip:example.com SIP/2.0\r\n\r\n":                proto.No,
		"EHLO example.com\r\n":                                    proto.No,
		"SSH-2.0-OpenSSH_9.9\r\n":                                 proto.No,
		"220 example.com ESMTP\r\n":                               proto.No,
		"HTTP/2 200\r\n":                                          proto.No,
		"HTTP/1.x 200 OK\r\n":                                     proto.No,
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03":            proto.No,
		"USER\x00 x HTTP/1.1\r\n":                                 proto.No,
		strings.Repeat("A", 33):                                   proto.No,
	} {
		if got := New().Recognise([]byte(unit), peer); got != want {
			t.Errorf("%q: %v, want %v", unit, got, want)
		}
	}
}

const stories = "POST /up HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n"

func TestCutAnywhere(t *testing.T) {
	for _, unit := range []string{
		stories,
		"GET http://example.com/ HTTP/1.1\r\nHost: other.example\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
	} {
		g, m, whole := New(), new(field.Message), new(field.Message)
		if n, why := New().Parse(whole, []byte(unit), peer, all); n != len(unit) {
			t.Fatal(n, why)
		}
		for cut := range len(unit) {
			n, why := g.Parse(m, []byte(unit[:cut]), peer, all)
			if n != 0 || why != proto.Incomplete {
				t.Fatalf("cut at %d: %d, %q", cut, n, why)
			}
			if g.Recognise([]byte(unit[:cut]), peer) == proto.No {
				t.Errorf("cut at %d: not recognised", cut)
			}
			for _, f := range m.Fields {
				body := f.ID == field.HTTPRequestBody || f.ID == field.HTTPResponseBody
				if !contains(whole, &f, body) {
					t.Errorf("cut at %d: wrong %v=%q", cut, f.ID, f.Value)
				}
			}
		}
	}
}

// contains reports whether m has f, or, if part, a longer one that begins like it.
func contains(m *field.Message, f *field.Field, part bool) bool {
	for _, w := range m.Fields {
		if w.ID == f.ID && w.Span.Off == f.Span.Off && (bytes.Equal(w.Value, f.Value) || part && bytes.HasPrefix(w.Value, f.Value)) {
			return true
		}
	}
	return false
}

func TestPipeline(t *testing.T) {
	g, m := New(), new(field.Message)
	first := "POST /1 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"
	unit := []byte(first + "GET /2 HTTP/1.1\r\n\r\n")
	n, _ := g.Parse(m, unit, peer, all)
	if n != len(first) || len(m.Unit) != n {
		t.Fatalf("first message has %d bytes", n)
	}
	if n, _ := g.Parse(m, unit[n:], peer, all); n != len(unit)-len(first) || string(m.Get(field.HTTPURI)) != "/2" {
		t.Errorf("second message: %s", show(m))
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	g, m := New(), new(field.Message)
	unit := []byte(stories)
	run := func() { g.Recognise(unit, peer); g.Parse(m, unit, peer, all) }
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestAgreesWithNetHTTP: what both read, both read alike.
func TestAgreesWithNetHTTP(t *testing.T) {
	g, m := New(), new(field.Message)
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		unit := anyRequest(t)
		n, why := g.Parse(m, unit, peer, all)
		if why == proto.Incomplete {
			t.Skip()
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(unit)))
		if why != "" || err != nil {
			return // Weir refuses more than net/http does, and less: empty lines
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var mine []byte
		for _, f := range m.Fields {
			if f.ID == field.HTTPRequestBody {
				mine = append(mine, f.Value...)
			}
		}
		if r.Method != string(m.Get(field.HTTPMethod)) || !bytes.Equal(body, mine) || r.RequestURI != string(m.Get(field.HTTPURI)) {
			t.Fatalf("net/http: %s %s %q; Weir: %s", r.Method, r.RequestURI, body, show(m))
		}
		if host := string(m.Get(field.HTTPHost)); host != "" && !strings.HasPrefix(strings.ToLower(r.Host), host) || host == "" && strings.Trim(r.Host, ":0123456789") != "" {
			t.Fatalf("net/http has host %q, Weir %q", r.Host, host)
		}
		if n == 0 {
			t.Fatal("n is 0")
		}
		compared++
	})
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// anyRequest draws a request from pieces, good and bent.
func anyRequest(t *rapid.T) []byte {
	pick := func(s ...string) string { return rapid.SampledFrom(s).Draw(t, "piece") }
	b := pick("", "", "\r\n") + pick("GET", "POST", "PUT", "X-ODD") + pick(" ", " ", " ", "  ") +
		pick("/", "/a?b", "http://a.example/x", "http://A.example:80?y", "*", "x") + pick(" ", " ", " ", "\t") + pick("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2") +
		pick("\r\n", "\n")
	for range rapid.IntRange(0, 3).Draw(t, "headers") {
		b += pick("Host: b.example", "Host:B.Example:81", "X: y", "Content-Length: 5", "Content-Length: 05", "Transfer-Encoding: chunked", "User-Agent:  z ", "Host : c", " fold") + pick("\r\n", "\n")
	}
	return []byte(b + pick("\r\n", "\n") + pick("", "hello", "5\r\nhello\r\n0\r\n\r\n", "2;x\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"))
}

func BenchmarkParse(b *testing.B) {
	g, m := New(), new(field.Message)
	unit := []byte("GET /index.html HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		g.Parse(m, unit, peer, all)
	}
}
