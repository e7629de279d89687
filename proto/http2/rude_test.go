package http2

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/proto"
	"github.com/weir-project/weir/proto/coding"
)

// A greedy wire waits to see what follows a word before it replaces it, as an inspector does who wants to know whether a number ends.
func greedy(t testing.TB, g *Grammar) *wire {
	w := masks(t, g, "NEEDLE")
	w.greedy = true
	return w
}

// TestEndsAreDecided: what is held of a body's end is decided when it turns out to be the end, however that comes.
func TestEndsAreDecided(t *testing.T) {
	reset := func(d flow.Direction) func(k *talk) {
		return func(k *talk) {
			k.frame(d, func(f *http2.Framer) error { return f.WriteRSTStream(1, 8) })
			k.data(down, 1, false, "what nobody hears") // of a stream that the other end has ended, or has not begun yet
			k.frame(up, func(f *http2.Framer) error { return f.WritePing(false, [8]byte{}) })
		}
	}
	for name, end := range map[string]func(k *talk){
		"end":                  func(k *talk) { k.data(up, 1, true, "") },
		"trailer":              func(k *talk) { k.head(up, 1, true, "x-y", "z") },
		"reset by the sender":  reset(up),
		"reset by who hears":   reset(down),
		"something behind":     func(k *talk) { k.data(up, 1, false, " x") },
		"a frame between":      func(k *talk) { k.data(up, 3, false, "y").data(up, 1, false, " x") },
		"another one to begin": func(k *talk) { k.head(up, 5, true, get("/")...).data(up, 1, false, " x") },
	} {
		g := New()
		w := greedy(t, g)
		k := newTalk().head(up, 1, false, post("/a")...).head(up, 3, false, post("/b")...).head(down, 1, false, ":status", "200").data(up, 1, false, "a needle")
		n := len(k.said)
		end(k)
		for i, s := range k.said {
			if i == n && (len(w.reps[up]) > 0 || w.at[up] == len(w.in[up])) {
				t.Errorf("%s: it is not held", name)
			}
			w.send(s.dir, s.b, false, false)
		}
		if out := w.out(up); !bytes.Contains(out, []byte("a NEEDLE")) || w.at[up] != len(w.in[up]) || w.why != "" {
			t.Errorf("%s: %q, %d bytes are held: %q", name, w.why, len(w.in[up])-w.at[up], out)
		}
		if strings.Contains(w.shown(), "nobody hears") && strings.HasPrefix(name, "reset") {
			t.Errorf("%s: shown: %s", name, w.shown())
		}
		w.p.Close()
		g.isIdle(t)
	}
}

// TestLettersInTurns: two words, a letter a frame, in turns: the first bytes held are those that stay, whoever's they are.
func TestLettersInTurns(t *testing.T) {
	for _, lead := range []string{"", "x"} {
		k := newTalk().head(up, 1, false, post("/a")...).head(up, 3, false, post("/b")...)
		k.data(up, 3, false, lead+" ")
		for i := range "needle" {
			k.data(up, 1, false, "needle"[i:i+1]).data(up, 3, false, (lead + "needle")[i:i+1])
		}
		k.data(up, 3, true, "e.").data(up, 1, true, ".")
		w := greedy(t, New())
		for _, s := range k.said {
			w.send(s.dir, s.b, false, false)
		}
		check(t, w, up)
		if len(w.told) > 0 || w.missed > 0 {
			t.Errorf("told %v, missed %d", w.told, w.missed)
		}
	}
}

// TestHeldAndLeft: behind a time that was up, what has left is shown once more, as such.
func TestHeldAndLeft(t *testing.T) {
	for _, coding := range []string{"identity", "gzip"} {
		w := masks(t, New(), "NEEDLE")
		k := newTalk().head(up, 1, false, post("/a", "content-encoding", coding)...)
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		for i, part := range []string{"hay, need", "l", "e, need", "le."} {
			b.Reset()
			_, _ = z.Write([]byte(part)) // into memory
			if _ = z.Flush(); i == 3 {
				_ = z.Close()
			}
			if coding == "identity" {
				b.Reset()
				b.WriteString(part)
			}
			k.data(up, 1, i == 3, b.String())
		}
		for i, s := range k.said {
			w.send(s.dir, s.b, false, false)
			if i == len(k.said)-4 {
				w.send(up, nil, false, true)
				w.left = nil
			}
		}
		if w.missed != 1 || fmt.Sprint(w.left) != "[4 4]" {
			t.Errorf("%s: missed %d, left %v", coding, w.missed, w.left)
		}
		if masked := coding == "identity"; (len(w.reps[up]) > 0) != masked || !strings.Contains(w.shown(), `"hay, needle, needle." end`) || w.at[up] != len(w.in[up]) {
			t.Errorf("%s: %s", coding, w.shown())
		}
	}
}

