package firewall

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	vnl "github.com/vishvananda/netlink"
)

// On loopback a packet passes the output hook and then the input hook, so each is
// queued, or counted as exempt, twice.

func TestNobodyListens(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		c := loopback()
		for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
			p := newUDPPair(t, ns, addr)
			c.Queues.Bypass = false
			apply(t, b, v.plan(t, c))
			if p.passes() {
				t.Errorf("%s: without bypass and listener a packet passed", addr)
			}
			c.Queues.Bypass = true
			apply(t, b, v.plan(t, c))
			if !p.passes() {
				t.Errorf("%s: with bypass and no listener a packet was lost", addr)
			}
		}
		// Dropped at output: 2 queued. Passed: 4 queued, and counted as uninspected.
		wantCounts(t, b, map[Counter]uint64{Queued: 6, Uninspected: 4, Settled: 0, HandedBack: 0})
	})
}

func TestManagementAndOwnMarkPass(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		c := loopback() // no listener, no bypass: whatever is queued is lost
		c.Management = prefixes("127.0.0.2/32", "2001:db8::/64")
		apply(t, b, v.plan(t, c))
		if !newUDPPair(t, ns, "127.0.0.2:0").passes() {
			t.Error("a management address is cut off")
		}
		p := newUDPPair(t, ns, "127.0.0.1:0")
		if p.passes() {
			t.Error("another address is not diverted")
		}
		p.setMark(DefaultMarks.Injected.Value | 0x77)
		if !p.passes() {
			t.Error("an injected packet is diverted")
		}
		wantCounts(t, b, map[Counter]uint64{Management: 2, Own: 2, Queued: 1})
	})
}

func TestSelectedPortsAndNetworksOnly(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		diverted, left := newUDPPair(t, ns, "127.0.0.1:5353"), newUDPPair(t, ns, "127.0.0.1:5354")
		excepted, elsewhere := newUDPPair(t, ns, "127.0.0.9:5353"), newUDPPair(t, ns, "127.0.1.1:5353")
		c := loopback()
		c.HandBack = v.f.ConnMark // also without conntrack in the rules
		c.Select = []Selection{{
			In: []string{"lo"}, Protocols: []Proto{UDP}, Ports: []PortRange{Port(5353)},
			Networks: prefixes("127.0.0.0/24"), Except: prefixes("127.0.0.9/32"),
		}}
		apply(t, b, v.plan(t, c))
		for _, tc := range []struct {
			p    *udpPair
			pass bool
			what string
		}{{diverted, false, "selected"}, {left, true, "another port"}, {excepted, true, "an exception"}, {elsewhere, true, "another network"}} {
			if tc.p.passes() != tc.pass {
				t.Errorf("%s: passes is not %v", tc.what, tc.pass)
			}
		}
		wantCounts(t, b, map[Counter]uint64{Queued: 1})
	})
}

func TestSettledFlowIsHandedBackUntilReload(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		c := loopback()
		apply(t, b, v.plan(t, c))
		l := newListener(t, ns, 0)
		p := newUDPPair(t, ns, "127.0.0.1:0")
		p.setMark(0x5) // somebody else's bits
		inspected, settled := DefaultMarks.Inspected(), DefaultMarks.Settled(c.Generation)

		// An inspected packet is queued at both hooks and is not counted as uninspected.
		if _, err := p.send.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		for hook := range 2 {
			if mark := l.accept(t, inspected); mark != 0x5|DefaultMarks.Pending {
				t.Errorf("hook %d: the worker sees mark %#x", hook, mark)
			}
		}
		if !p.arrives(5 * time.Second) {
			t.Fatal("an accepted packet did not arrive")
		}
		wantCounts(t, b, map[Counter]uint64{Queued: 2, Uninspected: 0, Settled: 0})

		// A verdict of an older generation settles nothing; this one does, so that
		// already the input hook lets the packet pass.
		if _, err := p.send.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		l.accept(t, DefaultMarks.Settled(c.Generation-1))
		l.accept(t, inspected)
		if !p.arrives(5 * time.Second) {
			t.Fatal("lost")
		}
		wantCounts(t, b, map[Counter]uint64{Queued: 4, Settled: 0})
		l.inspected(t, p, settled)
		wantCounts(t, b, map[Counter]uint64{Queued: 5, Settled: 1, HandedBack: 1, Uninspected: 0})
		for range 10 {
			if !p.passes() {
				t.Fatal("a settled flow's packet was lost")
			}
		}
		wantCounts(t, b, map[Counter]uint64{Queued: 5, Settled: 1, HandedBack: 21})

		// Another flow is not settled by that.
		other := newUDPPair(t, ns, "127.0.0.1:0")
		l.inspectedTwice(t, other, inspected)

		// A stricter policy: the flow is diverted again.
		c.Generation++
		apply(t, b, v.plan(t, c))
		l.inspectedTwice(t, p, inspected)
		wantCounts(t, b, map[Counter]uint64{Queued: 9, Settled: 1, HandedBack: 21, Stale: 1, Uninspected: 0})
	})
}

