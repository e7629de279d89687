package divert

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/internal/craft"
	"github.com/weir-project/weir/packet"
)

// An injecting is a family's socket to inject with, and a receiver.
type injecting struct {
	t  *testing.T
	s  *NFQueue
	to *net.UDPConn
	at string
}

func newInjecting(t *testing.T, s *NFQueue, at string) *injecting {
	t.Helper()
	to, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Skip("SKIPPED: ", err)
	}
	t.Cleanup(func() { to.Close() })
	return &injecting{t, s, to, at}
}

func (i *injecting) datagram(to string, payload []byte) *packet.Packet {
	p := new(packet.Packet)
	p.Set(craft.UDP(i.at, to, payload))
	p.Decode()
	return p
}

// arrives wants a datagram to come through, whatever went wrong before.
func (i *injecting) arrives(word string) {
	i.t.Helper()
	for _, how := range []Injection{InjectOut, InjectUntracked} {
		if err := i.s.Inject(i.datagram(i.at, []byte(word)), how); err != nil {
			i.t.Fatalf("inject %q (%d): %v", word, how, err)
		}
		buf := make([]byte, 1500)
		i.to.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := i.to.Read(buf); err != nil || string(buf[:n]) != word {
			i.t.Fatalf("read %q, %v, want %q", buf[:n], err, word)
		}
	}
}

// TestInjectErrorsConcernOneDatagram: what cannot be sent is told, not counted as sent, and the next datagram goes.
func TestInjectErrorsConcernOneDatagram(t *testing.T) {
	newNamespace(t)
	s := openTest(t, "nfqueue:0", WithInjectMark(exempt), WithUntrackedMark(0x100))
	if !s.Caps().InjectOut {
		t.Skip("SKIPPED: raw sockets are not permitted: ", s.Caps().Missing)
	}
	// No tests of their own: those would run outside the namespace.
	for _, c := range []struct{ name, at, nobody string }{
		{"IPv4", "127.0.0.1:4001", "192.0.2.1:4001"},
		{"IPv6", "[::1]:4001", "[2001:db8::1]:4001"},
	} {
		i := newInjecting(t, s, c.at)
		i.arrives("first")
		sent := s.Stats().Injected
		broken := i.datagram(i.at, nil)
		broken.Set(append([]byte{0x50}, broken.Bytes()[1:]...))
		for _, w := range []struct {
			what string
			p    *packet.Packet
			want error
		}{
			{"no route", i.datagram(c.nobody, []byte("lost")), unix.ENETUNREACH},
			{"larger than the link", i.datagram(i.at, make([]byte, 4000)), unix.EMSGSIZE},
			{"of no IP version", broken, unix.EINVAL},
		} {
			if err := s.Inject(w.p, InjectOut); !errors.Is(err, w.want) {
				t.Errorf("%s, %s: %v, want %v", c.name, w.what, err, w.want)
			}
			i.arrives("after " + w.what)
			sent += 2
		}
		forbid(t)
		if err := s.Inject(i.datagram(i.at, []byte("forbidden")), InjectOut); !errors.Is(err, unix.EPERM) {
			t.Errorf("%s, forbidden by the firewall: %v, want %v", c.name, err, unix.EPERM)
		}
		permit(t)
		i.arrives("at last")
		if n := s.Stats().Injected; n != sent+2 {
			t.Errorf("%s: %d datagrams count as injected, want %d", c.name, n, sent+2)
		}
	}
}

// forbid drops everything that leaves, until permit.
func forbid(t *testing.T) {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	accept := nftables.ChainPolicyAccept
	for _, f := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
		table := c.AddTable(&nftables.Table{Name: "forbid", Family: f})
		chain := c.AddChain(&nftables.Chain{
			Name: "out", Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter, Policy: &accept,
		})
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}})
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

func permit(t *testing.T) {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
		c.DelTable(&nftables.Table{Name: "forbid", Family: f})
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}
