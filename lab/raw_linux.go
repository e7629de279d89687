package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A Raw is a host of its own on a node's link, without a kernel's stack: what it sends and receives are
// IP datagrams, of any form. The node itself does not know its addresses and so does not answer for
// it.
type Raw struct {
	file  *os.File
	conn  syscall.RawConn
	index int
	mac   [8]byte // of the neighbour
}

// Raw makes a host with addresses of the node's outer link (of the server its only one), by which its
// neighbour there then reaches it. The caller closes it.
func (n *Node) Raw(addrs ...netip.Addr) (*Raw, error) {
	r := &Raw{}
	if err := r.open(n, addrs); err != nil {
		return nil, fmt.Errorf("lab: raw host at %s: %w", n.Name, err)
	}
	return r, nil
}

func (r *Raw) open(n *Node, addrs []netip.Addr) error {
	neighbour, theirs := n.neighbour()
	mine, err := awaitUp(n, n.outer().Interface)
	if err != nil {
		return err
	}
	mac, err := awaitUp(neighbour, theirs.Interface)
	if err != nil {
		return err
	}
	copy(r.mac[:], mac)
	for _, a := range addrs {
		ends := Ends{V4: a}
		if a.Is6() {
			ends = Ends{V6: a}
		}
		if err := introduce(neighbour, theirs.Interface, ends, mine); err != nil {
			return err
		}
	}
	return n.Do(func() error { return r.bind(n.outer().Interface) })
}

// neighbour is the node at the other side of the outer link, and its end of that.
func (n *Node) neighbour() (*Node, Ends) {
	for i, node := range n.lab.nodes {
		switch {
		case node != n:
		case n.Out.Interface == "":
			return n.lab.nodes[i-1], n.lab.nodes[i-1].Out
		default:
			return n.lab.nodes[i+1], n.lab.nodes[i+1].In
		}
	}
	panic("lab: a node of another lab")
}

func (r *Raw) bind(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	r.index = link.Attrs().Index
	fd, err := packetSocket(unix.SOCK_DGRAM, r.index)
	if err != nil {
		return err
	}
	r.file = os.NewFile(uintptr(fd), "raw host "+name)
	r.conn, err = r.file.SyscallConn()
	return err
}

// Send sends a datagram to the neighbour, as one of IPv6 or IPv4 whatever its bytes say.
func (r *Raw) Send(datagram []byte, v6 bool) error {
	to := unix.SockaddrLinklayer{Protocol: bigEndian16(unix.ETH_P_IP), Ifindex: r.index, Halen: 6, Addr: r.mac}
	if v6 {
		to.Protocol = bigEndian16(unix.ETH_P_IPV6)
	}
	var err error
	e := r.conn.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), datagram, 0, &to)
		return !errors.Is(err, unix.EAGAIN)
	})
	return errors.Join(err, e)
}

// Recv waits for a datagram that comes over the link, for whomever, and returns its length. After Close
// the error is os.ErrClosed.
func (r *Raw) Recv(b []byte) (n int, err error) {
	for {
		var from unix.Sockaddr
		e := r.conn.Read(func(fd uintptr) bool {
			n, from, err = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
			return !errors.Is(err, unix.EAGAIN)
		})
		if e != nil {
			return 0, os.ErrClosed
		}
		if err != nil {
			return 0, err
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype != unix.PACKET_OUTGOING {
			return n, nil
		}
	}
}

// Close ends the host.
func (r *Raw) Close() error { return r.file.Close() }
