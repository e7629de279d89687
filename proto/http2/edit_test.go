package http2

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
)

// masks is a wire whose inspector replaces the word in bodies and heads.
func masks(t testing.TB, g *Grammar, with string) *wire {
	w := newWire(t, g)
	w.want = g.Fields()
	w.old, w.with, w.edits, w.inHeads = "needle", with, w.want, true
	return w
}

// check reads what came and what left with x/net, and wants them to differ in the word alone.
func check(t *testing.T, w *wire, d flow.Direction) {
	t.Helper()
	want := read(t, w.in[d], d)
	for id := range want {
		want[id] = strings.ReplaceAll(want[id], w.old, w.with)
	}
	if got := read(t, w.out(d), d); !maps.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

// random is a talk of some streams whose bodies and fields have the word in them, split anyhow over frames that lie between each other's.
func random(r *rand.Rand) *talk {
	k := newTalk()
	word := func() string {
		n := r.IntN(7)
		return strings.Repeat("hay ", r.IntN(4)) + "needle"[:max(n, r.IntN(2)*6)] + strings.Repeat("-", r.IntN(3))
	}
	var open []uint32
	coded := map[uint32]string{} // what is left of bodies by gzip, which have the word too, and are to leave as they are
	next := uint32(1)
	for range 10 + r.IntN(40) {
		switch n := r.IntN(10); {
		case n == 0 || len(open) == 0:
			coding := "identity"
			if r.IntN(3) == 0 {
				coding, coded[next] = "gzip", zipped("a needle"+strings.Repeat("hay, needle", r.IntN(400)))
			}
			k.head(up, next, false, post("/"+strings.ReplaceAll(word(), " ", "+"), "x-a", strings.Trim(word(), " ")+"x", "!x-b", "needle",
				fmt.Sprint("x-c", r.IntN(3)), "needle", "content-encoding", coding)...)
			k.head(down, next, false, ":status", "200", "x-a", "needle")
			open = append(open, next)
			next += 2
		case n == 1:
			i := r.IntN(len(open))
			id := open[i]
			open = append(open[:i], open[i+1:]...)
			last, ok := coded[id]
			if !ok {
				last = word()
			}
			if r.IntN(2) == 0 {
				k.data(up, id, false, last).head(up, id, true, "x-trail", "needle", "x-a", "no")
			} else {
				k.data(up, id, true, last)
			}
			if r.IntN(4) == 0 {
				k.frame(down, func(f *http2.Framer) error { return f.WriteRSTStream(id, 8) })
			} else {
				k.data(down, id, true, word())
			}
		case n == 2:
			k.frame(up, func(f *http2.Framer) error { return f.WritePing(false, [8]byte{}) })
		default:
			id, d, text := open[r.IntN(len(open))], flow.Direction(r.IntN(2)), word()
			if rest, ok := coded[id]; ok && d == up {
				n := r.IntN(len(rest) + 1)
				text, coded[id] = rest[:n], rest[n:]
			}
			if r.IntN(5) == 0 {
				k.frame(d, func(f *http2.Framer) error {
					return f.WriteDataPadded(id, false, []byte(text), make([]byte, r.IntN(9)))
				})
			} else {
				k.data(d, id, false, text)
			}
		}
	}
	return k
}

// TestMasks: the word leaves as another of its length, whatever frames it lies in and whatever lies between them; all else leaves as it came.
func TestMasks(t *testing.T) {
	g := New()
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 5))
		k := random(r)
		var first string
		for n := range 4 {
			w := masks(t, g, "NEEDLE")
			var cuts []int
			if n > 0 {
				cuts = anyCuts(r, k.size())
			}
			w.cut(k, cuts, nil)
			if w.why != "" || len(w.told) > 0 || w.missed > 0 {
				t.Fatalf("seed %d: %q, told %v, missed %d", seed, w.why, w.told, w.missed)
			}
			check(t, w, up)
			check(t, w, down)
			switch got := w.shown() + string(w.out(up)) + string(w.out(down)); {
			case n == 0:
				first = got
			case got != first:
				t.Fatalf("seed %d: at once\n%s\nin pieces\n%s", seed, first, got)
			}
			w.p.Close()
			g.isIdle(t)
		}
	}
}

