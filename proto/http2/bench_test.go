package http2

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// A mute sink edits the last byte of each part, or of each path, and holds some, at the cost of as little as can be.
type mute struct {
	edits bool
	hold  int
	with  [1]byte
	list  []field.Edit
	reps  int
	parts int
}

func (s *mute) Show(m *field.Message, phase field.Phase) proto.Answer {
	s.list = s.list[:0]
	s.parts++
	for i := range m.Fields {
		f := &m.Fields[i]
		if s.edits && f.Editable && f.Span.Len() > f.Left && (f.ID == field.HTTPURI || phase == field.MessagePart) {
			s.with[0] = 'X'
			s.list = append(s.list, field.Edit{Span: field.Span{Off: f.Span.End - 1, End: f.Span.End}, New: s.with[:]})
		}
	}
	return proto.Answer{Edits: s.list, Hold: s.hold}
}

func (s *mute) Replace(int, int, []byte) bool {
	s.reps++
	return true
}

func (s *mute) Mark(int, int)                              {}
func (s *mute) Tell(proto.Trouble, packet.Reason) (d bool) { return false }

// bytes is what is said of each direction.
func (k *talk) bytes() (all [2][]byte) {
	for _, s := range k.said {
		all[s.dir] = append(all[s.dir], s.b...)
	}
	return all
}

// passage feeds a connection in segments, and closes it. What is held comes again.
func passage(g *Grammar, s *mute, all [2][]byte, size int) {
	p := g.Open()
	edits := g.Fields()
	if !s.edits {
		edits = 0
	}
	for at, from := 0, [2]int{}; at < max(len(all[0]), len(all[1])); at += size {
		for d := range flow.Direction(2) {
			end := min(at+size, len(all[d]))
			for from[d] < end {
				got := p.Feed(proto.Input{Bytes: all[d][from[d]:end], Dir: d, Want: g.Fields(), Edits: edits, Late: at%5 == 4}, s)
				from[d] += got.N
				if !got.More {
					break
				}
			}
		}
	}
	p.Close()
}

func TestWarmParsersAllocateNothing(t *testing.T) {
	text := strings.Repeat("hay and needles, ", 2000)
	k := newTalk()
	for i := range uint32(20) {
		id := 2*i + 1
		k.head(up, id, false, post("/a/"+fmt.Sprint(i%3), "accept-encoding", "gzip, deflate", "user-agent", "test", "!x-id", fmt.Sprint(i))...)
		for at := 0; at < len(text); at += 7000 {
			k.data(up, id, false, text[at:min(at+7000, len(text))])
		}
		coding := "identity"
		body := text
		if i%2 == 1 {
			coding, body = "gzip", zipped(text)
		}
		k.head(down, id, false, ":status", "200", "content-encoding", coding, "x-id", fmt.Sprint(i))
		for at := 0; at < len(body); at += 900 {
			k.data(down, id, at+900 >= len(body), body[at:min(at+900, len(body))])
		}
		if i%3 == 0 {
			k.frame(up, func(f *http2.Framer) error { return f.WriteRSTStream(id, 8) })
		} else {
			k.head(up, id, true, "x-trailer", "y")
		}
	}
	all := k.bytes()
	for _, edits := range []bool{false, true} {
		for _, hold := range []int{0, 20} {
			g, s := New(), &mute{edits: edits, hold: hold}
			run := func() { passage(g, s, all, 1448) }
			for range 5 {
				run()
			}
			if n := testing.AllocsPerRun(30, run); n != 0 {
				t.Errorf("edits %v, hold %d: %v allocations", edits, hold, n)
			}
			if (s.reps > 0) != edits || s.parts < 1000 {
				t.Errorf("edits %v: %d replacements, %d shown", edits, s.reps, s.parts)
			}
			g.isIdle(t)
		}
	}
}

