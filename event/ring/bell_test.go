//go:build linux || freebsd || openbsd

package ring

import (
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/event"
)

func newBell(t *testing.T) Bell {
	t.Helper()
	b, err := NewBell()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Hear.Close(); b.Strike.Close() })
	return b
}

// struck returns how often it was since the last time. Nobody else may hear it.
func (b Bell) struck() (n int) {
	var got [1]byte
	for {
		if _, _, err := unix.Recvfrom(int(b.Hear.Fd()), got[:], unix.MSG_DONTWAIT); err != nil {
			return n
		}
		n++
	}
}

// TestBell: the first event that comes to a dozing reader strikes it, and no other.
func TestBell(t *testing.T) {
	m, b := NewMem(MinCapacity), newBell(t)
	w, r := open(t, m)
	w.RingWith(b.Strike)
	e := sample(1, 1)
	put := func(want int) {
		t.Helper()
		if !w.Put(&e) {
			t.Fatal("the ring is too small for this test")
		}
		if got := b.struck(); got != want {
			t.Errorf("struck %d times, want %d", got, want)
		}
	}
	readAll := func() {
		for r.Next(&event.Event{}) == nil {
		}
	}
	put(0)
	if r.Doze() {
		t.Error("one that has something to read dozes")
	}
	r.Rouse()
	put(0)
	readAll()
	if !r.Doze() {
		t.Error("one that has nothing to read does not doze")
	}
	put(1)
	put(0)

	// A reader of a later life is woken by what its predecessor waited for.
	readAll()
	r.Release()
	r.Doze()
	var err error
	if r, err = m.Reader(); err != nil {
		t.Fatal(err)
	}
	put(1)

	// A writer of a later life goes on with it, and one that has no bell puts its event in silence.
	readAll()
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
	b := newBell(t)
	w, r := open(t, NewMem(MinCapacity))
	w.RingWith(b.Strike)
	woken := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() { ended <- Listen(b.Hear, woken) }()
	const events = 2000
	next := make(chan struct{})
	go func() {
		e := sample(1, 1)
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
	// Whoever has an end can break it; that is heard as well.
	if err := unix.Shutdown(int(b.Strike.Fd()), unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	for range woken { // until it is closed
	}
}

// TestFullBell: a bell that nobody hears, or that is broken, holds nobody up, whatever one who shares it does to its files, and costs no memory.
func TestFullBell(t *testing.T) {
	b := newBell(t)
	w, r := open(t, NewMem(MinCapacity))
	w.RingWith(b.Strike)
	if err := errors.Join(unix.SetNonblock(int(b.Strike.Fd()), false), unix.SetNonblock(int(b.Hear.Fd()), false)); err != nil {
		t.Fatal(err)
	}
	e, got := sample(1, 1), event.Event{}
	strike := func() {
		r.Doze()
		if !w.Put(&e) {
			t.Fatal("the ring is full")
		}
		if err := r.Next(&got); err != nil {
			t.Fatal(err)
		}
		r.Release()
	}
	for range 10_000 {
		strike()
	}
	if b.struck() == 0 {
		t.Error("never struck")
	}
	b.Hear.Close()
	for range 10 {
		strike()
	}
	if n := testing.AllocsPerRun(100, func() { r.Doze(); w.Put(&e) }); n != 0 {
		t.Errorf("a strike: %v allocations", n)
	}
}
