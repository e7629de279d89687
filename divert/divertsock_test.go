package divert

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

func openModel(t testing.TB, system string, at divertPort, opts ...Option) *Model {
	t.Helper()
	at.port = 700
	m, err := newModelAt(system, at, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// divertOne has a packet come along and receives it.
func divertOne(t testing.TB, m *Model, p Passing) *packet.Packet {
	t.Helper()
	if !m.Divert(p) {
		t.Fatal("the packet was dropped")
	}
	ps := newPackets(1)
	if n, err := m.Recv(ps, 0); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	ps[0].Decode()
	ps[0].Verdict = packet.Accept
	return ps[0]
}

// onlyPassed finishes p and returns the only packet that has gone on then.
func onlyPassed(t testing.TB, m *Model, p *packet.Packet) Passing {
	t.Helper()
	if err := m.Finish([]*packet.Packet{p}); err != nil {
		t.Fatal(err)
	}
	out := m.Passed()
	if len(out) != 1 {
		t.Fatalf("%d packets have gone on: %+v", len(out), m.Stats())
	}
	return out[0]
}

var (
	udp4 = craft.UDP("203.0.113.9:40000", "198.51.100.7:9000", []byte("payload"))
	udp6 = craft.UDP("[2001:db8:9::9]:40000", "[2001:db8:1::7]:9000", []byte("payload"))
)

// TestDivertedGoesOnAsItCame: direction, interface and rule are those with which the packet came, in both families.
func TestDivertedGoesOnAsItCame(t *testing.T) {
	for _, system := range ModelSystems() {
		for _, b := range [][]byte{udp4, udp6} {
			for _, p := range []Passing{{In: true, Interface: "em0"}, {In: true, Interface: "em1"}, {Interface: "em1"}, {}} {
				m := openModel(t, system, divertPort{})
				p.Bytes = b
				got := divertOne(t, m, p)
				hook := packet.HookPostrouting
				if p.In {
					hook = packet.HookPrerouting
				}
				inIf := map[string]uint32{"em0": 1, "em1": 2}[p.Interface]
				if system == "openbsd" {
					inIf = 0
				}
				if got.Meta.Hook != hook || got.Meta.InIf != inIf {
					t.Errorf("%s: meta %+v of %+v", system, got.Meta, p)
				}
				out := onlyPassed(t, m, got)
				want := p.Interface
				if system == "openbsd" && !p.In {
					want = "" // it does not tell, and needs no telling
				}
				if out.In != p.In || out.Interface != want || out.BadChecksum || !bytes.Equal(out.Bytes, b) || out.After == 0 {
					t.Errorf("%s: %+v has gone on as %+v", system, p, out)
				}
			}
		}
	}
}

// TestDivertedOnInterfaceWithoutAddress: what comes in there looks as if it went out. pf's cookie tells, or a port for each direction.
func TestDivertedOnInterfaceWithoutAddress(t *testing.T) {
	for _, c := range []struct {
		system string
		toward direction
		in     bool
	}{
		{"freebsd-ipfw", eitherWay, false}, {"freebsd-ipfw", goingIn, true}, {"freebsd-pf", eitherWay, true}, {"freebsd-pf", goingIn, true},
	} {
		m := openModel(t, c.system, divertPort{toward: c.toward})
		p := divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "bare"})
		if in := p.Meta.Hook == packet.HookPrerouting; in != c.in {
			t.Errorf("%s, %v: in is %v", c.system, c.toward, in)
		}
		if out := onlyPassed(t, m, p); out.In != c.in || out.Interface != "bare" {
			t.Errorf("%s, %v: %+v", c.system, c.toward, out)
		}
		told := strings.Contains(strings.Join(m.Caps().Missing, " "), "one port for each direction")
		if told != (c.system == "freebsd-ipfw" && c.toward == eitherWay) {
			t.Errorf("%s, %v: told %v", c.system, c.toward, m.Caps().Missing)
		}
	}
}

