package divert_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/divert"
	"github.com/weir-project/weir/divert/conform"
	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// recv receives until there are n packets, or none come any more; they are decoded and have bytes of their own.
func recv(t *testing.T, s divert.Socket, n int) (got []*packet.Packet) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); len(got) < n; {
		ps := somePackets(n - len(got))
		k, err := s.Recv(ps, max(0, time.Until(end)))
		if err != nil || time.Now().After(end) {
			t.Fatalf("%d of %d packets: %v", len(got)+k, n, err)
		}
		for _, p := range ps[:k] {
			q := new(packet.Packet)
			q.CopyFrom(p, make([]byte, len(p.Bytes())))
			q.Decode()
			got = append(got, q)
		}
	}
	return got
}

func somePackets(n int) []*packet.Packet {
	ps := make([]*packet.Packet, n)
	for i := range ps {
		ps[i] = new(packet.Packet)
	}
	return ps
}

func finish(t *testing.T, s divert.Socket, v packet.Verdict, ps ...*packet.Packet) {
	t.Helper()
	for _, p := range ps {
		p.Verdict = v
	}
	if err := s.Finish(ps); err != nil {
		t.Fatal(err)
	}
}

// want checks that exactly these frames arrive, in this order.
func (w *wire) want(at int, frames ...[]byte) {
	w.t.Helper()
	for i, f := range frames {
		if got := w.arrived(at, 5*time.Second); !bytes.Equal(got, f) {
			w.t.Fatalf("frame %d that has arrived is\n%.90x, want\n%.90x", i, got, f)
		}
	}
	w.nothing(at)
}

var vlan7 = [4]byte{0x81, 0x00, 0x60, 0x07}

// TestOtherFramesCross: what is no IP crosses while nobody gives a verdict, in order, both ways, and is no packet.
func TestOtherFramesCross(t *testing.T) {
	w := newWire(t)
	s := openBridge(t)
	var frames [2][][]byte
	for from := range frames {
		frames[from] = [][]byte{
			ethernet(from, 0x0806, bytes.Repeat([]byte{1}, 46)),                              // ARP
			append(append([]byte{1, 0x80, 0xc2, 0, 0, 0}, macA...), 0, 38, 0x42, 0x42, 3, 0), // STP: a length, and LLC
			ethernet(from, 0x88cc, []byte("LLDP")),
			ethernet(from, 0x8864, []byte("PPPoE, which carries IP")),
			ethernet(from, 0x0806, []byte("ARP behind a tag"), vlan7),
			ethernet(from, 0x8864, []byte("behind two"), [4]byte{0x88, 0xa8, 0, 5}, vlan7),
			ethernet(from, 0x88b5, bytes.Repeat([]byte("long"), 375)),
			ethernet(from, 0x0800, nil),
		}
		for _, f := range frames[from] {
			w.send(from, f)
		}
	}
	if n, err := s.Recv(somePackets(64), 100*time.Millisecond); n != 0 || err != nil {
		t.Fatalf("%d packets, %v", n, err)
	}
	_, _ = s.Recv(somePackets(64), 100*time.Millisecond)
	w.want(1, frames[0]...)
	w.want(0, frames[1]...)
	if st := s.Stats(); st.Crossed != 16 || st.Received+st.Accepted+st.VerdictErrors+st.Truncated != 0 {
		t.Errorf("stats %+v", st)
	}
}

