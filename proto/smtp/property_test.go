package smtp

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weir-project/weir/internal/prototest"
)

// play reads a conversation cut by seed; seed 0 cuts nothing.
func play(t testing.TB, g *Grammar, text string, seed uint64, with string, late bool) *wire {
	w := newWire(t, g)
	defer w.p.Close()
	if with != "" {
		w.old, w.with, w.edits, w.resize = "nn", with, g.Fields(), g.Fields()
	}
	var cuts []int
	var isLate func(int) bool
	if seed > 0 {
		r := rand.New(rand.NewPCG(seed, 1))
		for n := r.IntN(60); n > 0; n-- {
			cuts = append(cuts, r.IntN(len(text)+1))
		}
		if late {
			isLate = func(int) bool { return r.IntN(3) == 0 }
		}
	}
	return w.talk(text, cuts, isLate)
}

// check holds what is shown and what leaves against any cut of the same conversation.
// It returns how many of three ways of cutting were read again behind their edits.
func check(t testing.TB, g *Grammar, text string, seed uint64, with string) (held int) {
	if g.mails.Used() > 0 || g.kept.Used() > 0 || g.parsers.Used() > 0 {
		t.Fatal("something was not given back")
	}
	plain := play(t, g, text, 0, "", false)
	for i := range 2 {
		w := play(t, g, text, seed|1, "", i == 1)
		if plain.why != w.why || plain.log.String() != w.log.String() {
			t.Fatalf("at once, %q\n%s\nin pieces, %q\n%s\n%q", plain.why, plain.log.String(), w.why, w.log.String(), text)
		}
		if string(w.out(up)) != string(w.in[up]) || string(w.out(down)) != string(w.in[down]) {
			t.Fatalf("altered: %q", w.out(up))
		}
	}
	edits := [...]*wire{play(t, g, text, 0, with, false), play(t, g, text, seed|1, with, false), play(t, g, text, seed|1, with, true)}
	if plain.why != "" || len(plain.told) > 0 {
		return 0
	}
	for i, w := range edits {
		if w.why != "" || w.dead {
			t.Fatalf("%d: %q, broken %v\n%q\nleft as %q, too late %v", i, w.why, w.dead, w.in[up][:w.at[up]], w.out(up)[:len(w.out(up))-len(w.in[up])+w.at[up]], w.lost)
		}
		if len(w.told) > 0 || w.missed > 0 || w.tooLate > 0 {
			continue
		}
		again := play(t, g, rejoin(text, string(w.out(up))), 0, "", false)
		if got := again.log.String(); got != w.edited.String() || again.why != "" || len(again.told) > 0 {
			t.Fatalf("%d: %q\nleft as %q\nis read, %q, %q, as\n%s\nwant\n%s", i, text, w.out(up), again.why, again.told, got, w.edited.String())
		}
		held++
	}
	return held
}

// rejoin is the conversation in which the client says client: line by line of commands, and a message at once.
func rejoin(text, client string) string {
	var b strings.Builder
	for _, s := range turns(text) {
		if s.dir == down {
			for line := range strings.Lines(s.text) {
				b.WriteString("S:" + line)
			}
			continue
		}
		n := len(s.text)
		switch end := strings.Index(client, "\r\n.\r\n"); {
		case strings.HasPrefix(s.text, "BDAT") || !strings.HasPrefix(client, s.text[:min(n, 9)]) || strings.Contains(s.text, "\r\n.\r\n"):
			n = len(client)
			if end >= 0 && strings.Contains(s.text, "\r\n.\r\n") {
				n = end + 5 + len(s.text) - strings.Index(s.text, "\r\n.\r\n") - 5
			}
		}
		n = min(n, len(client))
		for line := range strings.Lines(client[:n]) {
			b.WriteString("C:" + line)
		}
		client = client[n:]
	}
	return b.String()
}

// someMail writes a message: heads, parts, encodings, of lines that have the word and what may trouble a reader.
func someMail(r *rand.Rand) string {
	text := func() string {
		var b strings.Builder
		for n := r.IntN(8); n > 0; n-- {
			for k := r.IntN(12); k > 0; k-- {
				b.WriteString([]string{"n", "n", "nn", "a", " ", "=", ".", "-", "--b", "é", strings.Repeat("long ", 30), "="}[r.IntN(12)])
			}
			b.WriteString("\n")
		}
		return b.String()
	}
	var entity func(depth int) string
	entity = func(depth int) string {
		head := []string{"", "Subject: nn\n", "X: a\n folded\n", "From: a@b\nTo: c@d\n"}[r.IntN(4)]
		switch k := r.IntN(8); {
		case k < 2 && depth < 4:
			b := fmt.Sprintf("b%d", depth)
			s := head + "Content-Type: multipart/mixed; boundary=" + b + "\n\n" + text()
			for n := 1 + r.IntN(3); n > 0; n-- {
				s += "--" + b + "\n" + entity(depth+1) + "\n"
			}
			return s + "--" + b + "--\n" + text()
		case k == 2 && depth < 4:
			return head + "Content-Type: message/rfc822\n\n" + entity(depth+1)
		case k == 3 || k == 4:
			return head + "Content-Transfer-Encoding: base64\n\n" + lines(encode64(text()), 1+r.IntN(100)) + "\n"
		case k == 5:
			return head + "Content-Transfer-Encoding: quoted-printable\n\n" + encodeQuoted(text())
		}
		return head + "\n" + strings.ReplaceAll(text(), "--b", "")
	}
	return entity(0)
}

