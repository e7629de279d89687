package http1

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestSpareBytesLeave: of a body that is only looked at everything leaves as it comes, and what is held is shown once more all the same.
func TestSpareBytesLeave(t *testing.T) {
	text := strings.Repeat("banana, nn and ann, ", 20)
	bodies := map[string]string{
		"length": "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + text,
		"chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(text, 7) + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nnn",
		"close":  "HTTP/1.1 200 OK\r\n\r\n" + text,
		"gzip":   "HTTP/1.1 200 OK\r\n" + encoding("gzip") + "Transfer-Encoding: chunked\r\n\r\n" + chunked(coded(t, "gzip", text), 9),
		"br":     "HTTP/1.1 200 OK\r\n" + encoding("br") + "\r\n" + string(coded(t, "br", text)),
	}
	for name, down_ := range bodies {
		waited, held, spared := 0, 0, 0
		for seed := range uint64(200) {
			waits := lookedAt(t, down_, seed, false, false)
			for _, late := range []bool{false, true} {
				leaves := lookedAt(t, down_, seed, true, late)
				if waits.log.String() != leaves.log.String() || len(leaves.told) > 0 || string(leaves.out(down)) != down_ {
					t.Fatalf("%s, late %v: %s; %v; with waiting %s", name, late, leaves.log.String(), leaves.told, waits.log.String())
				}
				held, spared = held+leaves.held, spared+leaves.spared
			}
			if waited += waits.held; waits.spared > 0 {
				t.Fatalf("%s: %d times bytes left", name, waits.spared)
			}
		}
		coded := name == "gzip" || name == "br" // of which bytes wait also for the decoder to show what they mean
		if waited == 0 || spared == 0 || held > waited/2 && !coded || held > 0 && (name == "length" || name == "close") {
			t.Errorf("%s: bytes waited %d times, and %d times where they may leave; they left %d times", name, waited, held, spared)
		}
	}
}

// A sparing is a wire, and how often bytes of a body waited, and left before they were done with.
type sparing struct {
	*wire
	held, spared int
}

// lookedAt brings a response in pieces; somebody looks for a word in its body, and may let it leave. Behind some pieces time is up.
func lookedAt(t *testing.T, response string, seed uint64, spare, late bool) sparing {
	w := sparing{wire: newWire(t, New())}
	w.old, w.holdAll, w.looks, w.spare = "nn", true, true, spare
	r := rand.New(rand.NewPCG(seed, 3))
	w.send(up, []byte(get+get), false, false)
	for rest := response; rest != ""; {
		n := min(len(rest), 1+r.IntN(1+r.IntN(60)))
		w.send(down, []byte(rest[:n]), false, false)
		if rest = rest[n:]; !strings.Contains(string(w.in[down]), "\r\n\r\n") {
			continue
		}
		if w.at[down] < w.gone[down] {
			w.spared++
		}
		if w.gone[down] < len(w.in[down]) {
			w.held++
		}
		if late && r.IntN(3) == 0 {
			w.send(down, nil, false, true)
		}
	}
	w.send(up, nil, true, false)
	w.send(down, nil, true, false)
	return w
}
