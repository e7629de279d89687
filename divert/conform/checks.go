package conform

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/packet"
)

// Checks are all there are.
func Checks() []Check {
	return []Check{
		{"accepted packets go on as they came", accepted},
		{"dropped packets do not go on", dropped},
		{"edited packets go on edited, and their checksums are right", edited},
		{"each packet gets its own verdict, however late", ownVerdict},
		{"a packet that is finished twice goes on once", twice},
		{"a verdict for no packet hurts nobody", stranger},
		{"Recv keeps to its time", keepsTime},
		{"Wake ends a waiting Recv, or the next", wakes},
		{"Close ends a waiting Recv, and all that follows says so", closes},
		{"what does not fit is dropped, and then it goes on", overflows},
		{"a datagram that is sent past the socket goes on", injects},
		{"the small form loops, reinjects and puts back later", smallForm},
		{"receiving and finishing allocate nothing", allocatesNothing},
	}
}

func accepted(s *session) error {
	if err := s.open(); err != nil {
		return err
	}
	return s.eachWay(func(w Way) error {
		var payloads []string
		for n := range 12 {
			payloads = append(payloads, strings.Repeat(string(rune('a'+n)), n*120))
		}
		if err := s.send(w, payloads...); err != nil {
			return err
		}
		ps, err := s.receive(len(payloads))
		if err != nil {
			return err
		}
		for i, p := range ps {
			if p.Malformed != packet.WellFormed || string(p.Payload()) != payloads[i] || p.Truncated() {
				return fmt.Errorf("packet %d is %v, %d bytes of payload, want %d", i, p.Malformed, len(p.Payload()), len(payloads[i]))
			}
		}
		if err := first(
			func() error { return s.finish(packet.Accept, ps[:6]...) },
			func() error { return s.finish(packet.Pass, ps[6:]...) },
			func() error { return s.want(payloads...) },
		); err != nil {
			return err
		}
		if st := s.Stats(); st.Received != st.Accepted || st.Dropped+st.VerdictErrors+st.Rewritten > 0 {
			return fmt.Errorf("stats: %+v", st)
		}
		return nil
	})
}

func dropped(s *session) error {
	if err := s.open(); err != nil {
		return err
	}
	return s.eachWay(func(w Way) error {
		before := s.Stats()
		if err := s.send(w, "a", "b", "c", "d"); err != nil {
			return err
		}
		ps, err := s.receive(4)
		if err != nil {
			return err
		}
		ps[0].Verdict, ps[1].Verdict, ps[2].Verdict, ps[3].Verdict = packet.Drop, packet.Accept, packet.Reject, packet.Pass
		if err := first(func() error { return s.Finish(ps) }, func() error { return s.want("b", "d") }); err != nil {
			return err
		}
		if st := s.Stats(); st.Dropped-before.Dropped != 2 || st.Accepted-before.Accepted != 2 {
			return fmt.Errorf("stats: %+v", st)
		}
		return nil
	})
}

func edited(s *session) error {
	if err := s.open(); err != nil {
		return err
	}
	long := strings.Repeat("grown", 200)
	return s.eachWay(func(w Way) error {
		if err := s.send(w, "secret", "grows", "shrinks", "stays", "empties"); err != nil {
			return err
		}
		ps, err := s.receive(5)
		if err != nil {
			return err
		}
		copy(ps[0].MutablePayload(), "XXXXXX")
		for i, with := range map[int]string{1: long, 2: "s", 4: ""} {
			if !ps[i].ReplacePayload(make([]byte, 2000), []byte(with)) {
				return fmt.Errorf("the payload of packet %d cannot be replaced", i)
			}
		}
		before := s.Stats().Rewritten
		if err := first(
			func() error { return s.finish(packet.Accept, ps...) },
			func() error { return s.want("XXXXXX", long, "s", "stays", "") },
		); err != nil {
			return err
		}
		if n := s.Stats().Rewritten - before; n != 4 {
			return fmt.Errorf("%d packets are counted as rewritten, want 4", n)
		}
		return nil
	})
}

// ownVerdict finishes packets in any order, some of them after many others have come.
func ownVerdict(s *session) error {
	if err := s.open(divert.WithBatch(16)); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 2))
	var want, got []string
	var held []*packet.Packet
	done := func(ps []*packet.Packet) error {
		for _, p := range ps {
			was := string(p.Payload())
			switch p.Verdict = packet.Accept; r.IntN(4) {
			case 0:
				p.Verdict = packet.Drop
				continue
			case 1:
				copy(p.MutablePayload(), "edited")
				was = "edited" + was[6:]
			}
			want = append(want, was)
		}
		return s.Finish(ps)
	}
	ways := s.Ways()
	for n := range 300 {
		if err := s.send(ways[r.IntN(len(ways))], fmt.Sprintf("packet %d", n)); err != nil {
			return err
		}
		ps, err := s.receive(1)
		if err != nil {
			return err
		}
		held = append(held, ps...)
		r.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
		k := r.IntN(min(len(held), 5) + 1)
		if err := done(held[:k]); err != nil {
			return err
		}
		held = held[k:]
	}
	if err := done(held); err != nil {
		return err
	}
	for range want {
		b, ok := s.Next(soon)
		if !ok {
			return fmt.Errorf("%d of %d packets have gone on", len(got), len(want))
		}
		got = append(got, string(b))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return errors.New("other packets have gone on than were accepted, or as they were not")
	}
	return s.nothing()
}

