package http1

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/internal/codingtest"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/coding"
)

// coded applies codings by name, in their order; "raw" is deflate without its frame.
func coded(t testing.TB, names, text string) string {
	t.Helper()
	for _, name := range strings.Split(names, ", ") {
		switch strings.ToLower(name) {
		case "x-gzip":
			name = "gzip"
		case "identity", "":
			continue
		}
		text = string(codingtest.Encode(t, strings.ToLower(name), []byte(text)))
	}
	return text
}

// chunked cuts text into chunks of the given size.
func chunked(text string, size int) string {
	var b strings.Builder
	for len(text) > 0 {
		n := min(size, len(text))
		b.WriteString(hex(n) + "\r\n" + text[:n] + "\r\n")
		text = text[n:]
	}
	return b.String() + "0\r\n\r\n"
}

func encoding(names string) string {
	return "Content-Encoding: " + strings.ReplaceAll(names, "raw", "deflate") + "\r\n"
}

// haystack is text with needles that compresses to a part of its size.
func haystack(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	var b strings.Builder
	for b.Len() < n {
		b.WriteString([]string{"needle", "need", "hay ", dec(1 + r.IntN(1e9)), "needneedle"}[r.IntN(5)])
	}
	return b.String()[:n]
}

var codings = []string{"gzip", "deflate", "raw", "br", "zstd", "gzip, br", "x-gzip, identity, raw", "GZip"}

// messages are the three framings of a response with that head and body.
func messages(head, text string, size int) []string {
	return []string{
		"HTTP/1.1 200 OK\r\n" + head + "Content-Length: " + dec(len(text)) + "\r\n\r\n" + text,
		"HTTP/1.1 200 OK\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n" + chunked(text, size),
		"HTTP/1.1 200 OK\r\n" + head + "\r\n" + text,
	}
}

// eachCoded gives do texts of up to size bytes and one of long, in each coding and each framing, as responses with more lines in
// their heads, and a wire to send them on. All that was lent for them must be back at the end.
func eachCoded(t *testing.T, r *rand.Rand, size, long int, lines string, do func(w *wire, names, text, response string)) {
	g := New()
	for _, names := range codings {
		for n := range 60 {
			text := haystack(r.IntN(size + 1))
			if n == 0 {
				text = haystack(long)
			}
			for _, m := range messages(encoding(names)+lines, coded(t, names, text), 1+r.IntN(500)) {
				w := newWire(t, g)
				do(w, names, text, m)
				w.p.Close()
			}
		}
	}
	if g.decoders.Used() > 0 || g.kept.Used() > 0 {
		t.Error("something was not given back")
	}
}

// TestCodedBodiesAreShownDecoded, and leave as they came.
func TestCodedBodiesAreShownDecoded(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	eachCoded(t, r, 3000, 200_000, "", func(w *wire, names, text, m string) {
		w.want = bodies
		x := exchange{{up, get}, {down, m}}
		w.cut(x, anyCuts(r, size(x)), true, nil)
		if string(w.body) != text || w.why != "" || len(w.told) > 0 || string(w.out(down)) != m {
			t.Fatalf("%s: %d of %d bytes, %q, %q", names, len(w.body), len(text), w.why, w.told)
		}
	})
}

// TestCodedBodiesAreEdited: they leave decoded and edited, and say so.
func TestCodedBodiesAreEdited(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	eachCoded(t, r, 3000, 300_000, "ETag: \"x\"\r\nDigest: sha-256=x\r\n", func(w *wire, names, text, m string) {
		w.old, w.with, w.edits, w.resize = "needle", []string{"", "pin", "needles and pins", "NEEDLE"}[r.IntN(4)], bodies, bodies
		if len(w.with) == 6 {
			w.resize = 0
		}
		x := exchange{{up, get}, {down, m}}
		w.cut(x, anyCuts(r, size(x)), true, nil)
		if w.why != "" || len(w.told) > 0 {
			t.Fatalf("%s: %q, %q", names, w.why, w.told)
		}
		got, heads := read(t, w.out(down), true, 1)
		if want := strings.ReplaceAll(text, w.old, w.with); got != want {
			t.Fatalf("%s, %q:\n%q\nwant\n%q", names, w.with, got, want)
		}
		if h := heads[0]; h.Get("Content-Encoding") != "" || h.Get("Digest") != "" || h.Get("ETag") != `W/"x"` {
			t.Fatalf("%v", h)
		}
	})
}

