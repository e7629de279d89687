package ids

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-project/weir/field"
	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/internal/inspecttest"
)

// TestMailAndFTP: which keywords look into what of SMTP, of mails and of FTP.
func TestMailAndFTP(t *testing.T) {
	l := rules(t,
		`alert smtp any any -> any any (smtp.helo; content:"evil"; sid:1;)`,
		`alert smtp any any -> any any (smtp.mail_from; content:"evil"; sid:2;)`,
		`alert tcp any any -> any any (smtp.rcpt_to; content:"evil"; sid:3;)`,
		`alert smtp any any -> any any (email.subject; content:"evil"; email.from; content:"a@"; sid:4;)`,
		`alert smtp any any -> any any (email.to; content:"evil"; sid:5;)`,
		`alert smtp any any -> any any (file.data; content:"evil"; sid:6;)`,
		`alert smtp any any -> any any (email.subject; content:"evil"; file.data; content:"evil"; sid:7;)`,
		`alert ftp any any -> any any (ftp.command; content:"RETR"; ftp.command_data; content:"evil"; sid:8;)`,
		`alert ftp any any -> any any (ftp.reply; content:"evil"; sid:9;)`,
	)
	established(l)
	for _, c := range []struct {
		proto string
		parts []inspecttest.Part
		body  string
		want  []uint32
	}{
		{"smtp", parts("smtp.helo", "evil"), "", []uint32{1}},
		{"smtp", parts("smtp.mail_from", "evil"), "", []uint32{2}},
		{"smtp", parts("smtp.rcpt_to", "evil"), "", []uint32{3}},
		{"smtp", parts("email.subject", "evil", "email.from", "a@b", "email.to", "evil"), "", []uint32{4, 5}},
		{"smtp", parts("email.subject", "evil"), "an evil text", []uint32{6, 7}},
		{"smtp", parts("email.subject", "good"), "an evil text", []uint32{6}},
		{"ftp", parts("ftp.command", "RETR", "ftp.command_data", "evil"), "", []uint32{8}},
		{"ftp", parts("ftp.reply", "220 evil"), "", []uint32{9}},
	} {
		m := inspecttest.Message(c.proto, false, c.parts...)
		p := inspecttest.TCP(client, server, m.Unit)
		phase := inspect.MessageWhole
		if c.body != "" {
			phase = inspect.MessageStart
		}
		l.Message(p, m, phase)
		if c.body != "" {
			l.Field(p, &field.Field{ID: field.EmailBody, Value: []byte(c.body)})
		}
		if diff := cmp.Diff(c.want, sids(l)); diff != "" {
			t.Errorf("%s %v: %s", c.proto, c.parts, diff)
		}
	}
}
