package canary

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// A Turn is what one end says; the other then goes on.
type Turn struct {
	Server bool // says it
	Text   string
}

// A Carrier is a way in which a value can travel.
type Carrier struct {
	Name string
	UDP  bool
	Port int
	Say  func(text string) []Turn // the whole conversation
}

// A Code is what a text can be written in that a value stands in.
type Code struct {
	Name string
	In   func(string) string
	Wide bool // it has bytes that no line of text has
}

// Codes are those that dlp undoes, and none.
var Codes = []Code{
	{Name: "plain", In: func(s string) string { return s }},
	{Name: "percent", In: func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
		return b.String()
	}},
	{Name: "base64", In: func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{Name: "utf-16", Wide: true, In: func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			b.WriteByte(s[i])
			b.WriteByte(0)
		}
		return b.String()
	}},
}

const (
	post   = "POST /in HTTP/1.1\r\nHost: www.example.org\r\n"
	browse = "GET / HTTP/1.1\r\nHost: www.example.org\r\n"
)

// alone has the client say one thing.
func alone(said func(text string) string) func(string) []Turn {
	return func(text string) []Turn { return []Turn{{Text: said(text)}} }
}

// posted has it post a body.
func posted(fields string, body func(text string) string) func(string) []Turn {
	return alone(func(text string) string {
		b := body(text)
		return fmt.Sprintf("%s%sContent-Length: %d\r\n\r\n%s", post, fields, len(b), b)
	})
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func document(s string) string {
	b, _ := json.Marshal(map[string]any{"note": s, "amount": 7})
	return string(b)
}

func multipart(s string) string {
	return "--b0undary\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n" + s + "\r\n--b0undary--\r\n"
}

// mailed has it send a mail, between what both ends say by RFC 5321.
func mailed(mail func(text string) string) func(string) []Turn {
	return func(text string) []Turn {
		return []Turn{
			{true, "220 mx.example.org ESMTP\r\n"},
			{false, "EHLO client.example.org\r\n"},
			{true, "250-mx.example.org\r\n250 8BITMIME\r\n"},
			{false, "MAIL FROM:<a@example.org>\r\n"},
			{true, "250 ok\r\n"},
			{false, "RCPT TO:<b@example.org>\r\n"},
			{true, "250 ok\r\n"},
			{false, "DATA\r\n"},
			{true, "354 go on\r\n"},
			{false, mail(text) + "\r\n.\r\n"},
			{true, "250 queued\r\n"},
			{false, "QUIT\r\n"},
			{true, "221 bye\r\n"},
		}
	}
}

const head = "From: a@example.org\r\nTo: b@example.org\r\n"

// attached is a text as the attachment of a mail, in base64 in lines.
func attached(text string) string {
	coded := base64.StdEncoding.EncodeToString([]byte("what follows is attached: " + text + "\r\nand no more\r\n"))
	var b strings.Builder
	for ; len(coded) > 76; coded = coded[76:] {
		b.WriteString(coded[:76] + "\r\n")
	}
	b.WriteString(coded)
	return head + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b0undary\r\n\r\n--b0undary\r\n\r\nsee there\r\n" +
		"--b0undary\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b.String() + "\r\n--b0undary--"
}

// Carriers are all ways in which a line of text can travel that are no names; see Labels.
var Carriers = []Carrier{
	{Name: "TCP", Port: 9000, Say: alone(func(s string) string { return "hello, " + s + "\nbye\n" })},
	{Name: "UDP", UDP: true, Port: 9000, Say: alone(func(s string) string { return "hello, " + s + ", bye\n" })},
	{Name: "target", Port: 80, Say: alone(func(s string) string {
		return "GET /find?" + url.QueryEscape(s) + "&a=1 HTTP/1.1\r\nHost: www.example.org\r\n\r\n"
	})},
	{Name: "field", Port: 80, Say: alone(func(s string) string { return browse + "X-Note: " + s + "\r\n\r\n" })},
	{Name: "form", Port: 80, Say: posted("Content-Type: application/x-www-form-urlencoded\r\n", func(s string) string { return "a=1&" + url.QueryEscape(s) + "&go=1" })},
	{Name: "JSON", Port: 80, Say: posted("Content-Type: application/json\r\n", document)},
	{Name: "multipart", Port: 80, Say: posted("Content-Type: multipart/form-data; boundary=b0undary\r\n", multipart)},
	{Name: "gzip", Port: 80, Say: posted("Content-Encoding: gzip\r\n", zipped)},
	{Name: "gzip of JSON", Port: 80, Say: posted("Content-Encoding: gzip\r\n", func(s string) string { return zipped(document(s)) })},
	{Name: "response", Port: 80, Say: func(s string) []Turn {
		return []Turn{{false, browse + "\r\n"}, {true, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s\n", len(s)+1, s)}}
	}},
	{Name: "HTTP/2 target", Port: 80, Say: alone(func(s string) string { return multiplexed("/find?"+url.QueryEscape(s)+"&a=1", "x-a", "b", "") })},
	{Name: "HTTP/2 field", Port: 80, Say: alone(func(s string) string { return multiplexed("/", "x-note", s, "") })},
	{Name: "HTTP/2 body", Port: 80, Say: alone(func(s string) string { return multiplexed("/", "x-a", "b", "it is "+s+", they say") })},
	{Name: "mail", Port: 25, Say: mailed(func(s string) string { return head + "Subject: hello\r\n\r\n" + s })},
	{Name: "subject", Port: 25, Say: mailed(func(s string) string { return head + "Subject: " + s + "\r\n\r\nhello" })},
	{Name: "attachment", Port: 25, Say: mailed(attached)},
	{Name: "FTP", Port: 21, Say: func(s string) []Turn {
		return []Turn{
			{true, "220 welcome\r\n"},
			{false, "USER anonymous\r\n"},
			{true, "331 and who\r\n"},
			{false, "PASS a\r\n"},
			{true, "230 hello\r\n"},
			{false, "STOR " + s + "\r\n"},
			{true, "550 no\r\n"},
		}
	}},
}

// Takes reports whether the carrier can carry a text in the code.
func (c *Carrier) Takes(code *Code) bool {
	switch c.Name {
	case "field", "HTTP/2 field", "subject", "mail", "FTP":
		return !code.Wide // lines of text
	case "JSON", "gzip of JSON":
		return !code.Wide // whose zeros are escaped: escapes between the bytes of a code are no code
	}
	return true
}

// Named reports whether a value is known wherever it stands, without a word that says what it is, and can be a label of a name as it is.
func (v *Value) Named() bool {
	label, ok := Label(v.Text)
	switch v.Kind {
	case "aws-access-key", "github-token", "npm-token", "google-api-key", "google-oauth", "own-regex":
		return ok && label == v.Text
	}
	return false
}

// Label returns the text as a label of a name such as hosts have, and whether it can be one.
func Label(text string) (string, bool) {
	label := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			return r
		case r == ' ' || r == '.' || r == '=':
			return '-'
		}
		return -1
	}, text), "-")
	return label, len(label) > 0 && len(label) <= 63
}