// TestWhatIsLateLeaves: time is up at any moment. What leaves then is framed right, whole, and edited but for words that time
// cut in two.
func TestWhatIsLateLeaves(t *testing.T) {
	g := New()
	r := rand.New(rand.NewPCG(9, 10))
	missed := 0
	for range 3000 {
		names := append(codings, "", "", "", "")[r.IntN(len(codings)+4)]
		text := haystack(1 + r.IntN(2000))
		head, c := "", text
		if names != "" {
			head, c = encoding(names), coded(t, names, text)
		}
		m := messages(head, c, 1+r.IntN(500))[r.IntN(3)]
		w := newWire(t, g)
		w.old, w.with, w.edits, w.resize = "needle", "<a long needle>", bodies, bodies
		x := exchange{{up, get}, {down, m}}
		w.cut(x, anyCuts(r, size(x)), true, func(int) bool { return r.IntN(3) == 0 })
		w.p.Close()
		if w.why != "" {
			t.Fatalf("%q", w.why)
		}
		out := w.out(down)
		if bytes.Contains(out, []byte("Content-Encoding")) { // the head had left before it was whole
			if got := string(w.body); got != text {
				t.Fatalf("%s: %d of %d bytes were shown; %q: %s", names, len(got), len(text), m, w.log.String())
			}
			continue
		}
		got, _ := read(t, out, true, 1)
		if got = strings.ReplaceAll(got, w.with, w.old); got != text {
			t.Fatalf("%s: %q\nwant\n%q", names, got, text)
		}
		missed += w.missed
	}
	if missed == 0 {
		t.Error("no word was cut in two by time")
	}
}

