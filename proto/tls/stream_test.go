package tls

import (
	"bytes"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/prototest"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

func open(g *Grammar, want field.Set) *prototest.Stream {
	return &prototest.Stream{Parser: g.Open(), Want: want}
}

// A leg is bytes that one side sent before the other spoke.
type leg struct {
	dir   flow.Direction
	bytes []byte
}

// A recorder notes what two ends say through it.
type recorder struct {
	mu   sync.Mutex
	legs []leg
}

func (r *recorder) note(dir flow.Direction, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.legs); n > 0 && r.legs[n-1].dir == dir {
		r.legs[n-1].bytes = append(r.legs[n-1].bytes, b...)
		return
	}
	r.legs = append(r.legs, leg{dir, bytes.Clone(b)})
}

type recorded struct {
	net.Conn
	r   *recorder
	dir flow.Direction
}

func (c recorded) Write(b []byte) (int, error) {
	c.r.note(c.dir, b)
	return c.Conn.Write(b)
}

var testName = pkix.Name{
	Country: []string{"DE"}, Organization: []string{"Exämple, Inc"}, CommonName: "www.example.com",
	ExtraNames: []pkix.AttributeTypeAndValue{{Type: []int{1, 2, 840, 113549, 1, 9, 1}, Value: "root@example.com"}, {Type: []int{2, 5, 4, 97}, Value: "x\n"}},
}

func certified(t testing.TB) tls.Certificate { return prototest.Certificate(t, testName) }

// converse returns what a real client and a real server say, up to and with some data each way.
func converse(t testing.TB, client, server *tls.Config) []leg {
	t.Helper()
	near, far := connected(t) // not a net.Pipe: both may write at once
	r := new(recorder)
	done := make(chan error, 1)
	go func() {
		c := tls.Server(recorded{far, r, flow.ToClient}, server)
		_, err := io.CopyN(c, c, 5)
		done <- err
	}()
	c := tls.Client(recorded{near, r, flow.ToServer}, client)
	_, err := c.Write([]byte("hello"))
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 5))
	}
	if err = errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	return r.legs
}

func connected(t testing.TB) (near, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if near, err = net.Dial("tcp", ln.Addr().String()); err == nil {
		far, err = ln.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// read feeds a conversation, cut as pick says.
func read(s *prototest.Stream, legs []leg, pick func(left int) int) {
	for _, l := range legs {
		prototest.Cut(l.bytes, pick, func(b []byte, _ bool) { s.Send(l.dir, b, false) })
	}
}

func whole(left int) int { return left }
func ones(int) int       { return 1 }

func TestRealConnections(t *testing.T) {
	cert := certified(t)
	sum := sha1.Sum(cert.Certificate[0])
	fingerprint := strings.ToLower(strings.Join(strings.Fields(fmt.Sprintf("% x", sum)), ":"))
	name := `C=DE, O=Exämple, Inc, CN=www.example.com, emailAddress=root@example.com, 2.5.4.97=x\010`
	g := New()
	for _, c := range []struct {
		name           string
		client, server *tls.Config
		want           []string
	}{
		{"1.3", &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, &tls.Config{}, []string{"sni=example.com alpn=h2,http/1.1 version=1.3", "version=1.3"}},
		{"1.3, X25519 only", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519}}, &tls.Config{}, []string{"sni=example.com version=1.3", "version=1.3"}},
		{"1.3, post-quantum", &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519MLKEM768}}, &tls.Config{}, []string{"sni=example.com version=1.3", "version=1.3"}},
		{"1.3, asked again", &tls.Config{}, &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP384}}, []string{"sni=example.com version=1.3", "sni=example.com version=1.3", "version=1.3"}},
		{"1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, &tls.Config{}, []string{
			"sni=example.com version=1.2", "version=1.2",
			fmt.Sprintf("cert_subject=%s cert_issuer=%s cert_serial=FE:5C:19:B7:B1 cert_fingerprint=%s", name, name, fingerprint),
		}},
		{"1.0", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, &tls.Config{MinVersion: tls.VersionTLS10}, []string{
			"sni=example.com version=1.0", "version=1.0",
			fmt.Sprintf("cert_subject=%s cert_issuer=%s cert_serial=FE:5C:19:B7:B1 cert_fingerprint=%s", name, name, fingerprint),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.client.ServerName, c.client.InsecureSkipVerify = "Example.com", true
			c.server.Certificates = []tls.Certificate{cert}
			legs := converse(t, c.client, c.server)
			for how, pick := range map[string]func(int) int{"whole": whole, "bytes": ones} {
				s := open(g, all)
				read(s, legs, pick)
				if s.Why != "" || !sameTexts(s.Shown, c.want) {
					t.Errorf("%s: %q\n got %q\nwant %q", how, s.Why, s.Shown, c.want)
				}
				if !s.Done(flow.ToServer) || !s.Done(flow.ToClient) {
					t.Errorf("%s: it goes on: %v", how, [2]bool{s.Done(0), s.Done(1)})
				}
				if in := len(legs[0].bytes); !bytes.HasPrefix(s.Out[flow.ToServer], legs[0].bytes) {
					t.Errorf("%s: %d of %d bytes left", how, len(s.Out[flow.ToServer]), in)
				}
				s.Parser.Close()
			}
		})
	}
}