// TestMasksInTime: where time is up, what has left is not altered, and what is altered is so as a whole.
func TestMasksInTime(t *testing.T) {
	g := New()
	late, told := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 6))
		k := random(r)
		w := masks(t, g, "NEEDLE")
		w.cut(k, anyCuts(r, k.size()), func() bool { return r.IntN(3) == 0 })
		if w.why != "" {
			t.Fatalf("seed %d: %q", seed, w.why)
		}
		for d := range flow.Direction(2) {
			in, out := read(t, w.in[d], d), read(t, w.out(d), d)
			for id := range in {
				if strings.ReplaceAll(in[id], "needle", "NEEDLE") != strings.ReplaceAll(out[id], "needle", "NEEDLE") || len(in[id]) != len(out[id]) {
					t.Fatalf("seed %d: %q became %q", seed, in[id], out[id])
				}
				late += strings.Count(out[id], "needle")
			}
		}
		told += len(w.told) + w.missed
		w.p.Close()
		g.isIdle(t)
	}
	if late == 0 || told == 0 {
		t.Errorf("%d words were late, %d told of: the test does not test it", late, told)
	}
}

// TestSplitWord: a word in two frames with others between them waits for its end, and what is behind it is read meanwhile.
func TestSplitWord(t *testing.T) {
	k := newTalk().head(up, 1, false, post("/a")...).head(up, 3, false, post("/b")...)
	k.data(up, 1, false, "a nee").data(up, 3, true, "a needle").head(up, 5, true, get("/needle")...).data(up, 1, true, "dle")
	w := masks(t, New(), "NEEDLE")
	for i, s := range k.said {
		w.send(s.dir, s.b, false, false)
		if i == len(k.said)-2 {
			if w.part[up][3] == nil || w.log[up][5] == nil {
				t.Error("what is behind the held bytes was not shown")
			}
			if held := len(w.in[up]) - w.at[up]; held < 3+9+8 {
				t.Errorf("%d bytes are held", held)
			}
		}
	}
	check(t, w, up)
	if len(w.in[up]) != w.at[up] {
		t.Error("something is held")
	}
}

// TestResetHeld: the end of a body that was held is decided when its stream is reset, from either side.
func TestResetHeld(t *testing.T) {
	for _, d := range []flow.Direction{up, down} {
		g := New()
		w := masks(t, g, "NEEDLE")
		k := newTalk().head(up, 1, false, post("/a")...).data(up, 1, false, "a needle, nee").frame(d, func(f *http2.Framer) error { return f.WriteRSTStream(1, 8) })
		k.frame(up, func(f *http2.Framer) error { return f.WritePing(false, [8]byte{}) })
		for _, s := range k.said {
			w.send(s.dir, s.b, false, false)
		}
		if w.at[up] != len(w.in[up]) || len(w.reps[up]) != 1 {
			t.Errorf("reset %v: %d bytes are held, %v", d, len(w.in[up])-w.at[up], w.reps)
		}
		w.p.Close()
		g.isIdle(t)
	}
}

// TestHeadEdits: fields are written anew; what enters the table keeps its length, and later references mean what was sent on.
func TestHeadEdits(t *testing.T) {
	k := newTalk()
	for i := range uint32(4) {
		k.head(up, 2*i+1, true, get("/needle?x=needle", "x-a", "needle", "!x-b", "b needle", "cookie", strings.Repeat("needle", 30))...)
	}
	w := masks(t, New(), "XXXXXX")
	w.cut(k, nil, nil)
	check(t, w, up)
	shown := w.shown()
	if n := strings.Count(shown, "needle"); n == 0 || strings.Count(shown[strings.Index(shown, ">3"):], `x-a: needle`) > 0 {
		t.Errorf("a reference is shown as what it was before: %s", shown)
	}
	if len(w.reps[up]) != 4 {
		t.Errorf("%d blocks were written anew", len(w.reps[up]))
	}
}