// TestDivertNamesThatAreCut: bridge10 is told as bridge1. Its packets must not come in on bridge1.
func TestDivertNamesThatAreCut(t *testing.T) {
	for _, system := range []string{"freebsd-ipfw", "freebsd-pf"} {
		for _, names := range [][]string{{"bridge1", "bridge10"}, {"bridge10", "bridge1"}, {"bridge10"}, {"bridge1"}} {
			for i, name := range names {
				m := openModel(t, system, divertPort{})
				var links []ModelInterface
				for j, n := range names {
					links = append(links, ModelInterface{n, m.kernel.links[j].Inet, m.kernel.links[j].Inet6})
				}
				m.SetInterfaces(links...)
				m.names.learn()
				p := divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: name})
				if out := onlyPassed(t, m, p); out.Interface != name || !out.In {
					t.Errorf("%s: of %v, %s became %s", system, names, name, out.Interface)
				}
				if len(names) == 1 && p.Meta.InIf != uint32(i+1) {
					t.Errorf("%s: %v has number %d", system, names, p.Meta.InIf)
				}
				if told := len(m.missing()) > 0 && strings.Contains(strings.Join(m.missing(), " "), `"bridge1"`); told != (len(names) > 1) {
					t.Errorf("%s: %v, told %v", system, names, m.missing())
				}
			}
		}
	}
}

// TestDivertNamesAreAskedForOnce: a name that is not known has the system asked, not with every packet.
func TestDivertNamesAreAskedForOnce(t *testing.T) {
	m := openModel(t, "freebsd-ipfw", divertPort{})
	m.SetInterfaces(append(m.kernel.links, ModelInterface{Name: "tun0", Inet: m.kernel.links[0].Inet})...)
	asked := 0
	list := m.names.list
	m.names.list = func() (all []net.Interface, err error) { asked++; return list() }
	for range 5 {
		for _, name := range []string{"tun0", "gone0", "gone1"} {
			a := inetAddr()
			copy(a.ifname(), name)
			m.names.find(a.ifname())
		}
	}
	if asked != 3 || m.names.find([]byte("tun0\x00\x00\x00\x00")).index != 4 {
		t.Errorf("asked %d times; tun0 is %+v", asked, m.names.find([]byte("tun0\x00\x00\x00\x00")))
	}
	for i := range 10_000 {
		m.names.find(binary.LittleEndian.AppendUint64(nil, uint64(i)|0x0101010101010101))
	}
	if len(m.names.known) > maxNames+8 || asked > maxNames+8 {
		t.Errorf("%d names are remembered, after %d questions", len(m.names.known), asked)
	}
}

// TestDivertErrorsOfOnePacket: what passes is tried again, what concerns one packet ends nothing, and a bad descriptor ends all.
func TestDivertErrorsOfOnePacket(t *testing.T) {
	for _, system := range ModelSystems() {
		m := openModel(t, system, divertPort{})
		for errno, sent := range map[syscall.Errno]bool{
			syscall.ENOBUFS: true, syscall.ENOMEM: true, syscall.EAGAIN: true, syscall.EINTR: true,
			syscall.EHOSTUNREACH: false, syscall.ENETUNREACH: false, syscall.EHOSTDOWN: false, syscall.ENETDOWN: false, syscall.EACCES: false,
			syscall.EPERM: false, syscall.EMSGSIZE: false, syscall.EADDRNOTAVAIL: false, syscall.EINVAL: false,
		} {
			before := m.Stats()
			p := divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "em0"})
			m.SetFaults(ModelFaults{Send: []syscall.Errno{errno, errno}})
			err := m.Finish([]*packet.Packet{p})
			m.SetFaults(ModelFaults{})
			st := m.Stats()
			if n := len(m.Passed()); err != nil || (n == 1) != sent || (st.Retries-before.Retries == 2) != sent || (st.VerdictErrors > before.VerdictErrors) == sent {
				t.Errorf("%s, %v: %v, %d sent, %+v", system, errno, err, n, st)
			}
			if st.Accepted+st.Dropped != st.Received {
				t.Errorf("%s, %v: %+v", system, errno, st)
			}
		}
		p := divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "em0"})
		m.SetFaults(ModelFaults{Send: slices.Repeat([]syscall.Errno{syscall.ENOBUFS}, 100)})
		if err := m.Finish([]*packet.Packet{p}); err != nil || len(m.Passed()) != 0 {
			t.Errorf("%s: an error that does not pass: %v", system, err)
		}
		m.SetFaults(ModelFaults{Recv: []syscall.Errno{syscall.EINTR, syscall.ENOBUFS}})
		if n, err := m.Recv(newPackets(1), 0); n != 0 || err != nil || m.Stats().RecvErrors != 1 {
			t.Errorf("%s: %d, %v, %+v", system, n, err, m.Stats())
		}
		m.SetFaults(ModelFaults{Recv: []syscall.Errno{syscall.EBADF}})
		if _, err := m.Recv(newPackets(1), 0); !errors.Is(err, syscall.EBADF) {
			t.Errorf("%s: %v", system, err)
		}
		m.SetFaults(ModelFaults{})
		p = divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "em0"})
		m.SetFaults(ModelFaults{Send: []syscall.Errno{syscall.ENOTSOCK}})
		if err := m.Finish([]*packet.Packet{p}); !errors.Is(err, syscall.ENOTSOCK) {
			t.Errorf("%s: %v", system, err)
		}
	}
}

