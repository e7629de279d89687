// Package real runs seeds of package sim with Linux's own TCP in place of one of the two ends: our endpoints could
// share our misunderstandings of TCP, and the kernel shares none of them. The host is a network namespace whose link
// is a TUN device, of which this program is the other end.
//
// What happens follows from the seed as far as our end and the links go; the kernel's numbers and moments do not, so a
// seed that fails may pass when it is run again. Connections of many seeds go on at the same time, since all take real
// time.
//
// It does not test links that are narrower than the kernel knows: nobody tells it by ICMP.
package real

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/weir-project/weir/lab"
	"github.com/weir-project/weir/sim"
)

// The host's addresses; all others of their networks are those of our ends.
var (
	host4 = netip.MustParsePrefix("203.0.113.1/24")
	host6 = netip.MustParsePrefix("2001:db8:9::1/64")
)

// servicePort is where the host's server listens.
const servicePort = 8080

// A Network is a host and its link.
type Network struct {
	lab     *lab.Lab
	node    *lab.Node
	tun     *os.File
	servers []net.Listener

	mu    sync.Mutex
	hosts map[netip.AddrPort]*host // by the address of our end
	next  uint32
}

// Open makes a network. The error says what the system lacks.
func Open() (*Network, error) {
	l, err := lab.New(lab.Topology{})
	if err != nil {
		return nil, err
	}
	n := &Network{lab: l, node: l.Client(), hosts: map[netip.AddrPort]*host{}}
	if err := n.open(); err != nil {
		n.Close()
		return nil, err
	}
	go n.receive()
	for _, ln := range n.servers {
		go n.accept(ln)
	}
	return n, nil
}

// Close takes the network down.
func (n *Network) Close() {
	for _, ln := range n.servers {
		ln.Close()
	}
	if n.tun != nil {
		n.tun.Close()
	}
	n.lab.Close()
}

func (n *Network) open() (err error) {
	if err := n.node.Do(n.link); err != nil {
		return fmt.Errorf("real: a TUN device: %w", err)
	}
	// Where much is lost, nobody wants to wait for a retransmission after minutes. Older kernels have no such setting. After
	// twice that time Linux gives up a receiver that has no room and says nothing (tcp_rtx_probe0_timed_out).
	_ = n.node.Sysctl("net.ipv4.tcp_rto_max_ms", "4000")
	_ = n.node.Sysctl("net.ipv4.tcp_retries2", "60")
	_ = n.node.Sysctl("net.ipv4.tcp_rfc1337", "1") // a fake reset ends no connection that waits for the last FIN
	addrs := []netip.Addr{host4.Addr()}
	if n.lab.IPv6 {
		addrs = append(addrs, host6.Addr())
	}
	for _, a := range addrs {
		ln, err := n.node.Listen("tcp", netip.AddrPortFrom(a, servicePort).String())
		if err != nil {
			return err
		}
		n.servers = append(n.servers, ln)
	}
	return nil
}

// link makes the device in the present namespace.
func (n *Network) link() error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	req, err := unix.NewIfreq("sim0")
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		unix.Close(fd)
		return err
	}
	n.tun = os.NewFile(uintptr(fd), "tun")
	link, err := netlink.LinkByName("sim0")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetTxQLen(link, 10000); err != nil {
		return err
	}
	for _, p := range []netip.Prefix{host4, host6} {
		if p.Addr().Is6() && !n.lab.IPv6 {
			continue
		}
		addr := netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, &addr); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// receive gives what the host sends to those who wait for it.
func (n *Network) receive() {
	b := make([]byte, 1<<16)
	for {
		size, err := n.tun.Read(b)
		if err != nil {
			return
		}
		to, ok := destination(b[:size])
		if !ok {
			continue
		}
		n.mu.Lock()
		h := n.hosts[to]
		n.mu.Unlock()
		if h == nil {
			continue
		}
		select {
		case h.out <- append([]byte(nil), b[:size]...):
		default: // lost, as on any link that is full
		}
	}
}

// destination returns where a TCP segment goes.
func destination(b []byte) (netip.AddrPort, bool) {
	port := func(at int) uint16 { return uint16(b[at+2])<<8 | uint16(b[at+3]) }
	switch {
	case len(b) >= 40 && b[0] == 0x45 && b[9] == unix.IPPROTO_TCP:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), port(20)), true
	case len(b) >= 60 && b[0]>>4 == 6 && b[6] == unix.IPPROTO_TCP:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:40])), port(40)), true
	}
	return netip.AddrPort{}, false
}

// accept hands connections to those whose part it is to be called.
func (n *Network) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		n.mu.Lock()
		h := n.hosts[c.RemoteAddr().(*net.TCPAddr).AddrPort()]
		n.mu.Unlock()
		if h == nil {
			c.Close()
			continue
		}
		select {
		case h.accepted <- c:
		default:
			c.Close()
		}
	}
}

// Host makes a host for one connection. It is what sim.Options.Real wants.
func (n *Network) Host(p sim.Part) sim.Host {
	h := &host{
		net: n, part: p, begin: time.Now(), out: make(chan []byte, 1024), accepted: make(chan net.Conn, 1),
		done: make(chan struct{}), stop: make(chan struct{}),
	}
	h.news = sync.NewCond(&h.mu)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next++
	k := n.next
	ours, mine := netip.AddrFrom4([4]byte{203, 0, 113, byte(2 + k%250)}), host4.Addr()
	if p.V6 {
		ours, mine = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 9, 15: byte(2 + k%250)}), host6.Addr()
	}
	h.ours = netip.AddrPortFrom(ours, uint16(1024+k/250%60000))
	h.mine = netip.AddrPortFrom(mine, servicePort)
	if p.Client {
		h.mine = netip.AddrPortFrom(mine, uint16(10000+k%50000))
	}
	n.hosts[h.ours] = h
	return h
}

// Width is how many connections go on at the same time: enough to keep a small machine busy, and few enough that
// none has to wait for it.
const Width = 1500
