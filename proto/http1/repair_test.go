package http1

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// edit replaces old, which unit has once, by new.
func edit(t testing.TB, unit, old, with string) field.Edit {
	t.Helper()
	off := strings.Index(unit, old)
	if off < 0 || strings.Count(unit, old) != 1 {
		t.Fatalf("%q is not once in %q", old, unit)
	}
	return field.Edit{Span: field.Span{Off: off, End: off + len(old)}, New: []byte(with)}
}

func TestRepair(t *testing.T) {
	const (
		sized   = "POST / HTTP/1.1\r\nContent-Length: 9\r\nX: y\r\n\r\n123secret"
		partial = "POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n123secret"
		chunks  = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n06;x=y\r\nsecret\r\n0\r\n\r\n"
		cutoff  = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n10\r\nsecret"
		closing = "HTTP/1.1 200 OK\r\n\r\n123secret"
	)
	type edits [][2]string
	for _, c := range []struct {
		name, unit string
		edits      edits
		want       string
		why        packet.Reason
	}{
		{"nothing", sized, nil, sized, ""},
		{"equal length", sized, edits{{"secret", "XXXXXX"}}, "POST / HTTP/1.1\r\nContent-Length: 9\r\nX: y\r\n\r\n123XXXXXX", ""},
		{"longer", sized, edits{{"123", "1"}, {"secret", "[masked]"}}, "POST / HTTP/1.1\r\nContent-Length: 9\r\nX: y\r\n\r\n1[masked]", ""},
		{"one digit more", sized, edits{{"secret", "[masked]"}}, "POST / HTTP/1.1\r\nContent-Length: 11\r\nX: y\r\n\r\n123[masked]", ""},
		{"all gone", sized, edits{{"123secret", ""}}, "POST / HTTP/1.1\r\nContent-Length: 0\r\nX: y\r\n\r\n", ""},
		{"body goes on", partial, edits{{"secret", "XX"}}, "POST / HTTP/1.1\r\nContent-Length: 95\r\n\r\n123XX", ""},
		{"target and body", sized, edits{{" / ", " /new "}, {"secret", "XX"}}, "POST /new HTTP/1.1\r\nContent-Length: 5\r\nX: y\r\n\r\n123XX", ""},
		{"header value", sized, edits{{"X: y", "X: longer"}}, "POST / HTTP/1.1\r\nContent-Length: 9\r\nX: longer\r\n\r\n123secret", ""},
		{
			"chunk grows", chunks,
			edits{{"secret", "[masked secret]."}},
			"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n10;x=y\r\n[masked secret].\r\n0\r\n\r\n", "",
		},
		{
			"both chunks", chunks,
			edits{{"123", "1234"}, {"secr", ""}, {"et", "ET"}},
			"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n2;x=y\r\nET\r\n0\r\n\r\n", "",
		},
		{"chunk goes", chunks, edits{{"123", ""}}, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n06;x=y\r\nsecret\r\n0\r\n\r\n", ""},
		{
			"equal length in half a chunk", cutoff,
			edits{{"secret", "XXXXXX"}},
			"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n10\r\nXXXXXX", "",
		},
		{
			"whole chunk before half a chunk", cutoff,
			edits{{"123", "1"}},
			"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n10\r\nsecret", "",
		},
		{"until close", closing, edits{{"secret", "XX"}}, "HTTP/1.1 200 OK\r\n\r\n123XX", ""},
		{"half a head", "GET /secret HTTP/1.1\r\nHost: exa", edits{{"/secret", "/x"}}, "GET /x HTTP/1.1\r\nHost: exa", ""},

		{"half a chunk", cutoff, edits{{"secret", "XX"}}, "", needsStream},
		{"chunk size by hand", chunks, edits{{"06;", "07;"}}, "", breaks},
		{"over two chunks", chunks, edits{{"123\r\n06;x=y\r\nsecret", "x"}}, "", breaks},
		{"head and body", sized, edits{{"y\r\n\r\n123", "y\r\n\r\n"}}, "", breaks},
		{"length by hand", sized, edits{{"Content-Length: 9", "Content-Length: 8"}}, "", breaks},
		{"length by hand and body", sized, edits{{"Content-Length: 9", "Content-Length: 5"}, {"secret", "XX"}}, "", breaks},
		{"end of the head", sized, edits{{"X: y", "X: y\r\n\r\n"}}, "", breaks},
		{"second framing", sized, edits{{"X: y", "Transfer-Encoding: chunked"}}, "", breaks},
		{"second length", sized, edits{{"X: y", "Content-Length: 9"}}, "", breaks},
		{"blank in the target", sized, edits{{" / ", " /a b "}}, "", breaks},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, m := New(), new(field.Message)
			g.Parse(m, []byte(c.unit), peer, all)
			var list []field.Edit
			for _, e := range c.edits {
				list = append(list, edit(t, c.unit, e[0], e[1]))
			}
			out, why := g.Repair([]byte("dst "), m, list)
			if why != c.why || string(out) != "dst "+c.want {
				t.Errorf("Repair = %q, %q\nwant %q, %q", out, why, c.want, c.why)
			}
		})
	}
}

