//go:build unix

package link

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func pair(t *testing.T) (*Conn, *Conn) {
	t.Helper()
	near, f, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	far, err := New(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestMessagesKeepTheirBoundsAndFiles(t *testing.T) {
	near, far := pair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := near.Send("one", map[string]int{"n": 1}, w); err != nil {
		t.Fatal(err)
	}
	if err := near.Send("two", nil); err != nil {
		t.Fatal(err)
	}
	w.Close()
	m, files, err := far.Recv()
	var data struct{ N int }
	if err != nil || m.Kind != "one" || json.Unmarshal(m.Data, &data) != nil || data.N != 1 || len(files) != 1 {
		t.Fatalf("got %+v with %d files, %v", m, len(files), err)
	}
	if _, err := files[0].WriteString("through"); err != nil {
		t.Fatal(err)
	}
	files[0].Close()
	if b, err := io.ReadAll(r); string(b) != "through" || err != nil {
		t.Errorf("the file is not the one that was sent: %q, %v", b, err)
	}
	if m, files, err := far.Recv(); err != nil || m.Kind != "two" || len(files) != 0 {
		t.Errorf("got %+v with %d files, %v", m, len(files), err)
	}
}

func TestEndAndNonsense(t *testing.T) {
	near, far := pair(t)
	if _, err := near.unix.Write([]byte("no JSON")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := far.Recv(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("nonsense: %v", err)
	}
	if err := near.Send("big", strings.Repeat("x", maxMessage)); err == nil {
		t.Error("a message beyond the limit was sent")
	}
	near.Close()
	if _, _, err := far.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v, want io.EOF", err)
	}
}

// The longest message is one piece, and there is room for some that nobody has read yet.
func TestLongMessages(t *testing.T) {
	near, far := pair(t)
	text := strings.Repeat("x", maxMessage-100)
	for range 3 {
		if err := near.Send("long", text); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		var got string
		if m, _, err := far.Recv(); err != nil || json.Unmarshal(m.Data, &got) != nil || got != text {
			t.Fatalf("%d bytes came, %v", len(m.Data), err)
		}
	}
}

// A child that does not read does not keep the holder.
func TestSendToTheDeaf(t *testing.T) {
	near, _ := pair(t)
	began := time.Now()
	for range 100 {
		if err := near.Send("much", strings.Repeat("x", maxMessage/2)); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			return
		}
	}
	t.Errorf("100 messages were sent to nobody in %v", time.Since(began))
}

// A worker of 64 lanes gets more files than fit into one piece.
func TestManyFiles(t *testing.T) {
	near, far := pair(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, n := range []int{maxAtOnce, maxAtOnce + 1, 3*maxAtOnce - 1} {
		many := make([]*os.File, n)
		for i := range many {
			many[i] = w
		}
		if err := near.Send("many", nil, many...); err != nil {
			t.Fatal(err)
		}
		m, files, err := far.Recv()
		if err != nil || m.Kind != "many" || len(files) != n {
			t.Errorf("%d files sent: %d came, %+v, %v", n, len(files), m, err)
		}
		for _, f := range files {
			f.Close()
		}
		if err := near.Send("next", nil); err != nil {
			t.Fatal(err)
		}
		if m, _, err := far.Recv(); err != nil || m.Kind != "next" {
			t.Errorf("after %d files: %+v, %v", n, m, err)
		}
	}
	if err := near.Send("too many", nil, make([]*os.File, maxFiles+1)...); err == nil {
		t.Error("more files than the limit were sent")
	}
}

// Files that are promised and do not come are no reason to wait for ever, nor to take the next
// message for them.
func TestFilesThatDoNotCome(t *testing.T) {
	near, far := pair(t)
	if _, err := near.unix.Write([]byte(`{"kind":"x","files":9}`)); err != nil {
		t.Fatal(err)
	}
	if err := near.Send("next", nil); err != nil {
		t.Fatal(err)
	}
	if _, files, err := far.Recv(); err == nil || len(files) != 0 {
		t.Errorf("%d files, %v", len(files), err)
	}
}
