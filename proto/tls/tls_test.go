package tls

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

var (
	peer = proto.Peer{Transport: packet.TCP, ServerPort: 4433}
	all  = New().Fields() &^ field.SetOf(field.TLSJA4)
)

// show prints the fields of m and whether it is whole.
func show(m *field.Message) string {
	var b strings.Builder
	for _, f := range m.Fields {
		fmt.Fprintf(&b, "%s=%s ", strings.TrimPrefix(f.ID.String(), "tls."), f.Value)
	}
	if !m.Complete {
		b.WriteString("...")
	}
	return strings.TrimSpace(b.String())
}

// firstFlight returns the first record that crypto/tls sends as a client.
func firstFlight(t testing.TB, c *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		tls.Client(near, c).Handshake()
		near.Close()
	}()
	return readRecord(t, far)
}

func readRecord(t testing.TB, r io.Reader) []byte {
	t.Helper()
	b := make([]byte, recordHeader)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	b = append(b, make([]byte, binary.BigEndian.Uint16(b[3:]))...)
	if _, err := io.ReadFull(r, b[recordHeader:]); err != nil {
		t.Fatal(err)
	}
	return b
}

// answer returns what a crypto/tls server answers to a ClientHello, up to the end of its first write.
func answer(t testing.TB, clientHello []byte) []byte {
	t.Helper()
	cert := certified(t)
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		tls.Server(near, &tls.Config{Certificates: []tls.Certificate{cert}}).Handshake()
		near.Close()
	}()
	if _, err := far.Write(clientHello); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64<<10)
	n, err := far.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func client(name string, max uint16, protos ...string) *tls.Config {
	return &tls.Config{ServerName: name, NextProtos: protos, MaxVersion: max, MinVersion: tls.VersionTLS10, InsecureSkipVerify: true}
}

func TestRealHellos(t *testing.T) {
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf("protocol-with-a-long-name/%d", i)
	}
	for _, c := range []struct {
		name   string
		config *tls.Config
		want   string
		chosen string
	}{
		{"TLS 1.3", client("WWW.example.com", tls.VersionTLS13, "h2", "http/1.1"), "sni=www.example.com alpn=h2,http/1.1 version=1.3", "version=1.3"},
		{"TLS 1.2", client("example.com", tls.VersionTLS12), "sni=example.com version=1.2", "version=1.2"},
		{"TLS 1.0", client("example.com", tls.VersionTLS10), "sni=example.com version=1.0", ""},
		{"no name", client("192.0.2.1", tls.VersionTLS13), "version=1.3", "version=1.3"},
		{"large", client("example.com", tls.VersionTLS13, many...), "sni=example.com alpn=" + strings.Join(many, ",") + " version=1.3", "version=1.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			unit := firstFlight(t, c.config)
			g, m := New(), new(field.Message)
			if got := g.Recognise(unit, peer); got != proto.Yes {
				t.Errorf("recognised as %v", got)
			}
			n, why := g.Parse(m, unit, peer, all)
			if n != len(unit) || why != "" || m.Response {
				t.Errorf("Parse = %d, %q; response %v", n, why, m.Response)
			}
			words := strings.Fields(show(m))
			for _, w := range strings.Fields(c.want) {
				if !strings.Contains(" "+strings.Join(words, " ")+" ", " "+w+" ") {
					t.Errorf("no %s in %s", w, show(m))
				}
			}
			if len(words) != len(strings.Fields(c.want)) {
				t.Errorf("got %s, want %s", show(m), c.want)
			}
			if c.chosen == "" {
				return
			}
			reply := answer(t, unit)
			if n, why := g.Parse(m, reply, peer, all); n == 0 || why != "" || show(m) != c.chosen || !m.Response {
				t.Errorf("server: Parse = %d, %q, %s; want %s", n, why, show(m), c.chosen)
			} else if rest := reply[n:]; len(rest) > 0 {
				if again, why := g.Parse(m, rest, peer, all); again != len(rest) || why != "" || len(m.Fields) != 0 {
					t.Errorf("behind it: Parse = %d of %d, %q, %s", again, len(rest), why, show(m))
				}
			}
		})
	}
}

// ext is an extension.
func ext(kind uint16, body string) string {
	return string(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, kind), uint16(len(body)))) + body
}

