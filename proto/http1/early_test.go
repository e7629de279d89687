package http1

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"testing"
)

// TestCodedBytesLeaveBehindTheirText (HAZARDS A3) compares after each piece of a coded body what a receiver can decode of
// what has left with what was shown: a decoder may have taken more than it has written.
func TestCodedBytesLeaveBehindTheirText(t *testing.T) {
	for _, name := range []string{"gzip", "deflate", "raw"} {
		for _, n := range []int{48, 3000, 100_000} {
			text := haystack(n)
			body := coded(t, name, text)
			for _, size := range []int{1, 24, 500, 1448} {
				if n > 10_000 && size < 500 {
					continue
				}
				w := newWire(t, New())
				head := fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n", encoding(name), len(body))
				w.send(up, []byte("GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n"), false, false)
				w.send(down, []byte(head), false, false)
				for at := 0; at < len(body); at += size {
					w.send(down, []byte(body[at:min(at+size, len(body))]), false, false)
					left := w.in[down][:w.gone[down]][len(head):]
					if got := decodable(name, left); len(got) > len(w.part[down]) {
						t.Fatalf("%s of %d bytes in pieces of %d: at %d, %d bytes have left, which say %d bytes, and %d were shown",
							name, n, size, at, len(left), len(got), len(w.part[down]))
					}
				}
				if w.gone[down] != len(head)+len(body) || string(w.part[down]) != text {
					t.Fatalf("%s of %d bytes in pieces of %d: %d of %d bytes have left in the end", name, n, size, w.gone[down], len(head)+len(body))
				}
			}
		}
	}
}

// decodable is what a receiver can make of the beginning of a coded body.
func decodable(name string, b []byte) []byte {
	var r io.Reader
	var err error
	switch name {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(b))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(b))
	default:
		r = flate.NewReader(bytes.NewReader(b))
	}
	if err != nil {
		return nil
	}
	got, _ := io.ReadAll(r) // as far as it goes
	return got
}
