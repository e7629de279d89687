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
		{"empty body", "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", `method="POST" uri="/" headers="Content-Length: 0\r\n"`},
		{"not modified has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", `stat_code="304" headers="Content-Length: 99\r\n"`},
		{"folded response header", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", `stat_code="200" headers="X: a\r\n b\r\nContent-Length: 0\r\n"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, m := New(), new(field.Message)
			n, why := g.Parse(m, []byte(c.unit), peer, all)
			if got := show(m); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if why != "" || n != len(c.unit) {
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
		{"two lengths", start + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", duplicateLen},
		{"a coding and chunked", start + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", badTE},
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
		{"HTTP/0.9", "GET /\r\n\r\n", badVersion},
		{"HTTP/1.10", "GET / HTTP/1.10\r\n\r\n", badVersion},
		{"HTTP/01.1", "GET / HTTP/01.1\r\n\r\n", badVersion},
		{"lower case", "GET / http/1.1\r\n\r\n", badVersion},
		{"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", badStart},
		{"status below 100", "HTTP/1.1 099 OK\r\n\r\n", badStart},
		{"257 headers", "GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", 257) + "\r\n", tooManyHeaders},
		{"65 KiB of headers", "GET / HTTP/1.1\r\n" + strings.Repeat("A: "+strings.Repeat("b", 8000)+"\r\n", 9) + "\r\n", headTooLarge},
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
		strings.Repeat("A", maxMethod+1):                          proto.No,
	} {
		if got := New().Recognise([]byte(unit), peer); got != want {
			t.Errorf("%q: %v, want %v", unit, got, want)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	g, m := New(), new(field.Message)
	unit := []byte("GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\n\r\n")
	run := func() { g.Recognise(unit, peer); g.Parse(m, unit, peer, all) }
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestAgreesWithNetHTTP: what both read, both read alike.
func TestAgreesWithNetHTTP(t *testing.T) {
	g := New()
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		unit := anyRequest(t)
		w := newWire(discard{}, g)
		w.send(up, unit, true, false)
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(unit)))
		if w.why != "" || err != nil || w.log.Len() == 0 {
			return // Weir refuses more than net/http does, and less: empty lines
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mine := w.log.String()
		if !strings.HasPrefix(mine, fmt.Sprintf("method=%q uri=%q ", r.Method, r.RequestURI)) || !bytes.Equal(w.body, body) {
			t.Fatalf("net/http: %s %s %q; Weir: %s", r.Method, r.RequestURI, body, mine)
		}
		_, host, named := strings.Cut(mine, "host=\"")
		host, _, _ = strings.Cut(host, "\"")
		if named && !strings.HasPrefix(strings.ToLower(r.Host), host) || !named && strings.Trim(r.Host, ":0123456789") != "" {
			t.Fatalf("net/http has host %q, Weir %q", r.Host, host)
		}
		compared++
	})
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// discard is a test that is not looked at.
type discard struct{ testing.TB }

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
