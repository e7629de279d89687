package http1

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
)

// play says up and then down, cut by seed, and returns the wire. Seed 0 cuts nothing.
func play(t testing.TB, g *Grammar, up_, down_ string, seed uint64, with string, late bool) *wire {
	w := newWire(t, g)
	defer w.p.Close()
	if with != "" {
		w.old, w.with, w.edits, w.resize = "nn", with, bodies, bodies
		if len(with) == 2 {
			w.resize = 0
		}
	}
	x := exchange{{up, up_}, {down, down_}}
	var cuts []int
	var isLate func(int) bool
	if seed > 0 {
		r := rand.New(rand.NewPCG(seed, 1))
		cuts = anyCuts(r, size(x))
		if late {
			isLate = func(int) bool { return r.IntN(3) == 0 }
		}
	}
	w.cut(x, cuts, true, isLate)
	return w
}

// bodiesOf has net/http read as many messages as it can, up to one whose body ends early.
func bodiesOf(b []byte, dir flow.Direction) (all []string) {
	r := bufio.NewReader(bytes.NewReader(b))
	for {
		var body io.Reader
		if dir == down {
			m, err := http.ReadResponse(r, nil)
			if err != nil {
				return all
			}
			body = m.Body
		} else {
			m, err := http.ReadRequest(r)
			if err != nil {
				return all
			}
			body = m.Body
		}
		text, err := io.ReadAll(body)
		all = append(all, string(text))
		if err != nil {
			return all
		}
	}
}

// FuzzSegmentation: the same bytes cut anyhow are shown as the same fields, for the same reasons, and leave as messages with
// the same bodies. What is not edited leaves as it came.
func FuzzSegmentation(f *testing.F) {
	f.Add("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nannna"+get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nann\r\n2;x\r\nna\r\n0\r\nA: b\r\n\r\n", uint64(3), uint8(1))
	f.Add("HEAD / HTTP/1.1\r\n\r\n"+get+get, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 100 Go\r\n\r\nHTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\n\nnnnn", uint64(4), uint8(2))
	f.Add("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\nETag: \"x\"\r\n\r\nnnnn", uint64(5), uint8(2))
	f.Add("CONNECT a:1 HTTP/1.1\r\n\r\n\x16\x03", "HTTP/1.1 200 OK\r\n\r\n\x16\x03", uint64(6), uint8(0))
	f.Add("GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 101 X\r\n\r\nxyz", uint64(6), uint8(0))
	for i, names := range []string{"gzip", "raw", "br", "zstd", "gzip, deflate"} {
		f.Add(get+get, "HTTP/1.1 200 OK\r\n"+encoding(names)+"Transfer-Encoding: chunked\r\n\r\n"+chunked(coded(f, names, "banana, nnn "+strings.Repeat("an", 50)), 9)+"HTTP/1.1 200 OK\r\n\r\nnn", uint64(i), uint8(i))
	}
	g := New()
	f.Fuzz(func(t *testing.T, up_, down_ string, seed uint64, how uint8) {
		if g.decoders.Used() > 0 || g.kept.Used() > 0 || g.parsers.Used() > 0 {
			t.Fatal("something was not given back")
		}
		with := []string{"", "XY", "", "<a longer one>", "x"}[how%5]
		one := play(t, g, up_, down_, 0, with, false)
		two := play(t, g, up_, down_, seed|1, with, false)
		if one.why != two.why || one.dead != two.dead {
			t.Fatalf("%q, %v at once; %q, %v in pieces", one.why, one.dead, two.why, two.dead)
		}
		// What is decoded until a coding breaks, or expands too much, may differ by what was decoded ahead.
		odd := one.why != "" || len(one.told) > 0 || len(two.told) > 0
		if a, b := one.log.String(), two.log.String(); a != b && !odd {
			t.Fatalf("at once  %s\nin pieces %s", a, b)
		}
		for dir := range flow.Direction(2) {
			a, b := bodiesOf(one.out(dir), dir), bodiesOf(two.out(dir), dir)
			if strings.Join(a, "|") != strings.Join(b, "|") && !odd {
				t.Fatalf("%v: at once  %q\nin pieces %q", dir, one.out(dir), two.out(dir))
			}
			if with == "" && string(two.out(dir)) != string(two.in[dir]) {
				t.Fatalf("%v was altered: %q", dir, two.out(dir))
			}
		}
		play(t, g, up_, down_, seed|1, with, true)
	})
}

// FuzzHead: what is read of a head lies in it, and what net/http reads of it is read alike.
func FuzzHead(f *testing.F) {
	for _, s := range []string{get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET http://a/ HTTP/1.0\n\n", "\r\nPUT * HTTP/1.1\r\nHost: [::1]:1\r\n\r\n"} {
		f.Add([]byte(s))
	}
	g, m := New(), new(field.Message)
	f.Fuzz(func(t *testing.T, unit []byte) {
		match := g.Recognise(unit, peer)
		n, why := g.Parse(m, unit, peer, all)
		if (n == 0) != (why != "") || n > len(unit) {
			t.Fatalf("n %d, why %q", n, why)
		}
		if n > 0 && match != 2 {
			t.Fatalf("read, but not recognised: %v", match)
		}
		for _, fd := range m.Fields {
			if fd.Span.Off < 0 || fd.Span.End > len(unit) || fd.Editable && !bytes.Equal(fd.Value, unit[fd.Span.Off:fd.Span.End]) {
				t.Fatalf("%v: %v", fd.ID, fd.Span)
			}
		}
	})
}

// FuzzHeadEdits: an edit of a head leaves a head that frames its body as before, or is refused.
func FuzzHeadEdits(f *testing.F) {
	f.Add("POST /up HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 5, 3, "/new", true)
	f.Add("POST / HTTP/1.1\r\nContent-Length: 5\r\nX: y\r\n\r\nhello", 36, 4, "Z: long", true)
	g := New()
	f.Fuzz(func(t *testing.T, up_ string, off, n int, with string, resize bool) {
		plain := newWire(t, g)
		plain.cut(exchange{{up, up_}}, nil, true, nil)
		w := newWire(t, g)
		if resize {
			w.edits, w.resize = bodies, bodies
		}
		first := true
		w.heads = func(m *field.Message) []field.Edit {
			if !first || off < 0 || n < 0 || off > len(m.Unit) || n > len(m.Unit)-off {
				return nil
			}
			first = false
			return []field.Edit{{Span: field.Span{Off: off, End: off + n}, New: []byte(with)}}
		}
		w.cut(exchange{{up, up_}}, nil, true, nil)
		again := newWire(t, g)
		again.cut(exchange{{up, string(w.out(up))}}, nil, true, nil)
		if plain.why == "" && (again.why != "" || strings.Count(again.log.String(), "end ") != strings.Count(plain.log.String(), "end ") || !bytes.Equal(again.body, plain.body)) {
			t.Fatalf("%q (%s)\nbecame %q (%s), %q", up_, plain.log.String(), w.out(up), again.log.String(), again.why)
		}
		for _, w := range []*wire{plain, w, again} {
			w.p.Close()
		}
	})
}
