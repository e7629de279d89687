package dns

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	oracle "github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/prototest"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

func stream() *prototest.Stream { return &prototest.Stream{Parser: New().Open(), Want: all} }

// grow replaces each answer of the given address by two others.
func grow(m *field.Message, _ field.Phase) proto.Answer {
	var edits []field.Edit
	for _, f := range m.Fields {
		if f.ID == field.DNSAnswer && bytes.Equal(f.Value, []byte{192, 0, 2, 1}) {
			with := AppendRecord(nil, QuestionName, 1, 1, 5, []byte{198, 51, 100, 1})
			edits = append(edits, field.Edit{Span: f.Span, New: AppendRecord(with, QuestionName, 1, 1, 5, []byte{198, 51, 100, 2})})
		}
	}
	return proto.Answer{Edits: edits}
}

// TestAnySegmentation has several messages in a stream, cut anyhow: the same fields, and the same bytes behind edits that
// change lengths.
func TestAnySegmentation(t *testing.T) {
	reply := message(0x8180, 1, 2, 0, 1, exampleA, answerA, "\xc0\x00\x02\x01", answerA, "\xc0\x00\x02\x02", optEmpty)
	other := message(0x8180, 1, 1, 0, 0, exampleA, answerA, "\xc0\x00\x02\x09")
	long := message(0x8180, 1, 1, 0, 0, exampleA, string(AppendRecord(nil, QuestionName, 65280, 1, 1, make([]byte, 0xffff-headerSize-17-12))))
	var tape []byte
	for _, m := range [][]byte{reply, other, long, reply, message(0x8181, 0, 0, 0, 0), reply} {
		tape = append(tape, framed(m)...)
	}
	want := stream()
	want.Answer = grow
	want.Send(flow.ToClient, tape, true)
	if want.Why != "" || want.Count != 6 || len(want.Out[1]) != len(tape)+3*16 {
		t.Fatalf("%q, %d messages, %d bytes of %d", want.Why, want.Count, len(want.Out[1]), len(tape))
	}
	for out := want.Out[1]; len(out) > 0; {
		n := 2 + int(binary.BigEndian.Uint16(out))
		if m := unpack(t, out[2:n]); len(m.Answer) > 0 && m.Answer[0].Header().Rrtype == oracle.TypeA && m.Answer[0].(*oracle.A).A[3] == 1 && len(m.Answer) != 3 {
			t.Errorf("answers %v", m.Answer)
		}
		out = out[n:]
	}
	check := func(t interface{ Fatalf(string, ...any) }, pick func(int) int) {
		s := stream()
		s.Answer = grow
		prototest.Cut(tape, pick, func(b []byte, last bool) { s.Send(flow.ToClient, b, last) })
		if s.Why != "" || strings.Join(s.Shown, "\n") != strings.Join(want.Shown, "\n") || !bytes.Equal(s.Out[1], want.Out[1]) {
			t.Fatalf("%q, %d messages, %d bytes", s.Why, s.Count, len(s.Out[1]))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{3, 50, 1400, 70000}).Draw(t, "limit")
		fixed := rapid.IntRange(1, limit).Draw(t, "size")
		check(t, func(left int) int { return min(left, fixed) })
	})
	check(t, func(int) int { return 1 })
}

// TestCutAtEveryByte cuts two messages in two, also within a length.
func TestCutAtEveryByte(t *testing.T) {
	tape := append(framed(message(0x0100, 1, 0, 0, 0, exampleA)), framed(message(0x0100, 1, 0, 0, 0, "\x03nas\x00\x00\x01\x00\x01"))...)
	for cut := range tape {
		s := stream()
		s.Send(flow.ToServer, tape[:cut], false)
		if n := len(s.Out[0]); n != 0 && n != 31 {
			t.Errorf("cut at %d: %d bytes were released", cut, n)
		}
		s.Send(flow.ToServer, tape[cut:], false)
		if fmt.Sprint(s.Shown) != "[query=example.com type=A query=nas type=A]" || !bytes.Equal(s.Out[0], tape) {
			t.Errorf("cut at %d: %q", cut, s.Shown)
		}
	}
}

// TestMessagesThatBreak: they hide nothing that comes behind them.
func TestMessagesThatBreak(t *testing.T) {
	good := framed(message(0x0100, 1, 0, 0, 0, exampleA))
	signed := framed(message(0x8180, 1, 1, 0, 1, exampleA, answerA, "\xc0\x00\x02\x01", tsig))
	for _, c := range []struct {
		name string
		tape []byte
		why  packet.Reason
		n    int
	}{
		{"length below a header", append(good[:len(good):len(good)], 0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), short, 1},
		{"pointer that loops", append(good[:len(good):len(good)], framed(message(0, 1, 0, 0, 0, "\xc0\x0c\x00\x01\x00\x01"))...), badPointer, 1},
		{"pointer forwards", append(good[:len(good):len(good)], framed(message(0, 1, 0, 0, 0, "\xc0\x12\x00\x01\x00\x01"))...), badPointer, 1},
		{"65 records", append(good[:len(good):len(good)], framed(message(0, 65, 0, 0, 0, exampleA))...), tooMany, 1},
		{"edit of a signed message", signed, "dns-signed", 1},
	} {
		s := stream()
		s.Answer = grow
		s.Send(flow.ToServer, append(c.tape, good...), false)
		if fmt.Sprint(s.Told) != fmt.Sprint([]packet.Reason{c.why}) || s.Count != c.n+1 || s.Why != "" {
			t.Errorf("%s: %q, %q and %d messages", c.name, s.Why, s.Told, s.Count)
		}
	}
}

