package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

// TestFailingSink: it is tried after 100 ms, 200 ms … up to RetryMax; the other sink and
// the ring do not notice.
func TestFailingSink(t *testing.T) {
	_, w, q := newRing(t)
	good, bad := &fakeSink{}, &fakeSink{flushErr: errors.New("no space")}
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"bad", bad}, {"good", good}}, RetryMax: 300 * time.Millisecond})
	var tries []int
	for ms := range 1000 {
		w.Put(alert("x"))
		before := bad.flushes
		r.Step(start.Add(time.Duration(ms) * time.Millisecond))
		if bad.flushes > before {
			tries = append(tries, ms)
		}
	}
	if got := fmt.Sprint(tries); got != "[0 100 300 600 900]" {
		t.Errorf("tried at %s ms", got)
	}
	if len(good.got) != 1000 || good.flushes != 1000 {
		t.Errorf("the good sink got %d, %d flushes", len(good.got), good.flushes)
	}
	s := r.Status().Sinks[0]
	if !s.Failing || s.Error != "no space" || s.Errors != 5 {
		t.Errorf("%+v", s)
	}
	bad.flushErr = nil
	r.Step(start.Add(2 * time.Second))
	if s := r.Status().Sinks[0]; s.Failing || s.Error != "" {
		t.Errorf("after recovery: %+v", s)
	}
}

// TestLossesAreTold: once per interval, with counts by kind, and not again by the next
// reporter.
func TestLossesAreTold(t *testing.T) {
	m, w, q := newRing(t)
	overflow := func() (lost int64) {
		for range 1000 {
			if !w.Put(alert("x")) {
				lost++
			}
		}
		return lost
	}
	s := &fakeSink{}
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", s}}, LossEvery: time.Second})
	engine := func() (es []event.Event) {
		for _, e := range s.got {
			if e.Kind == event.KindEngine {
				es = append(es, e)
			}
		}
		return es
	}
	lost := overflow()
	r.Step(start)
	lost += overflow()
	r.Step(start.Add(time.Second / 2))
	if len(engine()) != 0 {
		t.Fatal("told before the interval was over")
	}
	r.Step(start.Add(time.Second))
	r.Step(start.Add(2 * time.Second))
	es := engine()
	if len(es) != 1 {
		t.Fatalf("told %d times", len(es))
	}
	want := []event.Pair{{Key: "lost", Num: lost, IsNum: true}, {Key: "lanes", Text: "0"}, {Key: "alert", Num: lost, IsNum: true}}
	if got := es[0].Pairs(); fmt.Sprint(got) != fmt.Sprint(want) || es[0].Name != "events-lost" {
		t.Errorf("%s: %v, want %v", es[0].Name, got, want)
	}
	next, err := m.Reader()
	if err != nil {
		t.Fatal(err)
	}
	r = newReporter(t, Config{Rings: []*ring.Reader{next}, Sinks: []Sink{{"s", s}}, LossEvery: time.Second})
	r.Step(start.Add(time.Minute))
	if len(engine()) != 1 {
		t.Error("told again after a restart")
	}
	if st := r.Status(); st.Rings[0].Lost != uint64(lost) || st.Rings[0].ByKind["alert"] != uint64(lost) {
		t.Errorf("%+v", st.Rings[0])
	}
}

func TestLossesOfASinkAreToldToTheOthers(t *testing.T) {
	_, w, q := newRing(t)
	good, bad := &fakeSink{}, &fakeSink{writeErr: eve.ErrFull}
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"bad", bad}, {"good", good}}, LossEvery: time.Second})
	w.Put(alert("x"))
	r.Step(start)
	r.Step(start.Add(time.Second))
	if good.names() != "x sink-lost-events" {
		t.Fatalf("%s", good.names())
	}
	if got := fmt.Sprint(good.got[1].Pairs()); got != "[{sink bad 0 false} {lost  1 true}]" {
		t.Errorf("%s", got)
	}
}

// TestRunDrainsAndCloses: what was put before the end arrives, and the sinks are closed.
func TestRunDrainsAndCloses(t *testing.T) {
	_, w, q := newRing(t)
	s := &fakeSink{}
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", s}}, Batch: 3, Now: time.Now})
	ctx, cancel := context.WithCancel(t.Context())
	for range 100 {
		if !w.Put(alert("x")) {
			t.Fatal("the ring is too small for this test")
		}
	}
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if !s.closed || len(s.got) != 100 {
		t.Errorf("closed %v, %d events", s.closed, len(s.got))
	}
}

// TestRunWakesUp: an event put while the reporter sleeps arrives.
func TestRunWakesUp(t *testing.T) {
	_, w, q := newRing(t)
	arrived := make(chan struct{}, 1)
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", signalSink{arrived}}}, Now: time.Now})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	for range 5 {
		w.Put(alert("x"))
		<-arrived
		_ = r.Status()
		r.Reopen()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type signalSink struct{ c chan struct{} }

func (s signalSink) Write(*event.Event) error { s.c <- struct{}{}; return nil }
func (s signalSink) Flush() error             { return nil }
func (s signalSink) Close() error             { return nil }

// TestStopIsBounded: a writer that never stops does not keep Run.
func TestStopIsBounded(t *testing.T) {
	_, w, q := newRing(t)
	now := start
	s := &refillSink{w: w}
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", s}}, Now: func() time.Time {
		now = now.Add(10 * time.Millisecond)
		return now
	}})
	w.Put(alert("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if s.n < 10 {
		t.Errorf("gave up after %d rounds", s.n)
	}
}

// A refillSink puts an event for each one it gets.
type refillSink struct {
	fakeSink
	w *ring.Writer
	n int
}

func (s *refillSink) Flush() error {
	s.n++
	s.w.Put(alert("x"))
	return nil
}

func TestCloseErrorsNameTheSink(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := newReporter(t, Config{Sinks: []Sink{{"disk", &fakeSink{flushErr: errors.New("no space")}}}})
	if err := r.Run(ctx); err == nil || !strings.Contains(err.Error(), "disk: no space") {
		t.Errorf("%v", err)
	}
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
	newReporter(t, Config{Sinks: []Sink{{"a", s}, {"b", signalSink{}}}}).Reopen()
	if s.reopens != 1 {
		t.Errorf("%d", s.reopens)
	}
}

func TestStatusIsJSON(t *testing.T) {
	_, w, q := newRing(t)
	w.Put(alert("x"))
	r := newReporter(t, Config{Rings: []*ring.Reader{q}, Sinks: []Sink{{"s", &fakeSink{}}}})
	r.Step(start)
	got, err := json.Marshal(r.Status())
	want := `{"events":1,"by_kind":{"alert":1},"rings":[{"read":1,"pending_bytes":0,"lost":0,"lost_by_kind":{},"corrupt":0}],` +
		`"sinks":[{"name":"s","events":1,"lost":0,"errors":0,"failing":false}]}`
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
