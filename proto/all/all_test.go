package all

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// TestOneGrammarEach: what one grammar recognises, no other does, on any transport that they share.
func TestOneGrammarEach(t *testing.T) {
	for _, c := range []struct {
		name, unit string
		over       packet.Proto
	}{
		{"smtp", "220 mx.example.com ESMTP ready\r\n", packet.TCP},
		{"smtp", "EHLO example.com\r\n", packet.TCP},
		{"ftp", "220 FTP server ready\r\n", packet.TCP},
		{"ftp", "AUTH TLS\r\n", packet.TCP},
		{"", "220 ready\r\n", packet.TCP},
		{"", "220 ftp.example.com ESMTP\r\n", packet.TCP},
		{"", "USER guest\r\n", packet.TCP},
		{"http", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", packet.TCP},
		{"http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", packet.TCP},
		{"tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", packet.TCP},
		{"dns", "\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01", packet.TCP},
		{"dns", "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01", packet.UDP},
		{"quic", "\xc0\x00\x00\x00\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00\x00\x14" + strings.Repeat("x", 20), packet.UDP},
		{"quic", "\xd0\x6b\x33\x43\xcf\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00\x00\x14" + strings.Repeat("x", 20), packet.UDP},
	} {
		from := proto.Peer{Transport: c.over, Dir: flow.ToServer, ServerPort: 40000}
		if strings.HasPrefix(c.unit, "220") {
			from.Dir = flow.ToClient
		}
		for _, g := range Grammars() {
			if !g.Over(c.over) {
				continue
			}
			if got := g.Recognise([]byte(c.unit), from); (got == proto.Yes) != (g.Name() == c.name) {
				t.Errorf("%s takes %s for %v", g.Name(), c.name, got)
			}
		}
	}
}

func TestEachLaneHasItsOwn(t *testing.T) {
	a, b := Grammars(), Grammars()
	names := map[string]bool{}
	for i, g := range a {
		if g == b[i] || names[g.Name()] {
			t.Errorf("%s is there twice", g.Name())
		}
		names[g.Name()] = true
		if g.Fields() == 0 || g.Sight() < flow.SightName || g.Over(packet.ICMP) {
			t.Errorf("%s: fields %b, sight %v", g.Name(), g.Fields(), g.Sight())
		}
	}
}
