package http_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// text is the text with the given number: random bytes with the word in them, some at the ends.
func text(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, 0, n+16)
	for len(b) < n {
		switch r.IntN(100) {
		case 0:
			b = append(b, word...)
		case 1:
			b = append(b, word[:r.IntN(len(word))]...)
		default:
			b = append(b, "0123456789abcdef\n\r\x00\xff"[r.IntN(20)])
		}
	}
	return append(b, word...)
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // into memory
	_ = w.Close()
	return out.Bytes()
}

// edited is what the other end should read of the text.
func (n *network) edited(seed uint64, size int) []byte {
	return bytes.ReplaceAll(text(seed, size), []byte(word), []byte(n.with))
}

// same says where got differs from want; "" if it does not.
func same(got, want []byte) string {
	if bytes.Equal(got, want) {
		return ""
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	return fmt.Sprintf("%d bytes arrived, want %d; they differ at %d", len(got), len(want), at)
}

// target names a text.
func target(seed uint64, size int, how string) string {
	return fmt.Sprintf("/%s?seed=%d&size=%d", how, seed, size)
}

// ServeHTTP answers a request that names a text with it, framed as its path says, and one that has it as its body with
// what is wrong about that.
func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	seed, _ := strconv.ParseUint(q.Get("seed"), 10, 64)
	size, _ := strconv.Atoi(q.Get("size"))
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		got, err := io.ReadAll(r.Body)
		if err == nil && r.Header.Get("Content-Encoding") == "gzip" {
			err = fmt.Errorf("it is still coded")
		}
		_, _ = fmt.Fprintf(w, "%v%s", map[bool]any{true: "", false: err}[err == nil], n.differs(got, seed, size))
		return
	}
	b := text(seed, size)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", `"strong"`)
	switch r.URL.Path {
	case "/gzip":
		w.Header().Set("Content-Encoding", "gzip")
		b = zipped(b)
	case "/close":
		w.Header().Set("Connection", "close")
	}
	if r.URL.Path != "/chunks" {
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	}
	for len(b) > 0 && r.Method != http.MethodHead {
		m := min(len(b), 10_000)
		if _, err := w.Write(b[:m]); err != nil {
			return
		}
		if b = b[m:]; r.URL.Path == "/chunks" {
			w.(http.Flusher).Flush()
		}
	}
}

// serve has net/http answer on the server.
func (n *network) serve(t *testing.T) {
	t.Helper()
	ln, err := n.Server().Listen("tcp", n.real.String())
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: n, ReadTimeout: time.Minute}
	go func() { _ = s.Serve(ln) }() // ends with the server
	t.Cleanup(func() { _ = s.Close() })
}

// differs says how what came of a text is other than it should be; "" if it is not. Where segments are lost, a word may slip through: a
// sender whose congestion window is one segment sends none behind one that ends in what could be the word.
func (n *network) differs(got []byte, seed uint64, size int) string {
	want := n.edited(seed, size)
	why := same(got, want)
	if why == "" || n.topology.Loss == 0 {
		return why
	}
	if string(bytes.ReplaceAll(got, []byte(n.with), []byte(word))) != string(text(seed, size)) {
		return why
	}
	n.slipped.Add(int64(bytes.Count(want, []byte(n.with)) - bytes.Count(got, []byte(n.with))))
	return ""
}