// sameTexts compares messages whose fields may stand in any order: crypto/tls mixes extensions.
func sameTexts(got, want []string) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		for _, w := range strings.Split(want[i], " ") {
			if !strings.Contains(" "+got[i]+" ", " "+w+" ") {
				return false
			}
		}
		if len(got[i]) != len(want[i]) {
			return false
		}
	}
	return true
}

// TestResumption has no certificate in its second connection.
func TestResumption(t *testing.T) {
	server := &tls.Config{Certificates: []tls.Certificate{certified(t)}, MaxVersion: tls.VersionTLS12}
	client := &tls.Config{ServerName: "example.com", InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	converse(t, client, server)
	s := open(New(), all)
	read(s, converse(t, client, server), whole)
	if s.Why != "" || len(s.Shown) != 2 || !s.Done(0) || !s.Done(1) {
		t.Errorf("%q: %q", s.Why, s.Shown)
	}
}

// TestNoByteBeforeTheName: as long as a hello is not whole, nothing of it is released; of one that is longer than what a
// sender may have under way, the last byte is not.
func TestNoByteBeforeTheName(t *testing.T) {
	for _, size := range []int{100, holdAhead - 300, 16 << 10, maxHello - 100} {
		hello := []byte(message(clientHello, hello12+v16(sni("example.com")+ext(51, strings.Repeat("k", size-100)))))
		for _, per := range []int{1, 100, maxRecord} {
			var unit []byte
			prototest.Cut(hello, func(left int) int { return min(left, per) }, func(b []byte, _ bool) {
				unit = append(unit, record(string(b))...)
			})
			s := open(New(), all)
			for at := 0; at < len(unit); at += 1000 {
				s.Send(flow.ToServer, unit[at:min(at+1000, len(unit)-1)], false)
				if n := len(s.Out[0]); n > 0 && len(unit) <= holdAhead || n >= len(unit) {
					t.Fatalf("%d bytes in records of %d: %d were released", size, per, n)
				}
				if s.Unreleased(0) > holdAhead+1000 {
					t.Fatalf("%d bytes in records of %d: %d wait", size, per, s.Unreleased(0))
				}
			}
			if s.Count > 0 {
				t.Fatal("shown before it was whole")
			}
			s.Send(flow.ToServer, unit[len(unit)-1:], false)
			if s.Why != "" || len(s.Shown) != 1 || s.Shown[0] != "version=1.2 sni=example.com" || !bytes.Equal(s.Out[0], unit) {
				t.Errorf("%d bytes in records of %d: %q, %q, %d released", size, per, s.Why, s.Shown, len(s.Out[0]))
			}
		}
	}
}

// TestAnySegmentation cuts conversations and records anyhow.
func TestAnySegmentation(t *testing.T) {
	server := &tls.Config{Certificates: []tls.Certificate{certified(t)}, MaxVersion: tls.VersionTLS12}
	legs := converse(t, client("example.com", tls.VersionTLS12, "h2"), server)
	again := converse(t, client("example.com", tls.VersionTLS13, "h2"), &tls.Config{Certificates: server.Certificates, CurvePreferences: []tls.CurveID{tls.CurveP521}})
	g := New()
	want := func(legs []leg) *prototest.Stream {
		s := open(g, g.Fields())
		read(s, legs, whole)
		return s
	}
	wants := []*prototest.Stream{want(legs), want(again)}
	if len(wants[0].Shown) != 3 || len(wants[1].Shown) != 3 {
		t.Fatalf("%q\n%q", wants[0].Shown, wants[1].Shown)
	}
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, 1).Draw(t, "conversation")
		legs, want := [][]leg{legs, again}[i], wants[i]
		limit := rapid.SampledFrom([]int{1, 2, 7, 100, 5000}).Draw(t, "limit")
		s := open(g, g.Fields())
		read(s, legs, func(left int) int { return rapid.IntRange(1, min(left, limit)).Draw(t, "size") })
		if s.Why != want.Why || !equal(s.Shown, want.Shown) || !bytes.Equal(s.Out[0], want.Out[0]) || !bytes.Equal(s.Out[1], want.Out[1]) {
			t.Fatalf("%q %q", s.Why, s.Shown)
		}
		s.Parser.Close()
	})
}

