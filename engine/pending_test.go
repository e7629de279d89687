package engine_test

import (
	"strings"
	"testing"
	"time"
)

// TestHeadInTwoWaitsForNothing: the last bytes of a head come by themselves. All leaves when they have come, however long the head is.
func TestHeadInTwoWaitsForNothing(t *testing.T) {
	for n := 100; n < 1300; n += 100 {
		for _, tail := range []string{"\r\n\r\n", "\n", "X-A: b\r\n\r\n"} {
			head := "GET / HTTP/1.1\r\nHost: a.example\r\nCookie: " + strings.Repeat("abc, ", n/5)
			switch tail[0] {
			case 'X':
				head += "\r\n"
			case '\n':
				head += "\r\n\r"
			}
			in := steps(spoken(pair(1, 8080), []line{{false, head}, {false, tail}}, 1400, "-", "-")...)
			head2 := len(in)
			in = append(in, step{time.Millisecond, pair(2, 9999).udp("somebody else")}, step{time.Second, pair(2, 9999).udp("later")})
			r := run(t, config(t, load(t, "prevent", masking)), in)
			if r.out[head2].Token.ID != uint32(head2+1) {
				t.Errorf("a head of %d bytes, then %q: others left before", len(head), tail)
			}
		}
	}
}
