package divert

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet"
)

// lab is a namespace whose UDP to port 9000 is diverted to queue 0.
func lab(t *testing.T, opts ...Option) (*NFQueue, *udpPair) {
	newNamespace(t)
	s := openTest(t, "nfqueue:0", opts...)
	divertTo(t, nftables.ChainHookOutput, unix.IPPROTO_UDP, 9000, 0)
	return s, newUDPPair(t, 9000)
}

func TestVerdictsReachTheKernel(t *testing.T) {
	s, u := lab(t)
	u.send("accept", "drop", "secret", "grow")
	ps := recvAll(t, s, 4)
	ps[0].Verdict, ps[1].Verdict = packet.Pass, packet.Drop
	copy(ps[2].MutablePayload(), "******")
	if !ps[3].ReplacePayload(make([]byte, 2000), []byte(strings.Repeat("grown", 100))) {
		t.Fatal("cannot replace a UDP payload")
	}
	if err := s.Finish(ps); err != nil {
		t.Fatal(err)
	}
	u.want("accept", "******", strings.Repeat("grown", 100))
	st := s.Stats()
	if st.Received != 4 || st.Accepted != 3 || st.Rewritten != 2 || st.Dropped != 1 || st.VerdictErrors != 0 || st.KernelQueued != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestMetaTellsWhatTheKernelKnows(t *testing.T) {
	s, u := lab(t)
	u.send("x")
	p := recvAll(t, s, 1)[0]
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if p.Meta.Hook != packet.HookOutput || p.Meta.OutIf != uint32(lo.Index) || p.Meta.InIf != 0 ||
		p.Meta.Checksum != packet.ChecksumPartial || p.Meta.OrigLen != 29 || p.Meta.GSO {
		t.Errorf("meta %+v", p.Meta)
	}
	finish(t, s, packet.Drop, p)
}

// A batch verdict "up to 10" would release a held 3.
func TestHeldPacketStaysHeld(t *testing.T) {
	s, u := lab(t)
	var all []string
	for i := range 10 {
		all = append(all, fmt.Sprint("packet ", i))
	}
	u.send(all...)
	ps := recvAll(t, s, 10)
	held := ps[3]
	finish(t, s, packet.Accept, append(ps[:3:3], ps[4:]...)...)
	u.want(append(all[:3:3], all[4:]...)...)
	u.send("later", "latest")
	finish(t, s, packet.Accept, recvAll(t, s, 2)...)
	u.want("later", "latest")
	if st := s.Stats(); st.KernelQueued != 1 {
		t.Fatalf("%d packets are queued, want the held one", st.KernelQueued)
	}
	finish(t, s, packet.Accept, held)
	u.want(all[3])
}

func TestUnknownIDLosesNoNeighbour(t *testing.T) {
	s, u := lab(t)
	u.send("a", "b")
	ps := recvAll(t, s, 2)
	stranger := new(packet.Packet)
	stranger.Token = packet.Token{Queue: 0, ID: 12345}
	finish(t, s, packet.Accept, ps[0], stranger, ps[1])
	u.want("a", "b")
	if n, err := s.Recv(newPackets(1), time.Second); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if st := s.Stats(); st.VerdictErrors != 1 {
		t.Errorf("%d verdict errors, want the unknown id", st.VerdictErrors)
	}
}

func TestMarkTravels(t *testing.T) {
	newNamespace(t)
	s := openTest(t, "nfqueue:0-1")
	divertTo(t, nftables.ChainHookOutput, unix.IPPROTO_UDP, 9000, 0)
	divertTo(t, nftables.ChainHookInput, unix.IPPROTO_UDP, 9000, 1)
	u := newUDPPair(t, 9000)
	u.send("plain", "marked", "marked", "edited")
	ps := recvAll(t, s, 4)
	ps[1].Mark = packet.Mark{Value: 0xab, Mask: 0xff}
	ps[2].Mark = packet.Mark{Value: 0xab, Mask: 0xff}
	ps[3].Mark = packet.Mark{Value: 0xcd, Mask: 0xff}
	copy(ps[3].MutablePayload(), "EDITED")
	finish(t, s, packet.Accept, ps...)
	in := recvAll(t, s, 4)
	for i, want := range []uint32{0, 0xab, 0xab, 0xcd} {
		if in[i].Token.Queue != 1 || in[i].Meta.Hook != packet.HookInput || in[i].Meta.Mark != want {
			t.Errorf("packet %d: queue %d, mark %#x, want 1, %#x", i, in[i].Token.Queue, in[i].Meta.Mark, want)
		}
	}
	finish(t, s, packet.Accept, in...)
	u.want("plain", "marked", "marked", "EDITED")
}

func TestSeveralQueuesInOneFinish(t *testing.T) {
	newNamespace(t)
	s := openTest(t, "nfqueue:4-5")
	divertTo(t, nftables.ChainHookOutput, unix.IPPROTO_UDP, 9000, 4)
	divertTo(t, nftables.ChainHookOutput, unix.IPPROTO_UDP, 9001, 5)
	u, v := newUDPPair(t, 9000), newUDPPair(t, 9001)
	u.send("u0")
	v.send("v0")
	u.send("u1")
	v.send("v1", "v2")
	finish(t, s, packet.Accept, recvAll(t, s, 5)...)
	u.want("u0", "u1")
	v.want("v0", "v1", "v2")
	if st := s.Stats(); st.KernelQueued != 0 || st.VerdictErrors != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestTruncatedPacketIsNeverWrittenBack(t *testing.T) {
	s, u := lab(t, WithCopyRange(64))
	long := strings.Repeat("0123456789", 50)
	u.send(long, long)
	ps := recvAll(t, s, 2)
	if !ps[0].Truncated() || len(ps[0].Bytes()) != 64 || ps[0].Meta.OrigLen != 528 {
		t.Fatalf("%d of %d bytes", len(ps[0].Bytes()), ps[0].Meta.OrigLen)
	}
	ps[1].MarkDirty()
	finish(t, s, packet.Accept, ps...)
	u.want(long)
	if st := s.Stats(); st.Truncated != 2 || st.VerdictErrors != 1 || st.Accepted != 1 || st.Dropped != 1 {
		t.Errorf("stats %+v", st)
	}
}

func TestFullQueue(t *testing.T) {
	t.Run("drops", func(t *testing.T) {
		s, u := lab(t, WithQueueLen(2))
		u.send("a", "b", "c", "d", "e")
		if st := s.Stats(); st.KernelQueued != 2 || st.KernelDropped != 3 {
			t.Errorf("stats %+v", st)
		}
		finish(t, s, packet.Accept, recvAll(t, s, 2)...)
		u.want("a", "b")
	})
	t.Run("fails open", func(t *testing.T) {
		s, u := lab(t, WithQueueLen(2), WithFailOpen())
		if !s.Caps().FailOpen {
			t.Skip("this kernel cannot fail open")
		}
		u.send("a", "b", "c", "d", "e")
		u.want("c", "d", "e")
		finish(t, s, packet.Accept, recvAll(t, s, 2)...)
		u.want("a", "b")
	})
}

func TestTakenQueueNamesItsOwner(t *testing.T) {
	s, _ := lab(t)
	_, err := Open("nfqueue:0")
	want := fmt.Sprintf("nfqueue: bind queue 0: operation not permitted (taken by pid %d (divert.test))", os.Getpid())
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	s.Close()
	openTest(t, "nfqueue:0")
}

func TestMissingCapabilityIsNamed(t *testing.T) {
	newNamespace(t)
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&head, &caps[0]); err != nil {
		t.Fatal(err)
	}
	caps[0].Effective &^= 1 << unix.CAP_NET_ADMIN // of this thread alone, which ends with the test
	if err := unix.Capset(&head, &caps[0]); err != nil {
		t.Fatal(err)
	}
	_, err := Open("nfqueue:7")
	if want := "nfqueue: bind queue 7: operation not permitted (needs CAP_NET_ADMIN)"; err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestRecvEndsAtWakeAndClose(t *testing.T) {
	s, _ := lab(t)
	for _, wait := range []time.Duration{-1, time.Hour} {
		s.Wake() // before Recv, which must not sleep then
		if n, err := s.Recv(newPackets(1), wait); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	}
	for _, end := range []struct {
		call func()
		want error
	}{{s.Wake, nil}, {func() { s.Close() }, ErrClosed}} {
		got := make(chan error)
		go func() {
			_, err := s.Recv(newPackets(1), -1)
			got <- err
		}()
		time.Sleep(20 * time.Millisecond) // whether Recv waits already or not, it must end
		end.call()
		select {
		case err := <-got:
			if err != end.want {
				t.Errorf("error %v, want %v", err, end.want)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("Recv still waits")
		}
	}
	if _, err := s.Recv(newPackets(1), -1); err != ErrClosed {
		t.Error(err)
	}
	if err := s.Finish(newPackets(1)); err != ErrClosed {
		t.Error(err)
	}
}

func TestRecvKeepsToItsTime(t *testing.T) {
	s, _ := lab(t)
	for _, wait := range []time.Duration{0, time.Millisecond, 30 * time.Millisecond} {
		begin := time.Now()
		n, err := s.Recv(newPackets(1), wait)
		if took := time.Since(begin); n != 0 || err != nil || took < wait/2 || took > wait+time.Second {
			t.Errorf("wait %v: %d, %v after %v", wait, n, err, took)
		}
	}
}

// TestKeptProcessor collects garbage while a receive keeps its processor, which that has to interrupt. Once no packet comes, the
// processor is given away.
func TestKeptProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	s, u := lab(t, WithKeptProcessor())
	const packets = 50
	go func() {
		for range packets {
			u.from.Write([]byte("packet"))
			runtime.GC()
		}
	}()
	ps := newPackets(64)
	for got := 0; got < packets; {
		n, err := s.Recv(ps, time.Minute)
		if err == nil {
			err = s.Finish(ps[:n])
		}
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && !s.rx.keeps {
			t.Error("packets come, and the processor was given away")
		}
		got += n
	}
	if s.rx.interrupted == 0 {
		t.Error("no receive was interrupted: none kept the processor, or nobody got it")
	}
	if n, err := s.Recv(ps, 3*keptWait); n != 0 || err != nil || s.rx.keeps {
		t.Errorf("in silence: %d, %v, keeps %v", n, err, s.rx.keeps)
	}
	go u.from.Write([]byte("after the silence"))
	n, err := s.Recv(ps, -1)
	if n != 1 || err != nil || !s.rx.keeps || s.rx.timeout != 0 {
		t.Errorf("%d, %v, keeps %v, timeout %v", n, err, s.rx.keeps, s.rx.timeout)
	}
	if err := s.Finish(ps[:n]); err != nil {
		t.Error(err)
	}
}

// TestSilence: a receive that has waited in vain has the next one wait in one piece; while packets come, waits that differ a little have the same
// timeout.
func TestSilence(t *testing.T) {
	s, u := lab(t)
	ps := newPackets(64)
	const wait = 7*shortWait + time.Millisecond
	once := func(want int, atLeast time.Duration, silent bool) {
		t.Helper()
		begin := time.Now()
		n, err := s.Recv(ps, wait)
		if took := time.Since(begin); n != want || err != nil || took < atLeast || s.rx.silent != silent || s.rx.timeout != 4*shortWait {
			t.Errorf("%d, %v after %v, silent %v, timeout %v; want %d after %v or more, silent %v", n, err, took, s.rx.silent, s.rx.timeout, want, atLeast, silent)
		}
		if err := s.Finish(ps[:n]); err != nil {
			t.Error(err)
		}
	}
	once(0, 4*shortWait, true)
	for range 2 {
		once(0, wait, true)
	}
	for range 2 {
		u.from.Write([]byte("packet"))
		once(1, 0, false)
	}
	once(0, 4*shortWait, true)
}

// Every packet of a bulk transfer passes user space, offload-sized ones whole; what
// arrives is what was sent.
func TestBulkTCPArrivesIntact(t *testing.T) {
	for _, edit := range []bool{false, true} {
		t.Run(map[bool]string{false: "accepted", true: "written back"}[edit], func(t *testing.T) {
			newNamespace(t)
			s := openTest(t, "nfqueue:0")
			divertTo(t, nftables.ChainHookOutput, unix.IPPROTO_TCP, 9000, 0)
			gso := make(chan int)
			go func() { gso <- acceptAll(s, edit) }()
			sent, got := transfer(t, 32<<20)
			s.Close()
			if sent != got {
				t.Error("the bytes differ")
			}
			if n := <-gso; s.Caps().GSO && n == 0 {
				t.Error("no offload-sized packet was delivered whole")
			}
			if st := s.Stats(); st.Received == 0 || st.VerdictErrors != 0 || edit && st.Rewritten != st.Received {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// acceptAll accepts everything until Close and returns how many packets were GSO.
func acceptAll(s Socket, edit bool) (gso int) {
	ps := newPackets(64)
	for {
		n, err := s.Recv(ps, -1)
		if err != nil {
			return gso
		}
		for _, p := range ps[:n] {
			if p.Meta.GSO {
				gso++
			}
			if edit {
				p.MarkDirty()
			}
		}
		s.Finish(ps[:n])
	}
}

// transfer sends n bytes over TCP to port 9000 and returns the sums of both ends.
func transfer(t *testing.T, n int) (sent, got [32]byte) {
	l, err := net.Listen("tcp4", "127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", "127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	d, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan [32]byte)
	go func() {
		h := sha256.New()
		io.Copy(h, d)
		done <- [32]byte(h.Sum(nil))
	}()
	h := sha256.New()
	for i := 0; i < n; i += 1 << 20 {
		chunk := make([]byte, 1<<20)
		for j := range chunk {
			chunk[j] = byte(j*7 + j>>8 + i>>20)
		}
		h.Write(chunk)
		if _, err := c.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	return [32]byte(h.Sum(nil)), <-done
}

func TestInjectedDatagramIsNotDivertedAgain(t *testing.T) {
	s, u := lab(t, WithInjectMark(exempt))
	if !s.Caps().InjectOut {
		t.Skip("raw sockets are not permitted: ", s.Caps().Missing)
	}
	u.send("template")
	p := recvAll(t, s, 1)[0]
	finish(t, s, packet.Drop, p)
	copy(p.MutablePayload(), "injected")
	if err := s.Inject(p, InjectOut); err != nil {
		t.Fatal(err)
	}
	u.want("injected")
	if err := s.Inject(p, InjectIn); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
	if st := s.Stats(); st.Injected != 1 || st.KernelQueued != 0 {
		t.Errorf("stats %+v", st)
	}
}

// TestUntrackedDatagramHasBothMarks injects under a mark that is diverted, and under that with the bits of
// untracked datagrams beside it, which is exempt.
func TestUntrackedDatagramHasBothMarks(t *testing.T) {
	const own, untracked = 0x07, exempt &^ 0x07
	s, u := lab(t, WithInjectMark(own), WithUntrackedMark(untracked))
	if !s.Caps().InjectOut {
		t.Skip("raw sockets are not permitted: ", s.Caps().Missing)
	}
	u.send("template")
	p := recvAll(t, s, 1)[0]
	finish(t, s, packet.Drop, p)
	copy(p.MutablePayload(), "injected")
	if err := s.Inject(p, InjectUntracked); err != nil {
		t.Fatal(err)
	}
	u.want("injected")
	copy(p.MutablePayload(), "tracked!")
	if err := s.Inject(p, InjectOut); err != nil {
		t.Fatal(err)
	}
	got := recvAll(t, s, 1)[0]
	if got.Meta.Mark != own || string(got.Payload()) != "tracked!" {
		t.Errorf("a tracked datagram came back as %q with mark %#x, want %#x", got.Payload(), got.Meta.Mark, own)
	}
	finish(t, s, packet.Drop, got)
	for _, how := range []Injection{InjectUntracked, InjectOut} {
		if n := testing.AllocsPerRun(50, func() {
			if err := s.Inject(p, how); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("injection %d: %v allocations", how, n)
		}
	}
}

func TestPacketPathAllocatesNothing(t *testing.T) {
	s, u := lab(t)
	ps, payload := newPackets(64), []byte("payload")
	round := func(edit bool) func() {
		return func() {
			for range 8 {
				u.from.Write(payload)
			}
			for left := 8; left > 0; {
				n, err := s.Recv(ps, time.Second)
				if err != nil || n == 0 {
					t.Fatal(n, err)
				}
				for _, p := range ps[:n] {
					if edit {
						p.MarkDirty()
					}
				}
				s.Finish(ps[:n])
				left -= n
			}
		}
	}
	for _, edit := range []bool{false, true} {
		if n := testing.AllocsPerRun(50, round(edit)); n != 0 {
			t.Errorf("edit %v: %v allocations", edit, n)
		}
	}
}

// TestSendBufferHoldsAWholeSend writes back as many large packets as one send may carry: a kernel that had no room for the
// send would refuse all its verdicts, and keep the packets.
func TestSendBufferHoldsAWholeSend(t *testing.T) {
	s, u := lab(t)
	raw, err := s.file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var room int
	raw.Control(func(fd uintptr) { room, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF) })
	if most := sendBytes + sendMessages*headBytes + maxCopyRange + 32; err != nil || room < most {
		t.Errorf("room for %d bytes (%v), and a send may have %d", room, err, most)
	}
	_ = u.from.SetWriteBuffer(1 << 20) // what waits for a verdict is charged to its sender
	_ = u.to.SetReadBuffer(1 << 20)
	u.from.SetWriteDeadline(time.Now().Add(5 * time.Second))
	large := strings.Repeat("x", 50000)
	var want []string
	for range 3 {
		u.send(large)
		want = append(want, "y"+large[1:])
	}
	ps := recvAll(t, s, 3)
	for _, p := range ps {
		copy(p.MutablePayload(), "y")
	}
	finish(t, s, packet.Accept, ps...)
	u.want(want...)
	if st := s.Stats(); st.VerdictErrors != 0 || st.Rewritten != 3 {
		t.Errorf("stats %+v", st)
	}
}
