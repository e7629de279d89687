package coding

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/weir-project/weir/internal/codingtest"
)

// twin undoes a coding by a library that knows no limits.
func twin(name string, b []byte) ([]byte, error) {
	var r io.Reader
	var err error
	in := bytes.NewReader(b)
	switch {
	case name == "gzip":
		r, err = gzip.NewReader(in)
	case name != "br" && len(b) > 1 && isZlib(b):
		r, err = zlib.NewReader(in)
	case name != "br":
		r = flate.NewReader(in)
	default:
		r = brotli.NewReader(in)
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, 32<<20))
	if name != "br" && err == nil && in.Len() > 0 {
		err = errTrailing
	}
	if err != nil && err.Error() == "brotli: excessive input" {
		err = nil
	}
	return text, err
}

// texts are of the kinds that bodies are of, up to size bytes each.
func texts(t testing.TB, size int) map[string][]byte {
	all := map[string][]byte{
		"zeros": make([]byte, size/2), "page": codingtest.Sample(size), "nothing": nil, "a": []byte("a"), "numbers": nil, "log": nil, "json": nil,
		"table": nil,
	}
	noise := make([]byte, size)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	all["noise"] = noise
	for len(all["log"]) < size {
		all["log"] = append(all["log"], "192.0.2."+strings.Repeat("7", 1+r.IntN(2))+" - - [29/Nov/2026:22:0"+string(rune('0'+r.IntN(10)))+
			":00 +0000] \"GET /index.html HTTP/1.1\" 200 "+string(rune('0'+r.IntN(10)))+"12 \"-\" \"Mozilla/5.0\"\n"...)
		all["json"] = append(all["json"], `{"id":`+string(rune('0'+r.IntN(10)))+`,"name":"a name","tags":["x","y"],"on":true},`...)
		all["numbers"] = append(all["numbers"], string(rune('0'+r.IntN(2)))+","...)
		all["table"] = append(all["table"], "<tr><td class=\"n\">"+string(rune('0'+r.IntN(10)))+"</td><td></td></tr>\n"...)
	}
	for len(all["numbers"]) < size {
		all["numbers"] = append(all["numbers"], string(rune('0'+r.IntN(2)))+","...)
	}
	files, _ := filepath.Glob("../http1/*.go")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all["source"] = append(all["source"], b...)
	}
	for name, b := range all {
		all[name] = b[:min(len(b), size)]
	}
	return all
}

// encoded gives do b in a coding, at each level and flushed in the ways that servers do it.
func encoded(t testing.TB, name string, b []byte, do func(how string, c []byte)) {
	type flusher interface {
		io.WriteCloser
		Flush() error
	}
	levels := []int{1, 6, -2}
	if name == "br" {
		levels = []int{0, 1, 2, 3, 5, 9, 11}
	}
	if name == "zstd" {
		levels = []int{int(zstd.SpeedFastest), int(zstd.SpeedDefault), int(zstd.SpeedBestCompression)}
	}
	for _, level := range levels {
		for _, flush := range []int{0, 100, 4000} {
			var out bytes.Buffer
			var w flusher
			var err error
			switch name {
			case "gzip":
				w, err = gzip.NewWriterLevel(&out, level)
			case "deflate":
				w, err = zlib.NewWriterLevel(&out, level)
			case "raw":
				w, err = flate.NewWriter(&out, level)
			case "br":
				w = brotli.NewWriterLevel(&out, level)
			case "zstd":
				w, err = zstd.NewWriter(&out, zstd.WithEncoderLevel(zstd.EncoderLevel(level)))
			}
			for left := b; err == nil && len(left) > 0; {
				n := len(left)
				if flush > 0 {
					n = min(n, flush)
				}
				_, err = w.Write(left[:n])
				if left = left[n:]; err == nil && flush > 0 {
					err = w.Flush()
				}
			}
			if err = errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
			do(name+" "+dec(level)+" "+dec(flush), out.Bytes())
		}
	}
}

func dec(n int) string {
	if n < 0 {
		return "-" + dec(-n)
	}
	if n > 9 {
		return dec(n/10) + dec(n%10)
	}
	return string(rune('0' + n))
}

// steady is how many steps for each coded byte real encoders come to, at most, beside a few.
const steady = 7

// TestOrdinaryBodiesAreRead: what encoders make of all kinds of texts is read whole, and far from the limits.
func TestOrdinaryBodiesAreRead(t *testing.T) {
	p := NewPool(Limits{})
	for what, text := range texts(t, 60_000) {
		for _, name := range every {
			encoded(t, name, text, func(how string, c []byte) {
				s := p.Open(layers(t, name))
				got, why := undo(s, c, func(left int) int { return min(left, 1460) })
				if why != "" || !bytes.Equal(got, text) {
					t.Errorf("%s, %s: %q, %d bytes of %d", what, how, why, len(got), len(text))
				}
				if s.steps > steady*s.read+3000 && what != "zeros" {
					t.Errorf("%s, %s: %d steps for %d bytes", what, how, s.steps, s.read)
				}
				s.Close()
			})
		}
	}
}

// sameAsTwin compares what becomes of b with what becomes of it in a library.
func sameAsTwin(t *testing.T, p *Pool, name string, b []byte) {
	want, err := twin(name, b)
	s := p.Open(layers(t, name))
	got, why := undo(s, b, whole)
	s.Close()
	switch {
	case why == Expands || why == Laborious || why == Window:
	case name == "gzip" && len(b) > 3 && b[3] != 0: // the library's limit of names is its own
	case why == "" && err != nil, why != "" && err == nil, why == "" && !bytes.Equal(got, want):
		t.Fatalf("%s of %q: %d bytes, %q; the library has %d, %v", name, b[:min(len(b), 20)], len(got), why, len(want), err)
	}
}

func TestHostileBodiesAsInLibraries(t *testing.T) {
	p := NewPool(Limits{})
	for name, bodies := range map[string]map[string][]byte{"gzip": codingtest.Gzip(5000), "raw": codingtest.Deflate(5000), "br": codingtest.Brotli(5000)} {
		for what, b := range bodies {
			s := p.Open(layers(t, name))
			got, _ := undo(s, b, whole)
			s.Close()
			if want, _ := twin(name, b); len(want) < 1<<20 && !bytes.HasPrefix(want, got[:min(len(got), len(want))]) {
				t.Errorf("%s/%s: %d bytes differ from the library's %d", name, what, len(got), len(want))
			}
			sameAsTwin(t, p, name, b)
		}
	}
}

// TestDamagedBodiesAsInLibraries changes bytes of good bodies.
func TestDamagedBodiesAsInLibraries(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	p := NewPool(Limits{})
	for range 4000 {
		name := []string{"gzip", "deflate", "raw", "br"}[r.IntN(4)]
		b := codingtest.Encode(t, name, codingtest.Sample(1+r.IntN(2000)))
		for range 1 + r.IntN(3) {
			b[r.IntN(len(b))] ^= byte(1 << r.IntN(8))
		}
		sameAsTwin(t, p, name, b)
	}
}

func FuzzTwin(f *testing.F) {
	names := []string{"raw", "br", "gzip", "deflate"}
	for i, name := range names {
		f.Add(codingtest.Encode(f, name, []byte("hello, hello")), uint8(i))
	}
	for _, b := range codingtest.Brotli(1000) {
		f.Add(b, uint8(1))
	}
	p := NewPool(Limits{})
	f.Fuzz(func(t *testing.T, b []byte, which uint8) { sameAsTwin(t, p, names[int(which)%len(names)], b) })
}