// TestCodingOddities: what the body is shown as, what is told, and what becomes of the connection; if nobody edits, and if
// somebody may.
func TestCodingOddities(t *testing.T) {
	text := haystack(5000)
	zip := coded(t, "gzip", text)
	bomb := coded(t, "gzip", strings.Repeat("\x00", 8<<20))
	for _, c := range []struct {
		name, head, body string
		want             string // text shown; its begin, if it ends in "…"
		told             packet.Reason
		broken           bool // if somebody may edit
	}{
		{"plain called gzip", "Content-Encoding: gzip\r\n", text, text, notCoded, false},
		{"plain called zstd", "Content-Encoding: zstd\r\n", text, text, notCoded, false},
		{"gzip called deflate", "Content-Encoding: deflate\r\n", zip, zip, notCoded, false},
		{"unknown", "Content-Encoding: compress\r\n", zip, zip, unknownCoding, false},
		{"a known and an unknown", "Content-Encoding: gzip, utf-8\r\n", zip, zip, unknownCoding, false},
		{"three", "Content-Encoding: gzip, gzip, gzip\r\n", zip, zip, tooManyCoded, false},
		{"three in lines", "Content-Encoding: gzip\r\ncontent-encoding:gzip\r\nContent-Encoding: br\r\n", zip, zip, tooManyCoded, false},
		{"twice what is once", "Content-Encoding: gzip, gzip\r\n", zip, "", coding.Bad, true},
		{"two lines", "Content-Encoding: gzip\r\nContent-Encoding: br\r\n", coded(t, "gzip, br", text), text, "", false},
		{"odd commas", "Content-Encoding: , ,GZIP,\r\n", zip, text, "", false},
		{"empty", "Content-Encoding:\r\n", text, text, "", false},
		{"identity", "Content-Encoding: identity\r\n", text, text, "", false},
		{"truncated", "Content-Encoding: gzip\r\n", zip[:len(zip)/2], text[:100] + "…", coding.Truncated, false},
		{"without its checksum", "Content-Encoding: gzip\r\n", zip[:len(zip)-8], text, coding.Truncated, false},
		{"a wrong checksum", "Content-Encoding: gzip\r\n", zip[:len(zip)-8] + "12345678", text, coding.Bad, true},
		{"junk behind it", "Content-Encoding: gzip\r\n", zip + "junk as long as a head", text, coding.Bad, true},
		{"junk in it", "Content-Encoding: gzip\r\n", zip[:20] + strings.Repeat("\xff", 200), "…", coding.Bad, true},
		{"a bomb", "Content-Encoding: gzip\r\n", bomb, strings.Repeat("\x00", 1<<20-4096) + "…", coding.Expands, true},
		{"a bomb in a box", "Content-Encoding: gzip, gzip\r\n", coded(t, "gzip", bomb), strings.Repeat("\x00", 1<<20-4096) + "…", coding.Expands, true},
		{"a range", "Content-Encoding: gzip\r\nContent-Range: bytes 5-9/10\r\n", zip, zip, codedPart, false},
	} {
		for _, edits := range []field.Set{0, bodies} {
			for framing, m := range messages(c.head, c.body, 1000) {
				w := newWire(t, New())
				w.want, w.edits = bodies, edits
				w.cut(exchange{{up, get}, {down, m}}, nil, true, nil)
				shown := string(w.body)
				if c.broken && edits != 0 {
					if w.why != c.told || !w.dead {
						t.Errorf("%s, %d: %q, broken %v", c.name, framing, w.why, w.dead)
					}
					continue
				}
				if begin, more := strings.CutSuffix(c.want, "…"); shown != c.want && !(more && strings.HasPrefix(shown, begin)) {
					t.Errorf("%s, %d: %d bytes shown, %.60q", c.name, framing, len(shown), shown)
				}
				if told := append(w.told, w.why); told[0] != c.told || w.why != "" {
					t.Errorf("%s, %d: told %q, why %q; want %q", c.name, framing, w.told, w.why, c.told)
				}
				if edits == 0 && string(w.out(down)) != m {
					t.Errorf("%s, %d: was altered", c.name, framing)
				}
			}
		}
	}
}

// TestUntransformed: coded bodies that must not be transformed stay, and ranges keep their length.
func TestUntransformed(t *testing.T) {
	zip := coded(t, "gzip", "a needle")
	for _, head := range []string{"Cache-Control: public, no-transform\r\nContent-Encoding: gzip\r\n", "Content-Encoding: gzip\r\nContent-Range: bytes 0-9/10\r\n"} {
		for _, m := range messages(head, zip, 3) {
			w := newWire(t, New())
			w.old, w.with, w.edits, w.resize = "needle", "pin", bodies, bodies
			w.cut(exchange{{up, get}, {down, m}}, nil, true, nil)
			if string(w.out(down)) != m {
				t.Errorf("%q became %q", m, w.out(down))
			}
		}
	}
	for with, want := range map[string]string{"NEEDLE": "a NEEDLE", "pin": "a needle"} {
		w := newWire(t, New())
		w.old, w.with, w.edits, w.resize = "needle", with, bodies, bodies
		w.cut(exchange{{up, get}, {down, "HTTP/1.1 206 Part\r\nContent-Length: 8\r\nContent-Range: bytes 0-7/8\r\nDigest: x\r\n\r\na needle"}}, nil, true, nil)
		if got := string(w.out(down)); !strings.HasSuffix(got, "Xigest: x\r\n\r\n"+want) {
			t.Errorf("%q", got)
		}
		if told := len(w.told) > 0 && w.told[0] == cannotResize; told != (len(with) != 6) {
			t.Errorf("%s: told %q", with, w.told)
		}
	}
}

