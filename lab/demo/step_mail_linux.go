package demo

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// secondCard is the number of another card that no bank has issued.
const secondCard = "5500 0000 0000 0004"

// orders is a table with two cards in it, as somebody attaches it to a mail.
func orders(cards ...string) []byte {
	return fmt.Appendf(nil, "name;card;amount\r\nAda;%s;42\r\nGrace;%s;7\r\n", cards[0], cards[1])
}

// mailWith is a mail with an attachment.
func mailWith(attachment []byte) []byte {
	var b bytes.Buffer
	b.WriteString("From: ada@example.com\r\nTo: orders@example.net\r\nSubject: This week\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/mixed; boundary=weir-demo\r\n\r\n--weir-demo\r\n\r\nThe orders of this week are attached.\r\n" +
		"--weir-demo\r\nContent-Type: text/csv; name=orders.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	const line = 57 // bytes in 76 characters
	for ; len(attachment) > line; attachment = attachment[line:] {
		b.WriteString(base64.StdEncoding.EncodeToString(attachment[:line]) + "\r\n")
	}
	b.WriteString(base64.StdEncoding.EncodeToString(attachment) + "\r\n--weir-demo--\r\n")
	return b.Bytes()
}

// attachmentOf is what the last part of a mail holds; nil if it cannot be read.
func attachmentOf(text []byte) (attachment []byte) {
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return nil
	}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return attachment
		}
		if err != nil {
			return nil
		}
		if attachment, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, p)); err != nil {
			attachment = nil // of another encoding
		}
	}
}

// mailedCards has a mail client send a table of cards as an attachment.
func (r *live) mailedCards() {
	from := r.journal.now()
	sent := mailWith(orders(r.Card, secondCard))
	want := mailWith(orders(masked(r.Card), masked(secondCard)))
	by, err := r.mail(sent)
	if err != nil {
		r.fail("%s: the mail was not sent: %v", by, err)
		return
	}
	var got []byte
	select {
	case got = <-r.internet.mails:
	case <-time.After(patience):
	}
	r.screen.blank()
	r.screen.compare("client attached", "server received", attachmentOf(sent), attachmentOf(got))
	r.event(from, "dlp", func(e *eveEvent) bool {
		return e.Type == "dlp" && e.Weir.Name == "card" && e.Weir.Field == "email.body"
	})
	r.check(bytes.Equal(got, want), "by %s, in base64 in a mail of %d bytes: the attachment decodes, and all else is as it was sent", by, len(sent))
}

// mail sends a mail by curl if that is installed, and else by net/smtp, and says by which.
func (r *live) mail(text []byte) (by string, err error) {
	address := net.JoinHostPort(r.server(false), portSMTP)
	if installed("curl") {
		c := r.lab.Client().Command("curl", "-sS", "--max-time", "5", "smtp://"+address, "--mail-from", "ada@example.com", "--mail-rcpt", "orders@example.net", "-T", "-")
		c.Stdin = bytes.NewReader(text)
		out, err := c.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, oneLine(out))
		}
		return "curl", err
	}
	conn, err := r.lab.Client().Dial("tcp", address)
	if err != nil {
		return "net/smtp", err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	c, err := smtp.NewClient(conn, "mx.example.net")
	if err != nil {
		return "net/smtp", err
	}
	defer c.Close()
	return "net/smtp", send(c, text)
}

// send is one mail over a connection that is open.
func send(c *smtp.Client, text []byte) error {
	if err := c.Mail("ada@example.com"); err != nil {
		return err
	}
	if err := c.Rcpt("orders@example.net"); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

// takeMail is the server's end of SMTP (RFC 5321), of which it keeps the messages.
func (i *internet) takeMail(conn net.Conn) {
	r := textproto.NewReader(bufio.NewReader(conn))
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 mx.example.net ESMTP")
	for {
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			say("354 go on")
			text, err := r.ReadDotBytes()
			if err != nil {
				return
			}
			say("250 queued")
			select {
			case i.mails <- bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")):
			default: // nobody waits for so many
			}
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}
