package smtp

import (
	"strconv"
	"strings"
	"testing"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

const welcome = "S:220 mx.example.com ESMTP\nEHLO client.example.org\nS:250-mx.example.com\nS:250-PIPELINING\nS:250-STARTTLS\nS:250 CHUNKING\n"

const envelopes = "MAIL FROM:<a@example.org> SIZE=10\nRCPT TO:<b@example.com>\nRCPT TO:<c@example.com>\nDATA\nS:250 ok\nS:250 ok\nS:250 ok\nS:354 go\n"

const sent = `smtp.helo="client.example.org" smtp.mail_from="a@example.org" smtp.rcpt_to="b@example.com" smtp.rcpt_to="c@example.com" `

func TestSessions(t *testing.T) {
	g := New()
	for _, c := range []struct {
		name, text, log string
		why             packet.Reason
	}{
		{"message", welcome + envelopes + "Subject: x\n\nhello\n..dot\n.\nS:250 queued\nQUIT\nS:221 bye\n", sent + `email.subject="x" body="hello\r\n.dot\r\n" `, ""},
		{"two", welcome + envelopes + "\nhi\n.\nS:250 queued\nRSET\nMAIL FROM: <>\nRCPT TO:b\nDATA\nS:250 ok\nS:250 ok\nS:250 ok\nS:354 go\n.\nS:250 ok\n", sent + `body="hi\r\n" smtp.mail_from="" smtp.rcpt_to="b" body="" `, ""},
		{"refused", welcome + strings.Replace(envelopes, "354", "554", 1) + "HELO again\n", sent + `smtp.helo="again" `, ""},
		{"early", "EHLO x\nS:220 mx ESMTP\nS:250 hi\n" + envelopes + ".\n", `smtp.helo="x" ` + sent[len(`smtp.helo="client.example.org" `):] + `body="" `, ""},
		{"no end", welcome + envelopes + "Subject: x\n\nhello\n", sent + `email.subject="x" `, ""},
		{"starttls", welcome + "STARTTLS\nS:220 go\n\x16\x03\x01\nMAIL FROM:<x>\n", `smtp.helo="client.example.org" `, ""},
		{"no tls", welcome + "STARTTLS\nS:454 no\nMAIL FROM:<x>\n", `smtp.helo="client.example.org" smtp.mail_from="x" `, ""},
		{"injected", welcome + "STARTTLS\nMAIL FROM:<x>\nS:220 go\n", `smtp.helo="client.example.org" `, ahead},
		{"eager", welcome + strings.Replace(envelopes, "S:354 go\n", "", 1) + "S:250 no\nhello\n.\n", sent, badCommand},
		{"before 354", welcome + "DATA\nhello\nS:354 go\n", `smtp.helo="client.example.org" `, ahead},
		{"auth", welcome + "AUTH LOGIN\nS:334 VXNlcm5hbWU6\nTUFJTCBGUk9NOjx4Pg==\nS:334 x\nMAIL FROM:<secret>\nS:235 ok\nMAIL FROM:<x>\n", `smtp.helo="client.example.org" smtp.mail_from="x" `, ""},
		{"auth at once", welcome + "AUTH PLAIN AGEAYg==\nS:535 no\nRCPT TO:<x>\n", `smtp.helo="client.example.org" smtp.rcpt_to="x" `, ""},
		{"lmtp", "S:220 x LMTP\nLHLO x\nS:250 hi\n" + envelopes + "\nhi\n.\nS:250 b\nS:250 c\nDATA\nS:354 go\n\nho\n.\n", `smtp.helo="x" ` + sent[len(`smtp.helo="client.example.org" `):] + `body="hi\r\n" body="ho\r\n" `, ""},
		{"lmtp in a pipeline", "S:220 x LMTP\nLHLO x\nS:250 hi\n" + envelopes + "\nhi\n.\nMAIL FROM:<d>\nRCPT TO:<e>\nDATA\nS:250 b\nS:250 c\nS:250 ok\nS:250 ok\nS:354 go\n\nho\n.\n", `smtp.helo="x" ` + sent[len(`smtp.helo="client.example.org" `):] + `body="hi\r\n" smtp.mail_from="d" smtp.rcpt_to="e" body="ho\r\n" `, ""},
		{"early, in a pipeline", "EHLO x\nS:220 mx ESMTP\nMAIL FROM:<d>\nRCPT TO:<e>\nDATA\nS:250 hi\nS:250 ok\nS:250 ok\nS:354 go\n\nho\n.\n", `smtp.helo="x" smtp.mail_from="d" smtp.rcpt_to="e" body="ho\r\n" `, ""},
		{"bdat not offered", strings.Replace(welcome, "CHUNKING", "SIZE", 1) + "BDAT 5\nQUIT\n", `smtp.helo="client.example.org" `, unoffered},
		{"bad bdat", welcome + "BDAT x\n", `smtp.helo="client.example.org" `, badChunk},
		{"turn", welcome + "TURN\nS:250 ok\nS:x\n", `smtp.helo="client.example.org" `, turned},
		{"blank", welcome + " DATA\n", `smtp.helo="client.example.org" `, badCommand},
		{"nul", welcome + "MAIL FROM:<\x00>\n", `smtp.helo="client.example.org" `, controlByte},
		{"bad reply", welcome + "NOOP\nS:2x0 ok\n", `smtp.helo="client.example.org" `, badReply},
	} {
		w := newWire(t, g).talk(crlf(c.text), nil, nil)
		if got := w.log.String(); got != c.log || w.why != c.why {
			t.Errorf("%s: %q\n%s\nwant %q\n%s", c.name, w.why, got, c.why, c.log)
		}
		w.p.Close()
	}
	if g.mails.Used() > 0 || g.kept.Used() > 0 {
		t.Error("something was not given back")
	}
}

// TestSmuggling: what some receivers take for the end of a message, and others do not, refuses the connection.
func TestSmuggling(t *testing.T) {
	g := New()
	for _, c := range []struct {
		text string
		why  packet.Reason
	}{
		{"a\n.\r\n", bareLineEnd},
		{"a\r\n.\n", bareLineEnd},
		{"a\n.\n", bareLineEnd},
		{"a\r.\r", bareLineEnd},
		{"a\r\n.\r\r\n", bareLineEnd},
		{"a\r\r\n.\r\n", bareLineEnd},
		{"a\rb\r\n", bareLineEnd},
		{"a\nb\r\n", bareLineEnd},
		{".\r\x00\n", bareLineEnd},
		{"a\r\n.\x00\r\n", controlByte},
		{strings.Repeat("x", maxText+1), lineTooLong},
		{"a\r\n.x\r\n.\r\n", ""},
		{"a\r\n..\r\n.\r\n", ""},
	} {
		for cut := range min(len(c.text), 16) {
			w := newWire(t, g)
			for _, s := range turns(crlf(welcome + envelopes)) {
				w.send(s.dir, []byte(s.text), false, false)
			}
			w.send(up, []byte(c.text[:cut]), false, false)
			w.send(up, []byte(c.text[cut:]), false, false)
			if w.why != c.why || w.as != proto.Unreadable {
				t.Errorf("%.20q cut at %d: %q, want %q", c.text, cut, w.why, c.why)
			}
			w.p.Close()
		}
	}
}

// TestChunks: a message in chunks is shown and edited like one, and sizes fit.
func TestChunks(t *testing.T) {
	g := New()
	text := "Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\nYSBzZWNyZXQgaGVyZQ==\r\n"
	for cut := range len(text) {
		for _, with := range []string{"", "XXXXXX", "X", "XXXXXXXXXXX"} {
			said := []said{{up, "BDAT " + strconv.Itoa(cut) + "\r\n" + text[:cut] + "BDAT " + strconv.Itoa(len(text)-cut) + " LAST\r\n" + text[cut:]}, {down, "250 ok\r\n250 ok\r\n"}, {up, "MAIL FROM:<x>\r\n"}}
			read := func(first string, edit bool) *wire {
				w := newWire(t, g)
				defer w.p.Close()
				if edit {
					w.old, w.with, w.edits, w.resize = "secret", with, g.Fields(), g.Fields()
				}
				for _, s := range turns(crlf(welcome)) {
					w.send(s.dir, []byte(s.text), false, false)
				}
				w.send(up, []byte(first), false, false)
				w.send(down, []byte(said[1].text), false, false)
				w.send(up, []byte(said[2].text), false, false)
				return w
			}
			w := read(said[0].text, with != "")
			want := `smtp.helo="client.example.org" email.subject="x" body="a secret here" smtp.mail_from="x" `
			if w.why != "" || w.log.String() != want {
				t.Fatalf("cut at %d: %q, %s", cut, w.why, w.log.String())
			}
			if w.missed > 0 || len(w.told) > 0 || with == "" {
				continue
			}
			out := string(w.out(up)[len("EHLO client.example.org\r\n"):])
			again := read(strings.TrimSuffix(out, said[2].text), false)
			if got := again.log.String(); got != w.edited.String() || again.why != "" {
				t.Fatalf("cut at %d: %q, %s\nwant %s\n%q", cut, again.why, got, w.edited.String(), out)
			}
		}
	}
}

// TestLongChunk: what is edited in a chunk that is not the last shifts nothing in one whose size has left.
func TestLongChunk(t *testing.T) {
	g := New()
	first := "Content-Transfer-Encoding: base64\r\n\r\nYSBzZWNyZXQgaGVyZSBv\r\n"
	last := strings.Repeat(strings.Repeat("b25l", 19)+"\r\n", 1000)
	for _, with := range []string{"longer secret", "secrets", "pin"} {
		w := newWire(t, g)
		w.old, w.with, w.edits, w.resize = "secret", with, g.Fields(), g.Fields()
		for _, s := range turns(crlf(welcome)) {
			w.send(s.dir, []byte(s.text), false, false)
		}
		begin := "BDAT " + strconv.Itoa(len(first)) + "\r\n" + first + "BDAT " + strconv.Itoa(len(last)) + " LAST\r\n" + last[:999]
		for _, text := range []string{begin, last[999:], "MAIL FROM:<x>\r\n"} {
			w.send(up, []byte(text), false, false)
		}
		if w.why != "" || len(w.told) != 1 || w.told[0] != "mime-cannot-resize" || !strings.HasSuffix(w.log.String(), `smtp.mail_from="x" `) {
			t.Errorf("%q: %q, told %q, %.100s", with, w.why, w.told, w.log.String())
		}
		if string(w.out(up)) != string(w.in[up]) {
			t.Errorf("%q: something was altered", with)
		}
		w.p.Close()
	}
}

// TestKeptChunk: what a chunk leaves unread is bounded.
func TestKeptChunk(t *testing.T) {
	g := New()
	w := newWire(t, g)
	defer w.p.Close()
	for _, s := range turns(crlf(welcome)) {
		w.send(s.dir, []byte(s.text), false, false)
	}
	text := "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.Repeat(" ", 2*maxKept)
	w.send(up, []byte("BDAT "+strconv.Itoa(len(text))+"\r\n"+text), false, false)
	if w.why != exhausted || w.as != proto.Beyond {
		t.Errorf("%q", w.why)
	}
}

// TestNobodyAsks: a connection of which nobody wants a field is not read.
func TestNobodyAsks(t *testing.T) {
	w := newWire(t, New())
	w.want = field.SetOf(field.HTTPURI)
	w.talk(crlf(welcome)+"what\never\n", nil, nil)
	if w.why != "" || w.log.Len() > 0 || w.skip[up] == 0 || w.skip[down] == 0 {
		t.Errorf("%q, %s", w.why, w.log.String())
	}
}

func TestEnvelopeEdits(t *testing.T) {
	g := New()
	for with, want := range map[string]string{"x@y": "<x@y>", "": "<>", "a b": "<a@example.org>", "a>": "<a@example.org>"} {
		w := newWire(t, g)
		w.heads = func(m *field.Message) []field.Edit {
			if m.Get(field.SMTPMailFrom) == nil {
				return nil
			}
			return []field.Edit{{Span: m.Fields[0].Span, New: []byte(with)}}
		}
		w.talk(crlf(welcome+"MAIL FROM:<a@example.org> SIZE=1\n"), nil, nil)
		if got := string(w.out(up)); !strings.HasSuffix(got, "MAIL FROM:"+want+" SIZE=1\r\n") {
			t.Errorf("%q: %q, told %q", with, got, w.told)
		}
		w.p.Close()
	}
}

func TestRecognise(t *testing.T) {
	g := New()
	for unit, want := range map[string]proto.Match{"220 mx\r\n": proto.Yes, "220 mx": proto.Maybe, "220 ftp\r\n": proto.No, "+OK\r\n": proto.No} {
		if got := g.Recognise([]byte(unit), proto.Peer{Transport: packet.TCP, Dir: down, ServerPort: 25}); got != want {
			t.Errorf("%q on port 25: %v, want %v", unit, got, want)
		}
	}
	for _, c := range []struct {
		unit string
		dir  int
		want proto.Match
	}{
		{"220 mx ESMTP\r\n", 1, proto.Yes},
		{"220-mx smtp\r\n", 1, proto.Yes},
		{"220 mx\r\n", 1, proto.No},
		{"220 smtp ftp\r\n", 1, proto.No},
		{"220 mx ESM", 1, proto.Maybe},
		{"2", 1, proto.Maybe},
		{"200 SMTP\r\n", 1, proto.No},
		{"220x SMTP\r\n", 1, proto.No},
		{"EHLO x\r\n", 0, proto.Yes},
		{"helo x\r\n", 0, proto.Yes},
		{"EHL", 0, proto.Maybe},
		{"EHLO\r\n", 0, proto.No},
		{"GET / HTTP/1.1\r\n", 0, proto.No},
		{"mail from:<x>\r\n", 0, proto.Yes},
		{"LHLO " + strings.Repeat("x", maxLine), 0, proto.No},
		{"", 0, proto.Maybe},
	} {
		from := proto.Peer{Transport: packet.TCP, Dir: up}
		if c.dir == 1 {
			from.Dir = down
		}
		if got := g.Recognise([]byte(c.unit), from); got != c.want {
			t.Errorf("%.30q: %v, want %v", c.unit, got, c.want)
		}
	}
}
