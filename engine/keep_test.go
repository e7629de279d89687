package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/inspect"
)

// A rememberer keeps what follows the last space, and has wait of it wait.
type rememberer struct {
	wait  int
	shown []string
}

func (r *rememberer) Name() string { return "dlp" }

func (r *rememberer) InspectStream(cx *inspect.Context, b []byte) inspect.Decision {
	n := len(b) - 1 - strings.LastIndexByte(string(b), ' ')
	follows := cx.Keep(n)
	if k := min(n, r.wait); k > 0 {
		follows = cx.Hold(k) && follows
	}
	r.shown = append(r.shown, fmt.Sprintf("%q %d %d %v", b, cx.Seen, cx.Left, follows))
	return inspect.Decision{}
}

// TestKeptBytesLeaveAtOnce and are shown once more with what follows them, or, if nothing does, when they would have waited long enough.
func TestKeptBytesLeaveAtOnce(t *testing.T) {
	for _, c := range []struct {
		wait int
		left string
		want []string
	}{
		{0, "some word", []string{`"some wo" 0 0 true`, `"word" 2 2 true`, `"word" 4 4 false`}},
		{1, "some wo", []string{`"some wo" 0 0 true`, `"word" 2 1 true`, `"word" 4 3 false`}},
		{9, "", []string{`"some wo" 0 0 true`, `"word" 2 0 true`, `"word" 4 0 false`}},
	} {
		in := &rememberer{wait: c.wait}
		b := newBench(t, Config{}, in)
		k := newDialogue()
		k.say(true, "some wo")
		k.say(true, "rd")
		b.push(k.in...)
		b.step()
		out := b.fake.Out()
		if got := b.toClient(out); got != c.left {
			t.Errorf("%d wait: left %q, want %q", c.wait, got, c.left)
		}
		b.at += time.Second
		b.lane.now = b.at
		b.lane.advance()
		b.lane.flush()
		if got := b.toClient(append(out, b.fake.Out()...)); got != "some word" {
			t.Errorf("%d wait: left after all %q", c.wait, got)
		}
		if got := fmt.Sprint(in.shown); got != fmt.Sprint(c.want) {
			t.Errorf("%d wait: shown %s, want %s", c.wait, got, c.want)
		}
	}
}