func equal(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func TestStreamsThatBreak(t *testing.T) {
	helloA := hi(sni("a.example"))
	serverSays := func(version string) string {
		return record(message(serverHello, hello12[:35]+"\x13\x01\x00"+v16(ext(extVersions, version))))
	}
	old := record(message(serverHello, hello12[:35]+"\x13\x01\x00"))
	retried := record(message(serverHello, "\x03\x03"+retry+"\x00\x13\x01\x00"+v16(ext(extVersions, "\x03\x04"))))
	for _, c := range []struct {
		name           string
		client, server string
		why            packet.Reason
		shown          int
	}{
		{"warning first", "\x15\x03\x01\x00\x02\x01\x00" + helloA, "", "", 1},
		{"warnings without end", strings.Repeat("\x15\x03\x01\x00\x02\x01\x00", 17), "", noHello, 0},
		{"no record behind the hello", helloA + "GET / HTTP/1.1\r\n", "", badRecord, 1},
		{"early data", helloA + "\x17\x03\x03\x00\x05early", "", "", 1},
		{"three hellos", helloA + helloA + helloA, "", manyHellos, 2},
		{"answer that is none", helloA, "HTTP/1.1 400 Bad Request\r\n", "", 1},
		{"alert as an answer", helloA, "\x15\x03\x03\x00\x02\x02\x28", "", 1},
		{"asked again", helloA, retried + "\x14\x03\x03\x00\x01\x01", "", 1},
		{"asked twice", helloA, retried + retried, "", 2},
		{"hello request first", helloA, record(message(helloRequest, "")) + serverSays("\x03\x04"), "", 2},
		{"another message first", helloA, record(message(certificate, "")), unexpected, 1},
		{"no certificate", helloA, old + record(message(22, "status")), "", 2},
		{"certificate of no bytes", helloA, old + record(message(certificate, "\x00\x00\x00")), badCertificate, 2},
		{"certificate runs over", helloA, old + record(message(certificate, "\x00\x00\x03\x00\x00\x09")), badCertificate, 2},
		{"certificate too large", helloA, old + record("\x0b\x01\x00\x00\x01"), certLarge, 2},
		{"certificate that cannot be read", helloA, old + record(message(certificate, "\x00\x00\x04\x00\x00\x01\x30")), "", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(New(), all)
			s.Send(flow.ToServer, []byte(c.client), false)
			s.Send(flow.ToClient, []byte(c.server), false)
			if s.Why != c.why || len(s.Shown) != c.shown {
				t.Errorf("%q, %q; want %q, %d messages", s.Why, s.Shown, c.why, c.shown)
			}
		})
	}
}

