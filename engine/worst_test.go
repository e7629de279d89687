package engine_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

const full = 65000 // bytes of payload in the largest datagrams

// worst are payloads of about size bytes that make one part of the route or another work hard.
func worst(t testing.TB, size int) map[string][]byte {
	fill := func(text string) string { return strings.Repeat(text, size/len(text)) }
	most := size - 5000
	web, any, dark := pair(0, 80), pair(2, 9000), pair(4, 53)
	prefixed := func(m *dns.Msg) string {
		b := pack(t, m)
		return string([]byte{byte(len(b) >> 8), byte(len(b))}) + b
	}
	q := query("nas.example", dns.TypeA)
	many := make([]string, 60)
	for i := range many {
		many[i] = fmt.Sprintf("203.0.113.%d", i)
	}
	answer := reply(t, q, many...)
	answer = string([]byte{byte(len(answer) >> 8), byte(len(answer))}) + answer
	header := func(n int, line string) string { return "GET / HTTP/1.1\r\n" + strings.Repeat(line, n) + "\r\n" }
	from := func(e ends, payload string) []byte { return e.tcp(payload) }
	return map[string][]byte{
		"zeros":                 from(any, fill("\x00")),
		"text":                  from(any, fill("The quick brown fox jumps over the lazy dog. ")),
		"digits":                from(any, fill("4")),
		"groups of three":       from(any, fill("444 ")),
		"groups of three, 676":  from(any, fill("676-")),
		"groups of four":        from(any, fill("4444 ")),
		"nineteen":              from(any, fill("6767676767676767676 ")),
		"cards":                 from(any, fill("4000000000000002 ")),
		"cards grouped":         from(any, fill("4000 0000 0000 0002,")),
		"ssns":                  from(any, fill("512-45-6789,")),
		"nine digits":           from(any, fill("so 512456789 ")),
		"ss":                    from(any, fill("ssssssssssssssssssssssssssssssss512456789 ")),
		"needles":               from(any, fill("needle")),
		"nearly needles":        from(any, fill("needl")),
		"requests":              from(web, fill("GET / HTTP/1.1\r\n\r\n")),
		"requests, listed":      from(web, fill("GET / HTTP/1.1\r\nHost:social.example\r\n\r\n")),
		"requests, BadBot":      from(web, fill("GET / HTTP/1.1\r\nUser-Agent:BadBot\r\n\r\n")),
		"requests, long host":   from(web, fill("GET / HTTP/1.1\r\nHost:"+strings.Repeat("a.", 120)+"social.example\r\n\r\n")),
		"responses":             craft.TCP(web.server, web.client, craft.Segment{Flags: packet.ACK}, []byte(fill("HTTP/1.1 204 \r\n\r\n"))),
		"chunks":                from(web, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat("1\r\na\r\n", min(1000, most/6))+"0\r\n\r\n"),
		"one long line":         from(web, "GET /"+fill("a")[:most]+" HTTP/1.1\r\n\r\n"),
		"no line end":           from(web, "GET /"+fill("a")[:most]),
		"short lines":           from(web, header(250, "a:\r\n")+fill("b")[:most]),
		"long lines":            from(web, header(250, "a:"+strings.Repeat("b", most/270)+"\r\n")),
		"long host":             from(web, "GET / HTTP/1.1\r\nHost: "+strings.Repeat("a.", most/2)+"\r\n\r\n"),
		"records of tls":        from(pair(6, 443), fill("\x16\x03\x01\x00\x01\x01")),
		"hello, then records":   from(pair(8, 443), clientHello(t, "odd.example")+fill("\x17\x03\x03\x00\x01\x01")[:most]),
		"hellos":                from(pair(10, 443), fill(clientHello(t, "social.example"))),
		"questions over tcp":    from(dark, fill(prefixed(q))),
		"answers over tcp":      craft.TCP(dark.server, dark.client, craft.Segment{Flags: packet.ACK}, []byte(fill(answer))),
		"odd names over tcp":    from(dark, fill(prefixed(query("odd.noted.example", dns.TypeA)))),
		"headers of dns":        from(dark, fill("\x00\x0c\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")),
		"pointers":              from(dark, fill("\x00\x12\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01")),
		"one name, pointed to":  from(dark, fill("\x01\x65\x00\x01\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00"+strings.Repeat("\x01a", 125)+"\x00\x00\x01\x00\x01"+strings.Repeat("\xc0\x0c\x00\x01\x00\x01", 15))),
		"datagram of one query": pair(12, 53).udp(pack(t, q) + fill("x")[:most]),
	}
}

