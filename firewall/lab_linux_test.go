package firewall

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	vnl "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// newNS returns a network namespace without a name, with lo up; it is gone when the
// test ends.
func newNS(t *testing.T) *os.File {
	t.Helper()
	var ns *os.File
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			ns, err = os.Open("/proc/thread-self/ns/net")
		}
		if err == nil {
			err = linkUp("lo")
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Skipf("SKIPPED: cannot make a network namespace (%v): this test needs root or CAP_SYS_ADMIN in a user namespace", err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

func linkUp(name string) error {
	l, err := vnl.LinkByName(name)
	if err != nil {
		return err
	}
	return vnl.LinkSetUp(l)
}

// in runs f inside ns and fails the test on error.
func in(t *testing.T, ns *os.File, f func() error) {
	t.Helper()
	if err := inNetNS(ns, f); err != nil {
		t.Fatal(err)
	}
}

// sh runs a shell command inside ns and returns its output.
func sh(t *testing.T, ns *os.File, command string) string {
	t.Helper()
	var out []byte
	in(t, ns, func() (err error) {
		cmd := exec.Command("sh", "-ec", command)
		cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		if out, err = cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, out)
		}
		return nil
	})
	return string(out)
}

// needs skips the test unless the command is installed.
func needs(t *testing.T, command string) {
	t.Helper()
	if _, err := os.Stat(commandPath(command)); err != nil {
		t.Skipf("SKIPPED: %s is not installed", command)
	}
}

// A variant is a backend as this kernel has it.
type variant struct {
	name string
	kind Kind
	f    Features
	path string // directory of commands to put first in PATH
}

// variants returns every backend that this kernel can run, the fallbacks included, and
// says which it cannot.
func variants(t *testing.T) []variant {
	t.Helper()
	newNS(t) // skips where there are no namespaces at all
	f := Detect(Options{})
	var out []variant
	for _, k := range []Kind{NFT, NFTCompat, IPTables} {
		if !f.Has(k) {
			t.Logf("NOT TESTED: %s is not available here: %s", k, strings.Join(f.Missing, "; "))
			continue
		}
		out = append(out, variant{name: k.String(), kind: k, f: f})
		if k == NFTCompat {
			two := f
			two.Inet, two.ConnMark = false, false
			if !f.CompatConnMark {
				t.Logf("NOT TESTED: the xtables connmark is not available here")
				continue
			}
			out = append(out, variant{name: "nft-compat-ip-ip6-connmark", kind: k, f: two})
		}
		if legacy := commandPath("xtables-legacy-multi"); k == IPTables && legacy[0] == '/' {
			lock, err := os.OpenFile("/run/xtables.lock", os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				t.Logf("NOT TESTED: iptables-legacy: its lock is not for this user: %v", err)
				continue
			}
			lock.Close()
			dir := t.TempDir()
			for _, name := range []string{"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"} {
				if err := os.Symlink(legacy, dir+"/"+name); err != nil {
					t.Fatal(err)
				}
			}
			out = append(out, variant{name: "iptables-legacy", kind: k, f: f, path: dir})
		}
	}
	if len(out) == 0 {
		t.Fatalf("no backend works here: %v", f.Missing)
	}
	return out
}

// each runs a test in a fresh namespace for every variant.
func each(t *testing.T, test func(t *testing.T, v variant, ns *os.File, b Backend)) {
	for _, v := range variants(t) {
		t.Run(v.name, func(t *testing.T) {
			if v.path != "" {
				t.Setenv("PATH", v.path+":"+os.Getenv("PATH"))
			}
			ns := newNS(t)
			b, err := Open(v.kind, v.f, Options{NetNS: ns})
			if err != nil {
				t.Fatal(err)
			}
			test(t, v, ns, b)
		})
	}
}

func (v variant) plan(t *testing.T, c Config) *Ruleset {
	t.Helper()
	c.Backend = v.kind
	if v.kind == IPTables && c.Position == AfterFilter {
		c.Position = PositionAuto
	}
	rs, err := Plan(c, v.f)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func apply(t *testing.T, b Backend, rs *Ruleset) {
	t.Helper()
	if err := b.Apply(rs); err != nil {
		t.Fatal(err)
	}
	verify(t, b, rs)
}

func verify(t *testing.T, b Backend, rs *Ruleset) {
	t.Helper()
	diffs, err := b.Verify(rs)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range diffs {
		t.Errorf("difference: %s", d)
	}
}

// wantCounts checks the packets of some counters.
func wantCounts(t *testing.T, b Backend, want map[Counter]uint64) {
	t.Helper()
	c, err := b.Counters()
	if err != nil {
		t.Fatal(err)
	}
	for k, n := range want {
		if c[k].Packets != n || n > 0 && c[k].Bytes < 20*n {
			t.Errorf("counter %s: %d packets (%d bytes), want %d packets", k, c[k].Packets, c[k].Bytes, n)
		}
	}
}

// A udpPair is a sender and a receiver on one address of a namespace's loopback.
type udpPair struct {
	t    *testing.T
	recv *net.UDPConn
	send *net.UDPConn
}

func newUDPPair(t *testing.T, ns *os.File, addr string) *udpPair {
	t.Helper()
	p := &udpPair{t: t}
	in(t, ns, func() (err error) {
		if p.recv, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(mustAddrPort(addr))); err != nil {
			return err
		}
		to := p.recv.LocalAddr().(*net.UDPAddr)
		p.send, err = net.DialUDP("udp", &net.UDPAddr{IP: to.IP}, to)
		return err
	})
	t.Cleanup(func() { p.recv.Close(); p.send.Close() })
	return p
}

