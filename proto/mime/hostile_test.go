package mime

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// nested is a message of depth multiparts in each other.
func nested(depth int) string {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "Content-Type: multipart/x; boundary=b%d\n\n--b%d\n", i, i)
	}
	b.WriteString("\ndeep\n")
	for i := depth - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "--b%d--\n", i)
	}
	return b.String()
}

// TestTroubles: what is told or refused, and that the text is shown all the same.
func TestTroubles(t *testing.T) {
	const two = "Content-Type: multipart/x; boundary=b\n"
	g := NewPool("smtp")
	for _, c := range []struct {
		name, text string
		told       []packet.Reason
		why        packet.Reason
		shown      string // is in what is shown
	}{
		{"depth", nested(maxDepth), nil, "", `body="deep"`},
		{"too deep", nested(maxDepth + 1), []packet.Reason{tooDeep}, "", `--b8\r\n\r\ndeep`},
		{"parts", two + "\n" + strings.Repeat("--b\n\nx\n", maxParts) + "--b--\n", nil, "", `body="x"`},
		{"too many parts", two + "\n" + strings.Repeat("--b\n\nx\n", maxParts) + "--b\n\nlast\n--b--\n", []packet.Reason{tooManyParts}, "", `body="\r\nlast\r\n--b--\r\n"`},
		{"long head", "A: b\n" + strings.Repeat("X: "+strings.Repeat("y", 900)+"\n", 80) + "\nlast\n", []packet.Reason{headTooLarge}, "", `last\r\n" end`},
		{"endless line", "A: " + strings.Repeat("y", 2*maxHead), []packet.Reason{headTooLarge}, "", `yyy" end`},
		{"no head", "just text\n", []packet.Reason{badHeader}, "", `body="just text\r\n"`},
		{"text in a head", "A: b\ntext\n", []packet.Reason{badHeader}, "", `body="text\r\n"`},
		{"two types", two + "Content-Type: text/plain\n\n--b\n\nx\n--b--\n", []packet.Reason{duplicateField}, "", `body="x"`},
		{"two encodings", "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\nYQ==\n", []packet.Reason{duplicateField}, "", `body="a"`},
		{"two boundaries", "Content-Type: multipart/x; boundary=b; boundary=c\n\n--b\n\nx\n--b--\n", []packet.Reason{duplicateField}, "", `body="x"`},
		{"no boundary", "Content-Type: multipart/x\n\n--b\nx\n", []packet.Reason{badBoundary}, "", `body="--b\r\nx\r\n"`},
		{"long boundary", "Content-Type: multipart/x; boundary=" + strings.Repeat("b", maxBoundary+1) + "\n\nx\n", []packet.Reason{badBoundary}, "", `body="x\r\n"`},
		{"boundary in pieces", "Content-Type: multipart/x; boundary*0=a; boundary*1=b\n\n--ab\n", []packet.Reason{badBoundary}, "", `body="--ab\r\n"`},
		{"boundary and more", two + "\n--b\n\nx\n--bc\n--b--\n", []packet.Reason{boundaryLike}, "", `body="x\r\n--bc"`},
		{"blanks behind", two + "\n--b \t\n\nx\n--b-- \n", nil, "", `body="x"`},
		{"quoted boundary", "Content-Type: multipart/x; boundary=\"b\\\"c d\" (no ; boundary=x)\n\n--b\"c d\n\nx\n--b\"c d--\n", nil, "", `body="x"`},
		{"no end", two + "\n--b\n\nx\n", []packet.Reason{unclosed}, "", `body="x\r\n"`},
		{"outer ends inner", two + "\n--b\nContent-Type: multipart/y; boundary=c\n\n--c\n\nx\n--b--\n", nil, "", `body="x"`},
		{"same boundary", two + "\n--b\n" + two + "\n--b\n\nx\n--b--\n--b--\n", []packet.Reason{badBoundary}, "", `body="x"`},
		{"encoding", "Content-Transfer-Encoding: x-uue\n\nbegin 644 x\n", []packet.Reason{unknownEncoding}, "", `body="begin 644 x\r\n"`},
		{"coded multipart", two + "Content-Transfer-Encoding: base64\n\n--b\n\nx\n--b--\n", []packet.Reason{codedComposite}, "", `body="x"`},
		{"coded message", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nYQ==\n", []packet.Reason{codedComposite}, "", `body="a"`},
		{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n--b--\n", nil, "", `subject="x" body="y"`},
		{"junk in digest", "Content-Type: multipart/digest; boundary=b\n\n--b\nx\n--b--\n", []packet.Reason{badHeader}, "", `body="x"`},
		{"odd base64", "Content-Transfer-Encoding: base64\n\nY!Q=\n", []packet.Reason{badBase64}, "", `body="a"`},
		{"short base64", "Content-Transfer-Encoding: base64\n\nYWI\n", []packet.Reason{badBase64}, "", `body="ab"`},
		{"behind the padding", "Content-Transfer-Encoding: base64\n\nYQ==Yg==\n", []packet.Reason{badBase64}, "", `body="ab"`},
		{"odd quoted", "Content-Transfer-Encoding: quoted-printable\n\n=zz=4\n", []packet.Reason{badQuoted}, "", `body="=zz=4\r\n"`},
		{"small hex", "Content-Transfer-Encoding: quoted-printable\n\n=c3=a9 \t\n", nil, "", `body="é\r\n"`},
		{"head only", two + "\n--b\nSubject: x\n--b--\n", nil, "", `subject="x" body="" end`},
		{"nul", "A: \x00\n\n", nil, controlByte, ""},
		{"2231 pieces", "Content-Disposition: attachment; filename*0=\"a\"; filename*1*=%20b; filename=c\n\n", nil, "", `filename="a b" filename="c"`},
	} {
		for _, seed := range []uint64{0, 9, 12} {
			w := newMail(t, g).read(crlf(c.text), pieces(seed), nil)
			if !slices.Equal(w.told, c.told) || w.why != c.why {
				t.Errorf("%s: told %q, why %q", c.name, w.told, w.why)
			}
			if !strings.Contains(w.log.String(), c.shown) {
				t.Errorf("%s: %.300s", c.name, w.log.String())
			}
			w.r.Close()
		}
	}
}

// TestBareLineEnds: where LF or CR alone could end a line, a message that may hold them is refused.
func TestBareLineEnds(t *testing.T) {
	g := NewPool("smtp")
	const two = "Content-Type: multipart/x; boundary=b\r\n\r\n"
	for text, why := range map[string]packet.Reason{
		"A: b\nC: d\r\n\r\n": bareLineEnd, "A: b\rC: d\r\n\r\n": bareLineEnd, "A: b\r\n\nx": bareLineEnd, "A: b\r\n\r\na\nb\rc\x00": "",
		two + "x\n--b\r\n\r\ny": bareLineEnd, two + "x\r\n--b\n\r\ny": bareLineEnd, two + "x\r\n--b\r\n\r\na\nb\r\n--b--\r\n": "",
	} {
		w := newMail(t, g).read(text, nil, nil)
		if w.why != why {
			t.Errorf("%q: %q, want %q", text, w.why, why)
		}
		w.r.Close()
	}
}

// TestHeadEdits: of any length within a line, and nothing that makes another message of it.
func TestHeadEdits(t *testing.T) {
	g := NewPool("smtp")
	const text = "Subject: a\r\n b\r\nX: secret\r\nContent-Type: multipart/x;\r\n boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
	for _, c := range []struct {
		old, with string
		ok        bool
	}{
		{"secret", "XXXXXX", true},
		{"secret", "a longer one", true},
		{"secret", "", true},
		{"a\r\n b", "c\r\n d", true},
		{"a\r\n b", "c", false},
		{"secret", "x\r\nBcc: y", false},
		{"secret", "x\r\n y", false},
		{"secret", "x\ny", false},
		{"secret", "x\x00y", false},
		{"secret", strings.Repeat("x", 999), false},
		{"boundary=b", "boundary=c", false},
		{"X: secret", "Content-Transfer-Encoding: base64", false},
		{"X: secret", "no field", false},
		{"X: ", " : ", false},
		{"X: secret", "", false},
		{"X", ".X", false},
		{"x;", "y;", true},
	} {
		w := newMail(t, g)
		w.stuffed = true
		first := true
		w.heads = func(m *field.Message) []field.Edit {
			i := strings.Index(string(m.Unit), c.old)
			if !first || i < 0 {
				return nil
			}
			first = false
			return []field.Edit{{Span: field.Span{Off: i, End: i + len(c.old)}, New: []byte(c.with)}}
		}
		w.read(text, nil, nil)
		want := text
		if c.ok {
			want = strings.Replace(text, c.old, c.with, 1)
		}
		if string(w.out) != want || c.ok != (len(w.told) == 0) {
			t.Errorf("%q to %q: %q, told %q", c.old, c.with, w.out, w.told)
		}
		w.r.Close()
	}
}

// TestRefusedEdits: what would make a boundary, a line that is too long, or a line end that is none.
func TestRefusedEdits(t *testing.T) {
	g := NewPool("smtp")
	const two = "Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n\r\n"
	for _, c := range []struct {
		with, out string
		why       packet.Reason
		fixed     bool
	}{
		{"--b", "", breaks, false},
		{"x\r\n--b", "", breaks, false},
		{"--c", "--c and more", "", false},
		{"x\ny", "", breaks, false},
		{"x\r", "", breaks, false},
		{"\x00", "", breaks, false},
		{strings.Repeat("x", 990), "", breaks, false},
		{strings.Repeat("x", 900), strings.Repeat("x", 900) + " and more", "", false},
		{"x\r\n.", "x\r\n.. and more", "", false},
		{".", ".. and more", "", false},
		{"y", "", cannotResize, true},
		{"needle", "needle and more", "", true},
	} {
		w := newMail(t, g)
		w.stuffed, w.fixed, w.old, w.with = true, c.fixed, "secret", c.with
		w.read(two+"secret and more\r\n--b--\r\n", nil, nil)
		want := two + c.out + "\r\n--b--\r\n"
		if c.why != "" {
			want = two + "secret and more\r\n--b--\r\n"
		}
		if string(w.out) != want || (c.why == "") != (len(w.told) == 0) || c.why != "" && w.told[0] != c.why {
			t.Errorf("%.20q: %q, told %q, want %q", c.with, w.out, w.told, c.why)
		}
		w.r.Close()
	}
}

// silent is a Sink that replaces a word, and remembers nothing.
type silent struct{ list [8]field.Edit }

func (s *silent) Replace(int, int, []byte) bool { return true }

func (s *silent) Show(m *field.Message, phase field.Phase) proto.Answer {
	n := 0
	if phase == field.MessagePart {
		for i, v := 0, m.Fields[0].Value; i+6 <= len(v) && n < len(s.list); i++ {
			if string(v[i:i+6]) == "secret" {
				off := m.Fields[0].Span.Off + i
				s.list[n] = field.Edit{Span: field.Span{Off: off, End: off + 6}, New: longer}
				n++
			}
		}
	}
	return proto.Answer{Edits: s.list[:n]}
}

var longer = []byte("a longer one!")

// TestWarmEditsAllocateNothing: of all encodings.
func TestWarmEditsAllocateNothing(t *testing.T) {
	g, s := NewPool("smtp"), &silent{}
	text := []byte(crlf(parted))
	run := func() {
		r := g.Open()
		got := r.Feed(Input{Raw: text, End: true, Want: Fields, Edits: Fields}, s)
		if got.N != len(text) || !got.Vital || len(got.Edits) < 3 {
			t.Errorf("%d of %d bytes, %d edits", got.N, len(text), len(got.Edits))
		}
		r.Close()
	}
	run()
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFeed(b *testing.B) {
	g, s := NewPool("smtp"), &silent{}
	line := strings.Repeat("some text ", 7) + "\r\n"
	for name, part := range map[string][2]string{
		"plain": {"7bit", line}, "quoted-printable": {"quoted-printable", line}, "escapes": {"quoted-printable", strings.Repeat("=41", 24) + "=\r\n"},
		"base64": {"base64", strings.Repeat("c29tZSB0", 9) + "\r\n"}, "broken base64": {"base64", strings.Repeat("c 2!9", 14) + "\r\n"},
		"empty lines": {"7bit", strings.Repeat("\r\n", 35)},
	} {
		text := []byte("Content-Transfer-Encoding: " + part[0] + "\r\n\r\n" + strings.Repeat(part[1], 800))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r := g.Open()
				r.Feed(Input{Raw: text, End: true, Want: Fields}, s)
				r.Close()
			}
		})
	}
}
