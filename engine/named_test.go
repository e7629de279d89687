package engine_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// A line is what one side says.
type line struct {
	server bool
	text   string
}

// TestValuesInNamedFields: a value in a command, in the head of a mail, in a name that is asked for, in an answer, is told of under the field's name, and
// masked by a rule for that field, whole or byte by byte; and the same text elsewhere is not.
func TestValuesInNamedFields(t *testing.T) {
	const secret = "4000000000000002"
	txt := new(dns.Msg)
	txt.SetQuestion("a.example.", dns.TypeTXT)
	txt.Response = true
	txt.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "a.example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{"pay " + secret + " now"}}}
	ends := txt.Copy()
	ends.Answer[0].(*dns.TXT).Txt = []string{"pay " + secret}
	over := func(m *dns.Msg) string {
		b := pack(t, m)
		return string(binary.BigEndian.AppendUint16(nil, uint16(len(b)))) + b
	}
	hello := []line{{true, "220 mail.example ESMTP\r\n"}, {false, "EHLO a.example\r\n"}, {true, "250 mail.example\r\n"}}
	letter := append(hello[:3:3], line{false, "MAIL FROM:<a@b.example>\r\n"}, line{true, "250 ok\r\n"}, line{false, "RCPT TO:<c@b.example>\r\n"}, line{true, "250 ok\r\n"},
		line{false, "DATA\r\n"}, line{true, "354 go on\r\n"})
	for field, lines := range map[string][]line{
		"smtp.helo":      {{true, "220 mail.example ESMTP\r\n"}, {false, "EHLO CARD\r\n"}},
		"smtp.mail_from": append(hello[:3:3], line{false, "MAIL FROM:<\"pay CARD now\"@b.example> SIZE=12\r\n"}),
		"smtp.rcpt_to":   append(letter[:5:5], line{false, "RCPT TO:<\"pay CARD now\"@b.example>\r\n"}),
		"email.headers":  append(letter[:9:9], line{false, "From: a\r\nSubject: my CARD, as\r\n you know\r\n\r\nno text\r\n.\r\n"}),
		"email.body":     append(letter[:9:9], line{false, "From: a\r\n\r\npay CARD\r\n.\r\n"}),
		"ftp.command_data": {
			{true, "220 an FTP server\r\n"}, {false, "USER a\r\n"}, {true, "331 and?\r\n"}, {false, "PASS b\r\n"}, {true, "230 in\r\n"}, {false, "STOR pay CARD.txt\r\n"},
		},
		"ftp.reply":     {{true, "220 an FTP server\r\n"}, {false, "USER a\r\n"}, {true, "331 is it you, CARD?\r\n"}},
		"dns.query":     {{false, over(query(secret+".a.example", dns.TypeA))}},
		"dns.answer":    {{true, over(txt)}},
		"dns.answer ":   {{true, over(ends)}}, // with it the connection is silent
		"http.headers":  {{false, "GET / HTTP/1.1\r\nHost: a.example\r\nX-Pay: CARD\r\n\r\n"}},
		"payload":       {{false, "it is CARD. "}},
		"http.response": {{true, "no HTTP/1.1 but CARD. "}},
	} {
		field = strings.TrimSpace(field)
		want := []string{field}
		if field == "http.response" {
			field, want = "http.headers", nil // a rule for it finds nothing in what is none
		}
		for _, step := range []int{1, 7, 1 << 16} {
			in := spoken(pair(1, 8080), lines, step, "CARD", secret)
			policy := strings.Replace(masking, "keep: 4", "keep: 4, fields: ["+field+"]", 1)
			r := run(t, config(t, load(t, "prevent", policy)), steps(in...))
			var got []string
			for _, e := range r.events {
				if e.Kind == event.KindDLP {
					got = append(got, e.Field)
				}
			}
			left := sent(r)
			if fmt.Sprint(got) != fmt.Sprint(want) || strings.Contains(left, secret) != (want == nil) {
				t.Errorf("%s by %d: told of in %v, want %v; left %q", field, step, got, want, left)
			}
		}
	}
}

// spoken is a connection on which lines are said in segments of step bytes, with new in place of old.
func spoken(e ends, lines []line, step int, old, new string) (in [][]byte) {
	in = e.handshake()
	seq := [2]uint32{1001, 5001}
	for _, l := range lines {
		from, dir := e, 0
		if l.server {
			from, dir = e.back(), 1
		}
		text := strings.ReplaceAll(l.text, old, new)
		for at := 0; at < len(text); at += step {
			part := text[at:min(at+step, len(text))]
			in = append(in, craft.TCP(from.client, from.server, craft.Segment{Flags: packet.ACK, Seq: seq[dir], Ack: seq[1-dir], Window: 60000}, []byte(part)))
			seq[dir] += uint32(len(part))
		}
	}
	return in
}