// TestEditedAndEvicted: a field that is edited, and whose entry is gone again when its block ends.
func TestEditedAndEvicted(t *testing.T) {
	for _, size := range []int{1000, 1300, 2000, 4000, 5000} {
		long := strings.Repeat("x", size)
		k := newTalk().head(up, 1, true, get("/", "x-a", "needle", "x-b", long+"1", "x-c", "needle", "x-d", long+"2", "x-e", long+"3", "x-f", "needle")...)
		k.head(up, 3, true, get("/", "x-a", "needle", "x-c", "needle", "x-f", "needle")...)
		w := masks(t, New(), "NEEDLE")
		w.cut(k, nil, nil)
		check(t, w, up)
		w.sameTable()
	}
}

// sameTable fails if the table is not that of who hears what was sent on.
func (w *wire) sameTable() {
	w.t.Helper()
	again := newWire(w.t, w.p.(*parser).g)
	defer again.p.Close()
	again.send(up, w.out(up), false, false)
	again.send(down, w.out(down), false, false)
	if a, b := w.p.(*parser).half[up].decoder.table.dump(), again.p.(*parser).half[up].decoder.table.dump(); a != b || again.why != "" {
		w.t.Fatalf("%q, the table is %s\nand the receiver's %s", again.why, a, b)
	}
}

// TestHeadsThatGrow: a field that enters no table may change its length, even over frames; one that does may not.
func TestHeadsThatGrow(t *testing.T) {
	long := strings.Repeat("y", 20000)
	for _, c := range []struct {
		name, with string
		made       bool
	}{
		{"!x-a", "a longer one", true},
		{"!x-a", "", true},
		{"!x-a", long, true},
		{"x-a", "a longer one", false},
		{"x-a", "NEEDLE", true},
	} {
		k := newTalk().head(up, 1, true, get("/", c.name, "1needle2", "x-z", "z")...).head(up, 3, true, get("/", "x-z", "z")...)
		w := masks(t, New(), c.with)
		w.cut(k, nil, nil)
		if c.made {
			check(t, w, up)
		} else if string(w.out(up)) != string(w.in[up]) || len(w.told) != 1 || w.told[0] != cannotResize {
			t.Errorf("%s, %.20q: told %v", c.name, c.with, w.told)
		}
	}
}

// TestHeadEditsRefused: edits after which the message would be another one are not made.
func TestHeadEditsRefused(t *testing.T) {
	for _, c := range []struct{ with, head string }{
		{"a\r\nb: c", "!x-a: 1needle"},
		{"a\x00b", "!x-a: 1needle"},
		{" ", "!x-a: needle"},
		{"/ xxxx", ":path: /needle"},
		{"x", "!content-length: needle"},
		{"x", "!x-needle: a"},
	} {
		name, value, _ := strings.Cut(c.head, ": ")
		text := get("/", name, value)
		if name == ":path" {
			text = get(value)
		}
		if name == "!content-length" {
			text = get("/", name, "0")
		}
		k := newTalk().head(up, 1, true, text...)
		w := masks(t, New(), c.with)
		if name == "!content-length" {
			w.old = "0"
		}
		w.cut(k, nil, nil)
		if string(w.out(up)) != string(w.in[up]) || len(w.told) != 1 || w.told[0] != breaks {
			t.Errorf("%q in %q: told %v", c.with, c.head, w.told)
		}
	}
}

