package http2

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestSpareBytesLeave: of bodies that are only looked at everything leaves as it comes, also of streams that lie between each other, and what is held
// is shown once more all the same.
func TestSpareBytesLeave(t *testing.T) {
	k := newTalk()
	for id := uint32(1); id < 9; id += 2 {
		k.head(up, id, true, get("/")...)
		k.head(down, id, false, ":status", "200")
	}
	for i := range 40 {
		id := uint32(i%4)*2 + 1
		k.data(down, id, i >= 36, strings.Repeat("banana an", 1+i%3)+"n")
	}
	held, waited, spared := 0, 0, 0
	for seed := range uint64(200) {
		looked := func(spare, late bool) *wire {
			w := newWire(t, New())
			defer w.p.Close()
			w.old, w.with, w.spare = "nan", "nan", spare
			r := rand.New(rand.NewPCG(seed, 4))
			for _, s := range k.said {
				for rest := s.b; len(rest) > 0; {
					n := min(len(rest), 1+r.IntN(len(rest)))
					w.send(s.dir, rest[:n], false, false)
					if rest = rest[n:]; late && r.IntN(3) == 0 {
						w.send(s.dir, nil, false, true)
					}
				}
				switch { // between frames
				case w.gone[s.dir] < len(w.in[s.dir]) && spare:
					held++
				case w.gone[s.dir] < len(w.in[s.dir]):
					waited++
				case w.at[s.dir] < w.gone[s.dir] && !late:
					spared++
				}
			}
			w.send(up, nil, true, false)
			w.send(down, nil, true, false)
			return w
		}
		waits := looked(false, false)
		for _, late := range []bool{false, true} {
			leaves := looked(true, late)
			if waits.shown() != leaves.shown() || !bytes.Equal(leaves.out(down), leaves.in[down]) {
				t.Fatalf("late %v: %s; with waiting %s", late, leaves.shown(), waits.shown())
			}
			if told := fmt.Sprint(leaves.told); strings.Contains(told, "http") {
				t.Fatalf("late %v: %s", late, told)
			}
		}
	}
	if waited == 0 || spared == 0 || held > 0 {
		t.Errorf("bytes waited %d times, and %d times where they may leave; they left %d times", waited, held, spared)
	}
}