func stuffed(s string) string {
	s = crlf(s)
	if strings.HasPrefix(s, ".") {
		s = "." + s
	}
	s = strings.ReplaceAll(s, "\r\n.", "\r\n..")
	if s != "" && !strings.HasSuffix(s, "\r\n") {
		s += "\r\n"
	}
	return s + ".\r\n"
}

var replacements = []string{"XY", "X", "<a longer one>", "-", "..", strings.Repeat("grown ", 40)}

// TestAnyMail: mails of all kinds, by DATA and by BDAT, however they are cut.
func TestAnyMail(t *testing.T) {
	g := New()
	n := 3000
	if testing.Short() {
		n = 300
	}
	held := 0
	for seed := range uint64(n) {
		r := rand.New(rand.NewPCG(seed, 7))
		text := crlf(welcome)
		for range 1 + r.IntN(2) {
			m := someMail(r)
			if r.IntN(3) > 0 {
				text += crlf(envelopes) + stuffed(m) + "S:250 ok\r\n"
				continue
			}
			m = crlf(m)
			cut := r.IntN(len(m) + 1)
			text += fmt.Sprintf("MAIL FROM:<a>\r\nBDAT %d\r\nC:%s", cut, strings.ReplaceAll(m[:cut], "\r\n", "\r\nC:"))
			text += fmt.Sprintf("C:BDAT %d LAST\r\nC:%s\nS:250 ok\r\nS:250 ok\r\nS:250 ok\r\n", len(m)-cut+1, strings.ReplaceAll(m[cut:], "\r\n", "\r\nC:"))
		}
		held += check(t, g, text, seed, replacements[r.IntN(len(replacements))])
	}
	if held < n {
		t.Errorf("of %d conversations in three cuts, %d were read again", n, held)
	}
}

// FuzzStream: the same of any conversation.
func FuzzStream(f *testing.F) {
	f.Add(crlf(welcome+envelopes)+stuffed("Subject: x\n\nannna\n.\n")+"S:250 ok\r\n", uint64(1), uint8(1))
	f.Add(crlf(welcome+"BDAT 12\na: b\nnn\nBDAT 4 LAST\nnn\n"), uint64(2), uint8(2))
	f.Add(crlf(welcome+"AUTH LOGIN\nS:334 x\nx\nS:235\nSTARTTLS\nS:220\nx"), uint64(2), uint8(2))
	g := New()
	f.Fuzz(func(t *testing.T, text string, seed uint64, how uint8) {
		text = crlf(welcome) + text
		plain := play(t, g, text, 0, "", false)
		for i := range 2 {
			w := play(t, g, text, seed|1, "", i == 1)
			if plain.why != w.why || plain.log.String() != w.log.String() {
				t.Fatalf("at once, %q\n%s\nin pieces, %q\n%s", plain.why, plain.log.String(), w.why, w.log.String())
			}
			if string(w.out(up)) != string(w.in[up]) || string(w.out(down)) != string(w.in[down]) {
				t.Fatalf("altered: %q", w.out(up))
			}
			play(t, g, text, seed|1, replacements[int(how)%len(replacements)], i == 1)
		}
		if g.mails.Used() > 0 || g.kept.Used() > 0 || g.parsers.Used() > 0 {
			t.Fatal("something was not given back")
		}
	})
}

// TestWarmAllocatesNothing: of a whole session with a mail of several parts.
func TestWarmAllocatesNothing(t *testing.T) {
	g := New()
	mail := "Subject: =?utf-8?q?x?=\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename*=utf-8''x\n\n" +
		lines(encode64(strings.Repeat("some text ", 500)), 76) + "\n--b\nContent-Transfer-Encoding: quoted-printable\n\n" + encodeQuoted(strings.Repeat("é=. ", 100)) + "\n--b--\n"
	said := turns(crlf(envelopes) + stuffed(mail) + "S:250 ok\r\n")
	s := &prototest.Stream{Parser: g.Open(), Want: g.Fields(), Quiet: true}
	for _, one := range turns(crlf(welcome)) {
		s.Send(one.dir, []byte(one.text), false)
	}
	texts := make([][]byte, len(said))
	for i := range said {
		texts[i] = []byte(said[i].text)
	}
	run := func() {
		for i, one := range said {
			for at := 0; at < len(texts[i]); at += 1460 {
				s.Send(one.dir, texts[i][at:min(len(texts[i]), at+1460)], false)
			}
		}
	}
	run()
	before := s.Count
	run()
	count := s.Count - before
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if s.Why != "" || s.Count < 100*count || count < 10 {
		t.Errorf("%q, %d messages, then %d", s.Why, count, s.Count)
	}
}