// v16 and v8 put a length before s.
func v16(s string) string { return string(binary.BigEndian.AppendUint16(nil, uint16(len(s)))) + s }
func v8(s string) string  { return string([]byte{byte(len(s))}) + s }

func sni(name string) string { return ext(extName, v16("\x00"+v16(name))) }

// message is a handshake message.
func message(kind byte, body string) string {
	n := len(body)
	return string([]byte{kind, byte(n >> 16), byte(n >> 8), byte(n)}) + body
}

const hello12 = "\x03\x03" + "0123456789abcdef0123456789abcdef" + "\x00" + "\x00\x02\x13\x01" + "\x01\x00"

// hi is a ClientHello with extensions, in one record.
func hi(extensions ...string) string {
	return record(message(clientHello, hello12+v16(strings.Join(extensions, ""))))
}

func record(s string) string { return "\x16\x03\x01" + v16(s) }

func TestHellos(t *testing.T) {
	for _, c := range []struct{ name, unit, want string }{
		{"without extensions", record(message(clientHello, hello12)), "version=1.2"},
		{"with none of ours", hi(), "version=1.2"},
		{"final dot", hi(sni("Example.COM.")), "version=1.2 sni=example.com"},
		{"GREASE", hi(ext(0x2a2a, ""), ext(extVersions, v8("\xfa\xfa\x03\x04\x03\x03")), ext(extALPN, v16(v8("\x0a\x0a")+v8("h2"))), ext(0xdada, "\x00")), "version=1.3 alpn=h2"},
		{"only GREASE", hi(ext(extVersions, v8("\xfa\xfa"))), ""},
		{"odd protocol", hi(ext(extALPN, v16(v8("a,b\x00")+v8("h2")))), `version=1.2 alpn=a\044b\000,h2`},
		{"draft version", hi(ext(extVersions, v8("\x7f\x1c"))), "version=0x7f1c"},
		{"encrypted hello", hi(sni("public.example"), ext(extECH, "\x00rest")), "version=1.2 sni=public.example ech=outer"},
		{"inner hello", hi(ext(extECH, "\x01")), "version=1.2 ech=inner"},
		{"another kind of name", hi(ext(extName, v16("\x07"+v16("x")+"\x00"+v16("example.com")))), "version=1.2 sni=example.com"},
		{"SSL 3", record(message(clientHello, "\x03\x00"+hello12[2:])), "version=ssl3"},
		{"other records", "\x17\x03\x03" + v16("secret"), ""},
		{"alert", "\x15\x03\x03" + v16("\x02\x28"), ""},
		{"hello of another major version", record(message(clientHello, "\x04"+hello12[1:])), ""},
		{"another handshake message", record("\x0b\x00\x00\x01\x00"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, m := New(), new(field.Message)
			if n, why := g.Parse(m, []byte(c.unit), peer, all); n != len(c.unit) || why != "" {
				t.Errorf("Parse = %d, %q", n, why)
			}
			if got := show(m); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			for _, f := range m.Fields {
				if f.Editable {
					t.Errorf("%v can be edited", f.ID)
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	halves := func(between string) string {
		msg := message(clientHello, hello12)
		return record(msg[:20]) + between + record(msg[20:])
	}
	for _, c := range []struct {
		name, unit string
		why        packet.Reason
	}{
		{"no record", "GET / HTTP/1.1\r\n", badRecord},
		{"record of the wrong version", "\x16\x02\x00\x00\x05\x01\x00\x00\x01\x00", badRecord},
		{"empty record", "\x16\x03\x01\x00\x00\x01\x00", emptyPiece},
		{"empty record within", halves(record("")), emptyPiece},
		{"alert within", halves("\x15\x03\x01" + v16("\x01\x00")), interleaved},
		{"version changes within", halves("\x16\x04\x01" + v16("x")), badRecord},
		{"record too large", "\x16\x03\x01\x40\x01\x01\x00\x50\x00\x03", tooLarge},
		{"hello too large", record("\x01\x01\x00\x00\x03\x03"), helloLarge},
		{"shorter than its random", record(message(clientHello, "\x03\x03xyz")), badHello},
		{"session runs over", record(message(clientHello, hello12[:34]+"\xff")), badHello},
		{"suites run over", record(message(clientHello, hello12[:35]+"\xff\xff\x00")), badHello},
		{"extensions run over", record(message(clientHello, hello12+"\x00\x09\x00")), badHello},
		{"bytes behind the extensions", record(message(clientHello, hello12+"\x00\x00!")), badHello},
		{"signature schemes run over", hi(ext(extSignatures, "\x00\x04\x04\x03")), badHello},
		{"odd signature schemes", hi(ext(extSignatures, "\x00\x01\x04")), badHello},
		{"half an extension", hi("\x00\x00\x00"), badHello},
		{"extension runs over", hi("\x00\x00\x00\x09\x00"), badHello},
		{"two name extensions", hi(sni("a.example"), sni("b.example")), twice},
		{"two ALPN extensions", hi(ext(extALPN, v16(v8("h2"))), ext(extALPN, v16(v8("h3")))), twice},
		{"two names", hi(ext(extName, v16("\x00"+v16("a.example")+"\x00"+v16("b.example")))), twoNames},
		{"empty name", hi(sni("")), badName},
		{"NUL in the name", hi(sni("bad.example\x00.good.example")), badName},
		{"blank in the name", hi(sni("bad.example ")), badName},
		{"UTF-8 name", hi(sni("b\xc3\xa4d.example")), badName},
		{"256 bytes of name", hi(sni(strings.Repeat("a", 256))), badName},
		{"list of names runs over", hi(ext(extName, "\x00\x09\x00")), badHello},
		{"no list of names", hi(ext(extName, "")), badHello},
		{"name runs over", hi(ext(extName, v16("\x00\x00\x09a"))), badHello},
		{"odd versions", hi(ext(extVersions, v8("\x03\x04\x03"))), badHello},
		{"versions run over", hi(ext(extVersions, "\x04\x03\x04")), badHello},
		{"empty protocol", hi(ext(extALPN, v16("\x00"))), badHello},
		{"protocol runs over", hi(ext(extALPN, v16("\x09h2"))), badHello},
		{"empty encrypted hello", hi(ext(extECH, "")), badHello},
		{"server chooses two versions", record(message(serverHello, hello12[:35]+"\x13\x01\x00"+v16(ext(extVersions, "\x03\x04\x03\x03")))), badHello},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, m := New(), new(field.Message)
			n, why := g.Parse(m, []byte(c.unit), peer, all)
			if why != c.why || len(m.Fields) != 0 || n != 0 {
				t.Errorf("Parse = %d, %q with %s; want %q", n, why, show(m), c.why)
			}
		})
	}
}

func TestOtherProtocolsAreNotRecognised(t *testing.T) {
	for unit, want := range map[string]proto.Match{
		"":                         proto.Maybe,
		"\x16\x03\x01\x02\x00":     proto.Maybe,
		"\x16\x03\x01\x00\x01\x01": proto.Yes, // a hello in records of one byte
		"\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x01\x00": proto.Yes,
		"\x16\x03\x01\x02\x00\x0b":                         proto.No,
		"\x16\x03\x09":                                     proto.No,
		"\x16\x03\x01\xff\xff\x01":                         proto.No,
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x99\x99":     proto.No,
		"\x17\x03\x03\x00\x10":                             proto.No,
		"GET / HTTP/1.1\r\n":                               proto.No,
		"\x80\x2e\x01\x03\x01":                             proto.No,
	} {
		if got := New().Recognise([]byte(unit), peer); got != want {
			t.Errorf("%x: %v, want %v", unit, got, want)
		}
	}
}

// split cuts the content of one record into records whose sizes pick chooses.
func split(unit []byte, pick func(left int) int) []byte {
	var out []byte
	for b := unit[recordHeader:]; len(b) > 0; {
		n := pick(len(b))
		out = append(out, record(string(b[:n]))...)
		b = b[n:]
	}
	return out
}

// TestAnyFragmentationReadsTheSame: over any records, the same values, and spans that hold their bytes.
func TestAnyFragmentationReadsTheSame(t *testing.T) {
	unit := []byte(hi(sni("example.com"), ext(extECH, "\x00abc"), ext(extALPN, v16(v8("h2")+v8("http/1.1"))), ext(extVersions, v8("\x03\x04\x03\x03"))))
	g, m := New(), new(field.Message)
	g.Parse(m, unit, peer, all)
	want := show(m)
	if strings.Count(want, "=") != 4 {
		t.Fatal(want)
	}
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, len(unit)).Draw(t, "limit")
		parts := split(unit, func(left int) int { return rapid.IntRange(1, min(left, limit)).Draw(t, "size") })
		parts = append(parts, "\x14\x03\x03\x00\x01\x01"...)
		n, why := g.Parse(m, parts, peer, all)
		if n != len(parts)-6 || why != "" || show(m) != want {
			t.Fatalf("Parse = %d of %d, %q: %s", n, len(parts)-6, why, show(m))
		}
		if s := m.Fields[1].Span; string(m.Unit[s.Off:s.End]) != "\x00abc" && string(m.Unit[s.Off:s.End]) != "example.com" {
			t.Fatalf("%v lies at %v", m.Fields[1].ID, s)
		}
	})
	ones := split(unit, func(int) int { return 1 })
	if n, why := g.Parse(m, ones, peer, all); n != len(ones) || why != "" || show(m) != want {
		t.Errorf("in records of one byte: %d, %q: %s", n, why, show(m))
	}
}

