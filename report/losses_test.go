package report

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/weir-project/weir/event"
	"github.com/weir-project/weir/event/eve"
	"github.com/weir-project/weir/event/ring"
)

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
	if !s.Failing || s.Error != "no space" || s.Errors != 5 || !s.Since.Equal(start) || s.Absent {
		t.Errorf("%+v", s)
	}
	bad.writeErr = eve.ErrFull
	w.Put(alert("x"))
	r.Step(start.Add(time.Second))
	if s := r.Status().Sinks[0]; s.Error != "no space" || s.Lost != 1 || !s.Since.Equal(start) {
		t.Errorf("a full buffer hides why: %+v", s)
	}
	bad.writeErr = nil
	bad.flushErr = fs.ErrPermission
	r.Reopen() // is due at once
	r.Step(start.Add(time.Second))
	if s := r.Status().Sinks[0]; !s.Absent || r.Status().Reopened != 1 {
		t.Errorf("%+v", r.Status())
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
