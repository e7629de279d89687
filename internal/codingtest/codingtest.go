// Package codingtest has bodies in content codings for tests: as encoders make them, and made to be hard work.
package codingtest

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Encode applies a coding by its name; "raw" is deflate without its frame, and "stored" gzip that compresses nothing.
func Encode(t testing.TB, name string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch name {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "stored":
		w, err = gzip.NewWriterLevel(&b, gzip.NoCompression)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "raw":
		w, err = flate.NewWriter(&b, 6)
	case "br":
		w = brotli.NewWriterLevel(&b, 5)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	default:
		t.Fatalf("no coding is %q", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Hostile are bodies of n bytes that make a decoder work hard, by their codings and names.
func Hostile(t testing.TB, n int) map[string]map[string][]byte {
	all := map[string]map[string][]byte{
		"gzip": Gzip(n), "raw": Deflate(n), "br": Brotli(n), "zstd": Zstd(t, n), "gzip gzip": {}, "gzip br": {}, "gzip zstd": {},
	}
	for name, b := range Gzip(2 * n) {
		for _, outer := range []string{"gzip", "br", "zstd"} {
			c := Encode(t, outer, b)
			all["gzip "+outer][name] = c[:min(len(c), n)]
		}
	}
	return all
}

// Sample is text that compresses like a page.
func Sample(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	words := strings.Fields("the quick brown fox jumps over a lazy dog while numbers such as 4111 1111 1111 1111 pass by")
	var b []byte
	for len(b) < n {
		b = append(append(b, words[r.IntN(len(words))]...), ' ')
	}
	return b[:n]
}