// passes sends one datagram and reports whether it arrives. A drop in the kernel is
// over before the send returns, so a short wait is enough for "no".
func (p *udpPair) passes() bool {
	p.t.Helper()
	if _, err := p.send.Write([]byte("hello")); err != nil {
		return false // a drop at output is told as EPERM
	}
	return p.arrives(200 * time.Millisecond)
}

func (p *udpPair) arrives(wait time.Duration) bool {
	p.recv.SetReadDeadline(time.Now().Add(wait))
	_, _, err := p.recv.ReadFromUDP(make([]byte, 64))
	return err == nil
}

// setMark gives the sender's packets a mark.
func (p *udpPair) setMark(mark uint32) {
	p.t.Helper()
	raw, err := p.send.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark)) })
	if err != nil {
		p.t.Fatal(err)
	}
}

// A listener is the least NFQUEUE worker: it answers each packet with accept and a
// change of the mark.
type listener struct {
	conn  *netlink.Conn
	queue uint16
}

// NFQUEUE messages and attributes (linux/netfilter/nfnetlink_queue.h).
const (
	nfqPacket, nfqVerdict, nfqConfig            = 0, 1, 2
	nfqaPacketHdr, nfqaVerdictHdr, nfqaMark     = 1, 2, 3
	nfqaCfgCmd, nfqaCfgParams, nfqaCfgQueueMax  = 1, 2, 3
	nfqaCfgMask, nfqaCfgFlags, nfqaCfgFFailOpen = 4, 5, 1
	nfqnlBind, nfqnlCopyMeta                    = 1, 1
)

func newListener(t *testing.T, ns *os.File, queue uint16) *listener {
	t.Helper()
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: int(ns.Fd())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l := &listener{conn, queue}
	l.config(t, netlink.Attribute{Type: nfqaCfgCmd, Data: []byte{nfqnlBind, 0, 0, 0}})
	l.config(t, netlink.Attribute{Type: nfqaCfgParams, Data: []byte{0, 0, 0, 64, nfqnlCopyMeta}})
	return l
}

// failOpen makes the queue pass everything beyond its first n waiting packets.
func (l *listener) failOpen(t *testing.T, n uint32) {
	t.Helper()
	l.config(t, netlink.Attribute{Type: nfqaCfgQueueMax, Data: binary.BigEndian.AppendUint32(nil, n)})
	flag := binary.BigEndian.AppendUint32(nil, nfqaCfgFFailOpen)
	l.config(t, netlink.Attribute{Type: nfqaCfgFlags, Data: flag}, netlink.Attribute{Type: nfqaCfgMask, Data: flag})
}

func (l *listener) message(kind int, flags netlink.HeaderFlags, attrs []netlink.Attribute) netlink.Message {
	b, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		panic(err)
	}
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_QUEUE<<8 | kind), Flags: netlink.Request | flags},
		Data:   append([]byte{unix.AF_UNSPEC, 0, byte(l.queue >> 8), byte(l.queue)}, b...),
	}
}

func (l *listener) config(t *testing.T, attrs ...netlink.Attribute) {
	t.Helper()
	if _, err := l.conn.Execute(l.message(nfqConfig, netlink.Acknowledge, attrs)); err != nil {
		t.Fatalf("configure queue %d: %v", l.queue, err)
	}
}

// accept waits for the next packet, accepts it with its mark changed by b, and returns
// the mark that it came with.
func (l *listener) accept(t *testing.T, b Bits) uint32 {
	t.Helper()
	l.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	msgs, err := l.conn.Receive()
	if err != nil {
		t.Fatalf("no packet came to queue %d: %v", l.queue, err)
	}
	var mark uint32
	for _, m := range msgs {
		ad, err := netlink.NewAttributeDecoder(m.Data[4:])
		if err != nil {
			t.Fatal(err)
		}
		ad.ByteOrder = binary.BigEndian
		var id []byte
		mark = 0
		for ad.Next() {
			switch ad.Type() {
			case nfqaPacketHdr:
				id = ad.Bytes()[:4]
			case nfqaMark:
				mark = ad.Uint32()
			}
		}
		verdict := append(binary.BigEndian.AppendUint32(nil, 1), id...) // NF_ACCEPT
		if _, err := l.conn.Send(l.message(nfqVerdict, 0, []netlink.Attribute{
			{Type: nfqaVerdictHdr, Data: verdict},
			{Type: nfqaMark, Data: binary.BigEndian.AppendUint32(nil, mark&^b.Mask|b.Value)},
		})); err != nil {
			t.Fatal(err)
		}
	}
	return mark
}

// inspected sends one datagram, has it accepted with b, and expects it to arrive.
func (l *listener) inspected(t *testing.T, p *udpPair, b Bits) uint32 {
	t.Helper()
	if _, err := p.send.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	mark := l.accept(t, b)
	if !p.arrives(5 * time.Second) {
		t.Error("an accepted packet did not arrive")
	}
	return mark
}