func (l *listener) inspectedTwice(t *testing.T, p *udpPair, b Bits) {
	t.Helper()
	if _, err := p.send.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	l.accept(t, b)
	l.accept(t, b)
	if !p.arrives(5 * time.Second) {
		t.Error("an accepted packet did not arrive")
	}
}

func TestFailOpenIsCounted(t *testing.T) {
	each(t, func(t *testing.T, v variant, ns *os.File, b Backend) {
		c := loopback()
		c.Queues = Queues{First: 40, Last: 40}
		apply(t, b, v.plan(t, c))
		l := newListener(t, ns, 40)
		l.failOpen(t, 1)
		p := newUDPPair(t, ns, "127.0.0.1:0")
		const n = 8
		for range n {
			if _, err := p.send.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
		}
		// The first waits at output; the others went on uninspected, at both hooks.
		for range n - 1 {
			if !p.arrives(5 * time.Second) {
				t.Fatal("fail-open lost a packet")
			}
		}
		wantCounts(t, b, map[Counter]uint64{Queued: 2*n - 1, Uninspected: 2 * (n - 1)})
	})
}

// A router between two networks: both directions of a conversation come to the queue,
// under one pair of addresses although the router masquerades.
func TestForwardedBehindMasquerade(t *testing.T) {
	needs(t, "iptables")
	each(t, func(t *testing.T, v variant, router *os.File, b Backend) {
		client, server := newNS(t), newNS(t)
		connect(t, client, router, "lan0", "192.0.2.2/24", "192.0.2.1/24")
		connect(t, server, router, "wan0", "198.51.100.2/24", "198.51.100.1/24")
		in(t, client, func() error {
			return vnl.RouteAdd(&vnl.Route{Gw: net.IPv4(192, 0, 2, 1)})
		})
		sh(t, router, "echo 1 >/proc/sys/net/ipv4/ip_forward; iptables -t nat -A POSTROUTING -o wan0 -j MASQUERADE")

		c := Config{
			Traffic: Forwarded, HandBack: true, Generation: 1, CountUninspected: true, Queues: Queues{First: 3, Last: 3},
			Select: []Selection{{In: []string{"lan*"}, Out: []string{"wan0"}, Protocols: []Proto{UDP}, Ports: []PortRange{Port(53)}}},
		}
		apply(t, b, v.plan(t, c))
		l := newListener(t, router, 3)

		var srv, cli *net.UDPConn
		in(t, server, func() (err error) {
			srv, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(mustAddrPort("198.51.100.2:53")))
			return err
		})
		defer srv.Close()
		in(t, client, func() (err error) {
			cli, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(mustAddrPort("198.51.100.2:53")))
			return err
		})
		defer cli.Close()
		exchange := func(question, answer func()) {
			t.Helper()
			buf := make([]byte, 64)
			if _, err := cli.Write([]byte("question")); err != nil {
				t.Fatal(err)
			}
			question()
			srv.SetReadDeadline(time.Now().Add(5 * time.Second))
			n, from, err := srv.ReadFromUDPAddrPort(buf)
			if err != nil || netip.AddrFrom4([4]byte{198, 51, 100, 1}) != from.Addr().Unmap() {
				t.Fatalf("the server read %q from %s, %v", buf[:n], from, err)
			}
			if _, err := srv.WriteToUDPAddrPort([]byte("answer"), from); err != nil {
				t.Fatal(err)
			}
			answer()
			cli.SetReadDeadline(time.Now().Add(5 * time.Second))
			if n, err := cli.Read(buf); err != nil || string(buf[:n]) != "answer" {
				t.Fatalf("the client read %q, %v", buf[:n], err)
			}
		}
		inspect := func() { l.accept(t, DefaultMarks.Inspected()) }
		exchange(inspect, inspect)
		wantCounts(t, b, map[Counter]uint64{Queued: 2, Uninspected: 0})
		nothing := func() {}
		exchange(func() { l.accept(t, DefaultMarks.Settled(1)) }, nothing)
		exchange(nothing, nothing)
		wantCounts(t, b, map[Counter]uint64{Queued: 3, Settled: 1, HandedBack: 3, Uninspected: 0})
	})
}

// connect makes a link from a to b, where it is called name; a's side is eth0.
func connect(t *testing.T, a, b *os.File, name, addrA, addrB string) {
	t.Helper()
	in(t, a, func() error {
		if err := vnl.LinkAdd(&vnl.Veth{LinkAttrs: vnl.LinkAttrs{Name: "eth0"}, PeerName: name, PeerNamespace: vnl.NsFd(b.Fd())}); err != nil {
			return err
		}
		return address("eth0", addrA)
	})
	in(t, b, func() error { return address(name, addrB) })
}

func address(name, addr string) error {
	l, err := vnl.LinkByName(name)
	if err != nil {
		return err
	}
	a, err := vnl.ParseAddr(addr)
	if err != nil {
		return err
	}
	if err := vnl.AddrAdd(l, a); err != nil {
		return err
	}
	return vnl.LinkSetUp(l)
}
