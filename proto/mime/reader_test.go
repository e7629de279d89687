package mime

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// A mail is a message on its way through a Reader, which is fed as proto/smtp does. Its inspector replaces a word in texts by another,
// however they are cut.
type mail struct {
	t    testing.TB
	r    *Reader
	want field.Set

	old, with string
	heads     func(m *field.Message) []field.Edit
	stuffed   bool
	fixed     bool

	unread []byte
	lead   int
	out    []byte
	log    strings.Builder // what was shown, texts joined
	edited strings.Builder // likewise, as it should be read behind the edits
	part   []byte
	told   []packet.Reason
	why    packet.Reason
	missed int
	list   []field.Edit
	shown  func(m *field.Message, phase field.Phase)
}

func newMail(t testing.TB, g *Pool) *mail { return &mail{t: t, r: g.Open(), want: Fields} }

// send brings bytes, and feeds what is unread.
func (w *mail) send(b []byte, end, soft bool) {
	w.unread = append(w.unread, b...)
	for w.why == "" {
		fed := bytes.Clone(w.unread) // so that whoever keeps it is found out
		edits := Fields
		if w.old == "" && w.heads == nil {
			edits = 0
		}
		got := w.r.Feed(Input{Raw: fed, Lead: w.lead, Stuffed: w.stuffed, Fixed: w.fixed, End: end, Soft: soft, Want: w.want, Edits: edits}, w)
		at := 0
		for _, e := range got.Edits {
			if e.Span.Off < at || e.Span.End < e.Span.Off || e.Span.End > got.N {
				w.t.Fatalf("edit of [%d, %d) behind %d, in %d", e.Span.Off, e.Span.End, at, got.N)
			}
			if e.Span.Off < w.lead {
				w.t.Fatalf("edit at %d, where %d bytes have left", e.Span.Off, w.lead)
			}
			w.release(at, e.Span.Off)
			w.out = append(w.out, e.New...)
			at = e.Span.End
			w.lead = max(w.lead, at)
		}
		w.release(at, got.N)
		if soft {
			w.release(got.N, len(w.unread))
		}
		w.why = got.Why
		clear(fed)
		w.unread = w.unread[:copy(w.unread, w.unread[got.N:])]
		w.lead = max(0, w.lead-got.N)
		if !got.More {
			break
		}
	}
	if end || w.why != "" {
		w.release(0, len(w.unread))
		w.unread, w.lead = w.unread[:0], 0
	}
}

// release has what of the bytes has not left yet leave.
func (w *mail) release(off, end int) {
	if off = max(off, w.lead); off < end {
		w.out = append(w.out, w.unread[off:end]...)
		w.lead = end
	}
}

func (w *mail) Show(m *field.Message, phase field.Phase) proto.Answer {
	var a proto.Answer
	w.list = w.list[:0]
	if phase == field.MessageStart {
		w.part = w.part[:0]
		if w.heads != nil {
			w.list = append(w.list, w.heads(m)...)
		}
	}
	for _, f := range m.Fields {
		if f.Editable && !bytes.Equal(f.Value, m.Unit[f.Span.Off:f.Span.End]) {
			w.t.Fatalf("%v is not what lies in its span", f.ID)
		}
		if f.ID != field.EmailBody {
			for _, b := range []*strings.Builder{&w.log, &w.edited} {
				fmt.Fprintf(b, "%s=%q ", strings.TrimPrefix(f.ID.String(), "email."), f.Value)
			}
			continue
		}
		if phase != field.MessagePart || int(f.Offset)+f.Seen != len(w.part) || f.Seen > 0 && !bytes.HasSuffix(w.part, f.Value[:f.Seen]) {
			w.t.Fatalf("phase %v: a part at %d with %d bytes seen, after %d bytes: %q", phase, f.Offset, f.Seen, len(w.part), f.Value)
		}
		w.part = append(w.part, f.Value[f.Seen:]...)
		a.Hold = w.look(&f)
	}
	if phase == field.MessageEnd {
		fmt.Fprintf(&w.log, "body=%q end\n", w.part)
		fmt.Fprintf(&w.edited, "body=%q end\n", w.after())
	}
	if w.shown != nil {
		w.shown(m, phase)
	}
	a.Edits = w.list
	return a
}

// after is the text as it should be behind the edits.
func (w *mail) after() []byte {
	if w.old == "" {
		return w.part
	}
	return bytes.ReplaceAll(w.part, []byte(w.old), []byte(w.with))
}

// look finds the word in a part of a text, and returns how much of its end may be the begin of one.
func (w *mail) look(f *field.Field) (hold int) {
	if w.old == "" {
		return 0
	}
	at := 0
	for i := bytes.Index(f.Value, []byte(w.old)); i >= 0; i = bytes.Index(f.Value[at:], []byte(w.old)) {
		off := at + i
		if at = off + len(w.old); off < f.Left {
			w.missed++
			continue
		}
		w.list = append(w.list, field.Edit{Span: field.Span{Off: f.Span.Off + off, End: f.Span.Off + at}, New: []byte(w.with)})
	}
	for n := min(len(w.old)-1, len(f.Value)-at); n > 0 && f.More; n-- {
		if bytes.HasSuffix(f.Value, []byte(w.old[:n])) {
			return n
		}
	}
	return 0
}