// TestContinuedHeads: blocks in several frames, padded and with priorities, are written anew in frames that any receiver takes.
func TestContinuedHeads(t *testing.T) {
	k := newTalk()
	b := k.fields(up, get("/needle", "x-a", strings.Repeat("needle ", 6000)+"x")...)
	k.frame(up, func(f *http2.Framer) error {
		return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:100], EndStream: true, PadLength: 20, Priority: http2.PriorityParam{StreamDep: 7, Weight: 9}})
	})
	k.frame(up, func(f *http2.Framer) error { return f.WriteContinuation(1, false, b[100:15000]) })
	k.frame(up, func(f *http2.Framer) error { return f.WriteContinuation(1, true, b[15000:]) })
	k.head(up, 3, true, get("/b")...)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		w := masks(t, New(), "NEEDLE")
		w.cut(k, anyCuts(r, k.size()), nil)
		check(t, w, up)
		if len(w.told) > 0 || !strings.Contains(string(w.out(up)), "\x80\x00\x00\x00\x07\x09"[1:]) {
			t.Fatalf("told %v, or the priority is gone", w.told)
		}
		for b := w.out(up)[len(preface):]; len(b) > 0; {
			fr := frameOf(b)
			b = b[frameHeader+fr.size:]
			if fr.size > minFrame || fr.kind == typeContinuation && fr.flags&^flagEndHeaders != 0 || fr.kind == typeHeaders && fr.has(flagPadded) && fr.stream == 1 {
				t.Fatalf("a frame %+v", fr)
			}
		}
	}
}

// TestBodiesKeepLengths: edits of another length are refused, and so are those of coded bodies, which count as they are.
func TestBodiesKeepLengths(t *testing.T) {
	w := masks(t, New(), "pin")
	k := newTalk().head(up, 1, false, post("/")...).data(up, 1, true, "a needle")
	w.cut(k, nil, nil)
	if string(w.out(up)) != string(w.in[up]) || len(w.told) != 1 || w.told[0] != cannotResize {
		t.Errorf("told %v", w.told)
	}
	w = masks(t, New(), "NEEDLE")
	k = newTalk().head(up, 1, false, post("/", "content-encoding", "gzip")...).data(up, 1, true, zipped("a needle"))
	w.cut(k, nil, nil)
	if string(w.out(up)) != string(w.in[up]) || len(w.reps[up]) > 0 || !strings.Contains(w.shown(), "a needle") {
		t.Error("a coded body was altered, or not shown")
	}
}

// TestMarks: what was shown is marked, again as long as it comes again; what is not shown is not.
func TestMarks(t *testing.T) {
	w := masks(t, New(), "NEEDLE")
	k := newTalk().head(up, 1, false, post("/")...).data(up, 1, false, "nee").frame(up, func(f *http2.Framer) error { return f.WritePing(false, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}) }).
		data(up, 1, false, "d").head(up, 3, true, get("/x")...)
	for _, s := range k.said {
		if s.dir == up {
			w.send(s.dir, s.b, false, false)
		}
	}
	var marked []byte
	for _, m := range w.marks {
		marked = append(append(marked, w.in[up][m.Off:m.End]...), '|')
	}
	if got := string(marked); !strings.Contains(got, "nee|") || !strings.Contains(got, "d|") || strings.Contains(got, "\x01\x02\x03\x04") {
		t.Errorf("marked %q", got)
	}
}

// play says random frames of two byte strings, cut by seed.
func play(t testing.TB, g *Grammar, up_, dowmany []byte, seed uint64, with string, late bool) *wire {
	w := masks(t, g, with)
	if with == "" {
		w.old, w.edits = "", 0
	} else {
		w.old = "nn"
	}
	k := newTalk().raw(up, string(up_)).raw(down, string(dowmany))
	var cuts []int
	var isLate func() bool
	if seed > 0 {
		r := rand.New(rand.NewPCG(seed, 1))
		cuts = anyCuts(r, k.size())
		if late {
			isLate = func() bool { return r.IntN(3) == 0 }
		}
	}
	w.cut(k, cuts, isLate)
	w.p.Close()
	g.isIdle(t)
	return w
}