// TestStop: nobody wants to see more.
func TestStop(t *testing.T) {
	s := open(New(), all)
	s.Answer = func(*field.Message, field.Phase) proto.Answer { return proto.Answer{Stop: true} }
	s.Send(flow.ToServer, []byte(hi(sni("a.example"))), false)
	s.Send(flow.ToClient, []byte("x"), false)
	if !s.Done(0) || !s.Done(1) {
		t.Error("it goes on")
	}
}

func TestCeilings(t *testing.T) {
	g := &Grammar{MaxBytes: 3 * sizes[0], MaxConns: 5}
	half := []byte(hi(sni("a.example")))[:20]
	var open []*prototest.Stream
	for i := range 5 {
		s := &prototest.Stream{Parser: g.Open(), Want: all}
		s.Send(flow.ToServer, half, false)
		if full := s.Why == exhausted; full != (i >= 3) {
			t.Errorf("stream %d: %q", i, s.Why)
		}
		open = append(open, s)
	}
	if g.Open() != nil {
		t.Error("more parsers than MaxConns")
	}
	for _, s := range open {
		s.Parser.Close()
	}
	large := []byte(record(message(clientHello, hello12+v16(strings.Repeat("\x00\x33\x00\x00", 1200)))[:4200]))
	s := &prototest.Stream{Parser: g.Open(), Want: all}
	if s.Send(flow.ToServer, large, false); s.Why != exhausted || g.buffers.bytes > g.MaxBytes {
		t.Errorf("%q with %d bytes", s.Why, g.buffers.bytes)
	}
}

