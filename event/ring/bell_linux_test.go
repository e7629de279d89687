package ring

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/weir-project/weir/event"
)

// struckBy returns how often the bell was struck since the last time. Nobody else may hear it.
func struckBy(t *testing.T, b Bell) int {
	t.Helper()
	var got [64]byte
	if err := b.Hear.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := b.Hear.Read(got[:])
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return n
}

func newBell(t *testing.T) Bell {
	t.Helper()
	b, err := NewBell()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Hear.Close(); b.Strike.Close() })
	return b
}

// TestBell: the first event that comes to a dozing reader strikes it, and no other.
func TestBell(t *testing.T) {
	_, m := shared(t, MinCapacity)
	b := newBell(t)
	w, err := m.Writer()
	if err != nil {
		t.Fatal(err)
	}
	w.RingWith(b.Strike)
	r, err := m.Reader()
	if err != nil {
		t.Fatal(err)
	}
	e := numbered(1, 1)
	put := func(want int) {
		t.Helper()
		if !w.Put(&e) {
			t.Fatal("the ring is too small for this test")
		}
		if got := struckBy(t, b); got != want {
			t.Errorf("struck %d times, want %d", got, want)
		}
	}
	put(0)
	if r.Doze() {
		t.Error("one that has something to read dozes")
	}
	r.Rouse()
	put(0)
	for range 2 {
		_ = r.Next(&event.Event{})
	}
	if !r.Doze() {
		t.Error("one that has nothing to read does not doze")
	}
	put(1)
	put(0)

	// A writer of a later life goes on with it, and one that has no bell puts its event in silence.
	for range 2 {
		_ = r.Next(&event.Event{})
	}
	r.Doze()
	if w, err = m.Writer(); err != nil {
		t.Fatal(err)
	}
	put(0)
	w.RingWith(b.Strike)
	put(1)
}

// TestBellIsNeverMissed: whenever a reader falls asleep, an event that comes before, meanwhile or later wakes it.
func TestBellIsNeverMissed(t *testing.T) {
	_, m := shared(t, MinCapacity)
	b := newBell(t)
	w, err := m.Writer()
	if err != nil {
		t.Fatal(err)
	}
	w.RingWith(b.Strike)
	r, err := m.Reader()
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() { ended <- Listen(b.Hear, woken) }()
	const events = 2000
	next := make(chan struct{})
	go func() {
		e := numbered(1, 1)
		for range events {
			w.Put(&e)
			<-next
		}
	}()
	for range events {
		for e := (event.Event{}); errors.Is(r.Next(&e), ErrEmpty); {
			if !r.Doze() {
				continue
			}
			select {
			case <-woken:
			case <-time.After(10 * time.Second):
				t.Fatal("nobody was woken")
			}
		}
		r.Release()
		r.Rouse()
		next <- struct{}{}
	}
	b.Hear.Close()
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// TestFullBell: one whom nobody hears holds nobody up.
func TestFullBell(t *testing.T) {
	_, m := shared(t, MinCapacity)
	b := newBell(t)
	w, err := m.Writer()
	if err != nil {
		t.Fatal(err)
	}
	w.RingWith(b.Strike)
	r, err := m.Reader()
	if err != nil {
		t.Fatal(err)
	}
	e := numbered(1, 1)
	for range 100_000 { // a pipe holds 65,536
		r.Doze()
		if !w.Put(&e) {
			t.Fatal("the ring is full")
		}
		_ = r.Next(&event.Event{})
		r.Release()
	}
}