// A tally counts the text that it is shown, and what it is told.
type tally struct {
	text int
	told packet.Reason
}

func (s *tally) Show(m *field.Message, phase field.Phase) proto.Answer {
	if phase == field.MessagePart {
		s.text += len(m.Fields[0].Value)
	}
	return proto.Answer{}
}

func (s *tally) Replace(int, int, []byte) bool { return true }

func (s *tally) Tell(_ proto.Trouble, why packet.Reason) bool {
	s.told = why
	return false
}

// TestMuchTextOfTheLastBytes: the text of a body goes on when all of its bytes are taken up, in as many calls as it takes, and then ends.
func TestMuchTextOfTheLastBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 400_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	text := string(random) + strings.Repeat("\x00", 9<<20)
	for _, names := range []string{"gzip", "br", "zstd", "gzip, br"} {
		for framing, down := range messages(encoding(names), coded(t, names, text), 1<<20)[:2] {
			for _, resize := range []field.Set{0, bodies} {
				g, s := New(), new(tally)
				p := g.Open()
				p.Feed(proto.Input{Bytes: []byte(get), Want: bodies}, s)
				calls, left, got := 0, []byte(down), proto.Progress{More: true}
				for ; got.More && calls < 1000; calls++ {
					got = p.Feed(proto.Input{Bytes: left, Dir: 1, Want: bodies, Edits: resize, Resize: resize}, s)
					if left = left[got.N:]; got.More && len(left) == 0 {
						t.Fatalf("%s: nothing is left to wait for it", names)
					}
				}
				if s.text != len(text) || s.told != "" || got.Why != "" || len(left) > 0 || p.(*parser).half[1].in || calls < 9 {
					t.Errorf("%s, framing %d, resize %v: %d of %d bytes of text in %d calls, %d bytes left, told %q %q", names, framing, resize, s.text, len(text), calls, len(left), s.told, got.Why)
				}
				p.Close()
			}
		}
	}
}

// TestMuchTextOfTheFirstBytes: the text of a body that goes on is shown in as many calls as it takes, when all bytes of it that have come are
// taken up, and whatever of the framing follows them.
func TestMuchTextOfTheFirstBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 100_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	text := string(random) + strings.Repeat("\x00", 1<<20) + string(random[:1000])
	for _, names := range []string{"gzip", "br", "zstd"} {
		c := coded(t, names, text)
		c = c[:len(c)-1] // a part of the coding's end, with zstd of its last block
		n := dec(len(c) + 1)
		for i, down := range []string{
			"Content-Length: " + n + "\r\n\r\n" + c,
			"\r\n" + c,
			"Transfer-Encoding: chunked\r\n\r\n" + hex(len(c)+1) + "\r\n" + c,
			"Transfer-Encoding: chunked\r\n\r\n" + hex(len(c)) + "\r\n" + c,
			"Transfer-Encoding: chunked\r\n\r\n" + hex(len(c)) + "\r\n" + c + "\r",
			"Transfer-Encoding: chunked\r\n\r\n" + hex(len(c)) + "\r\n" + c + "\r\n",
			"Transfer-Encoding: chunked\r\n\r\n" + hex(len(c)) + "\r\n" + c + "\r\n1",
			"Transfer-Encoding: chunked\r\n\r\n" + hex(len(c)) + "\r\n" + c + "\r\nx",
		} {
			for _, resize := range []field.Set{0, bodies} {
				for late := range 3 { // after so many calls time is up
					g, s := New(), new(tally)
					p := g.Open()
					p.Feed(proto.Input{Bytes: []byte(get), Want: bodies}, s)
					left, got := []byte("HTTP/1.1 200 OK\r\n"+encoding(names)+down), proto.Progress{More: true}
					for calls := 1; got.More && calls < 100; calls++ {
						got = p.Feed(proto.Input{Bytes: left, Dir: 1, Want: bodies, Edits: resize, Resize: resize, Late: calls == late}, s)
						if left = left[got.N:]; got.More && len(left) == 0 {
							t.Fatalf("%s, %d: nothing is left to wait for it", names, i)
						}
					}
					if bad := strings.HasSuffix(down, "\r\nx"); len(text)-s.text > 128<<10 || s.told != "" || (got.Why != "") != bad {
						t.Errorf("%s, %d, resize %v, late %d: %d of %d bytes of text, told %q %q", names, i, resize, late, s.text, len(text), s.told, got.Why)
					}
					p.Close()
				}
			}
		}
	}
}

