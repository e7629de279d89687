package eve

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/event"
)

// A fakeOutput takes whole lines up to a budget of bytes.
type fakeOutput struct {
	got     bytes.Buffer
	budget  int
	calls   int
	reopens int
	err     error // of Reopen
}

var errFull = errors.New("no space")

func (o *fakeOutput) Write(lines []byte) (int, int, error) {
	o.calls++
	n := whole(lines[:min(len(lines), o.budget)])
	o.got.Write(lines[:n])
	o.budget -= n
	if n < len(lines) {
		return n, 0, errFull
	}
	return n, 0, nil
}
func (o *fakeOutput) Reopen() error { o.reopens++; return o.err }
func (o *fakeOutput) Close() error  { return nil }

func numbered(n int) *event.Event {
	return &event.Event{Kind: event.KindEngine, Packet: uint64(n), Name: strings.Repeat("x", n%100)}
}

// packets returns the numbers in lines, each of which must be whole.
func packets(t testing.TB, lines []byte) (all []int) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		var v struct{ Weir struct{ Packet int } }
		if err := json.Unmarshal(line, &v); err != nil || line[len(line)-1] != '\n' {
			t.Fatalf("torn line %q: %v", line, err)
		}
		all = append(all, v.Weir.Packet)
	}
	return all
}

// TestWriterAccountsForEveryEvent: with an output that fails and recovers at will, what
// arrives is in order, and what does not is counted.
func TestWriterAccountsForEveryEvent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		out := &fakeOutput{}
		w := NewWriter(out, Format{}, 1)
		refused := 0
		n := 0
		for range rapid.IntRange(1, 6).Draw(rt, "rounds") {
			out.budget = rapid.SampledFrom([]int{0, 50, 3000, 1 << 30}).Draw(rt, "budget")
			for range rapid.SampledFrom([]int{0, 1, 20, 400}).Draw(rt, "events") {
				n++
				if w.Write(numbered(n)) != nil {
					refused++
				}
			}
			if err := w.Flush(); (err != nil) != (len(w.buf) > 0) {
				rt.Fatalf("Flush: %v with %d bytes left", err, len(w.buf))
			}
		}
		err := w.Close()
		c := w.Counters()
		got := packets(t, out.got.Bytes())
		if int(c.Events) != len(got) || int(c.Bytes) != out.got.Len() || int(c.Events+c.Lost) != n {
			rt.Fatalf("%+v, but %d arrived of %d", c, len(got), n)
		}
		if err == nil && int(c.Lost) != refused {
			rt.Fatalf("%d lost, %d refused", c.Lost, refused)
		}
		for i := 1; i < len(got); i++ {
			if got[i] <= got[i-1] {
				rt.Fatal("out of order")
			}
		}
	})
}

// TestFailingOutputIsLeftAlone: only Flush tries again.
func TestFailingOutputIsLeftAlone(t *testing.T) {
	out := &fakeOutput{}
	w := NewWriter(out, Format{}, 0)
	for n := range 100_000 {
		_ = w.Write(numbered(n))
	}
	if out.calls != 1 || w.Counters().Lost == 0 {
		t.Errorf("%d writes to a failing output, %d lost", out.calls, w.Counters().Lost)
	}
	e := numbered(1)
	if n := testing.AllocsPerRun(100, func() { _ = w.Write(e) }); n != 0 || cap(w.buf) > DefaultBuffer+MaxLine {
		t.Errorf("a full buffer: %v allocations, capacity %d", n, cap(w.buf))
	}
	out.budget = 1 << 30
	if err := w.Flush(); err != nil || w.Write(numbered(1)) != nil {
		t.Errorf("does not recover: %v", err)
	}
}

func TestReopenUntilItWorks(t *testing.T) {
	out := &fakeOutput{budget: 1 << 30, err: errors.New("not yet")}
	w := NewWriter(out, Format{}, 0)
	w.Reopen()
	_ = w.Write(numbered(1))
	if w.Flush() == nil || out.got.Len() > 0 {
		t.Error("wrote to what was to be reopened")
	}
	out.err = nil
	if err := w.Flush(); err != nil || out.got.Len() == 0 || out.reopens != 2 {
		t.Errorf("%v, %d reopened", err, out.reopens)
	}
	_ = w.Flush()
	if out.reopens != 2 {
		t.Error("reopened unasked")
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	w := NewWriter(&fakeOutput{budget: 1}, Format{}, 0)
	e := numbered(1)
	w.failed = true
	if n := testing.AllocsPerRun(1000, func() { _ = w.Write(e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// shortWriter takes n bytes in all.
type shortWriter struct {
	got bytes.Buffer
	n   int
}

func (s *shortWriter) Write(p []byte) (int, error) {
	n := min(len(p), s.n)
	s.got.Write(p[:n])
	s.n -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

// TestStreamEndsATornLine: a line cut at any byte never runs into the next one.
func TestStreamEndsATornLine(t *testing.T) {
	lines := []byte("{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n")
	for cut := range lines {
		sw := &shortWriter{n: cut}
		s := NewStream(sw)
		done, _, err := s.Write(lines)
		if err == nil || done != whole(lines[:cut]) {
			t.Fatalf("cut at %d: %d, %v", cut, done, err)
		}
		sw.n = 1 << 20
		if rest, _, err := s.Write(lines[done:]); err != nil || rest != len(lines)-done {
			t.Fatalf("cut at %d: then %d, %v", cut, rest, err)
		}
		var valid []string
		for line := range bytes.Lines(sw.got.Bytes()) {
			if json.Valid(line) {
				valid = append(valid, string(line))
			}
		}
		// A line that lacked but its newline comes twice.
		if got := strings.Join(slices.Compact(valid), ""); got != string(lines) {
			t.Fatalf("cut at %d: %q", cut, sw.got.Bytes())
		}
	}
}