// TestDivertVanishedInterface: a packet whose interface is gone is counted, and the next goes on.
func TestDivertVanishedInterface(t *testing.T) {
	for _, system := range ModelSystems() {
		m := openModel(t, system, divertPort{})
		p := divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "em0"})
		links := m.kernel.links
		m.SetInterfaces(links[1:]...)
		if err := m.Finish([]*packet.Packet{p}); err != nil || len(m.Passed()) != 0 || m.Stats().VerdictErrors != 1 {
			t.Errorf("%s: %v, %+v", system, err, m.Stats())
		}
		onlyPassed(t, m, divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "em1"}))
	}
}

// TestDivertedNoDatagram: bytes that no kernel takes back are dropped and counted, whatever the verdict; a packet that was cut is never
// written back.
func TestDivertedNoDatagram(t *testing.T) {
	for _, system := range ModelSystems() {
		m := openModel(t, system, divertPort{})
		bad := [][]byte{{0x45}, make([]byte, 19), make([]byte, 60), append([]byte{0x75}, udp4[1:]...)}
		if system != "openbsd" { // which would take it to be IPv4
			bad = append(bad, udp6[:39])
		}
		for _, b := range bad {
			p := divertOne(t, m, Passing{Bytes: b, In: true, Interface: "em0"})
			if err := m.Finish([]*packet.Packet{p}); err != nil || len(m.Passed()) != 0 {
				t.Errorf("%s: %x: %v", system, b, err)
			}
		}
		m.SetFaults(ModelFaults{Truncate: 30})
		p := divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "em0"})
		m.SetFaults(ModelFaults{})
		if !p.Truncated() || p.Meta.OrigLen != len(udp4) {
			t.Errorf("%s: %+v", system, p.Meta)
		}
		if err := m.Finish([]*packet.Packet{p}); err != nil || len(m.Passed()) != 0 {
			t.Errorf("%s: a part of a packet has gone on", system)
		}
		if st := m.Stats(); st.Truncated != 1 || st.VerdictErrors != uint64(len(bad)+1) || st.Dropped != st.Received {
			t.Errorf("%s: %+v", system, st)
		}
		largest := craft.UDP("203.0.113.9:40000", "198.51.100.7:9000", make([]byte, 65507))
		p = divertOne(t, m, Passing{Bytes: largest, In: true, Interface: "em0"})
		if out := onlyPassed(t, m, p); !bytes.Equal(out.Bytes, largest) {
			t.Errorf("%s: the largest datagram became %d bytes", system, len(out.Bytes))
		}
	}
}