// flushed is a text in gzip that goes on.
func flushed(parts ...string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for _, p := range parts {
		_, _ = io.WriteString(w, p) // into memory
	}
	_ = w.Flush()
	return b.String()
}

// feedOnce gives the parser what is unread of a response, once.
func (w *wire) feedOnce(late bool) proto.Progress {
	w.dir, w.late = down, late
	got := w.p.Feed(proto.Input{Bytes: bytes.Clone(w.in[down][w.at[down]:]), Dir: down, Late: late, Want: w.want, Edits: w.edits, Resize: w.resize}, w)
	w.at[down] += got.N
	w.why, w.gone[down] = got.Why, max(w.gone[down], w.at[down])
	if late {
		w.gone[down] = len(w.in[down])
	}
	return got
}

// TestTextBehindWhatIsHeld: a body that leaves as it came, and of which somebody holds the end of a part, has a byte unread as long as there is more
// text of what its decoder has taken.
func TestTextBehindWhatIsHeld(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for size := 20_000; size < 21_200; size += 30 {
		random := make([]byte, size)
		for i := range random {
			random[i] = byte(r.Uint32())
		}
		c := flushed(string(random), strings.Repeat("need", 90_000))
		w := newWire(t, New())
		w.holdAll, w.want, w.old, w.with = true, bodies, "needle", "NEEDLE"
		w.send(up, []byte(get), false, false)
		w.in[down] = []byte("HTTP/1.1 200 OK\r\n" + encoding("gzip") + "Content-Length: " + dec(len(c)+100) + "\r\n\r\n" + c)
		for w.feedOnce(false).More {
			if w.at[down] == len(w.in[down]) {
				t.Fatalf("%d: there is more, and nothing is unread", size)
			}
		}
		if got := len(w.part[down]); got != size+360_000 {
			t.Errorf("%d: %d bytes of text were shown", size, got)
		}
		w.p.Close()
	}
}

// TestWhatIsHeldBehindMuchText: text that is held has a byte unread, for which time can be up, also if it took several calls to come there.
func TestWhatIsHeldBehindMuchText(t *testing.T) {
	for _, n := range []int{1000, 300_000} {
		for _, resize := range []field.Set{0, bodies} {
			c := flushed(strings.Repeat("x", n), "need")
			w := newWire(t, New())
			w.holdAll, w.want, w.old, w.with, w.edits, w.resize = true, bodies, "needle", "NEEDLE!", resize, resize
			w.send(up, []byte(get), false, false)
			w.in[down] = []byte("HTTP/1.1 200 OK\r\n" + encoding("gzip") + "Content-Length: " + dec(len(c)+100) + "\r\n\r\n" + c)
			for w.feedOnce(false).More {
			}
			if w.at[down] == len(w.in[down]) || len(w.part[down]) != n+4 {
				t.Errorf("%d bytes, resize %v: %d are unread, %d were shown", n, resize, len(w.in[down])-w.at[down], len(w.part[down]))
			}
			w.p.Close()
		}
	}
}

