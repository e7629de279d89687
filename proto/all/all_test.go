package all

import (
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/packet"
	"github.com/weir-project/weir/proto"
)

// TestOneGrammarEach: what one grammar recognises, no other does, on any transport that they share.
func TestOneGrammarEach(t *testing.T) {
	for name, unit := range map[string]string{
		"http": "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
		"tls":  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"dns":  "\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01",
	} {
		from := proto.Peer{Transport: packet.TCP, Dir: flow.ToServer, ServerPort: 40000}
		for _, g := range Grammars() {
			if !g.Over(packet.TCP) {
				continue
			}
			if got := g.Recognise([]byte(unit), from); (got == proto.Yes) != (g.Name() == name) {
				t.Errorf("%s takes %s for %v", g.Name(), name, got)
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