func twice(s *session) error {
	if err := s.open(); err != nil {
		return err
	}
	w := s.Ways()[0]
	if err := s.send(w, "once"); err != nil {
		return err
	}
	ps, err := s.receive(1)
	if err != nil {
		return err
	}
	again := own(ps[0])
	if err := first(
		func() error { return s.finish(packet.Accept, ps...) },
		func() error { return s.finish(packet.Accept, again) },
		func() error { return s.want("once") },
	); err != nil {
		return err
	}
	return s.errors(1)
}

// errors checks that n verdicts are counted as errors. Some kernels tell of them with the next receive.
func (s *session) errors(n uint64) error {
	if _, err := s.Recv(packets(1), quiet); err != nil {
		return err
	}
	if got := s.Stats().VerdictErrors; got != n {
		return fmt.Errorf("%d verdict errors are counted, want %d", got, n)
	}
	return nil
}

func stranger(s *session) error {
	if err := s.open(); err != nil {
		return err
	}
	if err := s.send(s.Ways()[0], "a", "b"); err != nil {
		return err
	}
	ps, err := s.receive(2)
	if err != nil {
		return err
	}
	p := own(ps[0])
	p.Token.ID += 1000
	if err := first(
		func() error { return s.finish(packet.Accept, ps[0], p, ps[1]) },
		func() error { return s.want("a", "b") },
	); err != nil {
		return err
	}
	return s.errors(1)
}

func keepsTime(s *session) error {
	if err := s.open(); err != nil {
		return err
	}
	for _, wait := range []time.Duration{0, 40 * time.Millisecond} {
		start := time.Now()
		n, err := s.Recv(packets(4), wait)
		if took := time.Since(start); n != 0 || err != nil || took < wait/2 || took > wait+soon {
			return fmt.Errorf("a Recv of %v returned %d, %v after %v", wait, n, err, took)
		}
	}
	if n, err := s.Recv(nil, time.Hour); n != 0 || err != nil {
		return fmt.Errorf("a Recv of no packets: %d, %v", n, err)
	}
	return nil
}

func wakes(s *session) error {
	if err := s.open(); err != nil {
		return err
	}
	s.Wake()
	start := time.Now()
	if n, err := s.Recv(packets(1), soon); n != 0 || err != nil || time.Since(start) >= soon {
		return fmt.Errorf("after Wake: %d, %v after %v", n, err, time.Since(start))
	}
	done := s.later(10*time.Millisecond, s.Wake)
	start = time.Now()
	n, err := s.Recv(packets(1), soon)
	<-done
	if n != 0 || err != nil || time.Since(start) >= soon {
		return fmt.Errorf("while it waited: %d, %v after %v", n, err, time.Since(start))
	}
	if err := s.send(s.Ways()[0], "x"); err != nil {
		return err
	}
	ps, err := s.receive(1)
	if err != nil {
		return fmt.Errorf("behind Wake: %w", err)
	}
	return first(func() error { return s.finish(packet.Accept, ps...) }, func() error { return s.want("x") })
}

// later runs f in a while, and closes the channel then.
func (s *session) later(d time.Duration, f func()) chan struct{} {
	done := make(chan struct{})
	time.AfterFunc(d, func() { f(); close(done) })
	return done
}

func closes(s *session) error {
	if err := s.open(); err != nil {
		return err
	}
	done := s.later(10*time.Millisecond, func() { _ = s.Socket.Close() })
	_, err := s.Recv(packets(1), soon)
	<-done
	if !errors.Is(err, divert.ErrClosed) {
		return fmt.Errorf("a waiting Recv returned %v", err)
	}
	if _, err := s.Recv(packets(1), 0); !errors.Is(err, divert.ErrClosed) {
		return fmt.Errorf("a Recv after Close: %v", err)
	}
	if err := s.Finish(packets(1)); !errors.Is(err, divert.ErrClosed) {
		return fmt.Errorf("a Finish after Close: %v", err)
	}
	s.Wake()
	return s.Socket.Close() // again
}