// TestMuchText: a body that is much text of few bytes comes in turns, also where it ends, and however it is cut.
func TestMuchText(t *testing.T) {
	var lines strings.Builder
	for i := range 60000 {
		fmt.Fprintf(&lines, "line %d, ", i%100)
	}
	for _, text := range []string{lines.String(), strings.Repeat("a", 1_000_000)} { // the second one takes several turns for one piece
		muchText(t, text+"needle")
	}
}

func muchText(t *testing.T, text string) {
	t.Helper()
	z := zipped(text)
	cut := newTalk().head(up, 1, false, post("/a", "content-encoding", "gzip")...).data(up, 1, true, z[:len(z)-4])
	w := greedy(t, New())
	if w.cut(cut, nil, nil); len(w.told) != 1 || w.told[0] != coding.Truncated {
		t.Errorf("of a body whose end is missing, told %v", w.told)
	}
	k := newTalk().head(up, 1, false, post("/a", "content-encoding", "gzip")...).data(up, 1, true, z)
	w = greedy(t, New())
	for _, s := range k.said {
		w.send(s.dir, s.b, false, false)
	}
	if want := fmt.Sprintf("body=%q end ", text); w.at[up] != len(w.in[up]) || !strings.HasSuffix(w.log[up][1].String(), want) {
		t.Errorf("%d bytes are left, though there is more to do", len(w.in[up])-w.at[up])
	}
	k.head(up, 3, true, get("/b")...)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		w := greedy(t, New())
		cuts := []int{r.IntN(k.size()), r.IntN(k.size()), r.IntN(k.size())}
		w.cut(k, cuts, nil)
		want := fmt.Sprintf("body=%q end ", text)
		if got := w.log[up][1].String(); !strings.HasSuffix(got, want) || w.log[up][3] == nil || w.why != "" || len(w.told) > 0 {
			t.Fatalf("cut at %v: %d bytes shown, want %d; %q, told %v", cuts, len(got), len(want), w.why, w.told)
		}
	}
}

// A rude sink edits and holds all that it is shown, also what it may not.
type rude struct {
	*wire
	n int
}

func (r *rude) Show(m *field.Message, phase field.Phase) proto.Answer {
	if phase != field.MessagePart {
		return proto.Answer{}
	}
	f := &m.Fields[0]
	if f.Offset+int64(f.Seen) > int64(r.n) {
		r.t.Errorf("shown at %d with %d seen, and %d bytes came", f.Offset, f.Seen, r.n)
	}
	r.n = int(f.Offset) + len(f.Value)
	var edits []field.Edit
	if f.Seen == 0 || f.Left > 0 {
		edits = append(edits, field.Edit{Span: field.Span{End: 1}, New: []byte("X")})
	}
	return proto.Answer{Edits: edits, Hold: len(f.Value)}
}

// TestRudeInspectors: what is edited is not held in front of the edit, and what has left is not edited.
func TestRudeInspectors(t *testing.T) {
	w := newWire(t, New())
	r := &rude{wire: w}
	k := newTalk().head(up, 1, false, post("/a")...).data(up, 1, false, "abc").data(up, 1, false, "def")
	feed := func(b []byte, late bool) {
		w.in[up] = append(w.in[up], b...)
		w.dir, w.marks = up, nil
		got := w.p.Feed(proto.Input{Bytes: bytes.Clone(w.in[up][w.at[up]:]), Dir: up, Want: bodies, Edits: bodies, Late: late}, r)
		w.at[up] += got.N
		if late {
			w.gone[up] = len(w.in[up])
		}
	}
	for _, s := range k.said {
		if s.dir == up {
			feed(s.b, false)
		}
	}
	if len(w.reps[up]) != 1 || len(w.in[up])-w.at[up] != 2+9+3 {
		t.Fatalf("%v, %d bytes are held", w.reps[up], len(w.in[up])-w.at[up])
	}
	feed(nil, true)
	k.said = nil
	k.data(up, 1, true, "g")
	feed(k.said[0].b, false)
	if len(w.reps[up]) != 1 || len(w.told) != 1 || w.told[0] != editLost {
		t.Errorf("%v, told %v", w.reps[up], w.told)
	}
}

