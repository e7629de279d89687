package evade

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// This file is A3: bodies in content codings (RFC 9110 §8.4.1, RFC 7932, RFC 8878).

// A coding is a content coding with its name.
type coding struct {
	name   string
	encode func(io.Writer) io.WriteCloser
	twice  bool
	cut    int // bytes that are missing at the end
	before int // bytes of nothing before the word
}

func gzipper(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

func zstandard(w io.Writer) io.WriteCloser {
	return must(zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)))
}

var codings = map[string]coding{
	"gzip":                 {name: "gzip", encode: gzipper},
	"gzip by another name": {name: "x-gzip", encode: gzipper},
	"gzip, stored":         {name: "gzip", encode: func(w io.Writer) io.WriteCloser { z, _ := gzip.NewWriterLevel(w, gzip.NoCompression); return z }},
	"gzip with a name": {name: "gzip", encode: func(w io.Writer) io.WriteCloser {
		z := gzip.NewWriter(w)
		z.Name, z.Comment, z.Extra = "a file", "a comment", []byte("extra")
		return z
	}},
	"gzip twice":             {name: "gzip, gzip", encode: gzipper, twice: true},
	"gzip, its sum missing":  {name: "gzip", encode: gzipper, cut: 8},
	"gzip, 30 times as long": {name: "gzip", encode: gzipper, before: 2000},
	"gzip, a bomb":           {name: "gzip", encode: gzipper, before: 1 << 21},
	"deflate":                {name: "deflate", encode: func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }},
	"deflate without header": {name: "deflate", encode: func(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 5); return z }},
	"brotli":                 {name: "br", encode: func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }},
	"brotli, a bomb":         {name: "br", encode: func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }, before: 1 << 21},
	"brotli twice":           {name: "br, br", encode: func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }, twice: true},
	"zstd":                   {name: "zstd", encode: zstandard},
	"zstd twice":             {name: "zstd, zstd", encode: zstandard, twice: true},
	"zstd, a bomb":           {name: "zstd", encode: zstandard, before: 1 << 21},
}

// coded is a length and a coded body.
func coded(c coding, word string) string {
	body := c.apply(word)
	return fmt.Sprintf("Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", c.name, len(body), body)
}

// codedInChunks is a coded body in chunks.
func codedInChunks(c coding, word string, size int) string {
	return fmt.Sprintf("Content-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n%s", c.name, chunked(c.apply(word), size, ""))
}

// apply is the word in the coding.
func (c coding) apply(word string) string {
	body := []byte(strings.Repeat("\x00", c.before) + word)
	for range 1 + one(c.twice) {
		var b bytes.Buffer
		z := c.encode(&b)
		_, _ = z.Write(body) // into memory
		_ = z.Close()
		body = b.Bytes()
	}
	return string(body[:len(body)-c.cut])
}
