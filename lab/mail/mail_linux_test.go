// Package mail_test edits mail between real clients and a server: a lane on the router replaces a word in the texts of mails by another, and
// what the server has got is compared.
package mail_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/inspect/dlp"
	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/lab/labtest"
	"github.com/weir-project/weir/lab/lane"
	"github.com/weir-project/weir/proto/all"
)

func TestMain(m *testing.M) { labtest.Main(m) }

const (
	word        = "needle"
	servicePort = 7025
)

var texts = field.SetOf(field.EmailBody)

// An editor replaces the word in every text of a mail, however it is cut.
type editor struct{ with []byte }

func (e *editor) Name() string       { return "dlp" }
func (e *editor) Fields() field.Set  { return texts }
func (e *editor) Resizes() field.Set { return texts }

func (e *editor) InspectField(cx *inspect.Context, f *field.Field) inspect.Decision {
	at := 0
	for i := bytes.Index(f.Value, []byte(word)); i >= 0; i = bytes.Index(f.Value[at:], []byte(word)) {
		cx.Edit(f, at+i, at+i+len(word), e.with)
		at += i + len(word)
	}
	for n := min(len(word)-1, len(f.Value)-at); n > 0; n-- {
		if bytes.HasSuffix(f.Value, []byte(word[:n])) {
			cx.Hold(n)
			break
		}
	}
	return inspect.Decision{}
}

// parts are what the mails of this test hold, as text: full of a word.
func parts(word string) []string {
	var lines strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&lines, "%d: a %s in %x\r\n.and a dot\r\n", i, word, i*i*7919)
	}
	return []string{"one " + word + "\r\n", lines.String(), strings.Repeat("hay é = "+word+" ", 4000)}
}

// message is a mail that holds them.
func message(word string) []byte {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	fmt.Fprintf(&b, "From: a@example.org\r\nTo: b@example.com\r\nSubject: hay\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n", w.Boundary())
	for i, text := range parts(word) {
		p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Transfer-Encoding": {[]string{"7bit", "base64", "quoted-printable"}[i]}})
		switch i {
		case 0:
			_, _ = io.WriteString(p, text)
		case 1:
			s := base64.StdEncoding.EncodeToString([]byte(text))
			for ; len(s) > 76; s = s[76:] {
				_, _ = io.WriteString(p, s[:76]+"\r\n")
			}
			_, _ = io.WriteString(p, s)
		case 2:
			q := quotedprintable.NewWriter(p)
			_, _ = io.WriteString(q, text)
			_ = q.Close()
		}
	}
	_ = w.Close()
	return b.Bytes()
}

// read returns what a mail holds.
func read(text string) (all []string, err error) {
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		var body io.Reader = p
		switch p.Header.Get("Content-Transfer-Encoding") {
		case "base64":
			body = base64.NewDecoder(base64.StdEncoding, p)
		case "quoted-printable":
			body = quotedprintable.NewReader(p)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			return nil, err
		}
		all = append(all, string(b))
	}
}

// TestMail: net/smtp, curl and Python's smtplib send a mail, and the server has it edited and otherwise whole.
func TestMail(t *testing.T) {
	for _, c := range []struct {
		name, with string
		topology   lab.Topology
	}{
		{name: "same length", with: "NEEDLE"},
		{name: "shorter", with: "pins"},
		{name: "longer", with: "a longer word"},
		{name: "gone, plain packets", with: "", topology: lab.Topology{PlainPackets: true}},
		{name: "longer by one, loss", with: "needles", topology: lab.Topology{Loss: 0.01, PlainPackets: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			exchange(t, c.topology, &editor{with: []byte(c.with)}, word, c.with)
		})
	}
}