// body is the body as a receiver joins it.
func body(m *field.Message) (b []byte) {
	for _, f := range m.Fields {
		if f.ID == field.HTTPRequestBody {
			b = append(b, f.Value...)
		}
	}
	return b
}

// TestRepairedMessagesReadAsEdited cuts a body into chunks or leaves it whole, edits any parts of it, and reads it again.
func TestRepairedMessagesReadAsEdited(t *testing.T) {
	g, m := New(), new(field.Message)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,20}`), 1, 5).Draw(t, "parts")
		text := strings.Join(parts, "")
		unit := "POST / HTTP/1.1\r\nContent-Length: " + string(New().number(int64(len(text)), 10)) + "\r\n\r\n" + text
		if rapid.Bool().Draw(t, "chunked") {
			unit = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
			for _, p := range parts {
				unit += string(New().number(int64(len(p)), 16)) + "\r\n" + p + "\r\n"
			}
			unit += "0\r\n\r\n"
		}
		g.Parse(m, []byte(unit), peer, all)
		var edits []field.Edit
		var want []byte
		for _, f := range m.Fields {
			if f.ID != field.HTTPRequestBody {
				continue
			}
			at := 0
			for at < len(f.Value) && rapid.Bool().Draw(t, "edit") {
				off := rapid.IntRange(at, len(f.Value)).Draw(t, "off")
				end := rapid.IntRange(off, len(f.Value)).Draw(t, "end")
				with := []byte(rapid.StringMatching(`[A-Z]{0,20}`).Draw(t, "with"))
				edits = append(edits, field.Edit{Span: field.Span{Off: f.Span.Off + off, End: f.Span.Off + end}, New: with})
				want = append(append(want, f.Value[at:off]...), with...)
				at = end
			}
			want = append(want, f.Value[at:]...)
		}
		out, why := g.Repair(nil, m, edits)
		if why != "" {
			t.Fatalf("Repair: %s", why)
		}
		if n, why := g.Parse(m, out, peer, all); n != len(out) || why != "" || !bytes.Equal(body(m), want) {
			t.Fatalf("%q\nreads %q (%d of %d, %q), want %q", out, body(m), n, len(out), why, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{stories, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET http://a/ HTTP/1.0\n\n", "\r\nPUT * HTTP/1.1\r\nHost: [::1]:1\r\n\r\n"} {
		f.Add([]byte(s))
	}
	g, m := New(), new(field.Message)
	f.Fuzz(func(t *testing.T, unit []byte) {
		match := g.Recognise(unit, peer)
		n, why := g.Parse(m, unit, peer, all)
		if (n == 0) != (why != "") || n > len(unit) {
			t.Fatalf("n %d, why %q", n, why)
		}
		if n > 0 && match != proto.Yes {
			t.Fatalf("read, but not recognised: %v", match)
		}
		for _, fd := range m.Fields {
			if fd.Span.Off < 0 || fd.Span.End > len(unit) || fd.Editable && !bytes.Equal(fd.Value, unit[fd.Span.Off:fd.Span.End]) {
				t.Fatalf("%v: %v", fd.ID, fd.Span)
			}
		}
	})
}

func FuzzRepair(f *testing.F) {
	f.Add([]byte(stories), []byte("HELLO!"), uint8(3))
	f.Add([]byte("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"), []byte("HELLO!"), uint8(4))
	g, m := New(), new(field.Message)
	f.Fuzz(func(t *testing.T, unit, with []byte, which uint8) {
		n, _ := g.Parse(m, unit, peer, all)
		if int(which) >= len(m.Fields) || !m.Fields[which].Editable {
			return
		}
		fd := m.Fields[which]
		fields, inBody := len(m.Fields), fd.ID == field.HTTPRequestBody || fd.ID == field.HTTPResponseBody
		old := bytes.Clone(body(m))
		out, why := g.Repair(nil, m, []field.Edit{{Span: fd.Span, New: with}})
		if why != "" {
			if len(out) > 0 {
				t.Fatal("refused, but wrote")
			}
			return
		}
		again, why := g.Parse(m, out, peer, all)
		if (n > 0) != (again > 0) || n > 0 && again != len(out) {
			t.Fatalf("%q (%d) became %q (%d, %q)", unit, n, out, again, why)
		}
		if !inBody && !bytes.Equal(old, body(m)) || inBody && len(with) > 0 && len(m.Fields) != fields {
			t.Fatalf("%q became %q", unit, out)
		}
	})
}