// TestTimeIsUpForManyChunks: all that leaves then is shown, however many chunks it is in and however much text.
func TestTimeIsUpForManyChunks(t *testing.T) {
	text := strings.Repeat(haystack(30_000)+strings.Repeat("y", 20_000), 12)
	c := coded(t, "gzip", text)
	for _, resize := range []field.Set{0, bodies} {
		w := newWire(t, New())
		w.want, w.edits, w.resize = bodies, resize, resize
		w.send(up, []byte(get), false, false)
		w.in[down] = []byte("HTTP/1.1 200 OK\r\n" + encoding("gzip") + "Transfer-Encoding: chunked\r\n\r\n" + chunked(c, len(c)/700))
		w.feedOnce(false)
		w.feedOnce(true)
		if len(w.part[down]) != len(text) || w.why != "" {
			t.Errorf("resize %v: all has left; %d of %d bytes of text were shown, %q", resize, len(w.part[down]), len(text), w.why)
		}
		w.send(down, []byte("HTTP/1.1 204 No\r\n\r\n"), false, false)
		if out := bodiesOf(w.out(down), down); resize != 0 && (len(out) == 0 || out[0] != text) {
			t.Errorf("what left is broken: told %q", w.told)
		}
		w.p.Close()
	}
}

// TestManyMessagesShareOneCall: those beyond some wait for the next, and all are read.
func TestManyMessagesShareOneCall(t *testing.T) {
	const n = 5000
	for _, late := range []bool{false, true} {
		shown := 0
		w := newWire(t, New())
		w.heads = func(*field.Message) []field.Edit { shown++; return nil }
		w.want = field.SetOf(field.HTTPURI)
		in := []byte(strings.Repeat("GET / HTTP/1.1\r\n\r\n", n))
		calls := 0
		for more := true; more && len(in) > 0; calls++ {
			w.in[up], w.at[up], w.dir, w.late = in, 0, up, late
			got := w.p.Feed(proto.Input{Bytes: in, Dir: up, Late: late, Want: w.want}, w)
			if more = got.More; got.Why != "" || more && got.N == 0 {
				t.Fatalf("%d bytes read, %q", got.N, got.Why)
			}
			in = in[got.N:]
		}
		if shown != n || len(in) > 0 || (calls > 1) == late {
			t.Errorf("late %v: %d of %d messages in %d calls, %d bytes left", late, shown, n, calls, len(in))
		}
		w.p.Close()
	}
}

// TestManyBodiesShareOneCall: each may cost something whatever its length, but those that come together wait for the next call, and if
// time is up there is an end to it.
func TestManyBodiesShareOneCall(t *testing.T) {
	const n = 60
	c := coded(t, "gzip", strings.Repeat("\x00", 900<<10))
	down := strings.Repeat("HTTP/1.1 200 OK\r\n"+encoding("gzip")+"Content-Length: "+dec(len(c))+"\r\n\r\n"+c, n)
	for _, end := range []bool{false, true} {
		g, s := New(), new(tally)
		p := g.Open()
		p.Feed(proto.Input{Bytes: []byte(strings.Repeat(get, n)), Want: bodies}, s)
		most, calls := maxAhead+maxText, 0
		if end {
			most = maxLate + maxText
		}
		for left := []byte(down); len(left) > 0 && s.told == ""; calls++ {
			before := s.text
			got := p.Feed(proto.Input{Bytes: left, Dir: 1, Want: bodies, End: end}, s)
			if s.text-before > most || got.Why != "" || got.N == 0 && !got.More {
				t.Fatalf("%d bytes of text in one call, %d of %d read, %q", s.text-before, got.N, len(left), got.Why)
			}
			left = left[got.N:]
		}
		if end && s.told != coding.Laborious || !end && (s.told != "" || s.text != n*900<<10) {
			t.Errorf("%v: %d bytes of text in %d calls, told %q", end, s.text, calls, s.told)
		}
		p.Close()
		if g.decoders.Used() > 0 {
			t.Error("something was not given back")
		}
	}
}