// TestSecretsInMail: the cards in a mail, plain, in base64 and in quoted-printable, arrive masked, and all else as it was.
func TestSecretsInMail(t *testing.T) {
	maker, mistakes := dlp.New(dlp.Config{Detectors: []dlp.Detector{{Name: "card", Action: "mask", Keep: 4}}}, inspect.Env{Lanes: 1})
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	exchange(t, lab.Topology{PlainPackets: true}, maker(), "card 4000-0000-0000-0002", "card XXXX-XXXX-XXXX-0002")
}

// exchange has every client send a mail full of a word, while an inspector puts another in its place.
func exchange(t *testing.T, topology lab.Topology, inspector inspect.Inspector, word, with string) {
	l := labtest.New(t, topology)
	s := &server{}
	var err error
	addr := fmt.Sprintf("%s:%d", l.Server().In.Addr(false), servicePort)
	if s.ln, err = l.Server().Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	defer s.ln.Close()
	go s.serve() // ends with the listener
	weir := labtest.Lane(t, l.Router(), firewall.Config{Inject: true, MayGrow: true, Select: lane.Port(servicePort)}, engine.Config{
		Program: labtest.Alone(t, new(inspect.LabelTable), inspector), Grammars: all.Grammars(),
		Limits: engine.Limits{Hold: 20 * time.Second, Edits: 20_000},
	})
	for name, send := range clients {
		if tool := tools[name]; tool != "" && !has(tool) {
			t.Logf("SKIPPED: no %s", tool)
			continue
		}
		if err := send(l, addr, word); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.check(t, name, word, with)
	}
	if err := weir.End(); err != nil {
		t.Error(err)
	}
	n := weir.Snapshot()
	t.Logf("%d packets, %d edits, anomalies %v", n.Packets, n.Edits, n.Anomalies)
	if n.Edits < 1000 || topology.Loss == 0 && len(n.Anomalies) > 0 {
		t.Error("few edits, or anomalies")
	}
}

// tools are the programs that clients are.
var tools = map[string]string{"curl": "curl", "smtplib": "python3"}

func has(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// check holds the one mail that came against what was to come.
func (s *server) check(t *testing.T, name, word, with string) {
	t.Helper()
	got := s.taken()
	if len(got) != 1 {
		t.Errorf("%s: %d mails came", name, len(got))
		return
	}
	all, err := read(got[0])
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for i, want := range parts(word) {
		if want = strings.ReplaceAll(want, word, with); i >= len(all) || all[i] != want {
			t.Errorf("%s: part %d of %d is not what it should be", name, i, len(all))
		}
	}
}

// clients send the mail.
var clients = map[string]func(l *lab.Lab, addr, word string) error{
	"net/smtp": func(l *lab.Lab, addr, word string) error {
		conn, err := l.Client().Dial("tcp", addr)
		if err != nil {
			return err
		}
		c, err := smtp.NewClient(conn, "mx.example.com")
		if err != nil {
			return err
		}
		if err := c.Mail("a@example.org"); err != nil {
			return err
		}
		if err := c.Rcpt("b@example.com"); err != nil {
			return err
		}
		w, err := c.Data()
		if err != nil {
			return err
		}
		if _, err := w.Write(message(word)); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		return c.Quit()
	},
	"curl": func(l *lab.Lab, addr, word string) error {
		c := l.Client().Command("curl", "-sS", "--max-time", "30", "smtp://"+addr, "--mail-from", "a@example.org", "--mail-rcpt", "b@example.com", "-T", "-")
		c.Stdin = bytes.NewReader(message(word))
		_, err := c.Output()
		return err
	},
	"smtplib": func(l *lab.Lab, addr, word string) error {
		host, port, _ := strings.Cut(addr, ":")
		c := l.Client().Command("python3", "-c", sender, host, port)
		c.Stdin = bytes.NewReader(message(word))
		_, err := c.Output()
		return err
	},
}

const sender = `
import smtplib, sys
with smtplib.SMTP(sys.argv[1], int(sys.argv[2]), timeout=30) as c:
    c.sendmail("a@example.org", ["b@example.com"], sys.stdin.buffer.read())
`