// TestManyNamedFields at once: the last one has its name too.
func TestManyNamedFields(t *testing.T) {
	const secret = "4000000000000002"
	for field, lines := range map[string][]line{
		"http.headers": {{false, strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 900) + "GET / HTTP/1.1\r\nHost: a\r\nX-Pay: CARD\r\n\r\n"}},
		"smtp.rcpt_to": {
			{true, "220 mail.example ESMTP\r\n"},
			{false, "EHLO a.example\r\n"},
			{true, "250-a\r\n250 PIPELINING\r\n"},
			{false, "MAIL FROM:<a@b.example>\r\n" + strings.Repeat("RCPT TO:<a@b.example>\r\n", 900) + "RCPT TO:<\"pay CARD now\"@b.example>\r\n"},
		},
	} {
		r := run(t, config(t, load(t, "prevent", strings.Replace(masking, "keep: 4", "keep: 4, fields: ["+field+"]", 1))), steps(spoken(pair(1, 8080), lines, 1<<15, "CARD", secret)...))
		if strings.Contains(sent(r), secret) {
			t.Errorf("%s: left", field)
		}
	}
}

// TestAnotherRequestThatIsCut convicts in time, while the one before waits for its answer: it is no answer to that.
func TestAnotherRequestThatIsCut(t *testing.T) {
	e := pair(0, 8080)
	in := steps(spoken(e, []line{{false, "GET /innocent HTTP/1.1\r\nHost: a.example\r\n\r\n"}, {false, "GET /?card=CARD HTTP/1.1\r\nHost: a.exa"}}, 1000, "CARD", "4000000000000002")...)
	in = append(in, step{2 * time.Second, in[len(in)-1].datagram}, step{time.Second, in[len(in)-1].datagram})
	r := run(t, config(t, load(t, "prevent", strings.Replace(masking, "action: mask, keep: 4", "action: page", 1))), in)
	if len(r.injected) == 0 || strings.Contains(fmt.Sprintf("%s", r.injected), "HTTP/1.1 403") || strings.Contains(sent(r), "4000") {
		t.Errorf("%q", r.injected)
	}
}

// TestBusyStreamsWait: of bytes that never all are decided only those leave in time that have waited for so long.
func TestBusyStreamsWait(t *testing.T) {
	for k := range 80 {
		lines := make([]line, 0, k+3)
		lines = append(lines, line{false, "hello there, all is well, and so on and so on "})
		for range k {
			lines = append(lines, line{false, "40 pay 41"}) // ends in what may be a number
		}
		lines = append(lines, line{false, " and card 4000 0000 0"}, line{false, "000 0002 end. "})
		var in []step
		for _, d := range spoken(pair(0, 9000), lines, 1000, "-", "-") {
			in = append(in, step{5 * time.Millisecond, d})
		}
		r := run(t, config(t, load(t, "prevent", masking)), in)
		if left := sent(r); !strings.HasSuffix(left, "card XXXX XXXX XXXX 0002 end. ") {
			t.Errorf("behind %d: %q", k, left[max(0, len(left)-40):])
		}
	}
}

// sent is the payloads that left.
func sent(r *result) string {
	var b strings.Builder
	for _, f := range r.out {
		if f.Verdict.Final() {
			continue
		}
		var p packet.Packet
		p.Set(f.Bytes)
		p.Decode()
		b.Write(p.Payload())
	}
	return b.String()
}

// TestValuesInNamesOfDatagrams is that for DNS over UDP.
func TestValuesInNamesOfDatagrams(t *testing.T) {
	for field, want := range map[string]bool{"dns.query": true, "dns.answer": false, "payload": false} {
		policy := strings.NewReplacer("protocols: [tcp]", "protocols: [udp]", "action: mask, keep: 4", "action: drop, fields: ["+field+"]").Replace(masking)
		r := run(t, config(t, load(t, "prevent", policy)), steps(pair(1, 53).udp(pack(t, query("4000000000000002.a.example", dns.TypeA)))))
		if r.by(0).Verdict.Final() != want {
			t.Errorf("%s: %v, told %d", field, r.by(0).Verdict, len(r.events))
		}
	}
}

// TestValueAtTheEndIsToldOf though nothing follows it and the connection is not closed: where nothing waits for it, and where it does.
func TestValueAtTheEndIsToldOf(t *testing.T) {
	alerting := strings.NewReplacer(", action: mask, keep: 4", "", ", action: mask", "").Replace(masking)
	for name, c := range map[string]struct{ mode, policy string }{
		"monitor": {"monitor", masking}, "alert": {"prevent", alerting}, "mask": {"prevent", masking},
	} {
		for _, step := range []int{1, 9, 100} {
			in := spoken(pair(1, 9000), []line{{false, "pay it by CARD"}}, step, "CARD", "4000 0000 0000 0002")
			r := run(t, config(t, load(t, c.mode, c.policy)), steps(in...))
			told := 0
			for _, e := range r.events {
				if e.Kind == event.KindDLP {
					told++
				}
			}
			if left := sent(r); told != 1 || strings.HasSuffix(left, "0000 0002") == (name == "mask") {
				t.Errorf("%s by %d: told %d times, left %q", name, step, told, left)
			}
		}
	}
}
