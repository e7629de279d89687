package stream

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/flow"
	"github.com/weir-project/weir/internal/craft"
)

// TestASenderIsToldThatItsSegmentsAreTooLong when the first that its receiver lacks has come again in vain as often as a kernel
// needs, once, and only if it would not believe a router: its numbers are others behind Weir.
func TestASenderIsToldThatItsSegmentsAreTooLong(t *testing.T) {
	for _, c := range []struct {
		name string
		with string
		size int
		want uint16
	}{
		{"full", "longer", 1300, minMTU},
		{"full, shrunk", "", 1300, minMTU},
		{"numbers are the same", "x", 1300, 0},
		{"short", "longer", 1240, 0}, // with its headers as long as any path over IPv6 bears
	} {
		k := open(t)
		k.replaces(0, 1, c.with)
		_, p := k.client(ack, clientISN+1, serverISN+1, "nn")
		k.server(ack, serverISN+1, uint32(clientISN+1+len(p.Payload())), "")
		var told []uint16
		for range 8 {
			of := decoded(t, craft.TCP(clientEnd, serverEnd, craft.Segment{Flags: ack, Seq: clientISN + 3, Ack: serverISN + 1, Window: 30000}, []byte(strings.Repeat("y", c.size))))
			told = append(told, k.conn.TooLong(of, flow.ToServer))
			k.client(ack, clientISN+3, serverISN+1, strings.Repeat("y", c.size))
		}
		for i, got := range told {
			if want := c.want; i == narrowTries && got != want || i != narrowTries && got != 0 {
				t.Errorf("%s: told of %v, want %d once, when it comes the %dth time", c.name, told, want, narrowTries+1)
				break
			}
		}
	}
}