func TestStop(t *testing.T) {
	s := stream()
	s.Answer = func(*field.Message, field.Phase) proto.Answer { return proto.Answer{Stop: true} }
	tape := framed(message(0x0100, 1, 0, 0, 0, exampleA))
	if s.Send(flow.ToServer, append(tape, tape...), false); s.Count != 1 || !s.Done(flow.ToServer) {
		t.Errorf("%d messages, done %v", s.Count, s.Done(flow.ToServer))
	}
}

func TestFeedAllocatesNothing(t *testing.T) {
	g := New()
	s := &prototest.Stream{Want: all, Quiet: true}
	edits := []field.Edit{{Span: field.Span{Off: 31, End: 47}, New: AppendRecord(nil, QuestionName, 1, 1, 5, []byte{198, 51, 100, 1})}}
	s.Answer = func(*field.Message, field.Phase) proto.Answer { return proto.Answer{Edits: edits} }
	unit := framed(message(0x8180, 1, 2, 0, 1, exampleA, answerA, "\xc0\x00\x02\x01", answerA, "\xc0\x00\x02\x02", optEmpty))
	run := func() {
		p := g.Open()
		if got := p.Feed(proto.Input{Bytes: unit, Dir: flow.ToClient, Want: all}, noEdits{s}); got.N != len(unit) {
			t.Fatal(got)
		}
		p.Close()
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// noEdits drops replacements, which a prototest.Stream copies.
type noEdits struct{ *prototest.Stream }

func (noEdits) Replace(int, int, []byte) bool { return true }

// FuzzStream reads bytes whole and cut, with edits, and wants the same.
func FuzzStream(f *testing.F) {
	for _, s := range seeds {
		f.Add(append(framed(s), framed(s)...), uint16(3))
	}
	f.Add(framed(message(0x8180, 1, 2, 0, 1, exampleA, answerA, "\xc0\x00\x02\x01", answerA, "\xc0\x00\x02\x02", optEmpty)), uint16(1))
	f.Fuzz(func(t *testing.T, tape []byte, size uint16) {
		whole, cut := stream(), stream()
		whole.Answer, cut.Answer = grow, grow
		whole.Send(flow.ToClient, tape, false)
		prototest.Cut(tape, func(left int) int { return min(left, 1+int(size)%2000) }, func(b []byte, _ bool) { cut.Send(flow.ToClient, b, false) })
		if whole.Why != cut.Why || fmt.Sprint(whole.Told) != fmt.Sprint(cut.Told) || strings.Join(whole.Shown, "\n") != strings.Join(cut.Shown, "\n") {
			t.Errorf("whole %q %q\ncut %q %q", whole.Why, whole.Shown, cut.Why, cut.Shown)
		}
		if whole.Why == "" && !bytes.Equal(whole.Out[1], cut.Out[1]) {
			t.Errorf("whole %x\ncut %x", whole.Out[1], cut.Out[1])
		}
	})
}

// chain is a message of pointers that lead as far as they may, each to a label of its own.
func chain() []byte {
	msg := message(0x8180, 1, 63, 0, 0, "\x01a\x00\x00\x01\x00\x01")
	at := headerSize
	for i := range 63 {
		owner := []byte{0xc0 | byte(at>>8), byte(at)}
		rdata, from := []byte{}, len(msg)+12
		for n := 0; n < 2; n++ { // with the root, and 126 before it: the longest name
			next := from + len(rdata)
			rdata = append(rdata, 1, 'b', 0xc0|byte(at>>8), byte(at))
			at = next
		}
		msg = AppendRecord(msg, owner, 65280, 1, 1, rdata)
		if i == 61 {
			at = headerSize
		}
	}
	return msg
}

// BenchmarkStream is the worst of 64 KiB, and of half of it.
func BenchmarkStream(b *testing.B) {
	for _, size := range []int{32 << 10, 64 << 10} {
		fill := func(msg []byte) []byte { return bytes.Repeat(framed(msg), size/(2+len(msg))) }
		name := strings.Repeat("\x01a", 126) + "\x00\x00\x01\x00\x01"
		for what, tape := range map[string][]byte{
			"headers":   fill(message(0x8180, 0, 0, 0, 0)),
			"questions": fill(message(0x0100, 1, 0, 0, 0, exampleA)),
			"names":     fill(message(0x0100, 1, 0, 0, 0, name)),
			"pointed":   fill(message(0x0100, 16, 0, 0, 0, name, strings.Repeat("\xc0\x0c\x00\x01\x00\x01", 15))),
			"mx":        fill(message(0x8180, 1, 63, 0, 0, name, strings.Repeat("\xc0\x0c\x00\x0e\x00\x01\x00\x00\x00\x01\x00\x04\xc0\x0c\xc0\x0c", 63))),
			"chain":     fill(chain()),
			"roots":     fill(message(0x0100, 16, 0, 0, 0, strings.Repeat("\x00\x00\x01\x00\x01", 16))),
		} {
			b.Run(fmt.Sprintf("%s/%d", what, size), func(b *testing.B) {
				g := New()
				s := &prototest.Stream{Want: all, Quiet: true}
				b.ReportAllocs()
				for b.Loop() {
					g.Open().Feed(proto.Input{Bytes: tape, Dir: flow.ToClient, Want: all}, s)
				}
			})
		}
	}
}