// A dialling socket delivers, with each call, a datagram of a flow of its own. A segment's connection is opened before it
// and acknowledges it behind it.
type dialling struct {
	endless
	n int
}

func (s *dialling) Recv(ps []*packet.Packet, _ time.Duration) (int, error) {
	s.n++
	d := s.datagrams[0]
	ports := 20
	if d[0]>>4 == 6 {
		ports = 40
	}
	data := append(s.bufs[2][:0], d...)
	own := ports // of the client, who has the higher one
	if binary.BigEndian.Uint16(d[ports:]) < 20000 {
		own += 2
	}
	binary.BigEndian.PutUint16(data[own:], uint16(1024+s.n%60000))
	if isUDP := d[9] == 17 && ports == 20 || d[6] == 17 && ports == 40; isUDP {
		s.set(ps[0], data)
		return 1, nil
	}
	var p packet.Packet
	p.Set(data)
	p.Decode()
	from, to := netip.AddrPortFrom(p.SrcAddr(), p.SrcPort).String(), netip.AddrPortFrom(p.DstAddr(), p.DstPort).String()
	syn := craft.Segment{Flags: packet.SYN, Seq: uint32(p.TCP().Seq()) - 1}
	answer := craft.Segment{Flags: packet.SYN | packet.ACK, Seq: uint32(p.TCP().Ack()) - 1, Ack: syn.Seq + 1}
	if own != ports { // the server's data
		from, to = to, from
		syn.Seq, answer.Seq, answer.Ack = answer.Seq, syn.Seq, answer.Seq+1
	}
	s.set(ps[0], craft.TCP(from, to, syn, nil))
	s.set(ps[1], craft.TCP(to, from, answer, nil))
	s.set(ps[3], craft.TCP(from, to, craft.Segment{Flags: packet.ACK, Seq: syn.Seq + 1, Ack: answer.Seq + 1}, nil))
	s.set(ps[2], data)
	ack := craft.Segment{Flags: packet.ACK, Seq: uint32(p.TCP().Ack()), Ack: uint32(p.TCP().Seq()) + uint32(len(p.Payload()))}
	if own != ports {
		from, to = to, from
	}
	s.set(ps[4], craft.TCP(to, from, ack, nil))
	ps[2], ps[3] = ps[3], ps[2]
	return 5, nil
}

func (s *dialling) set(p *packet.Packet, d []byte) {
	p.Set(d)
	p.Meta.Checksum = packet.ChecksumVerified
}

// dials returns a lane that meets the datagram in a flow of its own at each turn.
func dials(t testing.TB, mode string, datagram []byte) *engine.Lane {
	c := config(t, load(t, mode, everything))
	now := time.Duration(0)
	c.Socket, c.Events, c.Batch = &dialling{endless: endless{datagrams: [][]byte{datagram}}}, &nowhere{make([]byte, 0, event.MaxBytes)}, 5
	c.Clock = func() (time.Duration, time.Time) { now += time.Millisecond; return now, time.Time{} }
	return engine.New(c)
}

// BenchmarkWorst is the time that one packet of 64 KiB takes with all six inspectors, with the connection that it
// needs; and one of half that size, which should take about half of it.
func BenchmarkWorst(b *testing.B) {
	for _, c := range []struct {
		size int
		mode string
	}{{full, "prevent"}, {full, "monitor"}, {full / 2, "prevent"}} {
		for name, datagram := range worst(b, c.size) {
			b.Run(fmt.Sprintf("%s/%s/%d", strings.ReplaceAll(name, " ", "-"), c.mode, c.size), func(b *testing.B) {
				lane := dials(b, c.mode, datagram)
				for b.Loop() {
					lane.Turn()
				}
			})
		}
	}
}