// FuzzSegmentation: the same bytes cut anyhow are shown as the same fields, for the same reasons, and leave as the same bytes. What is not
// edited leaves as it came.
func FuzzSegmentation(f *testing.F) {
	add := func(k *talk) {
		var b [2][]byte
		for _, s := range k.said[5:] {
			b[s.dir] = append(b[s.dir], s.b...)
		}
		f.Add(b[up], b[down], uint64(3), uint8(1))
		f.Add(b[up], b[down], uint64(4), uint8(0))
	}
	add(newTalk().head(up, 1, false, post("/nn", "x", "annn")...).head(up, 3, false, post("/")...).data(up, 1, false, "ban").data(up, 3, true, "nn").data(up, 1, true, "na"))
	add(newTalk().head(up, 1, true, get("/")...).head(down, 1, false, ":status", "200", "content-encoding", "gzip").data(down, 1, true, zipped("annn")))
	add(newTalk().head(up, 1, true, get("/")...).push(1, 2, get("/nn")...).head(down, 2, false, ":status", "200").data(down, 2, false, "n").frame(up, func(f *http2.Framer) error { return f.WriteRSTStream(2, 8) }))
	add(newTalk().frame(down, func(f *http2.Framer) error {
		return f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 64})
	}).frame(up, func(f *http2.Framer) error { return f.WriteSettingsAck() }))
	for seed := range uint64(3) {
		add(random(rand.New(rand.NewPCG(seed, 9))))
	}
	g := New()
	f.Fuzz(func(t *testing.T, up_, dowmany []byte, seed uint64, how uint8) {
		with := []string{"", "XY", "x"}[how%3]
		one := play(t, g, up_, dowmany, 0, with, false)
		two := play(t, g, up_, dowmany, seed|1, with, false)
		if one.why != two.why {
			t.Fatalf("%q at once; %q in pieces", one.why, two.why)
		}
		// What is decoded until a coding breaks, or expands too much, may differ by what was decoded ahead.
		odd := one.why != "" || len(one.told) > 0 || len(two.told) > 0
		if a, b := one.shown(), two.shown(); a != b && !odd {
			t.Fatalf("at once\n%s\nin pieces\n%s", a, b)
		}
		for dir := range flow.Direction(2) {
			if string(one.out(dir)) != string(two.out(dir)) && !odd {
				t.Fatalf("%v: at once  %q\nin pieces %q", dir, one.out(dir), two.out(dir))
			}
			if with == "" && (string(two.out(dir)) != string(two.in[dir]) || len(two.reps[dir]) > 0) {
				t.Fatalf("%v was altered: %q", dir, two.out(dir))
			}
		}
		play(t, g, up_, dowmany, seed|1, with, true)
	})
}

// lists is how many lists of fields x/net reads of what a client says.
func lists(b []byte) (n int, err error) {
	f := http2.NewFramer(nil, strings.NewReader(strings.TrimPrefix(string(b), preface)))
	f.ReadMetaHeaders = hpack.NewDecoder(defaultSize, nil)
	for {
		fr, err := f.ReadFrame()
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
		if _, ok := fr.(*http2.MetaHeadersFrame); ok {
			n++
		}
	}
}

// FuzzHeadEdits: what x/net reads of fields that were written anew is what was asked for, and the tables stay alike.
func FuzzHeadEdits(f *testing.F) {
	f.Add("x-a", "annn", "nn", "XY", true, uint8(3))
	f.Add("cookie", strings.Repeat("nn", 90), "nn", "a longer one", false, uint8(2))
	g := New()
	f.Fuzz(func(t *testing.T, name, value, old, with string, sensitive bool, many uint8) {
		if old == "" {
			return
		}
		if sensitive {
			name = "!" + name
		}
		k := newTalk()
		for i := range uint32(many%5) + 1 {
			k.head(up, 2*i+1, true, get("/", name, value, "x-z", fmt.Sprint(i%2))...)
		}
		w := masks(t, g, with)
		defer w.p.Close()
		w.old = old
		w.cut(k, nil, nil)
		if w.why != "" {
			return
		}
		if n, err := lists(w.in[up]); err != nil || n == 0 {
			return // x/net takes less than we do
		}
		if got, err := lists(w.out(up)); err != nil || got != int(many%5)+1 {
			t.Fatalf("%d lists are left, %v: %.200q", got, err, w.out(up))
		}
		w.sameTable()
	})
}

