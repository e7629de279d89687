package http1

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/proto"
)

// A mute sink edits the last byte of each part, at the cost of as little as can be.
type mute struct {
	with []byte
	list []field.Edit
	hold int
	reps int
}

func newMute(with string) *mute {
	if with == "" {
		return new(mute)
	}
	return &mute{with: []byte(with)}
}

func (s *mute) Show(m *field.Message, phase field.Phase) proto.Answer {
	s.list = s.list[:0]
	if phase != field.MessagePart || s.with == nil || len(m.Unit) == 0 || !m.Fields[0].Editable {
		return proto.Answer{}
	}
	s.list = append(s.list, field.Edit{Span: field.Span{Off: len(m.Unit) - 1, End: len(m.Unit)}, New: s.with})
	return proto.Answer{Edits: s.list, Hold: s.hold}
}

func (s *mute) Replace(int, int, []byte) bool {
	s.reps++
	return true
}

// passage feeds a connection, in pieces, and closes it.
func passage(g *Grammar, s *mute, pieces [2][][]byte, edits, resize field.Set) {
	p := g.Open()
	for d := range flow.Direction(2) {
		for _, b := range pieces[d] {
			for len(b) > 0 {
				got := p.Feed(proto.Input{Bytes: b, Dir: d, Want: g.Fields(), Edits: edits, Resize: resize, Late: true}, s)
				if got.Why != "" || got.N == 0 {
					break
				}
				b = b[got.N:]
				b = b[min(got.Skip, int64(len(b))):]
			}
		}
	}
	p.Close()
}

func pieces(text string, size int) (all [][]byte) {
	for len(text) > 0 {
		n := min(size, len(text))
		all = append(all, []byte(text[:n]))
		text = text[n:]
	}
	return all
}

func TestWarmParsersAllocateNothing(t *testing.T) {
	text := haystack(20_000)
	post := "POST / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: test\r\nContent-Length: " + dec(len(text)) + "\r\n\r\n" + text
	for name, down := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: " + dec(len(text)) + "\r\n\r\n" + text,
		"chunks":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(text, 700),
		"gzip":    "HTTP/1.1 200 OK\r\n" + encoding("gzip") + "Transfer-Encoding: chunked\r\n\r\n" + chunked(coded(t, "gzip", text), 700),
		"deflate": "HTTP/1.1 200 OK\r\n" + encoding("deflate") + "Transfer-Encoding: chunked\r\n\r\n" + chunked(coded(t, "deflate", text), 700),
		"zstd":    "HTTP/1.1 200 OK\r\n" + encoding("zstd") + "Content-Length: " + dec(len(coded(t, "zstd", text))) + "\r\n\r\n" + coded(t, "zstd", text),
	} {
		for _, with := range []string{"", "X", "XY"} {
			g, s := New(), newMute(with)
			edits, resize := field.Set(0), field.Set(0)
			if with != "" {
				edits = bodies
			}
			if len(with) > 1 {
				resize = bodies
			}
			all := [2][][]byte{pieces(post, 1448), pieces(down, 1448)}
			run := func() { passage(g, s, all, edits, resize) }
			for range 5 {
				run()
			}
			if n := testing.AllocsPerRun(50, run); n > 1 && name == "zstd" || n != 0 && name != "zstd" {
				t.Errorf("%s, %q: %v allocations", name, with, n)
			}
			if (s.reps > 0) != (with != "") {
				t.Errorf("%s, %q: %d replacements", name, with, s.reps)
			}
		}
	}
}

// worst are connections whose last segment, of about n bytes, makes a parser work hard.
func worst(t testing.TB, n int) map[string][2]string {
	post := "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	fill := func(s string) string { return strings.Repeat(s, n/len(s)) }
	zip := func(names, text string) string {
		c := coded(t, names, text)
		return "HTTP/1.1 200 OK\r\n" + encoding(names) + "\r\n" + c[:min(len(c), n)]
	}
	return map[string][2]string{
		"chunks-of-1":       {post + fill("1\r\na\r\n")},
		"chunks-extended":   {post + fill("1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\"bbbbbbbbbbbbbbbbbbbb\"\r\na\r\n")},
		"header-lines":      {"GET / HTTP/1.1\r\n" + strings.Repeat("A: "+strings.Repeat("b", n/260)+"\r\n", 250) + "\r\n"},
		"short-lines":       {"GET / HTTP/1.1\r\n" + fill("a:\r\n")},
		"one-line":          {"GET /" + fill("a") + " HTTP/1.1\r\n\r\n"},
		"empty-lines":       {fill("\r\n")},
		"pipelined":         {fill("GET / HTTP/1.1\r\n\r\n")},
		"responses":         {fill(get), fill("HTTP/1.1 204 \r\n\r\n")},
		"plain":             {"", "HTTP/1.1 200 OK\r\n\r\n" + fill("a")},
		"gzip":              {"", zip("gzip", haystack(6*n))},
		"gzip-of-zeros":     {"", zip("gzip", strings.Repeat("\x00", 1050*n))},
		"deflate-of-zeros":  {"", zip("raw", strings.Repeat("\x00", 1050*n))},
		"br-of-zeros":       {"", zip("br", strings.Repeat("\x00", 64<<20))},
		"zstd-of-zeros":     {"", zip("zstd", strings.Repeat("\x00", 64<<20))},
		"gzip-twice":        {"", zip("gzip, gzip", strings.Repeat("\x00", 64<<20))},
		"gzip-of-few-bytes": {"", zip("gzip", strings.Repeat("abcdefgh"+haystack(9), 90*n/17))},
	}
}

// BenchmarkWorst is what a segment of 64 KiB takes, and one of half that size.
func BenchmarkWorst(b *testing.B) {
	for _, n := range []int{64 << 10, 32 << 10} {
		for name, x := range worst(b, n) {
			for _, with := range []string{"", "XY"} {
				b.Run(name+"/"+map[string]string{"": "read", "XY": "edit"}[with]+"/"+dec(n), func(b *testing.B) {
					g, s := New(), newMute(with)
					set := bodies
					if with == "" {
						set = 0
					}
					all := [2][][]byte{pieces(x[0], 1<<20), pieces(x[1], 1<<20)}
					b.ReportAllocs()
					for b.Loop() {
						p := g.Open()
						for d := range flow.Direction(2) {
							for _, one := range all[d] {
								p.Feed(proto.Input{Bytes: one, Dir: d, Want: g.Fields(), Edits: set, Resize: set}, s)
							}
						}
						p.Close()
					}
				})
			}
		}
	}
}
