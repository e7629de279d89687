package event

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for k := Kind(0); k < 20; k++ {
		name := k.String()
		if k.Valid() == (name == "unknown") {
			t.Errorf("kind %d is %q, valid %v", k, name, k.Valid())
		}
		if k.Valid() && seen[name] {
			t.Errorf("two kinds are %q", name)
		}
		seen[name] = true
	}
	if len(seen) != Kinds {
		t.Errorf("%d names for %d kinds", len(seen), Kinds)
	}
}

func TestMorePairsThanFit(t *testing.T) {
	var e Event
	for i := range MaxPairs {
		e.Num("n", int64(i))
	}
	if e.Cut {
		t.Fatal("cut too early")
	}
	e.Text("one", "too many")
	if !e.Cut || len(e.Pairs()) != MaxPairs {
		t.Fatalf("cut %v, %d pairs", e.Cut, len(e.Pairs()))
	}
}

func TestBufferCopiesAndCounts(t *testing.T) {
	b := Buffer{Max: 2}
	scratch := []byte("first")
	for i, want := range []bool{true, true, false} {
		e := Event{Kind: KindDLP, Name: string(scratch), Packet: uint64(i)}
		if b.Put(&e) != want {
			t.Fatalf("Put %d is not %v", i, want)
		}
		e.Name, e.Packet = "changed", 99
	}
	es := b.Take()
	if len(es) != 2 || es[0].Name != "first" || es[1].Packet != 1 {
		t.Fatalf("took %+v", es)
	}
	if b.Put(&Event{}) {
		t.Error("took an event without kind")
	}
	lost := b.Lost()
	if lost.Of(KindDLP) != 1 || lost.Of(0) != 1 || lost.Total() != 2 {
		t.Errorf("lost %v", lost.Map())
	}
	if len(b.Take()) != 0 {
		t.Error("took twice")
	}
}

type testSink struct {
	got []Event
	err error
}

func (s *testSink) Write(e *Event) error {
	if s.err == nil {
		s.got = append(s.got, *e)
	}
	return s.err
}
func (s *testSink) Flush() error { return nil }
func (s *testSink) Close() error { return nil }

// TestDirectIsLikeARing: a replay's events are cut as the ring cuts them.
func TestDirectIsLikeARing(t *testing.T) {
	var s testSink
	q := Direct(&s)
	e := Event{Kind: KindURL, Name: strings.Repeat("n", 2*MaxName)}
	if !q.Put(&e) || len(s.got) != 1 {
		t.Fatal("not put")
	}
	if got := s.got[0]; !got.Cut || len(got.Name) != MaxName {
		t.Errorf("cut %v, %d bytes", got.Cut, len(got.Name))
	}
	s.err = errors.New("full")
	if q.Put(&e) {
		t.Error("put into a sink that refuses")
	}
	if lost, err := q.Lost(); lost.Of(KindURL) != 1 || err != s.err {
		t.Errorf("lost %v, %v", lost.Map(), err)
	}
}

// TestBegin leaves nothing of the event before, whatever fields there are.
func TestBegin(t *testing.T) {
	var e Event
	v := reflect.ValueOf(&e).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanSet() {
			continue
		}
		switch f.Interface().(type) {
		case time.Time:
			f.Set(reflect.ValueOf(time.Unix(1, 1)))
		case netip.AddrPort:
			f.Set(reflect.ValueOf(netip.MustParseAddrPort("192.0.2.1:1")))
		case string:
			f.SetString("x")
		case bool:
			f.SetBool(true)
		default:
			if f.CanInt() {
				f.SetInt(7)
			} else {
				f.SetUint(7)
			}
		}
		if f.IsZero() {
			t.Fatalf("%s is not set", v.Type().Field(i).Name)
		}
	}
	for range MaxPairs + 1 {
		e.Text("key", "text")
		e.Num("key", 1)
	}
	e.Begin(KindURL, Low, "name")
	if want := (Event{Kind: KindURL, Severity: Low, Name: "name"}); e != want {
		t.Errorf("%+v, want %+v", e, want)
	}
}

func BenchmarkBegin(b *testing.B) {
	var e Event
	for b.Loop() {
		e.Begin(KindURL, Low, "name")
		e.Text("key", "text")
	}
}
