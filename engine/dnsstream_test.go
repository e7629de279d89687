package engine_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/engine"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// TestAnswersGrowOverTCP has answers replaced by longer ones, however they are cut, in a stream with others, behind one
// that cannot be read.
func TestAnswersGrowOverTCP(t *testing.T) {
	q := query("nas.example", dns.TypeA)
	prefixed := func(b string) string { return string([]byte{byte(len(b) >> 8), byte(len(b))}) + b }
	other := prefixed(reply(t, query("example.com", dns.TypeA), "203.0.113.9"))
	said := other + prefixed(reply(t, q, "203.0.113.1")) + other
	policy := strings.Replace(everything, "replace: [192.0.2.77,", "replace: [192.0.2.77, 192.0.2.78, 192.0.2.79,", 1)
	for i, size := range []int{1, 2, 3, 40, 60, 1000} {
		c := config(t, load(t, "prevent", policy))
		fake := divert.NewFake()
		c.Socket, c.Events = fake, new(records)
		l := engine.New(c)
		e := pair(60+i, 53)
		for _, d := range e.handshake() {
			fake.Push(d)
		}
		ask := prefixed(pack(t, q))
		fake.Push(e.tcp(ask))
		for at := 0; at < len(said); at += size {
			fake.Push(craft.TCP(e.server, e.client, craft.Segment{
				Flags: packet.ACK, Seq: 5001 + uint32(at), Ack: 1001 + uint32(len(ask)),
			}, []byte(said[at:min(at+size, len(said))])))
		}
		fake.End()
		if err := l.Run(); err != nil {
			t.Fatal(err)
		}
		got := assembled(fake, 53, 5001)
		var answers []string
		for b := got; len(b) > 2; {
			n := 2 + int(b[0])<<8 | int(b[1])
			m := new(dns.Msg)
			if err := m.Unpack(b[2:n]); err != nil {
				t.Fatalf("segments of %d: %v in %x", size, err, got)
			}
			for _, rr := range m.Answer {
				answers = append(answers, rr.(*dns.A).A.String())
			}
			b = b[n:]
		}
		want := "203.0.113.9 192.0.2.77 192.0.2.78 192.0.2.79 203.0.113.9"
		if strings.Join(answers, " ") != want || len(got) != len(said)+32 {
			t.Errorf("segments of %d: %d bytes of %d, answers %v; anomalies %v", size, len(got), len(said), answers, l.Snapshot().Anomalies)
		}
	}
}

// assembled is what a receiver makes of the segments from a port, by their sequence numbers.
func assembled(fake *divert.Fake, port uint16, first uint32) []byte {
	buf, end := make([]byte, 1<<16), 0
	take := func(d []byte) {
		var p packet.Packet
		p.Set(bytes.Clone(d))
		if p.Decode(); p.SrcPort == port && len(p.Payload()) > 0 {
			at := int(uint32(p.TCP().Seq()) - first)
			end = max(end, at+copy(buf[at:], p.Payload()))
		}
	}
	for _, o := range fake.Out() {
		if o.Verdict == packet.Accept {
			take(o.Bytes)
		}
	}
	for _, s := range fake.Sent() {
		take(s.Bytes)
	}
	return buf[:end]
}
