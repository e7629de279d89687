package ring

import (
	"bufio"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/internal/memfile"

	"github.com/weir-project/weir/event"
)

func shared(t *testing.T, capacity int) (*os.File, *Mem) {
	t.Helper()
	f, err := Create("weir-ring-test", capacity)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Map(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(); f.Close() })
	return f, m
}

// A checker follows the stream over the lives of its writers.
type checker struct {
	t       *testing.T
	r       *Reader
	life, n uint64 // of the last event
	seq     uint64
	events  int
}

// drain reads all there is, at most max events.
func (c *checker) drain(max int) {
	var e event.Event
	for range max {
		err := c.r.Next(&e)
		if err == ErrEmpty {
			return
		}
		if err != nil {
			c.t.Fatalf("after event %d of life %d: %v", c.n, c.life, err)
		}
		c.check(&e)
		if c.events%50 == 0 {
			c.r.Release()
		}
	}
}

func (c *checker) check(e *event.Event) {
	if want := numbered(e.FlowID, e.Packet); !same(e, &want) {
		c.t.Fatalf("torn event: %+v", e)
	}
	seq := c.r.Seq()
	switch {
	case e.FlowID == c.life && e.Packet > c.n:
		if e.Packet-c.n != seq-c.seq {
			c.t.Fatalf("life %d: from %d to %d, but the sequence from %d to %d", c.life, c.n, e.Packet, c.seq, seq)
		}
	case e.FlowID > c.life:
		if c.events > 0 && seq <= c.seq {
			c.t.Fatalf("a new life begins at %d, behind %d", seq, c.seq)
		}
	default:
		c.t.Fatalf("event %d of life %d after %d of %d", e.Packet, e.FlowID, c.n, c.life)
	}
	c.life, c.n, c.seq = e.FlowID, e.Packet, seq
	c.events++
}

func same(a, b *event.Event) bool {
	var x, y [event.MaxBytes]byte
	return string(event.Append(x[:0], a)) == string(event.Append(y[:0], b))
}

// TestKilledWriters kills a writing process at random moments, many times over, with a
// reader that is sometimes too slow.
func TestKilledWriters(t *testing.T) {
	lives := 60
	if testing.Short() {
		lives = 8
	}
	f, m := shared(t, 64<<10)
	r, err := m.Reader()
	if err != nil {
		t.Fatal(err)
	}
	c := &checker{t: t, r: r}
	for life := 1; life <= lives; life++ {
		cmd, _, out := part(t, f, "writer", life)
		if _, err := bufio.NewReader(out).ReadByte(); err != nil {
			t.Fatalf("writer %d: %v", life, err)
		}
		end := time.Now().Add(time.Duration(rand.IntN(8000)) * time.Microsecond)
		for time.Now().Before(end) {
			if life%3 > 0 { // else the ring fills up
				c.drain(10)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		c.drain(1 << 20)
		r.Release()
		if c.life != uint64(life) {
			t.Fatalf("nothing read of life %d", life)
		}
	}
	// One more event shows how many were lost behind the last one read.
	w, err := m.Writer()
	if err != nil {
		t.Fatal(err)
	}
	last := numbered(uint64(lives+1), 1)
	if !w.Put(&last) {
		t.Fatal("no room in an empty ring")
	}
	c.drain(1)
	lost := r.Lost()
	missing, counted := int(r.Stats().Missing), int(lost.Total())
	if missing < counted || missing > counted+lives {
		t.Errorf("%d events missing, %d counted as lost, %d kills", missing, counted, lives)
	}
	if counted == 0 || r.Stats().Corrupt != 0 {
		t.Errorf("%d lost, %d corrupt: the ring was to overflow, cleanly", counted, r.Stats().Corrupt)
	}
	t.Logf("%d events read, %d lost, %d kills", c.events, counted, lives)
}

// TestKilledReaders kills the reading process at random moments. Every event arrives, in
// order; those not released arrive again.
func TestKilledReaders(t *testing.T) {
	lives := 30
	if testing.Short() {
		lives = 5
	}
	f, m := shared(t, 64<<10)
	w, err := m.Writer()
	if err != nil {
		t.Fatal(err)
	}
	n, next, again := uint64(0), uint64(1), 0
	for range lives {
		cmd, _, out := part(t, f, "reader", 0)
		got := make(chan []uint64)
		go func() { got <- numbers(out) }()
		end := time.Now().Add(time.Duration(5000+rand.IntN(8000)) * time.Microsecond)
		for time.Now().Before(end) {
			e := numbered(0, n+1)
			if w.Put(&e) {
				n++
			}
		}
		_ = cmd.Process.Kill()
		seen := <-got
		_ = cmd.Wait()
		for i, v := range seen {
			if v > next || i > 0 && v != seen[i-1]+1 {
				t.Fatalf("read %d, expected %d", v, next)
			}
			if v < next {
				again++
			}
			next = max(next, v+1)
		}
	}
	r, err := m.Reader()
	if err != nil {
		t.Fatal(err)
	}
	var e event.Event
	for r.Next(&e) == nil {
		if e.Packet > next {
			t.Fatalf("read %d, expected %d", e.Packet, next)
		}
		next = max(next, e.Packet+1)
	}
	if next != n+1 {
		t.Fatalf("read up to %d of %d", next-1, n)
	}
	if limit := lives * 10; again > limit {
		t.Errorf("%d events came again, at most %d can have been unreleased", again, limit)
	}
	t.Logf("%d events, %d of them again, %d kills", n, again, lives)
}

func TestSealedAgainstResizing(t *testing.T) {
	f, _ := shared(t, MinCapacity)
	for _, size := range []int64{0, 4096, 1 << 24} {
		if err := f.Truncate(size); err == nil {
			t.Errorf("resized to %d", size)
		}
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); err == nil {
		t.Error("a further seal was accepted")
	}
}

func TestMapRefuses(t *testing.T) {
	plain, err := os.CreateTemp(t.TempDir(), "ring")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	_ = plain.Truncate(int64(Size(MinCapacity)))
	if _, err := Map(plain); err == nil {
		t.Error("mapped a file that can shrink")
	}
	for _, size := range []int64{0, headerSize, int64(Size(MinCapacity)), 3 * MinCapacity} {
		f, err := memfile.Shared("not-a-ring", max(1, int(size)), func([]byte) {})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Map(f); err == nil {
			t.Errorf("mapped %d bytes without a ring", size)
		}
		f.Close()
	}
}