func overflows(s *session) error {
	if err := s.open(divert.WithQueueLen(20), divert.WithRecvBuffer(64<<10)); err != nil {
		return err
	}
	w, text := s.Ways()[0], strings.Repeat("x", 1000)
	for range 500 {
		if err := s.Send(w, []byte(text)); err != nil {
			return err
		}
	}
	got := 0
	for {
		ps := packets(64)
		n, err := s.Recv(ps, quiet)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		got += n
		if err := s.finish(packet.Accept, ps[:n]...); err != nil {
			return err
		}
	}
	if got == 0 || got == 500 {
		return fmt.Errorf("%d of 500 packets were received: none was dropped, or all were", got)
	}
	for range got {
		if b, ok := s.Next(soon); !ok || string(b) != text {
			return errors.New("a packet that was received and accepted has not gone on")
		}
	}
	if err := s.send(w, "behind"); err != nil {
		return err
	}
	ps, err := s.receive(1)
	if err != nil {
		return fmt.Errorf("behind it: %w", err)
	}
	return first(func() error { return s.finish(packet.Accept, ps...) }, func() error { return s.want("behind") })
}

// injects sends the datagram that came once more, past the socket.
func injects(s *session) error {
	if err := s.open(divert.WithInjectMark(InjectMark)); err != nil {
		return err
	}
	return s.eachWay(func(w Way) error {
		if can := s.Caps(); w.In && !can.InjectIn || !w.In && !can.InjectOut {
			return nil
		}
		if err := s.send(w, "twice"); err != nil {
			return err
		}
		ps, err := s.receive(1)
		if err != nil {
			return err
		}
		copy(ps[0].MutablePayload(), "TWICE")
		how := divert.InjectOut
		if w.In {
			how = divert.InjectIn
		}
		if err := first(
			func() error { return s.Inject(ps[0], how) },
			func() error { return s.want("TWICE") },
			func() error { return s.finish(packet.Drop, ps...) },
		); err != nil {
			return err
		}
		if n, err := s.Recv(packets(1), quiet); n != 0 || err != nil {
			return fmt.Errorf("it was diverted again: %d, %v", n, err)
		}
		return nil
	})
}

// InjectMark is the packet mark that the rules of a Kernel with marks exempt: datagrams with it are not diverted.
const InjectMark = 0x77

func smallForm(s *session) error {
	if err := s.open(); err != nil {
		return err
	}
	if err := s.send(s.Ways()[0], "reinject", "drop", "later", "forget"); err != nil {
		return err
	}
	conn := divert.NewConn(s.Socket)
	stop := time.AfterFunc(soon, func() { _ = conn.Close() }) // whatever has come
	defer stop.Stop()
	n := 0
	for pkt := range conn.Packets() {
		switch text := string(pkt.Payload()); text {
		case "reinject":
			if err := conn.Reinject(pkt); err != nil {
				return err
			}
		case "later":
			b, tag := pkt.Detach()
			if err := conn.Put(b, tag); err != nil {
				return err
			}
		}
		if n++; n == 4 {
			break
		}
	}
	if err := conn.Err(); err != nil || n < 4 {
		return fmt.Errorf("the loop ended after %d of 4 packets: %v", n, err)
	}
	var got []string
	for range 2 {
		b, _ := s.Next(soon)
		got = append(got, string(b))
	}
	if slices.Sort(got); !slices.Equal(got, []string{"later", "reinject"}) {
		return fmt.Errorf("%q have gone on", got)
	}
	return s.nothing()
}

// allocatesNothing counts the objects of the whole process, so it says nothing of a Kernel that allocates in it.
func allocatesNothing(s *session) error {
	if k, ok := s.Kernel.(interface{ Allocates() bool }); ok && k.Allocates() {
		return nil
	}
	if err := s.open(); err != nil {
		return err
	}
	const rounds, each = 30, 8
	ways := s.Ways()
	batch := packets(64)
	var before, after runtime.MemStats
	objects := uint64(0)
	for round := range rounds {
		for i := range each {
			if err := s.send(ways[i%len(ways)], "12345678"); err != nil {
				return err
			}
		}
		for left := each; left > 0; {
			runtime.ReadMemStats(&before)
			n, err := s.Recv(batch, soon)
			for _, p := range batch[:n] {
				p.Decode()
				copy(p.MutablePayload(), "abcdefgh")
				p.Verdict = packet.Accept
			}
			err = errors.Join(err, s.Finish(batch[:n]))
			runtime.ReadMemStats(&after)
			if err != nil || n == 0 {
				return fmt.Errorf("%d packets are missing: %v", left, err)
			}
			if left -= n; round >= rounds/2 { // what is allocated once has been
				objects += after.Mallocs - before.Mallocs
			}
		}
		for range each {
			if b, ok := s.Next(soon); !ok || string(b) != "abcdefgh" {
				return fmt.Errorf("%q has gone on", b)
			}
		}
	}
	if objects > rounds/4 { // the runtime has a few of its own
		return fmt.Errorf("%d objects were allocated for %d packets", objects, rounds/2*each)
	}
	return nil
}
