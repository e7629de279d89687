package http1

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// encodeAnyhow applies a coding at some level, flushed here and there.
func encodeAnyhow(t testing.TB, r *rand.Rand, name string, text []byte) []byte {
	t.Helper()
	type flusher interface {
		io.WriteCloser
		Flush() error
	}
	var b bytes.Buffer
	var w flusher
	var err error
	switch name {
	case "gzip":
		w, err = gzip.NewWriterLevel(&b, 1+r.IntN(9))
	case "raw":
		w, err = flate.NewWriter(&b, 1+r.IntN(9))
	case "br":
		w = brotli.NewWriterLevel(&b, r.IntN(7))
	case "zstd":
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<(10+r.IntN(9))))
	}
	if err != nil {
		t.Fatal(err)
	}
	flushes := r.IntN(3) > 0
	for len(text) > 0 {
		n := 1 + r.IntN(len(text))
		_, _ = w.Write(text[:n]) // into memory
		text = text[n:]
		for flushes && r.IntN(2) == 0 {
			_ = w.Flush()
		}
	}
	_ = w.Close()
	return b.Bytes()
}

// textAnyhow is noise, runs, and words of which somebody may hold a part, also at its end.
func textAnyhow(r *rand.Rand) []byte {
	var b []byte
	for range 1 + r.IntN(5) {
		switch r.IntN(4) {
		case 0:
			for range r.IntN(8000) {
				b = append(b, byte(r.Uint32()))
			}
		case 1:
			b = append(b, bytes.Repeat([]byte{byte('a' + r.IntN(26))}, r.IntN(350_000))...)
		case 2:
			b = append(b, haystack(r.IntN(30_000))...)
		case 3:
			b = append(b, strings.Repeat([]string{"needle ", "need", "an"}[r.IntN(3)], r.IntN(40_000))...)
		}
	}
	return append(b, "needle"[:1+r.IntN(6)]...)
}

// TestBodiesAnyhow: responses with coded bodies, framed, cut and late anyhow, while somebody holds words or nobody does, and edits them or does not.
// All text is shown, once and in order; what nobody may edit leaves as it came; and as long as there is more, a byte waits for it.
func TestBodiesAnyhow(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		if wrong := bodiesAnyhow(t, rand.New(rand.NewPCG(seed, 77))); wrong != "" {
			t.Errorf("seed %d: %s", seed, wrong)
		}
	}
}

func bodiesAnyhow(t *testing.T, r *rand.Rand) (wrong string) {
	g := New()
	w := newWire(t, g)
	defer func() {
		w.p.Close()
		if g.decoders.Used() > 0 || g.kept.Used() > 0 {
			wrong += "; something was not given back"
		}
	}()
	w.want, w.holdAll = bodies, true
	if r.IntN(2) == 0 {
		w.old, w.with = "needle", "<a longer one>"
	}
	resizes := r.IntN(2) == 0
	if resizes {
		w.edits, w.resize = bodies, bodies
	}
	in, texts, byEnd := responsesAnyhow(t, r)
	var shown []string
	w.ended = func() { shown = append(shown, string(w.part[down])) }
	for range texts {
		w.send(up, []byte(get), false, false)
	}
	late := false
	mayBeLate := r.IntN(3) == 0
	more, idle, left := false, 0, []byte(in)
	for more || len(left) > 0 {
		if !more || len(left) > 0 && r.IntN(3) == 0 {
			n := min(len(left), 1+r.IntN([]int{10, 1500, 5000, 20_000, 200_000}[r.IntN(5)]))
			w.in[down] = append(w.in[down], left[:n]...)
			left = left[n:]
		} else if w.at[down] == len(w.in[down]) {
			return "there is more, and nothing is unread"
		}
		now := mayBeLate && r.IntN(6) == 0
		late = late || now
		at, text := w.at[down], len(w.part[down])
		got := w.feedOnce(now)
		if got.Why != "" {
			return string(got.Why)
		}
		if more = got.More && !now; w.at[down] > at || len(w.part[down]) != text {
			idle = 0
		} else if idle++; idle > 50 {
			return "it does not go on"
		}
	}
	if byEnd {
		w.send(down, nil, true, false)
	}
	switch {
	case len(shown) != len(texts):
		return fmt.Sprintf("%d of %d bodies have ended; %q", len(shown), len(texts), w.told)
	case len(w.told) > 0 && !late:
		return fmt.Sprintf("told %q", w.told)
	}
	for i, text := range texts {
		if shown[i] != text {
			return fmt.Sprintf("%d bytes of the %d of body %d were shown", len(shown[i]), len(text), i)
		}
	}
	out := w.out(down)
	if !resizes {
		if string(out) != in {
			return "it was altered"
		}
		return ""
	}
	got := bodiesOf(out, down)
	for i, text := range texts {
		if w.old != "" {
			text = strings.ReplaceAll(text, w.old, w.with)
		}
		if !late && (i >= len(got) || got[i] != text) {
			return fmt.Sprintf("body %d did not leave edited", i)
		}
	}
	return ""
}

// responsesAnyhow are a few responses one behind the other, and the texts of their bodies. The last may end with the connection.
func responsesAnyhow(t *testing.T, r *rand.Rand) (in string, texts []string, byEnd bool) {
	n := 1 + r.IntN(3)
	for i := range n {
		text := textAnyhow(r)
		all := []string{"gzip", "raw", "br", "zstd", "gzip, br", "gzip, gzip", "br, zstd", "zstd, gzip", "raw, br"}
		names := all[r.IntN(len(all))]
		c := text
		for name := range strings.SplitSeq(names, ", ") {
			c = encodeAnyhow(t, r, name, c)
		}
		framing := r.IntN(3)
		if i < n-1 {
			framing = r.IntN(2)
		}
		byEnd = framing == 2
		mean := []int{1, 20, 600, 20_000}[r.IntN(4)]
		m := messages(encoding(names), string(c), 1+r.IntN(mean))
		in += m[framing]
		texts = append(texts, string(text))
	}
	return in, texts, byEnd
}
