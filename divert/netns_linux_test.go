package divert

import (
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/packet"
)

// newNamespace moves the test's goroutine, for good, into a network namespace of its own
// whose loopback is up. Sockets that the test opens itself are in it; it vanishes with
// the last of them.
func newNamespace(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for a network namespace (unshare -Urn go test … will do)")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("cannot make a network namespace: %v", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	set := func(req uint, put func(*unix.Ifreq)) {
		r, err := unix.NewIfreq("lo")
		if err != nil {
			t.Fatal(err)
		}
		put(r)
		if err := unix.IoctlIfreq(fd, req, r); err != nil {
			t.Fatal(err)
		}
	}
	set(unix.SIOCSIFMTU, func(r *unix.Ifreq) { r.SetUint32(1500) })
	set(unix.SIOCSIFFLAGS, func(r *unix.Ifreq) { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING) })
}

// divertTo installs a rule in the namespace: what leaves (or, at the input hook, comes
// in) over proto to the port goes to a queue, unless it carries the mark exempt.
func divertTo(t *testing.T, hook *nftables.ChainHook, proto byte, port, queue uint16) {
	t.Helper()
	divertFamily(t, nftables.TableFamilyIPv4, hook, proto, port, queue)
}

func divertFamily(t *testing.T, family nftables.TableFamily, hook *nftables.ChainHook, proto byte, port, queue uint16) {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	accept := nftables.ChainPolicyAccept
	table := c.AddTable(&nftables.Table{Name: "weirtest", Family: family})
	name := "out"
	if hook == nftables.ChainHookInput {
		name = "in"
	}
	chain := c.AddChain(&nftables.Chain{
		Name: name, Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: hook, Priority: nftables.ChainPriorityFilter, Policy: &accept,
	})
	info := xt.Unknown(make([]byte, 8)) // struct xt_NFQ_info_v3: queuenum, queues_total, flags
	native.PutUint16(info, queue)
	native.PutUint16(info[2:], 1)
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(exempt)},
		&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info},
	}})
	if err := c.Flush(); err != nil {
		t.Skipf("this kernel takes no NFQUEUE rule: %v", err)
	}
}

const exempt = 0x77

// udpPair is a sender and a receiver on loopback, the receiver on the given port.
type udpPair struct {
	t        *testing.T
	from, to *net.UDPConn
}

func newUDPPair(t *testing.T, port int) *udpPair {
	t.Helper()
	at := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	to, err := net.ListenUDP("udp4", at)
	if err != nil {
		t.Fatal(err)
	}
	from, err := net.DialUDP("udp4", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { to.Close(); from.Close() })
	return &udpPair{t, from, to}
}

func (u *udpPair) send(payloads ...string) {
	u.t.Helper()
	for _, p := range payloads {
		if _, err := u.from.Write([]byte(p)); err != nil {
			u.t.Fatal(err)
		}
	}
}

// want checks that exactly these payloads have arrived, in this order. Verdicts are
// carried out within the send, so all that will come is there.
func (u *udpPair) want(payloads ...string) {
	u.t.Helper()
	for i, p := range payloads {
		if got, ok := u.next(2 * time.Second); !ok || got != p {
			u.t.Fatalf("payload %d is %q (%v), want %q", i, got, ok, p)
		}
	}
	if got, ok := u.next(20 * time.Millisecond); ok {
		u.t.Fatalf("unexpected payload %q", got)
	}
}

func (u *udpPair) next(wait time.Duration) (string, bool) {
	buf := make([]byte, 65536)
	u.to.SetReadDeadline(time.Now().Add(wait))
	n, err := u.to.Read(buf)
	return string(buf[:n]), err == nil
}

func openTest(t *testing.T, address string, opts ...Option) *NFQueue {
	t.Helper()
	s, err := OpenSocket(address, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*NFQueue)
}

// recvAll receives n packets, decoded, each with bytes of its own.
func recvAll(t *testing.T, s Socket, n int) []*packet.Packet {
	t.Helper()
	var got []*packet.Packet
	for end := time.Now().Add(5 * time.Second); len(got) < n; {
		ps := newPackets(n - len(got))
		k, err := s.Recv(ps, time.Until(end))
		if err != nil || time.Now().After(end) {
			t.Fatalf("got %d of %d packets: %v", len(got)+k, n, err)
		}
		for _, p := range ps[:k] {
			got = append(got, own(p))
		}
	}
	return got
}

// own returns p with bytes that outlast the next Recv.
func own(p *packet.Packet) *packet.Packet {
	q := new(packet.Packet)
	q.Set(append([]byte(nil), p.Bytes()...))
	q.Token, q.Meta = p.Token, p.Meta
	q.Decode()
	return q
}

func finish(t *testing.T, s Socket, v packet.Verdict, ps ...*packet.Packet) {
	t.Helper()
	for _, p := range ps {
		p.Verdict = v
	}
	if err := s.Finish(ps); err != nil {
		t.Fatal(err)
	}
}
