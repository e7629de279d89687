package ring

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/event"
)

// The test binary is also the other process: with this variable set it plays a part.
const partEnv = "WEIR_RING_TEST_PART"

func TestMain(m *testing.M) {
	switch os.Getenv(partEnv) {
	case "writer":
		playWriter()
	case "reader":
		playReader()
	default:
		os.Exit(m.Run())
	}
}

func inherited() *Mem {
	m, err := Map(os.NewFile(3, "ring"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return m
}

// numbered is the n-th event of a writer's life. Everything in it follows from the two
// numbers, so that a mixture of two events shows.
func numbered(life, n uint64) event.Event {
	e := event.Event{Kind: event.KindAlert, FlowID: life, Packet: n, Author: "ring-test"}
	e.Text("text", strings.Repeat(string(rune('a'+(life+n)%26)), int((life*31+n*7)%700)))
	e.Num("sum", int64(life+n))
	return e
}

// playWriter puts events as fast as it can until it is killed, or until its standard
// input ends; it tells its first Put on standard output.
func playWriter() {
	w, err := inherited().Writer()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	var life uint64
	fmt.Sscan(os.Args[len(os.Args)-1], &life)
	for n := uint64(1); ; n++ {
		e := numbered(life, n)
		w.Put(&e)
		if n == 1 {
			os.Stdout.WriteString("\n")
		}
		select {
		case <-stop:
			os.Exit(0)
		default:
		}
	}
}

// playReader writes each event's number to standard output, releasing after every ten.
func playReader() {
	r, err := inherited().Reader()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var e event.Event
	for n := 1; ; {
		switch err := r.Next(&e); err {
		case ErrEmpty:
			time.Sleep(100 * time.Microsecond) // as a reporter polls
		case nil:
			_ = binary.Write(os.Stdout, binary.LittleEndian, e.Packet)
			if n++; n%10 == 0 {
				r.Release()
			}
		default:
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// part starts the other process with the ring as descriptor 3.
func part(t *testing.T, f *os.File, name string, life int) (cmd *exec.Cmd, in io.Closer, out io.Reader) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^$", fmt.Sprint(life))
	cmd.Env = append(os.Environ(), partEnv+"="+name)
	cmd.ExtraFiles = []*os.File{f}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, in, out
}

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

func numbers(in io.Reader) (all []uint64) {
	b := bufio.NewReader(in)
	for {
		var v uint64
		if binary.Read(b, binary.LittleEndian, &v) != nil {
			return all
		}
		all = append(all, v)
	}
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
		f, err := createMemfd("not-a-ring")
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Truncate(size)
		if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
			t.Fatal(err)
		}
		if _, err := Map(f); err == nil {
			t.Errorf("mapped %d bytes without a ring", size)
		}
		f.Close()
	}
}