// worst are frames of about n bytes, behind some others, that make a parser work hard.
func worst(n int) map[string]*talk {
	fill := func(k *talk, one func(i uint32)) *talk {
		for i := uint32(1); ; i += 2 {
			from := k.size()
			if one(i); k.size()+(k.size()-from) > n {
				return k
			}
		}
	}
	all := map[string]*talk{}
	make := func(name string, k *talk, one func(k *talk, i uint32)) {
		all[name] = fill(k, func(i uint32) { one(k, i) })
	}
	long := strings.Repeat("x", 4000)
	reset := func(k *talk, i uint32) {
		k.frame(up, func(f *http2.Framer) error { return f.WriteRSTStream(i, 8) })
	}
	make("bombs", newTalk(), func(k *talk, i uint32) {
		k.head(up, i, true, get("/", "a", long, "a", long, "a", long, "a", long, "a", long, "a", long, "a", long, "a", long, "a", long, "a", long)...)
		reset(k, i)
	})
	make("many fields", newTalk(), func(k *talk, i uint32) {
		more := []string{}
		for range 400 {
			more = append(more, "a", "")
		}
		k.head(up, i, true, get("/", more...)...)
		reset(k, i)
	})
	make("rapid resets", newTalk(), func(k *talk, i uint32) {
		k.head(up, i, true, get("/")...)
		reset(k, i)
	})
	make("requests", newTalk(), func(k *talk, i uint32) {
		k.head(up, i, true, get("/")...).head(down, i, true, ":status", "204")
	})
	make("empty frames", newTalk().head(up, 1, false, post("/")...), func(k *talk, _ uint32) { k.data(up, 1, false, "") })
	make("single bytes", newTalk().head(up, 1, false, post("/")...), func(k *talk, _ uint32) { k.data(up, 1, false, "x") })
	make("unknown frames", newTalk(), func(k *talk, i uint32) {
		k.frame(up, func(f *http2.Framer) error { return f.WriteRawFrame(0x99, 0, i, nil) })
	})
	turns := newTalk()
	for i := range uint32(maxStreams) {
		turns.head(up, 2*i+1, false, post("/")...)
	}
	make("single bytes in turns", turns, func(k *talk, i uint32) { k.data(up, i%(2*maxStreams), false, "x") })
	return all
}

// TestMemoryIsBounded: whatever comes, a connection holds no more than some hundred KiB, however often it comes.
func TestMemoryIsBounded(t *testing.T) {
	for name, k := range worst(200 << 10) {
		all := k.bytes()
		g, s := New(), &mute{edits: true, hold: 1 << 20}
		passage(g, s, all, 1448)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 20 {
			passage(g, s, all, 1448)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 256<<10 {
			t.Errorf("%s: %d bytes more", name, grown)
		}
		if before.HeapAlloc > 64<<20 {
			t.Errorf("%s: %d bytes", name, before.HeapAlloc)
		}
		g.isIdle(t)
		runtime.KeepAlive(g)
	}
}

// TestTurns: what is much work comes in turns, none of which reads more than its share, and beyond what encoders make it is refused.
func TestTurns(t *testing.T) {
	for name, why := range map[string]packet.Reason{"bombs": headsExpand, "many fields": ""} {
		all := worst(64 << 10)[name].bytes()
		g := New()
		p := g.Open()
		turns, b := 0, all[up]
		s := new(mute)
		for len(b) > 0 {
			got := p.Feed(proto.Input{Bytes: b, Dir: up, Want: g.Fields()}, s)
			turns++
			if got.Why != "" && got.Why == why {
				break
			}
			if got.Why != "" || got.N == 0 || !got.More && got.N < len(b) {
				t.Fatalf("%s: %+v", name, got)
			}
			b = b[got.N:]
		}
		if turns < 10 || (len(b) == 0) != (why == "") {
			t.Errorf("%s: %d turns, %d bytes are left", name, turns, len(b))
		}
		p.Close()
	}
}

// BenchmarkWorst is what 64 KiB take.
func BenchmarkWorst(b *testing.B) {
	for name, k := range worst(64 << 10) {
		all := k.bytes()
		for _, edits := range []bool{false, true} {
			b.Run(fmt.Sprint(strings.ReplaceAll(name, " ", "-"), "/edit-", edits), func(b *testing.B) {
				g, s := New(), &mute{edits: edits}
				b.SetBytes(int64(len(all[0]) + len(all[1])))
				b.ReportAllocs()
				for b.Loop() {
					passage(g, s, all, 64<<10)
				}
			})
		}
	}
}

// BenchmarkUsual is a request and a response of 64 KiB in frames of 16 KiB, in segments of 1448 bytes, for those who look at bodies and for
// those who do not.
func BenchmarkUsual(b *testing.B) {
	k := newTalk().head(up, 1, true, get("/index.html", "user-agent", "test", "accept-encoding", "gzip, deflate")...)
	k.head(down, 1, false, ":status", "200", "content-type", "text/html", "content-length", fmt.Sprint(64<<10))
	for i := range 4 {
		k.data(down, 1, i == 3, strings.Repeat("some text, ", 16<<10)[:16<<10])
	}
	all := k.bytes()
	for _, want := range []field.Set{heads, heads | bodies} {
		b.Run(fmt.Sprint("bodies-", want&bodies != 0), func(b *testing.B) {
			g, s := New(), new(mute)
			b.SetBytes(int64(len(all[0]) + len(all[1])))
			b.ReportAllocs()
			for b.Loop() {
				p := g.Open()
				for d := range flow.Direction(2) {
					for rest := all[d]; len(rest) > 0; {
						n := min(1448, len(rest))
						got := p.Feed(proto.Input{Bytes: rest[:n], Dir: d, Want: want}, s)
						rest = rest[max(got.N, 1):]
					}
				}
				p.Close()
			}
		})
	}
}