// TestJA4 has the example of the specification, and its rules for what is odd.
func TestJA4(t *testing.T) {
	suites := "\x1a\x1a\x13\x01\x13\x02\x13\x03\xc0\x2b\xc0\x2f\xc0\x2c\xc0\x30\xcc\xa9\xcc\xa8\xc0\x13\xc0\x14\x00\x9c\x00\x9d\x00\x2f\x00\x35"
	schemes := ext(extSignatures, v16("\x04\x03\x08\x04\x04\x01\x05\x03\x08\x05\x05\x01\x08\x06\x06\x01"))
	chrome := []string{
		ext(0x5a5a, ""), ext(0x1b, ""), sni("example.com"), ext(0x33, ""), ext(extALPN, v16(v8("h2")+v8("http/1.1"))), ext(0x4469, ""),
		ext(0x17, ""), ext(0x2d, ""), schemes, ext(5, ""), ext(0x23, ""), ext(0x12, ""), ext(extVersions, v8("\x6a\x6a\x03\x04\x03\x03")), ext(0xff01, ""),
		ext(0x0b, ""), ext(0x0a, ""), ext(0x15, ""), ext(0xbaba, "\x00"),
	}
	hello := func(suites string, extensions ...string) string {
		return message(clientHello, hello12[:35]+v16(suites)+"\x01\x00"+v16(strings.Join(extensions, "")))
	}
	for _, c := range []struct{ name, msg, want string }{
		{"example", hello(suites, chrome...), "t13d1516h2_8daaf6152771_e5627efa2ab1"},
		{"nothing", hello("", ""), "t12i000000_000000000000_000000000000"},
		{"schemes reserved by GREASE", hello("\x13\x01", ext(extSignatures, v16("\x0a\x0a"))), "t12i010100_" + sum("1301") + "_" + sum("000d")},
		{"odd protocol", hello("\x13\x01", ext(extALPN, v16(v8("\x30\xab")))), "t12i01013b_" + sum("1301") + "_000000000000"},
		{"protocol of one byte", hello("\x13\x01", ext(extALPN, v16(v8("\xab")))), "t12i0101ab_" + sum("1301") + "_000000000000"},
		{"a hundred suites", hello(strings.Repeat("\x13\x01", 100)), "t12i990000_" + sum(strings.Repeat("1301,", 99)+"1301") + "_000000000000"},
		{"too many suites", hello(strings.Repeat("\x13\x01", 513)), ""},
		{"too many extensions", hello("\x13\x01", strings.Repeat(ext(0x33, ""), 513)), ""},
	} {
		g := New()
		m := new(field.Message)
		g.Parse(m, []byte(record(c.msg)), peer, g.Fields())
		if got := string(m.Get(field.TLSJA4)); got != c.want || m.Fields == nil {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		m.Reset("quic", nil)
		g.reader.Read(m, []byte(c.msg), packet.UDP, g.Fields())
		if got := string(m.Get(field.TLSJA4)); c.want != "" && got != "q"+c.want[1:] {
			t.Errorf("%s over QUIC: %q", c.name, got)
		}
	}
}

func sum(text string) string {
	out, err := exec.Command("sh", "-c", "printf %s '"+text+"' | sha256sum").Output()
	if err != nil {
		return err.Error()
	}
	return string(out[:12])
}

// TestOpenSSL reads what openssl s_client says, and what a server answers it.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("SKIPPED: no openssl here")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"1.3", []string{"-tls1_3", "-alpn", "h2,http/1.1"}, 2},
		{"1.2", []string{"-tls1_2"}, 3},
		{"small records", []string{"-tls1_2", "-max_send_frag", "512", "-alpn", strings.Repeat("protocol,", 100) + "h2"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := new(recorder)
			done := make(chan error, 1)
			go func() {
				conn, err := ln.Accept()
				if err == nil {
					defer conn.Close()
					s := tls.Server(listening{conn, r}, &tls.Config{Certificates: []tls.Certificate{certified(t)}, NextProtos: []string{"h2"}})
					err = s.Handshake()
				}
				done <- err
			}()
			args := append([]string{"s_client", "-connect", ln.Addr().String(), "-servername", "openssl.example"}, c.args...)
			out, err := exec.Command("openssl", args...).CombinedOutput()
			if failed := <-done; failed != nil { // s_client itself minds how the server leaves
				t.Fatalf("%v, %v\n%s", failed, err, out)
			}
			s := open(New(), all)
			read(s, r.legs, whole)
			if s.Why != "" || len(s.Shown) != c.want || !strings.Contains(s.Shown[0], "sni=openssl.example") {
				t.Errorf("%q: %q", s.Why, s.Shown)
			}
		})
	}
}

// listening notes both directions at one end.
type listening struct {
	net.Conn
	r *recorder
}

func (c listening) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.r.note(flow.ToServer, b[:n])
	}
	return n, err
}

func (c listening) Write(b []byte) (int, error) {
	c.r.note(flow.ToClient, b)
	return c.Conn.Write(b)
}