func (w *mail) Replace(int, int, []byte) bool { panic("a Reader replaces nothing itself") }

func (w *mail) Tell(_ proto.Trouble, why packet.Reason) bool {
	w.told = append(w.told, why)
	return false
}

// read has a message read, cut by pick.
func (w *mail) read(text string, pick func(left int) int, soft func() bool) *mail {
	for b := []byte(text); ; {
		n := len(b)
		if pick != nil {
			n = min(n, pick(len(b)))
		}
		w.send(b[:n], n == len(b), soft != nil && n < len(b) && soft())
		if b = b[n:]; len(b) == 0 {
			return w
		}
	}
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

const parted = `From: =?utf-8?q?J=C3=B6rg?= <j@example.com>
To: a@example.org,
 b@example.org
Subject: =?iso-8859-1?Q?caf=E9?=  =?UTF-8?B?IHNlY3JldA==?= plain
Content-Type: multipart/mixed; (a comment) boundary="b=_1"

in front
--b=_1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

a secret in =
quoted=3Dprintable  
.dot
--b=_1
Content-Type: application/pdf; name="=?utf-8?Q?=C3=A4.pdf?="
Content-Disposition: attachment; filename*0*=UTF-8''%c3%a4; filename*1=".pdf"
Content-Transfer-Encoding: base64

YW5kIGEgc2Vjc
mV0IGhlcmUsIGFuZCBzb21lIG1vcmUgdGV4dCB0aGF0IGZvbGxvd3M=
--b=_1
Content-Type: message/rfc822

Subject: inner

plain secret
--b=_1--
behind
`

func TestParts(t *testing.T) {
	g := NewPool("smtp")
	w := newMail(t, g).read(crlf(parted), nil, nil)
	want := []string{
		`from="Jörg <j@example.com>" to="a@example.org, b@example.org" subject="café secret plain" body="in front" end`,
		`body="a secret in quoted=printable\r\n.dot" end`,
		`filename="ä.pdf" filename="ä.pdf" body="and a secret here, and some more text that follows" end`,
		`body="" end`,
		`subject="inner" body="plain secret" end`,
		`body="behind\r\n" end`,
	}
	got := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	for i := range max(len(want), len(got)) {
		if i >= len(got) || i >= len(want) || withoutHeads(got[i]) != want[i] {
			t.Errorf("message %d:\n%s\nwant\n%s", i, withoutHeads(got[i]), want[i])
		}
	}
	if string(w.out) != crlf(parted) || len(w.told) > 0 || w.why != "" {
		t.Errorf("told %q, why %q, left as %q", w.told, w.why, w.out)
	}
}

// withoutHeads cuts the value of email.headers out.
func withoutHeads(s string) string {
	if !strings.HasPrefix(s, "headers=") {
		return s
	}
	for i := len("headers=\""); i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return strings.TrimSpace(s[i+1:])
		}
	}
	return s
}

func TestEdits(t *testing.T) {
	g := NewPool("smtp")
	for _, c := range []struct{ with, qp, b64, plain string }{
		{"XXXXXX", "a XXXXXX in =\nquoted", "YW5kIGEgWFhYW\nFhYIGhlcmUsIGFuZCBzb21lIG1vcmUgdGV4dCB0aGF0IGZvbGxvd3M=", "plain XXXXXX"},
		{"X", "a X in =\nquoted", "", "plain X"},
		{"", "a  in =\nquoted", "", "plain "},
		{"XXXXXXXXX", "a XXXXXXXXX in =\nquoted", "", "plain XXXXXXXXX"},
		{"a=b", "a a=3Db in =\nquoted", "", "plain a=b"},
		{"a word that is much longer than what it takes the place of, so", "a a word that is much longer than what it takes the place of, so in =\nquoted", "", "plain a word that is much longer than what it takes the place of, so"},
		{"a word, a =", "a a word, a =3D in =\nquoted", "", "plain a word, a ="},
	} {
		w := newMail(t, g)
		w.old, w.with, w.stuffed = "secret", c.with, true
		w.read(crlf(strings.Replace(parted, "\n.dot", "\n..dot", 1)), nil, nil)
		if len(w.told) > 0 || w.why != "" {
			t.Errorf("%q: told %q, why %q", c.with, w.told, w.why)
		}
		for _, part := range []string{c.qp, c.plain} {
			if !strings.Contains(string(w.out), crlf(part)) {
				t.Errorf("%q: %q is not in\n%s", c.with, part, w.out)
			}
		}
		for line := range strings.Lines(string(w.out)) {
			if len(line) > wrapAt+2 && !strings.Contains(crlf(parted), line) {
				t.Errorf("%q: a line of %d bytes: %q", c.with, len(line), line)
			}
		}
		again := newMail(t, g)
		again.stuffed = true
		again.read(string(w.out), nil, nil)
		plain := newMail(t, g).read(crlf(parted), nil, nil)
		want := strings.ReplaceAll(plain.log.String(), "secret", c.with)
		got := again.log.String()
		if i := strings.Index(want, "body="); got[strings.Index(got, "body="):] != want[i:] {
			t.Errorf("%q: is read as\n%s\nwant\n%s\nout\n%s", c.with, got, want, w.out)
		}
	}
}