// TestCodedBytesWait: while text of a coded body is held, the bytes that it came from do not leave, however many frames it goes over; with it they do.
func TestCodedBytesWait(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := greedy(t, New())
	k := newTalk().head(up, 1, false, post("/a", "content-encoding", "gzip")...)
	var at []int
	for _, part := range []string{"hay", " needl", "e", " x, needle", "!"} {
		b.Reset()
		_, _ = z.Write([]byte(part)) // into memory
		_ = z.Flush()
		k.data(up, 1, false, b.String())
	}
	for _, s := range k.said {
		w.send(s.dir, s.b, false, false)
		if s.dir == up {
			at = append(at, len(w.in[up])-w.at[up])
		}
	}
	n := len(at) - 5
	size := func(i int) int { return len(k.said[len(k.said)-5+i].b) }
	want := []int{0, size(1) - frameHeader, size(1) - frameHeader + size(2), size(3) - frameHeader, 0}
	if got := at[n:]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v bytes wait, want %v", got, want)
	}
	if got := string(w.part[up][1]); got != "hay needle x, needle!" || len(w.reps[up]) > 0 {
		t.Errorf("shown %q", got)
	}
}

// TestHeldIsBounded: of what inspectors want to see again there is a limit, in pieces, in bytes, and in those that have left.
func TestHeldIsBounded(t *testing.T) {
	w := newWire(t, New())
	s := &hoarder{wire: w}
	feed := func(b []byte, late bool) {
		w.in[up] = append(w.in[up], b...)
		w.dir, w.marks = up, nil
		got := w.p.Feed(proto.Input{Bytes: bytes.Clone(w.in[up][w.at[up]:]), Dir: up, Want: bodies, Edits: bodies, Late: late}, s)
		w.at[up] += got.N
	}
	k := newTalk().head(up, 1, false, post("/a")...)
	for range 600 {
		k.data(up, 1, false, "x")
	}
	k.head(up, 3, false, post("/b")...).data(up, 3, false, strings.Repeat("y", 15000)).data(up, 3, false, strings.Repeat("z", 10000))
	for _, one := range k.said {
		if one.dir == up {
			feed(one.b, false)
		}
		if n := len(w.p.(*parser).half[up].held); n > maxPieces {
			t.Fatalf("%d pieces are held", n)
		}
	}
	if len(w.told) != 2 || w.told[0] != heldFull {
		t.Errorf("told %v", w.told)
	}
	if s.seen != 15000 || s.held() != maxHold {
		t.Errorf("%d bytes were seen, %d are held", s.seen, s.held())
	}
	feed(nil, true)
	if b := &w.p.(*parser).find(3).side[up].body; len(b.kept) != maxKept || b.left != maxKept || w.at[up] != len(w.in[up]) {
		t.Errorf("%d bytes are kept, %d of which have left", len(b.kept), b.left)
	}
	k.said = nil
	k.data(up, 3, true, "!")
	feed(k.said[0].b, false)
	if s.seen != maxKept || s.offset != 25000-maxKept {
		t.Errorf("shown at %d, with %d seen", s.offset, s.seen)
	}
}

// A hoarder wants to see all again.
type hoarder struct {
	*wire
	seen   int
	offset int64
}

func (s *hoarder) Show(m *field.Message, phase field.Phase) proto.Answer {
	if phase != field.MessagePart {
		return proto.Answer{}
	}
	s.seen, s.offset = m.Fields[0].Seen, m.Fields[0].Offset
	return proto.Answer{Hold: len(m.Unit)}
}

// held is how many bytes of stream 3 are.
func (s *hoarder) held() (n int) {
	for _, one := range s.p.(*parser).half[up].held {
		if one.s.id == 3 {
			n += one.n
		}
	}
	return n
}