// TestDivertInjectsPastTheRules: what is injected is not diverted again, though another rule stands behind the one that diverted.
func TestDivertInjectsPastTheRules(t *testing.T) {
	for _, system := range ModelSystems() {
		m := openModel(t, system, divertPort{})
		m.SetRules(ModelRule{100, true, false, 700}, ModelRule{200, false, true, 700}, ModelRule{300, true, true, 9})
		in := divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "em0"})
		divertOne(t, m, Passing{Bytes: udp4, Interface: "em0"})
		var p packet.Packet
		p.Set(bytes.Clone(udp4))
		p.Decode()
		for _, how := range []Injection{InjectOut, InjectUntracked, InjectIn} {
			p.Meta = in.Meta
			if err := m.Inject(&p, how); err != nil {
				t.Fatal(err)
			}
			if n, err := m.Recv(newPackets(1), 0); n != 0 || err != nil {
				t.Errorf("%s, %d: it was diverted again", system, how)
			}
		}
		p.Meta.InIf = 77
		if err := m.Inject(&p, InjectIn); system != "openbsd" && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: on an interface that nobody knows: %v", system, err)
		}
	}
}

// TestDivertOpening names what is in the way.
func TestDivertOpening(t *testing.T) {
	for _, c := range []struct {
		system string
		faults ModelFaults
		want   string
	}{
		{"freebsd-ipfw", ModelFaults{NoDivert: true}, "kldload ipdivert"},
		{"freebsd-ipfw", ModelFaults{Taken: true}, "another program has it"},
		{"openbsd", ModelFaults{Taken: true}, "another program has it"},
		{"freebsd-ipfw", ModelFaults{Old: true}, ""},
		{"freebsd-pf", ModelFaults{}, ""},
	} {
		k := newDivertKernel(dialects[c.system])
		k.faults = c.faults
		s, err := openDivertSocket(k, divertPort{port: 700, dialect: dialects[c.system]}, configure([]Option{WithFailOpen(), WithCopyRange(100), WithInjectMark(1)}))
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s, %+v: %v", c.system, c.faults, err)
		case err != nil && len(k.sockets) > 0:
			t.Errorf("%s, %+v: %d sockets are left open", c.system, c.faults, len(k.sockets))
		case err == nil:
			missing := strings.Join(s.Caps().Missing, "\n")
			for _, want := range []string{"does not fail open", "copy range has no effect", "no packet marks"} {
				if !strings.Contains(missing, want) {
					t.Errorf("%s: %q is not among what is missing: %s", c.system, want, missing)
				}
			}
			s.Close()
		}
	}
}

// TestDivertPathAllocatesNothing, nor does the look at an interface's name.
func TestDivertPathAllocatesNothing(t *testing.T) {
	for _, system := range ModelSystems() {
		m := openModel(t, system, divertPort{}, WithRecvBuffer(1<<20), WithBatch(8))
		m.Discard()
		ps := newPackets(8)
		round := func() {
			n, err := m.Recv(ps, 0)
			if n != 8 || err != nil {
				t.Fatal(n, err)
			}
			for _, p := range ps {
				p.Decode()
				copy(p.MutablePayload(), "changed")
				p.Verdict = packet.Accept
			}
			if err := m.Finish(ps); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 8 * 120 {
			m.Divert(Passing{Bytes: [][]byte{udp4, udp6}[i/8%2], In: i%3 > 0, Interface: "em0"})
		}
		round()
		if n := testing.AllocsPerRun(100, round); n != 0 {
			t.Errorf("%s: %v allocations for 8 packets", system, n)
		}
	}
}

// TestDivertSocketSpins: it looks for packets for a while before it sleeps.
func TestDivertSocketSpins(t *testing.T) {
	k := &interrupted{divertKernel: newDivertKernel(dialects["openbsd"])}
	s, err := openDivertSocket(k, divertPort{port: 700, dialect: dialects["openbsd"]}, configure([]Option{WithSpin(time.Minute)}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go k.pass(Passing{Bytes: udp4, In: true, Interface: "em0"}, 0)
	if n, err := s.Recv(newPackets(1), time.Minute); n != 1 || err != nil || k.waits != 0 {
		t.Errorf("%d, %v, and it slept %d times", n, err, k.waits)
	}
}

// TestDivertInterfaceWithoutAddressOnOpenBSD: there nothing tells, and it is said.
func TestDivertInterfaceWithoutAddressOnOpenBSD(t *testing.T) {
	m := openModel(t, "openbsd", divertPort{})
	if missing := strings.Join(m.Caps().Missing, " "); !strings.Contains(missing, "give each interface whose packets are diverted an address") {
		t.Errorf("not told: %s", missing)
	}
	if out := onlyPassed(t, m, divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "bare"})); out.In {
		t.Error("the model knows more than the kernel")
	}
}

// TestDivertNamesThatBecomeAmbiguous: an interface that comes later is noticed, if not at once.
func TestDivertNamesThatBecomeAmbiguous(t *testing.T) {
	m := openModel(t, "freebsd-ipfw", divertPort{})
	first, later := m.kernel.links[0], m.kernel.links[1]
	first.Name, later.Name = "bridge1", "bridge10"
	m.SetInterfaces(first)
	onlyPassed(t, m, divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "bridge1"}))
	m.SetInterfaces(first, later)
	var out Passing
	n := 0
	for ; out.Interface != "bridge10" && n < 2000; n++ {
		out = onlyPassed(t, m, divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "bridge10"}))
	}
	if n > oldAge/64 {
		t.Errorf("it took %d packets", n)
	}
	m.SetInterfaces()
	m.kernel.links = nil // the system does not answer
	m.names.learn()
	if !m.names.find([]byte("bridge1\x00")).ambiguous {
		t.Error("what was known is forgotten when the system does not answer")
	}
}