func TestFeedAllocatesNothing(t *testing.T) {
	legs := converse(t, client("example.com", tls.VersionTLS12, "h2"), &tls.Config{Certificates: []tls.Certificate{certified(t)}})
	g := New()
	s := &prototest.Stream{Want: g.Fields(), Quiet: true}
	run := func() {
		*s = prototest.Stream{Parser: g.Open(), Want: g.Fields(), Quiet: true, Answer: nil}
		for _, l := range legs {
			for b := l.bytes; len(b) > 0; b = b[min(len(b), 700):] {
				s.Parser.Feed(proto.Input{Bytes: b, Dir: l.dir, Want: s.Want}, s)
			}
		}
		s.Parser.Close()
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzStream reads bytes whole and cut, and wants the same.
func FuzzStream(f *testing.F) {
	server := &tls.Config{Certificates: []tls.Certificate{certified(f)}}
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var tape [2][]byte
		for _, l := range converse(f, client("example.com", v, "h2"), server) {
			tape[l.dir] = append(tape[l.dir], l.bytes...)
		}
		f.Add(tape[0], tape[1], uint16(7))
	}
	old := record(message(serverHello, hello12[:35]+"\x13\x01\x00"))
	retried := record(message(serverHello, "\x03\x03"+retry+"\x00\x13\x01\x00"+v16(ext(extVersions, "\x03\x04"))))
	for _, c := range [][2]string{
		{hi(sni("example.com")), "\x15\x03\x03\x00\x02\x02\x28"},
		{"\x15\x03\x01\x00\x02\x01\x00" + hi(ext(extALPN, v16(v8("h2")+v8("\x0a\x0a")))), old + record(message(certificate, "\x00\x00\x04\x00\x00\x01\x30"))},
		{hi(ext(extVersions, v8("\x0a\x0a\x03\x04")), ext(extSignatures, v16("\x04\x03"))) + hi(ext(extECH, "\x00")), retried + record(message(helloRequest, "")) + old},
	} {
		f.Add([]byte(c[0]), []byte(c[1]), uint16(1))
		f.Add(split([]byte(c[0]), func(left int) int { return min(left, 3) }), []byte(c[1]), uint16(5))
	}
	g := New()
	f.Fuzz(func(t *testing.T, toServer, toClient []byte, size uint16) {
		legs := []leg{{flow.ToServer, toServer}, {flow.ToClient, toClient}}
		whole, cut := open(g, g.Fields()), open(g, g.Fields())
		read(whole, legs, func(left int) int { return left })
		read(cut, legs, func(left int) int { return min(left, 1+int(size)%2000) })
		if whole.Why != cut.Why || !equal(whole.Shown, cut.Shown) {
			t.Errorf("whole %q %q\ncut %q %q", whole.Why, whole.Shown, cut.Why, cut.Shown)
		}
		whole.Parser.Close()
		cut.Parser.Close()
	})
}

// BenchmarkStream is the worst of 64 KiB, and of half of it.
func BenchmarkStream(b *testing.B) {
	for _, size := range []int{32 << 10, 64 << 10} {
		hello := message(clientHello, hello12+v16(strings.Repeat(ext(0x33, ""), (size-200)/4)))
		ones := split([]byte(record(hello[:min(len(hello), size/6)])), func(int) int { return 1 })
		suites := message(clientHello, hello12[:35]+v16(strings.Repeat("\x13\x01", maxCodes))+"\x01\x00"+v16(sni(strings.Repeat("a.", 120)+"x")+
			strings.Repeat(ext(0x33, ""), maxCodes-1)))
		for name, unit := range map[string][]byte{
			"extensions": split([]byte(record(hello)), func(left int) int { return min(left, maxRecord) }),
			"ones":       ones,
			"ja4":        []byte(record(suites)),
			"alerts":     []byte(hi() + strings.Repeat("\x15\x03\x01\x00\x00", size/5)),
		} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				g := New()
				s := &prototest.Stream{Want: g.Fields(), Quiet: true}
				b.ReportAllocs()
				for b.Loop() {
					p := g.Open()
					p.Feed(proto.Input{Bytes: unit, Want: g.Fields()}, s)
					p.Close()
				}
			})
		}
	}
}

// BenchmarkBytes feeds a hello of 60 KiB byte by byte, as the engine would.
func BenchmarkBytes(b *testing.B) {
	hello := message(clientHello, hello12+v16(strings.Repeat(ext(0x33, "12345678"), 5000)))
	unit := split([]byte(record(hello)), func(left int) int { return min(left, maxRecord) })
	g := New()
	s := &prototest.Stream{Want: g.Fields(), Quiet: true}
	for b.Loop() {
		p := g.Open()
		for at, end := 0, 1; end <= len(unit); end++ {
			at += p.Feed(proto.Input{Bytes: unit[at:end], Want: g.Fields()}, s).N
		}
		p.Close()
	}
}