// TestDeclinedCodings: where bodies of responses may be edited, requests ask for none that is coded, however the field is written.
func TestDeclinedCodings(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"accept-encoding", "gzip, deflate", "xxxx, xxxxxxx"}, // in the static table
		{"accept-encoding", "gzip, deflate, br, zstd", "xxxx, xxxxxxx, xx, xxxx"},
		{"!accept-encoding", "br;q=1.0, gzip;q=0.8, *;q=0.1", "xx;q=1.0, xxxx;q=0.8, x;q=0.1"},
		{"accept-encoding", "Identity", "Identity"},
		{"accept-encoding", "gzip,identity ;q=0.5,,x", "xxxx,identity ;q=0.5,,x"},
		{"accept-encoding", "", ""},
		{"accept", "gzip", "gzip"},
	} {
		k := newTalk()
		for i := range uint32(3) {
			k.head(up, 2*i+1, true, get("/", c.name, c.value, "x-a", "needle")...)
		}
		for _, may := range []bool{true, false} {
			w := masks(t, New(), "NEEDLE")
			if !may {
				w.edits, w.old = w.want&^field.SetOf(field.HTTPResponseBody), "nothing"
			}
			w.cut(k, nil, nil)
			want := read(t, w.in[up], up)
			for id := range want {
				if may {
					want[id] = strings.ReplaceAll(strings.ReplaceAll(want[id], "="+c.value+";", "="+c.want+";"), "needle", "NEEDLE")
				}
			}
			if got := read(t, w.out(up), up); !maps.Equal(got, want) || w.why != "" || len(w.told) > 0 {
				t.Errorf("%s, may %v: %v, want %v; %q, told %v", c.value, may, got, want, w.why, w.told)
			}
		}
	}
}

// TestCodingsNotDeclined: an inspector's edit goes before, and what has left in part is left alone.
func TestCodingsNotDeclined(t *testing.T) {
	k := newTalk().head(up, 1, true, get("/", "accept-encoding", "gzip, needle")...)
	w := masks(t, New(), "NEEDLE")
	w.cut(k, nil, nil)
	check(t, w, up)
	if len(w.told) > 0 {
		t.Errorf("told %v", w.told)
	}
	w = masks(t, New(), "NEEDLE")
	k = newTalk().head(up, 1, true, get("/", "accept-encoding", "gzip")...)
	b := k.said[len(k.said)-1].b
	for _, s := range k.said[:len(k.said)-1] {
		w.send(s.dir, s.b, false, false)
	}
	w.send(up, b[:12], false, true)
	w.send(up, b[12:], false, false)
	if len(w.told) > 0 || string(w.out(up)) != string(w.in[up]) || w.log[up][1] == nil {
		t.Errorf("told %v, left %q", w.told, w.out(up))
	}
}

// TestEditOverFields: one edit in place of many, over several fields, is made in each; what is no value stays.
func TestEditOverFields(t *testing.T) {
	k := newTalk().head(up, 1, true, get("/", "x-a", "needle", "x-b", "hay", "x-c", "a needle")...).head(up, 3, true, get("/", "x-a", "needle")...)
	for _, with := range []string{"NEEDLE", "need\r\n"} {
		w := masks(t, New(), with)
		w.whole = true
		w.cut(k, nil, nil)
		if with == "NEEDLE" {
			check(t, w, up)
		} else if string(w.out(up)) != string(w.in[up]) || len(w.told) == 0 || w.told[0] != breaks {
			t.Errorf("told %v, left %q", w.told, w.out(up))
		}
	}
	w := masks(t, New(), "c: hey")
	w.old = "b: hay"
	w.cut(k, nil, nil)
	if got := read(t, w.out(up), up)[1]; len(w.told) != 1 || w.told[0] != breaks || !strings.Contains(got, "x-b=hey;") {
		t.Errorf("told %v, left %s", w.told, got)
	}
}