func TestCutAnywhere(t *testing.T) {
	for _, unit := range [][]byte{
		firstFlight(t, client("example.com", tls.VersionTLS13, "h2")),
		split([]byte(hi(sni("example.com"), ext(extALPN, v16(v8("h2"))), ext(extVersions, v8("\x03\x04")))), func(left int) int { return min(left, 7) }),
		[]byte(record(message(clientHello, hello12))),
	} {
		g, m := New(), new(field.Message)
		for cut := range unit {
			n, why := g.Parse(m, unit[:cut], peer, all)
			if n != 0 || why != proto.Incomplete || m.Complete {
				t.Fatalf("cut at %d: %d, %q", cut, n, why)
			}
			if g.Recognise(unit[:cut], peer) == proto.No {
				t.Errorf("cut at %d: not recognised", cut)
			}
			if len(m.Fields) > 0 {
				t.Fatalf("cut at %d: %s", cut, show(m))
			}
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	g, m := New(), new(field.Message)
	unit := firstFlight(t, client("example.com", tls.VersionTLS13, "h2"))
	parts := split(unit, func(left int) int { return min(left, 100) })
	run := func() {
		g.Recognise(unit, peer)
		g.Parse(m, unit, peer, all)
		g.Parse(m, parts, peer, all)
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNothingIsEdited(t *testing.T) {
	g, m := New(), new(field.Message)
	g.Parse(m, []byte(hi(sni("example.com"))), peer, all)
	s := m.Fields[len(m.Fields)-1].Span
	if out, why := g.Repair([]byte("dst"), m, []field.Edit{{Span: s, New: []byte("EXAMPLE.com")}}); why != notEditable || string(out) != "dst" {
		t.Errorf("Repair = %q, %q", out, why)
	}
}

func FuzzParse(f *testing.F) {
	whole := hi(sni("example.com"), ext(extECH, "\x00abc"), ext(extALPN, v16(v8("h2"))), ext(extVersions, v8("\x03\x04")))
	f.Add([]byte(whole))
	f.Add(split([]byte(whole), func(left int) int { return min(left, 9) }))
	f.Add([]byte(record(message(serverHello, hello12[:35]+"\x13\x01\x00"+v16(ext(extVersions, "\x03\x04"))))))
	g, m := New(), new(field.Message)
	f.Fuzz(func(t *testing.T, unit []byte) {
		n, why := g.Parse(m, unit, peer, all)
		if (n == 0) != (why != "") || n > len(unit) {
			t.Fatalf("n %d, why %q", n, why)
		}
		if len(m.Fields) > 0 && g.Recognise(unit, peer) != proto.Yes {
			t.Fatal("read, but not recognised")
		}
		for _, fd := range m.Fields {
			if fd.Span.Off < 0 || fd.Span.End > len(m.Unit) || fd.Span.Len() <= 0 {
				t.Fatalf("%v: %v of %d", fd.ID, fd.Span, len(m.Unit))
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	g, m := New(), new(field.Message)
	unit := firstFlight(b, client("example.com", tls.VersionTLS13, "h2"))
	b.ReportAllocs()
	for b.Loop() {
		g.Parse(m, unit, peer, all)
	}
}