// TestDivertInjectsWithAToken: in on the interface of the packet whose token the datagram carries, whatever has come since.
func TestDivertInjectsWithAToken(t *testing.T) {
	for _, system := range ModelSystems() {
		m := openModel(t, system, divertPort{})
		a := divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "em0"})
		var q packet.Packet
		q.Set(bytes.Clone(a.Bytes()))
		q.Token, q.Meta.InIf = a.Token, a.Meta.InIf
		onlyPassed(t, m, a)
		onlyPassed(t, m, divertOne(t, m, Passing{Bytes: udp4, In: true, Interface: "em1"}))
		if err := m.Inject(&q, InjectIn); err != nil {
			t.Fatal(err)
		}
		if out := m.Passed(); len(out) != 1 || out[0].Interface != "em0" || !out[0].In {
			t.Errorf("%s: %+v", system, out)
		}
		m.SetFaults(ModelFaults{Send: []syscall.Errno{syscall.EHOSTUNREACH}})
		if err := m.Inject(&q, InjectOut); !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("%s: it was not sent, and the error is %v", system, err)
		}
	}
}

// An interrupted kernel has the first wait ended by a signal.
type interrupted struct {
	*divertKernel
	waits int
}

func (i *interrupted) wait(fds []int, wait time.Duration) syscall.Errno {
	if i.waits++; i.waits == 1 {
		return syscall.EINTR
	}
	return i.divertKernel.wait(fds, wait)
}

// TestDivertWaitsOnAfterASignal, and for no longer than it was to. A receive that always fails ends it.
func TestDivertWaitsOnAfterASignal(t *testing.T) {
	k := &interrupted{divertKernel: newDivertKernel(dialects["openbsd"])}
	s, err := openDivertSocket(k, divertPort{port: 700, dialect: dialects["openbsd"]}, configure(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	start := time.Now()
	if n, err := s.Recv(newPackets(1), 30*time.Millisecond); n != 0 || err != nil || time.Since(start) < 25*time.Millisecond || k.waits != 2 {
		t.Errorf("%d, %v after %v and %d waits", n, err, time.Since(start), k.waits)
	}
	k.faults.Recv = slices.Repeat([]syscall.Errno{syscall.EIO}, 1000)
	for err = nil; err == nil && len(k.faults.Recv) > 0; {
		_, err = s.Recv(newPackets(1), 0)
	}
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("after %d receives that failed: %v", 1000-len(k.faults.Recv), err)
	}
}

// TestDivertClosingWhileSomebodyLeaves: who closes uses the descriptors, so they are closed behind it.
func TestDivertClosingWhileSomebodyLeaves(t *testing.T) {
	var freed atomic.Int32
	g := &gate{free: func() { freed.Add(1) }}
	g.enter()
	g.shut()
	if g.leave(); freed.Load() != 0 {
		t.Error("closed while Close uses it")
	}
	if g.leave(); freed.Load() != 1 || g.enter() || g.shut() || freed.Load() != 1 {
		t.Errorf("freed %d times", freed.Load())
	}
}
