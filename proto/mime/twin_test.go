package mime

import (
	"bytes"
	std64 "encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	stdmime "mime"
	stdmultipart "mime/multipart"
	"mime/quotedprintable"
	stdmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
)

// A piece of a message that has no parts.
type leafText struct{ name, body string }

// leaves writes a message by the standard library, and returns it with what its parts hold.
func leaves(r *rand.Rand) (text string, want []leafText) {
	var write func(depth int) (textproto.MIMEHeader, []byte)
	write = func(depth int) (textproto.MIMEHeader, []byte) {
		h, b := textproto.MIMEHeader{}, bytes.Buffer{}
		if r.IntN(3) == 0 && depth < maxDepth {
			w := stdmultipart.NewWriter(&b)
			for range 1 + r.IntN(3) {
				head, body := write(depth + 1)
				part, _ := w.CreatePart(head)
				_, _ = part.Write(body)
			}
			_ = w.Close()
			h.Set("Content-Type", stdmime.FormatMediaType("multipart/mixed", map[string]string{"boundary": w.Boundary()}))
			return h, b.Bytes()
		}
		body := someText(r)
		name := strings.Trim(someText(r)[:r.IntN(9)], "\r\n ")
		if !strings.ContainsAny(name, "\r\n\xc3\xa9") && name != "" {
			h.Set("Content-Disposition", stdmime.FormatMediaType("attachment", map[string]string{"filename": name}))
		} else {
			name = ""
		}
		want = append(want, leafText{name, body})
		switch r.IntN(3) {
		case 0:
			h.Set("Content-Transfer-Encoding", "base64")
			line := 4 * (1 + r.IntN(20))
			for s := std64.StdEncoding.EncodeToString([]byte(body)); s != ""; {
				n := min(line, len(s))
				b.WriteString(s[:n] + "\r\n")
				s = s[n:]
			}
		case 1:
			h.Set("Content-Transfer-Encoding", "quoted-printable")
			w := quotedprintable.NewWriter(&b)
			_, _ = w.Write([]byte(body))
			_ = w.Close()
		default:
			b.WriteString(body)
		}
		return h, b.Bytes()
	}
	h, body := write(0)
	head := "Subject: " + stdmime.QEncoding.Encode("utf-8", "é nn"+strings.Repeat(" long", r.IntN(20))) + "\r\n"
	for k := range h {
		head += k + ": " + strings.Replace(h.Get(k), "; ", ";\r\n ", 1) + "\r\n"
	}
	return head + "\r\n" + string(body), want
}

func someText(r *rand.Rand) string {
	var b strings.Builder
	for n := 9 + r.IntN(90); n > 0; n-- {
		b.WriteString([]string{"n", "nn", "a", "=", ".", "-", "--", "é", "\r\n", " x", "long "}[r.IntN(11)])
	}
	return b.String() + "."
}

// TestTwin: what the standard library writes is read as it was, and what it reads behind our edits is what was asked for.
func TestTwin(t *testing.T) {
	g := NewPool("smtp")
	held := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		text, want := leaves(r)
		w := newMail(t, g)
		var got []leafText
		name := ""
		w.shown = func(m *field.Message, phase field.Phase) {
			switch {
			case phase == field.MessageStart:
				name = string(m.Get(field.EmailFilename))
			case phase == field.MessageEnd && len(w.part) > 0:
				got = append(got, leafText{name, string(w.part)})
			}
		}
		with := []string{"nn", "X", "<longer>", "--", "\r\n.", "é"}[r.IntN(6)]
		w.old, w.with = "nn", with
		w.read(text, pieces(seed), nil)
		w.r.Close()
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %q\nis read as\n%q\nwant\n%q", seed, text, got, want)
		}
		if len(w.told) > 0 {
			continue
		}
		held++
		for i := range want {
			want[i].body = strings.ReplaceAll(want[i].body, "nn", with)
		}
		if got := readByStd(t, string(w.out)); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %q\nleft as\n%s\nis read by the library as\n%q\nwant\n%q", seed, text, w.out, got, want)
		}
	}
	if held < 1000 {
		t.Errorf("only %d messages were read behind edits", held)
	}
}

// readByStd reads a message by the standard library.
func readByStd(t *testing.T, text string) (all []leafText) {
	m, err := stdmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var read func(h textproto.MIMEHeader, body io.Reader)
	read = func(h textproto.MIMEHeader, body io.Reader) {
		if kind, params, _ := stdmime.ParseMediaType(h.Get("Content-Type")); strings.HasPrefix(kind, "multipart/") {
			for parts := stdmultipart.NewReader(body, params["boundary"]); ; {
				p, err := parts.NextRawPart()
				if errors.Is(err, io.EOF) {
					return
				} else if err != nil {
					t.Fatal(err)
				}
				read(p.Header, p)
			}
		}
		switch h.Get("Content-Transfer-Encoding") {
		case "base64":
			body = std64.NewDecoder(std64.StdEncoding, body)
		case "quoted-printable":
			body = quotedprintable.NewReader(body)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatalf("%v: %q", err, text)
		}
		_, params, _ := stdmime.ParseMediaType(h.Get("Content-Disposition"))
		all = append(all, leafText{params["filename"], string(b)})
	}
	read(textproto.MIMEHeader(m.Header), m.Body)
	return all
}

// TestWords: encoded words are decoded as the standard library does.
func TestWords(t *testing.T) {
	d := new(stdmime.WordDecoder)
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 4))
		s := strings.NewReplacer("\r\n", " ", "--", "ü").Replace(someText(r))
		enc, cs := stdmime.QEncoding, "utf-8"
		if r.IntN(2) == 0 {
			enc = stdmime.BEncoding
		}
		coded := enc.Encode(cs, s)
		want, err := d.DecodeHeader(coded)
		if got := string(appendWords(nil, []byte(coded))); err != nil || got != want {
			t.Fatalf("%q: %q, want %q", coded, got, want)
		}
	}
	for in, want := range map[string]string{
		"a =?x": "a =?x", "=?a?b": "=?a?b", "=?utf-8?x?a?=": "=?utf-8?x?a?=", "=?utf-8?q?a?= =?utf-8?q?b?=": "ab", "=?utf-8?q?a?= b =?utf-8?q?c?=": "a b c",
		"=?iso-8859-1?q?=E9_=zz?=": "é =zz", "=?utf-8*de?b?YWI?=": "ab",
	} {
		if got := string(appendWords(nil, []byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