// TestFramesKeepWhatIsTheirs: link header, tags and what lies behind the datagram go along, also where the datagram is edited or waits.
func TestFramesKeepWhatIsTheirs(t *testing.T) {
	for _, c := range []struct {
		name    string
		tags    [][4]byte
		trailer string
	}{
		{name: "plain"},
		{name: "tagged", tags: [][4]byte{vlan7}},
		{name: "two tags", tags: [][4]byte{{0x88, 0xa8, 0xe0, 5}, vlan7}},
		{name: "priority alone", tags: [][4]byte{{0x81, 0, 0xa0, 0}}},
		{name: "padded", trailer: "\x00\x00\x00\x00\x00\x00"},
		{name: "tagged, padded", tags: [][4]byte{vlan7}, trailer: "time stamps of a switch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire(t)
			s := openBridge(t)
			for from := range 2 {
				for _, way := range []conform.Way{{}, {Inet6: true}} {
					f := func(text string) []byte {
						return append(ipFrame(from, udpOf(way, []byte(text)), c.tags...), c.trailer...)
					}
					for _, text := range []string{"as it came", "secret", "grows", "waits", "dropped"} {
						w.send(from, f(text))
					}
					ps := recv(t, s, 5)
					if string(ps[0].Payload()) != "as it came" || ps[0].Traits.Has(packet.TrailingBytes) || ps[0].Truncated() {
						t.Fatalf("%q, traits %v", ps[0].Payload(), ps[0].Traits)
					}
					copy(ps[1].MutablePayload(), "******")
					if !ps[2].ReplacePayload(make([]byte, 2000), []byte(strings.Repeat("grown", 200))) {
						t.Fatal("cannot be edited")
					}
					finish(t, s, packet.Accept, ps[:3]...)
					finish(t, s, packet.Drop, ps[4])
					bare := func(text string) []byte { return ipFrame(from, udpOf(way, []byte(text)), c.tags...) }
					// Whether the first keeps what lies behind it depends on whether it was finished before the next Recv (TestPaddingCrosses).
					if got := w.arrived(1-from, 5*time.Second); !bytes.HasPrefix(got, bare("as it came")) || len(got) > len(f("as it came")) {
						t.Fatalf("%x", got)
					}
					w.want(1-from, bare("******"), bare(strings.Repeat("grown", 200)))
					if n, err := s.Recv(somePackets(1), 0); n != 0 || err != nil { // takes back what was lent
						t.Fatal(n, err)
					}
					finish(t, s, packet.Accept, ps[3])
					w.want(1-from, bare("waits"))
				}
			}
			if st := s.Stats(); st.VerdictErrors != 0 || st.Rewritten != 8 || st.Dropped != 4 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// TestPaddingCrosses has a frame that is accepted at once keep what lies behind its datagram.
func TestPaddingCrosses(t *testing.T) {
	w := newWire(t)
	s := openBridge(t)
	f := append(ipFrame(0, udpOf(conform.Way{}, []byte("x"))), "behind it"...)
	w.send(0, f)
	ps := somePackets(1)
	if n, err := s.Recv(ps, 5*time.Second); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	finish(t, s, packet.Accept, ps...)
	w.want(1, f)
}

func TestBridgeTellsWhereFrom(t *testing.T) {
	w := newWire(t)
	s := openBridge(t)
	var index [2]uint32
	for i, name := range []string{"a1", "b1"} {
		l, err := netlink.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		index[i] = uint32(l.Attrs().Index)
	}
	for from := range 2 {
		w.send(from, ipFrame(from, udpOf(conform.Way{}, []byte("x"))))
		p := recv(t, s, 1)[0]
		if p.Meta.Hook != packet.HookForward || p.Meta.InIf != index[from] || p.Meta.OutIf != index[1-from] || p.Meta.GSO || p.Meta.OrigLen != 29 {
			t.Errorf("from %d: %+v", from, p.Meta)
		}
		finish(t, s, packet.Drop, p)
	}
}

// TestHeldPacketsDoNotBlock: many more packets than the ring has slots wait for a verdict, others pass them, and all get theirs.
func TestHeldPacketsDoNotBlock(t *testing.T) {
	w := newWire(t)
	s := openBridge(t, divert.WithQueueLen(2000), divert.WithRecvBuffer(64<<10))
	var held []*packet.Packet
	for n := range 1500 {
		w.send(0, ipFrame(0, udpOf(conform.Way{}, fmt.Appendf(nil, "%04d", n))))
		held = append(held, recv(t, s, 1)...)
	}
	w.send(0, ipFrame(0, udpOf(conform.Way{}, []byte("past them"))))
	finish(t, s, packet.Accept, recv(t, s, 1)...)
	w.want(1, ipFrame(0, udpOf(conform.Way{}, []byte("past them"))))
	finish(t, s, packet.Accept, held...)
	for n := range 1500 {
		if got := w.arrived(1, 5*time.Second); !bytes.Equal(got, ipFrame(0, udpOf(conform.Way{}, fmt.Appendf(nil, "%04d", n)))) {
			t.Fatalf("%d: %x", n, got)
		}
	}
	if st := s.Stats(); st.VerdictErrors != 0 || st.Accepted != 1501 {
		t.Errorf("stats %+v", st)
	}
}

// TestTooManyHeldAreDropped: who never answers does not make the process grow.
func TestTooManyHeldAreDropped(t *testing.T) {
	w := newWire(t)
	const most = 50
	s := openBridge(t, divert.WithQueueLen(most), divert.WithBatch(1))
	got := 0
	for range 100 {
		w.send(0, ipFrame(0, udpOf(conform.Way{}, []byte("x"))))
		n, err := s.Recv(somePackets(1), 50*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	if st := s.Stats(); got != most+2 || st.KernelDropped != 100-most-2 {
		t.Errorf("%d packets were received, stats %+v", got, st)
	}
}

// TestSegmentsOfOurOwn: what is injected beside a packet gets its link header, tags included, and goes where it is addressed to; also where
// the packet is finished already, or none is named and TCP has gone by.
func TestSegmentsOfOurOwn(t *testing.T) {
	for _, tags := range [][][4]byte{nil, {vlan7}} {
		w := newWire(t)
		s := openBridge(t)
		for from := range 2 {
			a, b := fmt.Sprintf("192.0.2.%d:40000", 1+from), fmt.Sprintf("198.51.100.%d:80", 1+from)
			there, back := craft.TCP(a, b, craft.Segment{Flags: packet.SYN}, nil), craft.TCP(b, a, craft.Segment{Flags: packet.RST}, nil)
			inject := func(datagram []byte, token packet.Token) {
				t.Helper()
				p := new(packet.Packet)
				p.Set(datagram)
				p.Token = token
				if err := s.Inject(p, divert.InjectOut); err != nil {
					t.Fatal(err)
				}
			}
			w.send(from, ipFrame(from, there, tags...))
			p := recv(t, s, 1)[0]
			for _, when := range []string{"unfinished", "finished", "held", "named by nobody"} {
				token := p.Token
				switch when {
				case "finished":
					finish(t, s, packet.Drop, p)
				case "held":
					w.send(from, ipFrame(from, there, tags...))
					p = recv(t, s, 1)[0]
					token = p.Token
					_, _ = s.Recv(somePackets(1), 0)
				case "named by nobody":
					token = packet.Token{}
				}
				inject(back, token)
				inject(there, token)
				w.want(from, ipFrame(1-from, back, tags...))
				w.want(1-from, ipFrame(from, there, tags...))
			}
			finish(t, s, packet.Drop, p)
		}
		stranger := new(packet.Packet)
		stranger.Set(craft.TCP("192.0.2.99:1", "198.51.100.99:2", craft.Segment{}, nil))
		if err := s.Inject(stranger, divert.InjectOut); !errors.Is(err, divert.ErrUnsupported) {
			t.Errorf("between strangers: %v", err)
		}
		if err := s.Inject(stranger, divert.InjectIn); !errors.Is(err, divert.ErrUnsupported) {
			t.Errorf("into this host: %v", err)
		}
		if st := s.Stats(); st.Injected != 16 {
			t.Errorf("stats %+v", st)
		}
	}
}

// TestTooLongIsRefused: what an edit has made longer than the interface takes is dropped and counted, and its neighbours pass.
func TestTooLongIsRefused(t *testing.T) {
	w := newWire(t)
	s := openBridge(t)
	for _, text := range []string{"before", "grows", "behind"} {
		w.send(0, ipFrame(0, udpOf(conform.Way{}, []byte(text))))
	}
	ps := recv(t, s, 3)
	if !ps[1].ReplacePayload(make([]byte, 4000), make([]byte, 3000)) {
		t.Fatal("cannot be edited")
	}
	finish(t, s, packet.Accept, ps...)
	w.want(1, ipFrame(0, udpOf(conform.Way{}, []byte("before"))), ipFrame(0, udpOf(conform.Way{}, []byte("behind"))))
	if st := s.Stats(); st.VerdictErrors != 1 || st.Accepted != 2 || st.Dropped != 1 {
		t.Errorf("stats %+v", st)
	}
}

// TestBridgeErrors has each mistake be told with what to do.
func TestBridgeErrors(t *testing.T) {
	newWire(t)
	l, err := netlink.LinkByName("b1")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetDown(l); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"bridge:a1,nosuch":            "interface nosuch: no such device",
		"bridge:a1,averylongnameitis": "interface averylongnameitis",
		"bridge:a1,a1":                "named twice",
		"bridge:a1,lo":                "lo is no Ethernet interface",
		"bridge:a1,b1":                "b1 is down (ip link set b1 up)",
		"bridge:a0,a1/2":              "divert.Lanes",
	} {
		if _, err := divert.OpenSocket(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	s, err := divert.OpenSocket("bridge:a0,a1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := divert.OpenSocket("bridge:a1,a0"); !errors.Is(err, divert.ErrTaken) {
		t.Errorf("opened twice: %v", err)
	}
	s.Close()
	s, err = divert.OpenSocket("bridge:a1,a0")
	if err != nil {
		t.Fatalf("behind Close: %v", err)
	}
	s.Close()
}

func TestBridgeNeedsPrivilege(t *testing.T) {
	newWire(t)
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&head, &caps[0]); err != nil {
		t.Fatal(err)
	}
	caps[0].Effective &^= 1 << unix.CAP_NET_RAW // of this thread alone, which ends with the test
	if err := unix.Capset(&head, &caps[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := divert.OpenSocket("bridge:a1,b1"); err == nil || !strings.Contains(err.Error(), "needs CAP_NET_RAW") {
		t.Errorf("error %v", err)
	}
}

// TestInterfaceGoesDown: the bridge outlives it, says so, and goes on when it is up again. One that is deleted ends it.
func TestInterfaceGoesDown(t *testing.T) {
	w := newWire(t)
	s := openBridge(t)
	cross := func() {
		t.Helper()
		for from := range 2 {
			f := ipFrame(from, udpOf(conform.Way{}, []byte("x")))
			w.send(from, f)
			finish(t, s, packet.Accept, recv(t, s, 1)...)
			w.want(1-from, f)
		}
	}
	cross()
	l, err := netlink.LinkByName("b1")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetDown(l); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Recv(somePackets(1), time.Second); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if st := s.Stats(); st.PortsDown != 1 || st.RecvErrors == 0 {
		t.Errorf("stats %+v", st)
	}
	w.send(0, ipFrame(0, udpOf(conform.Way{}, []byte("lost"))))
	finish(t, s, packet.Accept, recv(t, s, 1)...)
	if st := s.Stats(); st.VerdictErrors != 1 {
		t.Errorf("stats %+v", st)
	}
	if err := netlink.LinkSetUp(l); err != nil {
		t.Fatal(err)
	}
	cross()
	if st := s.Stats(); st.PortsDown != 0 {
		t.Errorf("up again: stats %+v", st)
	}
	if err := netlink.LinkDel(l); err != nil {
		t.Fatal(err)
	}
	wantGone(t, s)
}

func wantGone(t *testing.T, s divert.Socket) {
	t.Helper()
	var err error
	for range 3 {
		if _, err = s.Recv(somePackets(1), time.Second); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "b1 is gone") {
		t.Errorf("gone: %v", err)
	}
}

// TestInterfaceGoesUnheard: one that is deleted when a Recv has heard already that it is down ends the bridge as well, and the kernel does not
// wake it for that.
func TestInterfaceGoesUnheard(t *testing.T) {
	newWire(t)
	s := openBridge(t)
	l, err := netlink.LinkByName("b1")
	if err == nil {
		err = netlink.LinkSetDown(l)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.Recv(somePackets(1), time.Second); n != 0 || err != nil || s.Stats().PortsDown != 1 {
		t.Fatal(n, err, s.Stats())
	}
	if err := netlink.LinkDel(l); err != nil {
		t.Fatal(err)
	}
	wantGone(t, s)
}

// TestLanesKeepConversationsTogether: both directions of a conversation and all its pieces come to one lane, and there is something for each.
func TestLanesKeepConversationsTogether(t *testing.T) {
	for _, hash := range []uint32{1, 1<<32 - 1, 0xa5cb9243, rand.Uint32() | 1} { // ones that leave low bits low, or undo the second factor, and any
		t.Run(fmt.Sprintf("%#x", hash), func(t *testing.T) {
			divert.SetLanesHash(t, hash)
			conversationsInLanes(t)
		})
	}
}

func conversationsInLanes(t *testing.T) {
	w := newWire(t)
	addresses, err := divert.Lanes("bridge:a1,b1/2")
	if err != nil {
		t.Fatal(err)
	}
	var lanes []divert.Socket
	for _, a := range addresses {
		s, err := divert.OpenSocket(a)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		lanes = append(lanes, s)
	}
	if _, err := divert.OpenSocket("bridge:a1,b1/2of2"); !errors.Is(err, divert.ErrTaken) {
		t.Errorf("a third lane of two: %v", err)
	}
	const hosts, each = 40, 6
	for _, v6 := range []bool{false, true} {
		var seen [2]int
		for i := range hosts {
			a, b := fmt.Sprintf("192.0.2.%d:1000", i+1), "198.51.100.1:53"
			if v6 {
				a, b = fmt.Sprintf("[2001:db8::%x]:1000", i+1), "[2001:db8:1::1]:53"
			}
			for from := range 2 {
				src, dst := a, b
				if from == 1 {
					src, dst = b, a
				}
				whole := craft.UDP(src, dst, bytes.Repeat([]byte("x"), 900))
				pieces := craft.Fragments(whole, 7, 400)
				w.send(from, ipFrame(from, whole))
				w.send(from, ipFrame(from, pieces[0], vlan7))
				w.send(from, ipFrame(from, pieces[len(pieces)-1]))
			}
			var got [2]int
			for lane, s := range lanes {
				ps := somePackets(64)
				for n := 1; n > 0; {
					if n, err = s.Recv(ps, 20*time.Millisecond); err != nil {
						t.Fatal(err)
					}
					got[lane] += n
					finish(t, s, packet.Drop, ps[:n]...)
				}
				if got[lane] > 0 {
					seen[lane]++
				}
			}
			if got != [2]int{each, 0} && got != [2]int{0, each} {
				t.Fatalf("host %d: %v packets came to the lanes, want all %d to one", i, got, each)
			}
		}
		if seen[0] == 0 || seen[1] == 0 {
			t.Errorf("IPv6 %v: %v conversations came to the lanes", v6, seen)
		}
	}
}

// TestSuccessorGoesOn: a reader that dies takes with it what it has received; what waits in the ring is read by the next, in order, and so are
// frames that did not fit a slot.
func TestSuccessorGoesOn(t *testing.T) {
	w := newWire(t)
	b, err := divert.Bind("bridge:a1,b1")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w.send(0, ipFrame(0, udpOf(conform.Way{}, []byte("before anybody reads"))))
	first, err := divert.Attach(b.Address, b.Caps, b.Files())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Flow(true); err != nil {
		t.Fatal(err)
	}
	frame := func(n int) []byte { return ipFrame(0, udpOf(conform.Way{}, fmt.Appendf(nil, "%04d", n))) }
	for n := range 20 {
		w.send(0, frame(n))
	}
	if got := recv(t, first, 5); string(got[0].Payload()) != "0000" {
		t.Fatalf("%q: what had come before anybody read", got[0].Payload())
	}
	if n, err := first.Recv(somePackets(3), time.Second); n != 3 || err != nil { // gives back 5 and takes 3
		t.Fatal(n, err)
	}
	if l, err := b.Load(); err != nil || l.Waiting != 1 {
		t.Errorf("load %+v, %v", l, err)
	}
	next, err := divert.Attach(b.Address, b.Caps, b.Files()) // the first is as good as dead
	if err != nil {
		t.Fatal(err)
	}
	got := recv(t, next, 15)
	for i, p := range got {
		if string(p.Payload()) != fmt.Sprintf("%04d", i+5) {
			t.Errorf("packet %d is %q", i, p.Payload())
		}
	}
	finish(t, next, packet.Accept, got...)
	for n := range 15 {
		if f := w.arrived(1, time.Second); !bytes.Equal(f, frame(n+5)) {
			t.Errorf("%d: %x", n, f)
		}
	}
	_, _ = next.Recv(somePackets(1), 0)
	if err := b.Flow(false); err != nil {
		t.Fatal(err)
	}
	w.send(1, ipFrame(1, udpOf(conform.Way{}, []byte("passed by"))))
	if err := b.Flow(true); err != nil {
		t.Fatal(err)
	}
	for n := range 7 {
		w.send(1, ipFrame(1, udpOf(conform.Way{}, fmt.Appendf(nil, "%d", n))))
	}
	if err := b.Release(packet.Accept); err != nil {
		t.Fatal(err)
	}
	for n := range 7 {
		if f := w.arrived(0, time.Second); !bytes.Equal(f, ipFrame(1, udpOf(conform.Way{}, fmt.Appendf(nil, "%d", n)))) {
			t.Errorf("released %d: %x", n, f)
		}
	}
	if l, err := b.Load(); err != nil || l.Waiting != 0 {
		t.Errorf("load %+v, %v", l, err)
	}
}

// TestBridgeAllocatesNothing counts on the warm path: tagged and plain packets, other frames, edits, injections.
func TestBridgeAllocatesNothing(t *testing.T) {
	w := newWire(t)
	s := openBridge(t)
	frames := [][]byte{
		ipFrame(0, udpOf(conform.Way{}, []byte("12345678"))), ipFrame(0, udpOf(conform.Way{Inet6: true}, []byte("12345678")), vlan7),
		ethernet(0, 0x0806, []byte("ARP")), ipFrame(0, craft.TCP("192.0.2.1:1", "198.51.100.1:2", craft.Segment{}, []byte("12345678"))),
	}
	ps, injected := somePackets(64), new(packet.Packet)
	answer := craft.TCP("198.51.100.1:2", "192.0.2.1:1", craft.Segment{}, nil)
	var b [2048]byte
	round := func() {
		for range 4 {
			for _, f := range frames {
				if _, err := unix.Write(w.ends[0], f); err != nil {
					t.Fatal(err)
				}
			}
		}
		for left := 12; left > 0; {
			n, err := s.Recv(ps, time.Second)
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			for i, p := range ps[:n] {
				p.Decode()
				if p.Verdict = packet.Accept; i%2 == 0 {
					copy(p.MutablePayload(), "abcdefgh")
				}
				injected.Set(answer)
				if p.Proto == packet.TCP {
					if injected.Token = p.Token; s.Inject(injected, divert.InjectOut) != nil {
						t.Fatal("not injected")
					}
				}
			}
			if err := s.Finish(ps[:n]); err != nil {
				t.Fatal(err)
			}
			left -= n
		}
		for range 16 {
			if _, err := unix.Read(w.ends[1], b[:]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := testing.AllocsPerRun(50, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestSmallFormOverABridge is the example of the package, over a bridge.
func TestSmallFormOverABridge(t *testing.T) {
	w := newWire(t)
	conn, err := divert.Open("bridge:a1,b1")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"look", "secret", "last"} {
		w.send(0, ipFrame(0, udpOf(conform.Way{}, []byte(text))))
	}
	for pkt := range conn.Packets() {
		if string(pkt.Payload()) == "secret" {
			copy(pkt.Payload(), "******")
		}
		if err := conn.Reinject(pkt); err != nil {
			t.Error(err)
		}
		if string(pkt.Payload()) == "last" {
			break
		}
	}
	if err := errors.Join(conn.Err(), conn.Close()); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	w.want(1, ipFrame(0, udpOf(conform.Way{}, []byte("look"))), ipFrame(0, udpOf(conform.Way{}, []byte("******"))), ipFrame(0, udpOf(conform.Way{}, []byte("last"))))
}

// TestAnsweredFramesAreNotReadAgain: a reader that dies behind its verdicts leaves nothing to repeat.
func TestAnsweredFramesAreNotReadAgain(t *testing.T) {
	w := newWire(t)
	b, err := divert.Bind("bridge:a1,b1")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Flow(true); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		s, err := divert.Attach(b.Address, b.Caps, b.Files()) // its predecessor is as good as dead
		if err != nil {
			t.Fatal(err)
		}
		f := ipFrame(0, udpOf(conform.Way{}, fmt.Appendf(nil, "%d", n)))
		w.send(0, f)
		ps := somePackets(8)
		if k, err := s.Recv(ps, 5*time.Second); k != 1 || err != nil {
			t.Fatalf("reader %d: %d packets, %v", n, k, err)
		}
		finish(t, s, packet.Accept, ps[0])
		w.want(1, f)
	}
}
