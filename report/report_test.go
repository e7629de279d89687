package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/eve"
	"github.com/weir-project/weir/event/ring"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// A fakeSink keeps events and fails on demand.
type fakeSink struct {
	got              []event.Event
	writeErr         error
	flushErr         error
	flushes, reopens int
	closed           bool
}

func (s *fakeSink) Write(e *event.Event) error {
	if s.writeErr == nil {
		s.got = append(s.got, *e)
	}
	return s.writeErr
}
func (s *fakeSink) Flush() error { s.flushes++; return s.flushErr }
func (s *fakeSink) Close() error { s.closed = true; return s.flushErr }
func (s *fakeSink) Reopen()      { s.reopens++ }

func (s *fakeSink) names() string {
	var all []string
	for _, e := range s.got {
		all = append(all, e.Name)
	}
	return strings.Join(all, " ")
}

func newRing(t testing.TB) (*ring.Mem, *ring.Writer, *ring.Reader) {
	t.Helper()
	m := ring.NewMem(ring.MinCapacity)
	w, err := m.Writer()
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Reader()
	if err != nil {
		t.Fatal(err)
	}
	return m, w, r
}

func newReporter(t testing.TB, c Config) *Reporter {
	t.Helper()
	if c.Now == nil {
		c.Now = func() time.Time { return start }
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func alert(name string) *event.Event {
	return &event.Event{Kind: event.KindAlert, Time: start, Name: name, Author: "ids"}
}

// TestStepFansOutInOrder: every sink gets every event, rings by turns, Batch at a time.
func TestStepFansOutInOrder(t *testing.T) {
	_, w1, q1 := newRing(t)
	_, w2, q2 := newRing(t)
	for i := range 3 {
		w1.Put(alert(fmt.Sprint("a", i)))
		w2.Put(alert(fmt.Sprint("b", i)))
	}
	one, two := &fakeSink{}, &fakeSink{}
	r := newReporter(t, Config{Rings: []*ring.Reader{q1, q2}, Sinks: []Sink{{"one", one}, {"two", two}}, Batch: 2})
	if n := r.Step(start); n != 4 {
		t.Fatalf("%d events", n)
	}
	if n := r.Step(start) + r.Step(start); n != 2 {
		t.Fatalf("then %d", n)
	}
	want := "a0 a1 b0 b1 a2 b2"
	if one.names() != want || two.names() != want {
		t.Errorf("%s; %s", one.names(), two.names())
	}
	if s := r.Status(); s.Events != 6 || s.ByKind["alert"] != 6 || s.Rings[1].Read != 3 || s.Sinks[0].Events != 6 {
		t.Errorf("%+v", s)
	}
}

// TestReleaseAfterFlush: a reporter that is killed before the flush repeats the events.
func TestReleaseAfterFlush(t *testing.T) {
	m, w, q := newRing(t)
	w.Put(alert("x"))
	waiting := func() int {
		again, err := m.Reader()
		if err != nil {
			t.Fatal(err)
		}
		return again.Pending()
	}
	s := &probeSink{during: waiting}
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"probe", s}}})
	r.Step(start)
	if s.seen == 0 || waiting() != 0 {
		t.Errorf("%d bytes unreleased at the flush, %d after the round", s.seen, waiting())
	}
}

type probeSink struct {
	fakeSink
	during func() int
	seen   int
}

func (s *probeSink) Flush() error { s.seen = s.during(); return nil }

func TestTimeOfItsOwnIsKept(t *testing.T) {
	_, w, q := newRing(t)
	w.Put(alert("with"))
	w.Put(&event.Event{Kind: event.KindFlow})
	s := &fakeSink{}
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", s}}})
	now := start.Add(time.Hour)
	r.Step(now)
	if !s.got[0].Time.Equal(start) || !s.got[1].Time.Equal(now) {
		t.Errorf("%v, %v", s.got[0].Time, s.got[1].Time)
	}
}

func (s signalSink) Write(*event.Event) error { s.c <- struct{}{}; return nil }
func (s signalSink) Flush() error             { return nil }
func (s signalSink) Close() error             { return nil }

func (s *refillSink) Flush() error {
	s.n++
	s.w.Put(alert("x"))
	return nil
}

func TestNewRefuses(t *testing.T) {
	for _, sinks := range [][]Sink{
		{{"", &fakeSink{}}}, {{"x", nil}}, {{"x", &fakeSink{}}, {"x", &fakeSink{}}},
	} {
		if _, err := New(Config{Sinks: sinks}); err == nil {
			t.Errorf("took %v", sinks)
		}
	}
}

func TestReopenReachesSinksThatCan(t *testing.T) {
	s := &fakeSink{}
	r := newReporter(t, Config{Sinks: []Sink{{"a", s}, {"b", signalSink{}}}})
	r.Reopen()
	for range 2 {
		r.Step(start)
	}
	if s.reopens != 1 || r.Status().Reopened != 1 {
		t.Errorf("%d, %+v", s.reopens, r.Status())
	}
}

func TestStatusIsJSON(t *testing.T) {
	_, w, q := newRing(t)
	w.Put(alert("x"))
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", &fakeSink{}}}})
	r.Step(start)
	got, err := json.Marshal(r.Status())
	want := `{"at":"2026-11-22T10:00:00Z","events":1,"by_kind":{"alert":1},"rings":[{"read":1,"pending_bytes":0,"lost":0,"lost_by_kind":{},"corrupt":0}],` +
		`"sinks":[{"name":"s","events":1,"lost":0,"errors":0,"failing":false,"absent":false}],"reopened":0}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

// TestSameEventsSameBytes: what is written does not depend on how events fall into
// rounds, nor on whether they came through a ring or directly.
func TestSameEventsSameBytes(t *testing.T) {
	events := func(put func(*event.Event) bool, between func()) {
		for n := range 200 {
			e := alert(strings.Repeat("x", n%50))
			e.Kind = event.Kind(1 + n%(event.Kinds-1))
			e.Num("n", int64(n))
			e.Text("long", strings.Repeat("y", n*30))
			if !put(e) {
				t.Fatal("lost")
			}
			between()
		}
	}
	var direct bytes.Buffer
	dw := eve.NewWriter(eve.NewStream(&direct), eve.Format{}, 0)
	events(event.Direct(dw).Put, func() {})
	if err := dw.Close(); err != nil {
		t.Fatal(err)
	}
	for batch := 1; batch < 4; batch++ { // so many of the longest events fit the ring
		_, w, q := newRing(t)
		var got bytes.Buffer
		sink := eve.NewWriter(eve.NewStream(&got), eve.Format{}, 0)
		r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"eve", sink}}, Batch: batch})
		n := 0
		events(w.Put, func() {
			if n++; n%batch == 0 {
				r.Step(start.Add(time.Duration(n)))
			}
		})
		r.Step(start)
		if !bytes.Equal(got.Bytes(), direct.Bytes()) {
			t.Fatalf("batch %d: %d bytes, direct %d", batch, got.Len(), direct.Len())
		}
	}
}

func BenchmarkStep(b *testing.B) {
	_, w, q := newRing(b)
	sink := eve.NewWriter(eve.NewStream(discard{}), eve.Format{}, 0)
	r := newReporter(b, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"eve", sink}}})
	e, n := alert("a signature of some length"), 0
	b.ReportAllocs()
	for b.Loop() {
		if !w.Put(e) {
			b.Fatal("lost")
		}
		if n++; n%50 == 0 {
			r.Step(start)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
