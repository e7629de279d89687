package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/event"
)

// TestAlertsInBodiesWaitForNothing: a response that comes bit by bit, each bit ending in what may be the begin of a value. Where it is only told of, each leaves
// before the next packet of somebody else, and the value that comes last is told of in time though nothing follows. Where it is masked, they wait.
func TestAlertsInBodiesWaitForNothing(t *testing.T) {
	alerting := strings.NewReplacer(", action: mask, keep: 4", "", ", action: mask", "").Replace(masking)
	for name, response := range map[string]string{
		"length": "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
		"close":  "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
		"chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		for policy, waits := range map[string]bool{alerting: false, masking: true} {
			lines := []line{{false, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"}, {true, response}}
			for i := range 10 {
				bit := fmt.Sprintf("number %d is 4000 0000 0000", i)
				if i == 9 {
					bit += " 0002"
				}
				if name == "chunks" {
					bit = fmt.Sprintf("%x\r\n%s\r\n", len(bit), bit)
				}
				lines = append(lines, line{true, bit})
			}
			var in []step
			for _, d := range spoken(pair(1, 8080), lines, 1000, "-", "-") {
				in = append(in, step{time.Millisecond, d}, step{time.Millisecond, pair(2, 9999).udp("somebody else")})
			}
			in = append(in, step{time.Second, pair(2, 9999).udp("later")})
			r := run(t, config(t, load(t, "prevent", policy)), in)
			late := 0
			for i := 1; i < len(r.out); i++ {
				if r.out[i].Token.ID < r.out[i-1].Token.ID {
					late++
				}
			}
			told := 0
			for _, e := range r.events {
				if e.Kind == event.KindDLP {
					told++
				}
			}
			if (late > 0) != waits || told != 1 || strings.Contains(sent(r), "0000 0002") == waits {
				t.Errorf("%s, waits %v: %d times others left before, told %d times, left %q", name, waits, late, told, sent(r))
			}
		}
	}
}
